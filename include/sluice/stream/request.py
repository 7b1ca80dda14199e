"""Request: the contract is read, the source probed, the request recorded and its first gate's evidence known."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sluice.contract.model import Contract
from sluice.errors import BadInputError
from sluice.ledger import Artifact, Request
from sluice.linting import usable_contract, usable_text
from sluice.onboarding import Ask, found, is_id_for, open_request
from sluice.running.offboarding import require_staying
from sluice.stages import Stage
from sluice.stream.source import probe
from sluice.stream.tools import Tools

PASTE = "(paste one below)"
"""What the form offers instead of a contract of the folder."""


def chosen_contract(tools: Tools, name: str | None, pasted: str | None) -> Contract:
    """The contract a requester chose from the folder or pasted as YAML; exactly one of the two."""
    name = None if name == PASTE else name
    if bool(name) == bool(pasted and pasted.strip()):
        raise BadInputError("CONTRACT_CHOICE", "give either a contract from the folder or its YAML",
                            mend="Choose one, or paste one; not both, not none.")  # fmt: skip
    if pasted and pasted.strip():
        return usable_text(pasted)
    path = tools.settings.contracts / str(name)
    if path.resolve().parent != tools.settings.contracts:
        raise BadInputError(
            "CONTRACT_NOT_FOUND", f"{name!r} is not a contract of the folder", where=str(tools.settings.contracts)
        )
    return usable_contract(Path(path))


def open_for_run(tools: Tools, contract: Contract, ask: Ask, *, run_id: str, requested_at: datetime) -> Request:
    """Probe the source and record the request for this DAG run.

    Raises before anything is recorded when the contract or the source cannot be used, or when the run's own id
    names another contract.
    """
    started_at = tools.now()
    policy = tools.policy()
    if run_id.startswith("onb-") and not is_id_for(contract, run_id):
        raise BadInputError("CONTRACT_CHANGED", f"the run {run_id} was asked for another contract than it now finds",
                            mend="Ask again with `sluice request`.")  # fmt: skip
    seen = probe(contract, ask.base, tools.settings, tools.store)
    with tools.ledger.transaction() as tx:
        require_staying(tx, contract.id)
        size = sum(file["bytes"] for table in seen.values() for file in table["files"])
        request = open_request(tx, contract, ask, policy, run_id=run_id, requested_at=requested_at,
                               started_at=started_at, now=tools.now(), source_bytes=size)  # fmt: skip
        if not found(tx, request, Stage.REQUEST):
            tx.add_artifact(request.id, Artifact(Stage.REQUEST, None, contract.digest, seen), tools.now())
        return request
