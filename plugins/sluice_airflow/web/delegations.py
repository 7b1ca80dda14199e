"""REST: being away, and who signs meanwhile."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from datetime import date, datetime
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from sluice.approval import Absence, Person, delegate, end_delegation, in_force
from sluice.errors import RefusedError
from sluice.governance import Delegation
from sluice.review.absence import days, zone_of
from sluice_airflow.web.access import refusals, tools
from sluice_airflow.web.people import person

routes = APIRouter()

Name = Annotated[str, Field(max_length=250)]


class AbsenceBody(BaseModel):
    """Somebody is away and, unless `delegate` is empty, who signs meanwhile. Give days (both included, in the time zone
    of the person's role) or instants with a zone. `principal` is for platform owners; it is you by default.
    """

    model_config = ConfigDict(extra="forbid")

    delegate: Name = ""
    role: Annotated[str, Field(max_length=100, description="one of the person's roles; empty: all")] = ""
    first_day: date | None = None
    last_day: date | None = None
    begins: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    reason: Annotated[str, Field(max_length=1000)] = ""
    principal: Name | None = None


class NothingBody(BaseModel):
    """An empty object."""

    model_config = ConfigDict(extra="forbid")


@routes.get("/delegations")
def list_delegations(user: GetUserDep) -> list[dict[str, Any]]:
    """Delegations in which you are away or stand in; for a platform owner, everybody's. Oldest first."""
    who, policy, now = person(user), tools().policy(), tools().now()
    with tools().ledger.reading() as tx:
        entries = tx.delegations()
    everybody = policy.is_owner(who.name, who.groups)
    holding = {d.seq for d in in_force(entries, now)}
    return [
        as_data(d) | {"in_force": d.seq in holding}
        for d in entries if everybody or who.name in (d.principal, d.delegate, d.set_by)
    ]  # fmt: skip


@routes.post("/delegations", status_code=201, responses=refusals(400, 403, 404, 409))
def post_delegation(body: AbsenceBody, user: GetUserDep) -> dict[str, Any]:
    """Say that you are away and who signs for you meanwhile; effective at once, and on record."""
    who, policy, now = person(user), tools().policy(), tools().now()
    away = who if body.principal in (None, "", who.name) else Person(str(body.principal))
    begins, ends = _instants(body, away, now)
    wanted = Absence(away.name, body.delegate.strip(), body.role, begins, ends, body.reason)
    with tools().ledger.transaction() as tx:
        return as_data(delegate(tx, policy, wanted, who, now))


@routes.post("/delegations/{number}/end", status_code=201, responses=refusals(403, 404, 409))
def post_end(number: int, body: NothingBody, user: GetUserDep) -> dict[str, Any]:
    """Be back: the delegation ends at once."""
    with tools().ledger.transaction() as tx:
        return as_data(end_delegation(tx, tools().policy(), number, person(user), tools().now()))


def _instants(body: AbsenceBody, who: Person, now: datetime) -> tuple[datetime, datetime]:
    if body.first_day and body.last_day and not (body.begins or body.ends):
        policy = tools().policy()
        roles = (
            [body.role] if body.role in policy.roles else policy.roles_of(who.name, who.groups) or list(policy.roles)
        )
        return days(body.first_day, body.last_day, zone_of(policy, roles), now)
    if body.ends and not (body.first_day or body.last_day):
        # What was in the past already, or lies beyond what a clock can say, begins now.
        return max(body.begins, now) if body.begins else now, body.ends
    raise RefusedError("DELEGATION_DATES", "from when to when is not said", status=400,
                       mend="Give `first_day` and `last_day`, or `begins` and `ends`.")  # fmt: skip


def as_data(entry: Delegation) -> dict[str, Any]:
    """A delegation, or the end of one, as it stands in the ledger."""
    return {
        "number": entry.seq,
        "principal": entry.principal,
        "delegate": entry.delegate,
        "role": entry.role,
        "begins": entry.begins.isoformat(),
        "ends": entry.ends.isoformat(),
        "reason": entry.reason,
        "set_by": entry.set_by,
        "at": entry.at.isoformat(),
        "ends_number": entry.ended,
        "hash": entry.hash,
    }
