"""Land: the source's files are copied unchanged, then turned into typed Parquet beside a quarantine.

The manifest is written last: without it, nothing of an attempt counts.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from sluice.contract.model import Contract, Table
from sluice.errors import SourceError
from sluice.lake import Layout, Manifest, ObjectStore, SourceFile, StagedFile
from sluice.ledger import Artifact
from sluice.onboarding import begin, complete, contract_of
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.gate import strict_json
from sluice.stream.source import copy, deliveries
from sluice.stream.tools import Tools, sha256


def land(tools: Tools, request_id: str, table_name: str) -> int:
    """The stage's share for one table: landed, converted, recorded. Returns the rows staged."""
    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.LAND, tools.now(), table=table_name)
    contract = contract_of(request)
    scratch = tools.scratch(f"{request_id}/land-{table_name}-{secrets.token_hex(4)}")
    try:
        manifest = land_table(
            contract,
            contract.table(table_name),
            request.base,
            tools.settings,
            origin=tools.store,
            store=tools.store,
            layout=tools.layout,
            scratch=scratch,
        )
    finally:
        tools.sweep(str(scratch.relative_to(tools.settings.scratch)))
    with tools.ledger.transaction() as tx:
        found = Artifact(Stage.LAND, table_name, manifest.content_digest, manifest.to_dict())
        complete(tx, request, Stage.LAND, tools.now(), table=table_name, found=found)
    return manifest.rows_staged


def land_table(
    contract: Contract,
    table: Table,
    base: str,
    settings: Settings,
    *,
    origin: ObjectStore,
    store: ObjectStore,
    layout: Layout,
    scratch: Path,
) -> Manifest:
    """Land one table from where s3:// sources are (`origin`) into the lake (`store`), invisible to readers.

    Raises SourceError when the source is missing, moves while it is read, breaks a limit, or has more bad rows
    than the contract allows (QUARANTINE_LIMIT).
    """
    from sluice.adapters.duck import convert, unpack

    attempt = f"{contract.digest[:12]}-{secrets.token_hex(4)}"
    dialect = contract.dialect_of(table)
    sources: list[SourceFile] = []
    plain: list[tuple[str, Path]] = []
    for i, delivery in enumerate(deliveries(contract, table, base, settings, origin)):
        local = scratch / f"source-{i}" / delivery.name
        digest = copy(delivery, local, origin)
        uri = layout.landing(contract.id, table.table_name, digest, delivery.name)
        if store.head(uri) is None:
            store.put(local, uri)
        sources.append(SourceFile(delivery.name, delivery.size, digest, uri))
        plain += unpack(
            local, scratch / f"plain-{i}", name=delivery.name, limits=settings.limits, allow_empty=table.allow_empty,
            select=delivery.members, compression=dialect.compression,
        )  # fmt: skip
    out, quarantine = scratch / "staged", scratch / "quarantine.parquet"
    converted = convert(
        plain, table, contract.format_of(table), dialect, out=out, quarantine=quarantine,
        memory_limit=settings.memory_limit, threads=settings.threads, scratch=scratch,
    )  # fmt: skip
    quarantine_uri = None
    if converted.rows_quarantined:
        quarantine_uri = layout.quarantine(contract.id, table.table_name, attempt)
        store.put(quarantine, quarantine_uri)
    _within_limit(table, converted.rows_quarantined, converted.rows_read, quarantine_uri)
    staged: list[StagedFile] = []
    for part in converted.staged:
        uri = layout.staged(contract.id, table.table_name, attempt, part.path.name)
        staged.append(StagedFile(uri, part.rows, part.path.stat().st_size, sha256(part.path)))
        store.put(part.path, uri)
    manifest = Manifest(
        source=contract.id,
        table=table.name,
        contract_digest=contract.digest,
        sources=tuple(sources),
        staged=tuple(staged),
        quarantine_uri=quarantine_uri,
        rows_read=converted.rows_read,
        rows_staged=converted.rows_staged,
        rows_quarantined=converted.rows_quarantined,
        rows_dropped=converted.rows_dropped,
        reasons=dict(converted.reasons),
        dialect=dict(converted.dialect),
    )
    store.write(layout.manifest(contract.id, table.table_name, attempt), strict_json(manifest.to_dict()),
                content_type="application/json", only_if_absent=True)  # fmt: skip
    return manifest


def _within_limit(table: Table, quarantined: int, read: int, uri: str | None) -> None:
    limit = table.bad_rows.max_share
    if limit is None or not read or quarantined / read <= limit:
        return
    raise SourceError(
        "QUARANTINE_LIMIT", f"{quarantined:,} of {read:,} rows of {table.name!r} were quarantined; the contract allows "
        f"{limit:.2%}", where=uri or "", mend="Mend the rows at the source, or agree on another limit.",
    )  # fmt: skip
