"""A change of a published contract: people decide at the publication gate, on the diff and on whom it touches.

The proposed version becomes a request of its own whose data is landed, profiled and checked at once; the source was
admitted before, so admission is not asked again. The last good data keeps serving until the change is adopted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sluice.catalog import CatalogEntry
from sluice.contract.model import Contract, digest_of
from sluice.contract.reading import read_contract
from sluice.crashing import crash_point
from sluice.errors import SluiceError
from sluice.lake import Manifest
from sluice.ledger import MACHINE, Artifact, Request, RequestState, Transaction
from sluice.onboarding import Ask, begin, cancel, complete, contract_of, fail, found, next_attempt, request_id
from sluice.publications import commit_order
from sluice.running.incidents import consumers, use_cases
from sluice.running.refreshes import announce
from sluice.running.schema_drift import ADOPTED, PROPOSED
from sluice.stages import Clock, Stage
from sluice.stream.access import grant_access
from sluice.stream.check import check
from sluice.stream.gate import ask
from sluice.stream.land import land
from sluice.stream.one_by_one import one_by_one
from sluice.stream.profile import profile
from sluice.stream.publish import approved_digest, blocked, require_free, require_staged
from sluice.stream.refreshing.ends import undo
from sluice.stream.register import describe, registered
from sluice.stream.request import open_for_run
from sluice.stream.tools import Tools

DECIDED_AGAINST = (RequestState.REJECTED, RequestState.RETURNED)


def propose(
    tools: Tools, before: Request, current: Contract, proposed: str, drift: Mapping[str, Any], refresh_id: str
) -> Request:  # fmt: skip
    """Open the change's publication gate, in the place of an earlier change that nobody has decided on.

    The same change again gives the same request, also where people have decided against it: they are asked once.
    Raises what landing and checks raise, after the request has ended with it.
    """
    contract = read_contract(proposed, current.file)
    with tools.ledger.reading() as tx:
        earlier = tx.requests(source=contract.id, digest=contract.digest)
    live, attempt = next_attempt(earlier)
    if live is not None:
        return live
    if earlier and earlier[-1].state in DECIDED_AGAINST and earlier[-1].requester == MACHINE:
        return earlier[-1]
    said = "; ".join(f"{d['table']}.{d['column']}: {d['what']}" for d in drift["differences"])
    asked = Ask(MACHINE, use_case=before.use_case, comment=f"What is delivered changed ({said}).", base=before.base)
    request = open_for_run(tools, contract, asked, run_id=request_id(contract, attempt), requested_at=tools.now())
    if request.requester != MACHINE:  # somebody asked for the very same at the same moment: both gates are theirs
        return request
    content = {
        "diff": drift["diff"], "differences": list(drift["differences"]), "refresh": refresh_id, "before": before.id,
        "consumers": list(consumers(current)), "use_cases": list(use_cases(current, before)),
    }  # fmt: skip
    with tools.ledger.transaction() as tx:
        withdraw_changes(
            tx, request.source, f"overtaken by {request.id}: the delivery changed again", tools.now(), but=request.id
        )
        tx.record(request.source, request.id, PROPOSED, tools.now(), content=content)
        begin(tx, request.id, Stage.ADMISSION, tools.now())
        complete(tx, request, Stage.ADMISSION, tools.now())
    try:
        for work in (land, profile, check):
            for table in request.tables:
                work(tools, request.id, table)
        ask(tools, request.id, Stage.PUBLICATION)
    except SluiceError as error:
        with tools.ledger.transaction() as tx:
            current_stage = Clock(tx.events(request.id)).current()
            fail(tx, request.id, current_stage[0] if current_stage else Stage.LAND, tools.now(), str(error))
        raise
    finally:
        tools.sweep(request.id)
    return request


def withdraw_changes(tx: Transaction, source: str, why: str, now: datetime, *, but: str = "") -> None:
    """End the source's changes that are not adopted yet: what they were landed from is not what is delivered now."""
    for request in tx.requests(source=source, state=RequestState.OPEN):
        if request.requester == MACHINE and request.id != but:
            cancel(tx, request, why, now)


def adopt(tools: Tools, source: str | None = None) -> list[str]:
    """Publish every change that people have approved; the ids of their requests.

    One that cannot be adopted now keeps no other from it; the first one's error is raised at the end.
    """
    with tools.ledger.reading() as tx:
        proposed = {r.run for r in tx.records(source=source, kinds=(PROPOSED,))} - {
            r.run for r in tx.records(source=source, kinds=(ADOPTED,))
        }
        requests = [r for name in sorted(proposed) if (r := tx.request(name)) and r.state is RequestState.OPEN]
        ready = [r for r in requests if Clock(tx.events(r.id)).completed(Stage.PUBLICATION)]
    by_id = {r.id: r for r in ready}
    done, failed = one_by_one(by_id, lambda request_id: _adopt(tools, by_id[request_id]))
    if failed:
        raise failed[0]
    return done


def _adopt(tools: Tools, request: Request) -> None:
    """Schema and data change in one commit per table, on exactly the files that were approved; killed, it goes on."""
    from sluice.adapters.catalogs import snapshots
    from sluice.catalog import DIGEST_PROPERTY, REQUEST_PROPERTY

    contract = contract_of(request)
    with tools.ledger.reading() as tx:
        require_free(tx, request.source)
        evidence = approved_digest(tx, request)
        manifests = {n: Manifest.from_dict(m) for n, m in found(tx, request, Stage.LAND).items()}
    for manifest in manifests.values():
        require_staged(manifest, tools.store)
    catalog = tools.tables()
    tables: dict[str, dict[str, Any]] = {}
    for name in commit_order(contract, [t.name for t in contract.tables]):
        table = contract.table(name)
        identifier = f"{contract.id}.{table.table_name}"
        state = snapshots.state(catalog, identifier)
        made = snapshots.replace_files(
            catalog, identifier, state.snapshot_id, remove=[f.uri for f in state.files],
            add=[f.uri for f in manifests[name].staged if f.rows],
            properties={REQUEST_PROPERTY: request.id, DIGEST_PROPERTY: evidence},
            columns=[(c.field_name, c.type, c.description) for c in table.columns],
        )  # fmt: skip
        tables[name] = {"identifier": identifier, "snapshot_id": made, "rows": manifests[name].rows_staged}
        crash_point("adopt.committed")
    entries = {t.name: describe(tools, request, contract, t.name) for t in contract.tables}
    with tools.ledger.transaction() as tx:
        refused = blocked(tx, request.source)
        if refused is None:
            _record(tx, tools, request, contract, entries, tables)
    if refused is not None:  # opened while it committed
        undo(tools, request.source, request.id)
        raise refused
    grant_access(tools, request.id)


def _record(
    tx: Transaction, tools: Tools, request: Request, contract: Contract, entries: Mapping[str, CatalogEntry], tables: dict[str, Any]
) -> None:  # fmt: skip
    for name, entry in entries.items():
        begin(tx, request.id, Stage.REGISTER, tools.now(), table=name)
        complete(tx, request, Stage.REGISTER, tools.now(), table=name, found=registered(tools, name, entry))
    begin(tx, request.id, Stage.PUBLISH, tools.now())
    uris = {n: tools.catalog.uri(t["identifier"]) for n, t in tables.items()}
    announce(tx, contract, request, tables, uris, tools.now())
    complete(tx, request, Stage.PUBLISH, tools.now(), found=Artifact(Stage.PUBLISH, None, digest_of(tables), tables))
    tx.record(request.source, request.id, ADOPTED, tools.now(), content={"tables": tables})
