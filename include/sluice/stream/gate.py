"""Admission and publication: the evidence is assembled, kept in the lake, and the gate opened on its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from posixpath import dirname, relpath
from typing import Any

from sluice import data_docs
from sluice.approval import Standing, gate_standing, open_gate
from sluice.errors import ChecksFailedError, TerminalError
from sluice.evidence import admission_pack, publication_pack
from sluice.ledger import Artifact, Request, Transaction
from sluice.onboarding import contract_of, found, live_request
from sluice.stages import Stage
from sluice.stream.profile import refuse_drift
from sluice.stream.tools import Tools


def ask(tools: Tools, request_id: str, gate: Stage) -> Standing:
    """Open the gate: evidence written to the lake, signatures asked for. Repeating it changes nothing."""
    with tools.ledger.reading() as tx:
        request = live_request(tx, request_id)
        pack = assemble(tools, tx, request, gate)
        checks = found(tx, request, Stage.CHECK)
    digest = pack["evidence_digest"]
    uri = tools.layout.evidence(request.source, digest, f"{gate}.json")
    tools.store.write(uri, strict_json(pack), content_type="application/json", only_if_absent=True)
    if gate is Stage.PUBLICATION:
        _write_index(tools, request.source, digest, checks)
    with tools.ledger.transaction() as tx:
        evidence = Artifact(gate, None, digest, pack | {"uri": uri})
        return open_gate(tx, request_id, gate, evidence, tuple(pack["signatures"]), tools.now())


def assemble(tools: Tools, tx: Transaction, request: Request, gate: Stage) -> dict[str, Any]:
    """The gate's evidence pack from what the stages recorded."""
    contract = contract_of(request)
    if gate is Stage.ADMISSION:
        return admission_pack(contract, request, found(tx, request, Stage.REQUEST)[""])
    checks = found(tx, request, Stage.CHECK)
    for name, report in checks.items():
        if not report["success"]:
            raise ChecksFailedError("CHECKS_FAILED", f"a required check of {name!r} did not hold", where=request.id)
    profiles = found(tx, request, Stage.PROFILE)
    for name, profile in profiles.items():
        refuse_drift(profile.get("drift"), f"{request.id}.{name}")
    return publication_pack(
        contract,
        tools.policy(),
        found(tx, request, Stage.LAND),
        profiles,
        checks,
        tuple(request.signatures[Stage.PUBLICATION]),
    )


def _write_index(tools: Tools, source: str, digest: str, checks: Mapping[str, Mapping[str, Any]]) -> None:
    """The index of the Data Docs beside the evidence; its links lead to the pages that the check stage wrote."""
    from sluice.adapters.gx.data_docs import index_page

    uri = tools.layout.evidence(source, digest, "data_docs.html")
    pages = {name: relpath(kept["page"], dirname(uri)) for name, kept in data_docs.kept(checks).items()}
    page = index_page(source, checks, pages).encode("utf-8", "replace")
    tools.store.write(uri, page, content_type=data_docs.HTML, only_if_absent=True)


def signature_given(tools: Tools, request_id: str, gate: Stage, role: str) -> str | None:
    """Who signed as this role on the current evidence; None while nobody has.

    Raises TerminalError (DECIDED_AGAINST) after a rejection or a return, and what `live_request` raises.
    """
    with tools.ledger.reading() as tx:
        request = tx.request(request_id)
        if request is None:
            raise TerminalError("NO_REQUEST", f"there is no request {request_id!r}")
        standing = gate_standing(tx, request, gate)
        if standing.against is not None:
            raise TerminalError("DECIDED_AGAINST", request.state_reason or f"{standing.against.verdict} by {standing.against.actor}",
                                where=request_id)  # fmt: skip
        live_request(tx, request_id)
    return next((d.actor for d in standing.signed if d.role == role), None)


def strict_json(document: Any) -> bytes:
    """UTF-8 JSON without NaN or Infinity, readable by people."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str).encode()
