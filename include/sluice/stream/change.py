"""A change of a published contract: people decide at the publication gate, on the diff and on whom it touches.

The proposed version becomes a request of its own whose data is landed, profiled and checked at once; the source was
admitted before, so admission is not asked again. The last good data keeps serving until the change is adopted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.approval import require_approvals
from sluice.contract.model import Contract, digest_of
from sluice.contract.reading import read_contract
from sluice.errors import SluiceError
from sluice.lake import Manifest
from sluice.ledger import Artifact, Request, RequestState
from sluice.onboarding import Ask, begin, complete, contract_of, fail, found, next_attempt, request_id
from sluice.running.incidents import consumers, require_no_incident, use_cases
from sluice.running.refreshes import announce
from sluice.running.schema_drift import ADOPTED, PROPOSED
from sluice.stages import Clock, Stage
from sluice.stream.check import check
from sluice.stream.gate import ask
from sluice.stream.land import land
from sluice.stream.profile import profile
from sluice.stream.request import open_for_run
from sluice.stream.tools import Tools

ASKER = "sluice"


def propose(
    tools: Tools, before: Request, current: Contract, proposed: str, drift: Mapping[str, Any], refresh_id: str
) -> Request:  # fmt: skip
    """Open the change's publication gate; the same change again gives the same request.

    Raises what landing and checks raise, after the request has ended with it.
    """
    contract = read_contract(proposed, current.file)
    with tools.ledger.reading() as tx:
        live, attempt = next_attempt(tx.requests(source=contract.id, digest=contract.digest))
    if live is not None:
        return live
    said = "; ".join(f"{d['table']}.{d['column']}: {d['what']}" for d in drift["differences"])
    asked = Ask(ASKER, use_case=before.use_case, comment=f"What is delivered changed ({said}).", base=before.base)
    request = open_for_run(tools, contract, asked, run_id=request_id(contract, attempt), requested_at=tools.now())
    content = {
        "diff": drift["diff"], "differences": list(drift["differences"]), "refresh": refresh_id, "before": before.id,
        "consumers": list(consumers(current)), "use_cases": list(use_cases(current, before)),
    }  # fmt: skip
    with tools.ledger.transaction() as tx:
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


def adopt(tools: Tools, source: str | None = None) -> list[str]:
    """Publish every change that people have approved; the ids of their requests."""
    with tools.ledger.reading() as tx:
        proposed = {r.run for r in tx.records(source=source, kinds=(PROPOSED,))} - {
            r.run for r in tx.records(source=source, kinds=(ADOPTED,))
        }
        requests = [r for name in sorted(proposed) if (r := tx.request(name)) and r.state is RequestState.OPEN]
        ready = [r for r in requests if Clock(tx.events(r.id)).completed(Stage.PUBLICATION)]
    for request in ready:
        _adopt(tools, request)
    return [r.id for r in ready]


def _adopt(tools: Tools, request: Request) -> None:
    """Schema and data change in one commit per table, on exactly the files that were approved."""
    from sluice.adapters.catalogs import snapshots
    from sluice.catalog import DIGEST_PROPERTY, REQUEST_PROPERTY

    contract = contract_of(request)
    with tools.ledger.reading() as tx:
        require_no_incident(tx, request.source)
        require_approvals(tx, request)
        manifests = {n: Manifest.from_dict(m) for n, m in found(tx, request, Stage.LAND).items()}
        evidence = next(a for a in tx.artifacts(request.id) if a.stage is Stage.PUBLICATION).digest
    catalog = tools.tables()
    tables: dict[str, dict[str, Any]] = {}
    for table in contract.tables:
        identifier = f"{contract.id}.{table.table_name}"
        state = snapshots.state(catalog, identifier)
        made = snapshots.replace_files(
            catalog, identifier, state.snapshot_id, remove=[f.uri for f in state.files],
            add=[f.uri for f in manifests[table.name].staged if f.rows],
            properties={REQUEST_PROPERTY: request.id, DIGEST_PROPERTY: evidence},
            columns=[(c.field_name, c.type, c.description) for c in table.columns],
        )  # fmt: skip
        tables[table.name] = {"identifier": identifier, "snapshot_id": made, "rows": manifests[table.name].rows_staged}
    with tools.ledger.transaction() as tx:
        for table in contract.tables:
            begin(tx, request.id, Stage.REGISTER, tools.now(), table=table.name)
            entry = {
                "identifier": tables[table.name]["identifier"],
                "location": tools.layout.table(contract.id, table.table_name),
            }
            artifact = Artifact(Stage.REGISTER, table.name, digest_of(entry), entry)
            complete(tx, request, Stage.REGISTER, tools.now(), table=table.name, found=artifact)
        begin(tx, request.id, Stage.PUBLISH, tools.now())
        uris = {n: tools.catalog.uri(t["identifier"]) for n, t in tables.items()}
        announce(tx, contract, request, tables, uris, tools.now())
        complete(
            tx, request, Stage.PUBLISH, tools.now(), found=Artifact(Stage.PUBLISH, None, digest_of(tables), tables)
        )
        tx.record(request.source, request.id, ADOPTED, tools.now(), content={"tables": tables})
