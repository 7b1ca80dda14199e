"""REST: decisions, one or several at a time, and the inbox."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any, Literal, Self

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sluice.approval import Choice, decide, gate_standing, promised
from sluice.errors import RefusedError, TerminalError
from sluice.ledger import Decision, Verdict
from sluice.review.bulk import refuse_bulk
from sluice.review.inbox import MOST, inbox
from sluice.stages import Stage
from sluice_airflow.web.access import Gate, existing, refusals, tools
from sluice_airflow.web.people import person

routes = APIRouter()

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="of the evidence that was seen")]
Comment = Annotated[str, Field(max_length=4000)]
Role = Annotated[str, Field(min_length=1, max_length=100)]
BackTo = Literal["request", "land", "profile", "check"]
MANY = 100
"""How many decisions may be sent together."""


class DecisionBody(BaseModel):
    """A decision as it is posted. To return needs `back_to`; to revoke needs no evidence, for it takes one's own approval back."""

    model_config = ConfigDict(extra="forbid")

    gate: Gate
    role: Role
    verdict: Literal["approve", "reject", "return", "revoke"]
    comment: Comment = ""
    evidence_digest: Digest | None = None
    back_to: BackTo | None = None

    @model_validator(mode="after")
    def _names_its_evidence(self) -> Self:
        if self.evidence_digest is None and self.verdict != "revoke":
            raise ValueError("a decision names the evidence it is about: evidence_digest")
        return self


class One(BaseModel):
    """One of several decisions."""

    model_config = ConfigDict(extra="forbid")

    request: Annotated[str, Field(min_length=1, max_length=250)]
    gate: Gate
    role: Role
    evidence_digest: Digest


class ManyBody(BaseModel):
    """The same verdict on several requests, each with the evidence that was seen."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["approve", "reject", "return"]
    comment: Comment = ""
    back_to: BackTo | None = None
    decisions: Annotated[list[One], Field(min_length=1, max_length=MANY)]


@routes.post("/requests/{request_id}/decisions", status_code=201, responses=refusals(400, 403, 404, 409, 410))
def post_decision(request_id: str, body: DecisionBody, user: GetUserDep) -> dict[str, Any]:
    """Decide as one of your roles, or as a delegate, on the evidence you saw; or take your own approval back."""
    who = person(user)
    choice = Choice(
        request_id,
        Stage(body.gate),
        body.role,
        Verdict(body.verdict),
        who.name,
        body.comment,
        body.evidence_digest or "",
        Stage(body.back_to) if body.back_to else None,
        who.groups,
    )
    with tools().ledger.transaction() as tx:
        return recorded(decide(tx, tools().policy(), choice, tools().now()))


@routes.post("/decisions", responses=refusals())
def post_decisions(body: ManyBody, user: GetUserDep) -> dict[str, Any]:
    """The same decision on several requests, where their tiers allow it. Each stands for itself: what was recorded, and what was refused and why."""
    who, decided, refused = person(user), [], []
    for one in body.decisions:
        choice = Choice(
            one.request,
            Stage(one.gate),
            one.role,
            Verdict(body.verdict),
            who.name,
            body.comment,
            one.evidence_digest,
            Stage(body.back_to) if body.back_to else None,
            who.groups,
        )
        try:
            with tools().ledger.transaction() as tx:
                request = existing(tx, one.request)
                refuse_bulk(promised(tx, request), gate_standing(tx, request, choice.gate), request)
                decided.append(recorded(decide(tx, tools().policy(), choice, tools().now())))
        except TerminalError as error:  # what was recorded before stays recorded, so the answer must tell of it
            status = error.status if isinstance(error, RefusedError) else 422
            refused.append(
                {"request": one.request, "gate": one.gate, "role": one.role, "status": status}
                | {"code": error.code, "message": error.message, "mend": error.mend}
            )
    return {"decided": decided, "refused": refused}


@routes.get("/inbox")
def show_inbox(
    user: GetUserDep,
    run: Annotated[str | None, Query(description="only of this DAG run")] = None,
    most: Annotated[int, Query(ge=1, le=500)] = MOST,
) -> list[dict[str, Any]]:
    """What waits for your signature: urgent priority first, then the longest wait."""
    with tools().ledger.reading() as tx:
        found = inbox(tx, tools().policy(), person(user), tools().now(), run_id=run, most=most)
    return [w.to_dict() for w in found.waiting]


def recorded(decision: Decision) -> dict[str, Any]:
    """A decision as it stands in the ledger."""
    return {
        "seq": decision.seq,
        "hash": decision.hash,
        "request": decision.request_id,
        "gate": decision.gate.value,
        "by": decision.actor,
        "on_behalf_of": decision.on_behalf_of,
        "role": decision.role,
        "verdict": decision.verdict.value,
        "back_to": decision.back_to,
        "evidence_digest": decision.evidence_digest,
        "at": decision.at.isoformat(),
    }
