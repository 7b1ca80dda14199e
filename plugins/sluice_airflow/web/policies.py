"""REST: what the policy makes of a request or of a contract: its tier and why, who must sign, what would be lighter."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from sluice.approval import gate_standing, promised
from sluice.linting import usable_text
from sluice.policy import facts_of
from sluice.policy.explaining import explain, gate_terms
from sluice.stages import GATES
from sluice_airflow.web.access import existing, refusals, tools

routes = APIRouter()


class ContractBody(BaseModel):
    """A contract to be explained; nothing is kept of it."""

    model_config = ConfigDict(extra="forbid")

    contract_yaml: Annotated[str, Field(min_length=1, max_length=90_000)]


@routes.post("/policy/explain", responses=refusals())
def explain_contract(body: ContractBody) -> dict[str, Any]:
    """What the policy in force makes of a contract, before anything is asked or moved."""
    contract = usable_text(body.contract_yaml)
    with tools().ledger.reading() as tx:
        facts = facts_of(contract, owner_known=tx.owner_published(contract.owner))
    return explain(tools().policy(), facts)


@routes.get("/requests/{request_id}/policy", responses=refusals(404))
def show_promised(request_id: str) -> dict[str, Any]:
    """What a request was promised when it was made, gate by gate; and whether the policy in force is another one."""
    with tools().ledger.reading() as tx:
        request = existing(tx, request_id)
        terms = promised(tx, request)
        tiers = {gate: gate_standing(tx, request, gate).tier for gate in GATES}
    return {
        "request": request.id,
        "tier": request.tier,
        "tier_reasons": list(request.tier_reasons),
        "promised_digest": request.policy_digest,
        "in_force_digest": tools().policy().digest,
        "gates": {gate.value: gate_terms(terms, gate, tiers[gate]) | {"tier": tiers[gate]} for gate in GATES},
        "bulk": request.tier in terms.tiers.bulk,
    }
