"""Admission and publication: the evidence is assembled, kept in the lake, and the gate opened on its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from posixpath import dirname, relpath
from typing import Any

from sluice import data_docs
from sluice.approval import Standing, gate_standing, open_gate, promised
from sluice.errors import ChecksFailedError, NotApprovedError, TerminalError
from sluice.evidence import admission_pack, publication_pack
from sluice.ledger import Artifact, Ledger, Request, Transaction, Verdict
from sluice.onboarding import contract_of, found, live_request
from sluice.registration import catalog_part, table_request
from sluice.stages import Clock, Stage
from sluice.stream.anchor import anchor
from sluice.stream.profile import refuse_drift
from sluice.stream.tools import Tools


def ask(tools: Tools, request_id: str, gate: Stage) -> Standing:
    """Open the gate: evidence written to the lake, signatures asked for. Repeating it changes nothing."""
    with tools.ledger.reading() as tx:
        request = live_request(tx, request_id)
        pack = assemble(tx, request, gate, asked_of_catalog(tools, request))
        checks = found(tx, request, Stage.CHECK)
    digest = pack["evidence_digest"]
    uri = tools.layout.evidence(request.source, digest, f"{gate}.json")
    tools.store.write(uri, strict_json(pack), content_type="application/json", only_if_absent=True)
    if gate is Stage.PUBLICATION:
        _write_index(tools, request.source, digest, checks)
    with tools.ledger.transaction() as tx:
        evidence = Artifact(gate, None, digest, pack | {"uri": uri})
        standing = open_gate(tx, request_id, gate, evidence, tools.now())
    anchor(tools)
    return standing


def asked_of_catalog(tools: Tools, request: Request) -> dict[str, Any]:
    """Where people will find the tables and who may read them: what registering and granting will ask for."""
    contract = contract_of(request)
    at = {t.name: tools.layout.table(contract.id, t.table_name) for t in contract.tables}
    return catalog_part(
        contract, {t.name: table_request(contract, t, at[t.name]) for t in contract.tables}, tools.catalog.kind
    )


def assemble(
    tx: Transaction, request: Request, gate: Stage, catalog: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The gate's evidence pack from what the stages recorded, by the policy that the request was promised."""
    contract, policy = contract_of(request), promised(tx, request)
    if gate is Stage.ADMISSION:
        return admission_pack(contract, policy, request, found(tx, request, Stage.REQUEST)[""])
    checks = found(tx, request, Stage.CHECK)
    for name, report in checks.items():
        if not report["success"]:
            raise ChecksFailedError("CHECKS_FAILED", f"a required check of {name!r} did not hold", where=request.id)
    change = next((dict(r.content) for r in tx.records(run=request.id, kinds=("change.proposed",))), None)
    profiles = found(tx, request, Stage.PROFILE)
    for name, profile in profiles.items():
        refuse_drift(profile.get("drift"), f"{request.id}.{name}")
    return publication_pack(
        contract,
        policy,
        found(tx, request, Stage.LAND),
        profiles,
        checks,
        request.tier,
        owner_known=tx.owner_published(request.owner),
        change=change,
        catalog=catalog,
    )


def _write_index(tools: Tools, source: str, digest: str, checks: Mapping[str, Mapping[str, Any]]) -> None:
    """The index of the Data Docs beside the evidence; its links lead to the pages that the check stage wrote."""
    from sluice.adapters.gx.data_docs import index_page

    uri = tools.layout.evidence(source, digest, "data_docs.html")
    pages = {name: relpath(kept["page"], dirname(uri)) for name, kept in data_docs.kept(checks).items()}
    page = index_page(source, checks, pages).encode("utf-8", "replace")
    tools.store.write(uri, page, content_type=data_docs.HTML, only_if_absent=True)


def settled(ledger: Ledger, request_id: str, gate: Stage, role: str) -> str | None:
    """Who signed as this role on the current evidence; None while signatures are missing.

    Raises TerminalError (NO_REQUEST, DECIDED_AGAINST, REQUEST_CLOSED) when nobody will sign any more.
    """
    with ledger.reading() as tx:
        group = _undecided(tx, request_id, gate).group(role)
        if group is None:
            return "nobody: this role is not asked"
        return None if group.missing else " and ".join(s.decision.actor for s in group.signatures)


def passed(ledger: Ledger, request_id: str, gate: Stage) -> bool:
    """Whether the gate is complete. False while something was taken back or sent back, and people are at work on it.

    Raises what `settled` raises, and NotApprovedError where nothing explains that signatures are missing.
    """
    with ledger.reading() as tx:
        standing, clock = _undecided(tx, request_id, gate), Clock(tx.events(request_id))
        if clock.completed(gate):
            return True
        if not clock.attempt(gate):
            raise TerminalError(
                "GATE_NOT_OPEN",
                f"the {gate} gate was never opened: an earlier stage did not end well",
                where=request_id,
            )
        revoked = any(d.verdict is Verdict.REVOKE and d.gate is gate for d in tx.decisions(request_id))
        if revoked or clock.sent_back() is not None or not clock.is_open(gate):
            return False
    raise NotApprovedError("NOT_APPROVED", f"Airflow says that everybody has signed; the ledger lacks {', '.join(standing.missing)}",
                           where=request_id, mend="A task's state is no signature. People are still asked; nothing else is lost.")  # fmt: skip


def _undecided(tx: Transaction, request_id: str, gate: Stage) -> Standing:
    request = tx.request(request_id)
    if request is None:
        raise TerminalError("NO_REQUEST", f"there is no request {request_id!r}")
    standing = gate_standing(tx, request, gate)
    if standing.against is not None:
        said = request.state_reason or f"{standing.against.verdict} by {standing.against.actor}"
        raise TerminalError("DECIDED_AGAINST", said, where=request_id)
    live_request(tx, request_id)
    return standing


def strict_json(document: Any) -> bytes:
    """UTF-8 JSON without NaN or Infinity, readable by people."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str).encode()
