"""Land: the source's files are kept unchanged, then turned into typed Parquet beside a quarantine.

The manifest is written last: without it, nothing of an attempt counts. Repaired rows that were offered for replay
join the deliveries, once.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection
from pathlib import Path

from sluice.contract.model import Contract, Table
from sluice.errors import SourceError
from sluice.lake import Layout, Manifest, ObjectStore
from sluice.ledger import Artifact
from sluice.onboarding import begin, complete, contract_of
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.attempt import Attempt
from sluice.stream.disk import Disk
from sluice.stream.reading import MovedError
from sluice.stream.replay import Replays, fate_in
from sluice.stream.route import OtherRouteError, Route
from sluice.stream.tools import Tools

READ_ATTEMPTS = 2
"""How often a landing is begun while its source will not keep still."""


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
            replays=Replays(tools.store, tools.layout, request.id, fate_in(tools.ledger, tools.layout), tools.now),
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
    replays: Replays,
    wanted: Collection[str] | None = None,
) -> Manifest:
    """Land one table from where s3:// sources are (`origin`) into the lake (`store`), invisible to readers.

    `replays` names the load, takes its replays and gives the time; with `wanted` only files of these names are read.

    Raises SourceError when the source is missing, moves while it is read (SOURCE_CHANGED), breaks a limit, or has
    more bad rows than the contract allows (QUARANTINE_LIMIT, BAD_ROWS); TerminalError DISK_LIMIT, DISK_FULL.
    """
    disk = Disk(scratch, settings.disk_limit)
    where, number = "", 0
    route: Route | None = None
    while number < READ_ATTEMPTS:
        attempt = Attempt(
            contract, table, settings, origin=origin, store=store, layout=layout, disk=disk,
            scratch=scratch / f"attempt-{number}", replays=replays, route=route, wanted=wanted,
        )  # fmt: skip
        try:
            with disk.filling():
                return attempt.run(base)
        except MovedError as moved:
            where, number = moved.where, number + 1
        except OtherRouteError as other:
            route = other.route
        finally:
            shutil.rmtree(attempt.scratch, ignore_errors=True)
    raise SourceError("SOURCE_CHANGED", "the file changed while it was read", where=where,
                      mend="Deliver under another name and rename when complete, then ask again.")  # fmt: skip
