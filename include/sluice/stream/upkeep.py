"""Upkeep of published tables: small files put together, old snapshots forgotten, files that nobody needs deleted.

Never touched: what an open incident may need, the last good snapshots, and files that any snapshot refers to.
Safe to be killed anywhere: a compaction is one commit of the same rows, and files are deleted last.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sluice.cost import Line, compute
from sluice.crashing import crash_point
from sluice.onboarding import contract_of
from sluice.policy.running import Upkeep
from sluice.running import costs, refreshes
from sluice.running.history import COMPACTED, Version, live, newest_good, versions
from sluice.running.incidents import open_incident_of
from sluice.stream.arranging import placed
from sluice.stream.costing import measure_storage, prices
from sluice.stream.disk import Disk
from sluice.stream.tools import Tools, sha256

if TYPE_CHECKING:
    from sluice.adapters.catalogs.snapshots import FileInTable, SnapshotInfo
    from sluice.contract.model import Contract, Table


COMPACT = "compact-"
"""How the runs begin that put files together."""
MOST = 16
"""Times the size of a small file: no more is put into one, so that it fits on scratch and one change rewrites little."""


@dataclass(frozen=True)
class Kept:
    """What upkeep did for a source: by table, `compacted` (files before, after), `expired` snapshots, files deleted.

    `spared` says why nothing was done, "" when it was.
    """

    source: str
    spared: str
    compacted: dict[str, tuple[int, int]]
    expired: dict[str, int]
    deleted: int
    bytes_freed: int
    saved_monthly_usd: float


def maintain(tools: Tools, source: str) -> Kept:
    """Keep one source's tables in order. Raises TerminalError (NOT_PUBLISHED, OFFBOARDED)."""
    begun = tools.now()
    with tools.ledger.reading() as tx:
        request = live(tx, source)
        known = versions(tx, source)
        busy = [r.id for r in refreshes.refreshes(tx, source) if r.state == "open"]
        incident = open_incident_of(tx, source)
    if incident is not None:
        return Kept(source, f"{incident.id} is open: nothing is touched", {}, {}, 0, 0, 0.0)
    if busy:
        return Kept(source, f"{busy[0]} is under way", {}, {}, 0, 0, 0.0)
    contract, terms = contract_of(request), tools.policy().running.upkeep
    now_good = newest_good(known)
    compacted = {}
    for table in contract.tables:
        if now_good and table.name in now_good.tables and (done := _compact(tools, contract, table, now_good, terms)):
            compacted[table.name] = done
    with tools.ledger.reading() as tx:
        known = versions(tx, source)
    expired, deleted, freed = {}, 0, 0
    for table in contract.tables:
        identifier = f"{contract.id}.{table.table_name}"
        gone = _expire(tools, identifier, table.name, known, terms, tools.now())
        if gone:
            expired[table.name] = gone
        count, size = _delete(tools, contract.id, table.table_name, identifier, terms, tools.now())
        deleted, freed = deleted + count, freed + size
    price = prices(tools)
    saved = freed / 1e9 * price.storage["standard"]
    seconds = (tools.now() - begun).total_seconds()
    with tools.ledger.transaction() as tx:
        run = f"upkeep-{source}-{begun:%Y%m%dT%H%M%S}"
        lines: list[Line] = [compute(seconds, price)]
        costs.charge(
            tx, source, run, costs.UPKEEP, lines, costs.tags(contract, request), tools.now(), region=price.region,
            prices_date=price.date, begun=begun, saved_monthly_usd=saved, compacted={n: list(c) for n, c in compacted.items()},
            expired=expired, deleted=deleted, bytes_freed=freed, seconds=seconds,
        )  # fmt: skip
    measure_storage(tools, source)
    return Kept(source, "", compacted, expired, deleted, freed, saved)


def _compact(tools: Tools, contract: Contract, table: Table, version: Version, terms: Upkeep) -> tuple[int, int] | None:
    """Put a table's small files together; (files before, after), None where it is not worth it."""
    from sluice.adapters.catalogs import snapshots
    from sluice.catalog import DIGEST_PROPERTY, REQUEST_PROPERTY

    identifier = f"{contract.id}.{table.table_name}"
    catalog = tools.tables()
    state = snapshots.state(catalog, identifier)
    shown = int(version.tables[table.name]["snapshot_id"])
    if state.snapshot_id != shown:
        _remember(tools, contract, version, table, identifier, shown)
        return None
    groups = _groups(state.files, terms)
    if not groups:
        return None
    add = [uri for group in groups for uri in _together(tools, contract, table, group)]
    run = f"{COMPACT}{contract.id}-{secrets.token_hex(4)}"
    properties = {REQUEST_PROPERTY: run, DIGEST_PROPERTY: version.contract_digest}
    remove = [f.uri for group in groups for f in group]
    crash_point("upkeep.compacting")
    made = snapshots.replace_files(catalog, identifier, shown, remove=remove, add=add, properties=properties)
    crash_point("upkeep.compacted")
    after = len(state.files) - len(remove) + len(add)
    _record_compacted(tools, contract.id, version, table, shown, made, files_before=len(state.files), files_after=after)
    return len(state.files), after


def _record_compacted(
    tools: Tools, source: str, version: Version, table: Table, shown: int, made: int, **measured: int
) -> None:
    with tools.ledger.transaction() as tx:
        tx.record(source, version.run, COMPACTED, tools.now(), table=table.name,
                  content={"from": shown, "to": made, **measured})  # fmt: skip


def _remember(tools: Tools, contract: Contract, version: Version, table: Table, identifier: str, shown: int) -> None:
    """Put a compaction on record whose process died before it could: its snapshot stands on the one that is known."""
    from sluice.catalog import REQUEST_PROPERTY

    now = next((s for s in tools.catalog.snapshots(identifier) if s.current), None)
    if now is not None and now.parent == shown and now.properties.get(REQUEST_PROPERTY, "").startswith(COMPACT):
        _record_compacted(tools, contract.id, version, table, shown, now.id, files_after=now.files)


def _groups(files: Sequence[FileInTable], terms: Upkeep) -> list[list[FileInTable]]:
    """Small files to put together: those of one partition, where enough of them lie, and not too much at once."""
    by_partition: dict[str, list[FileInTable]] = {}
    for file in files:
        if file.size < terms.small_bytes:
            by_partition.setdefault(file.partition, []).append(file)
    groups: list[list[FileInTable]] = []
    for small in by_partition.values():
        if len(small) < terms.small_files:
            continue
        groups.append([])
        for file in small:
            if groups[-1] and sum(f.size for f in groups[-1]) + file.size > MOST * terms.small_bytes:
                groups.append([])
            groups[-1].append(file)
    return [group for group in groups if len(group) > 1]


def _together(tools: Tools, contract: Contract, table: Table, files: Sequence[FileInTable]) -> list[str]:
    """One file of the rows of these, sorted as the table wants it; its URI (several, where the partition spec changed)."""
    from sluice.adapters.duck import compact

    name, settings = f"upkeep-{contract.id}-{table.table_name}-{secrets.token_hex(4)}", tools.settings
    scratch = tools.scratch(name)
    try:
        local = []
        for i, file in enumerate(files):
            path = scratch / f"{i}.parquet"
            tools.store.get(file.uri, path)
            local.append(path)
        target, rows = compact(
            local,
            out=scratch / "out",
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            scratch=scratch / "work",
        )
        if rows != sum(f.rows for f in files):
            raise AssertionError(f"{rows} rows of {sum(f.rows for f in files)} after compacting {table.name}")
        attempt = f"{contract.digest[:12]}-{secrets.token_hex(4)}"
        made = []
        disk = Disk(scratch, settings.disk_limit)
        for one in placed(target, rows, table, settings, scratch / "arranged", disk):
            made.append(tools.layout.staged(contract.id, table.table_name, attempt, one.path.name))
            tools.store.put(one.path, made[-1], sha256=sha256(one.path))
        return made
    finally:
        tools.sweep(name)


def _expire(tools: Tools, identifier: str, name: str, known: Sequence[Version], terms: Upkeep, now: datetime) -> int:
    """Forget snapshots older than the policy keeps them; the newest good versions and the newest snapshots stay."""
    from sluice.adapters.catalogs import snapshots

    catalog = tools.tables()
    found: list[SnapshotInfo] = snapshots.snapshots(catalog, identifier)
    good = [v for v in known if not v.bad and name in v.tables][-terms.at_least :]
    keep = {int(v.tables[name]["snapshot_id"]) for v in good} | {s.snapshot_id for s in found[-terms.at_least :]}
    return snapshots.expire(
        catalog, identifier, [s.snapshot_id for s in found if s.at < now - terms.keep and s.snapshot_id not in keep]
    )


def _delete(
    tools: Tools, source: str, table_name: str, identifier: str, terms: Upkeep, now: datetime
) -> tuple[int, int]:
    """Delete files of the table's folder that no snapshot refers to and that are older than the grace period."""
    from sluice.adapters.catalogs import snapshots

    lying = list(tools.store.list(f"{tools.layout.table(source, table_name)}/"))
    # Looked at after the listing: whatever came to the table meanwhile is in it.
    needed = snapshots.all_files(tools.tables(), identifier) | _waiting(tools, source)
    count = size = 0
    for thing in lying:
        if thing.uri not in needed and thing.modified < now - terms.grace:
            tools.store.delete(thing.uri)
            count, size = count + 1, size + thing.size
    return count, size


def _waiting(tools: Tools, source: str) -> set[str]:
    """Staged files of open requests: invisible, and waiting for their signatures, however long that takes."""
    from sluice.ledger import RequestState
    from sluice.onboarding import found
    from sluice.stages import Stage

    with tools.ledger.reading() as tx:
        open_ones = [r for r in tx.requests(source=source) if r.state is RequestState.OPEN]
        manifests: list[Any] = [m for r in open_ones for m in found(tx, r, Stage.LAND).values()]
    return {f["uri"] for m in manifests for f in m["staged"]}
