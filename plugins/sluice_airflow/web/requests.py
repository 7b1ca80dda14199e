"""REST: requests, their evidence, the decisions on them, the inbox."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any, Literal

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from sluice.adapters.ledger import schema_is_current
from sluice.approval import Choice, decide
from sluice.errors import RefusedError
from sluice.ledger import Verdict
from sluice.overview import request_line, request_overview
from sluice.review.inbox import waiting_for
from sluice.stages import GATES, Stage
from sluice_airflow.web.access import Gate, existing, tools

routes = APIRouter()


class DecisionBody(BaseModel):
    """A decision as it is posted. `evidence_digest` names the evidence that was seen."""

    model_config = ConfigDict(extra="forbid")

    gate: Gate
    role: str = Field(min_length=1, max_length=100)
    verdict: Literal["approve", "reject", "return"]
    comment: str = Field(default="", max_length=4000)
    evidence_digest: str = Field(pattern=r"^[0-9a-f]{64}$")


@routes.get("/health")
def health() -> dict[str, Any]:
    """Whether the ledger answers and its tables are at the newest version."""
    return {"ledger": "current" if schema_is_current(tools().settings.ledger) else "needs migration"}


@routes.get("/requests")
def list_requests(
    source: Annotated[str | None, Query()] = None, digest: Annotated[str | None, Query()] = None
) -> list[dict[str, Any]]:
    """Requests, oldest first; of one source, or of one contract digest."""
    with tools().ledger.reading() as tx:
        return [request_line(r) for r in tx.requests(source=source, digest=digest)]


@routes.get("/requests/{request_id}")
def show_request(request_id: str) -> dict[str, Any]:
    """Where a request stands: stages, gates, tables, checks, durations."""
    with tools().ledger.reading() as tx:
        return request_overview(tx, existing(tx, request_id), tools().now())


@routes.get("/requests/{request_id}/evidence")
def show_evidence(request_id: str, gate: Annotated[Gate, Query()]) -> dict[str, Any]:
    """The evidence pack that the gate decides on."""
    with tools().ledger.reading() as tx:
        existing(tx, request_id)
        for artifact in tx.artifacts(request_id):
            if artifact.stage == gate:
                return artifact.content
    raise RefusedError("NO_EVIDENCE", f"the {gate} gate has no evidence yet", status=404)


@routes.post("/requests/{request_id}/decisions", status_code=201)
def post_decision(request_id: str, body: DecisionBody, user: GetUserDep) -> dict[str, Any]:
    """Decide as one of your roles, on the evidence you saw."""
    choice = Choice(
        request_id,
        Stage(body.gate),
        body.role,
        Verdict(body.verdict),
        user.get_name(),
        body.comment,
        body.evidence_digest,
    )
    with tools().ledger.transaction() as tx:
        decision = decide(tx, tools().policy(), choice, tools().now())
    return {
        "seq": decision.seq,
        "hash": decision.hash,
        "by": decision.actor,
        "role": decision.role,
        "verdict": decision.verdict.value,
    }


@routes.get("/inbox")
def show_inbox(user: GetUserDep) -> list[dict[str, Any]]:
    """What waits for your signature."""
    with tools().ledger.reading() as tx:
        waiting = waiting_for(tx, tools().policy(), user.get_name(), tools().now())
    return [w.to_dict() for w in waiting]


@routes.get("/policy")
def show_policy(user: GetUserDep) -> dict[str, Any]:
    """The roles, who may sign as them, and which you hold."""
    policy = tools().policy()
    return {
        "digest": policy.digest,
        "roles": {r.name: {"description": r.description, "members": list(r.members)} for r in policy.roles.values()},
        "yours": list(policy.roles_of(user.get_name())),
        "gates": {gate.value: dict(policy.signatures[gate]) for gate in GATES},
    }
