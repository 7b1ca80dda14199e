"""Incidents: pages for everybody, routes to report bad data, to tell how it goes, and to close with a cause."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any, Literal

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from sluice.errors import BadInputError, RefusedError
from sluice.running import incidents
from sluice.running.incident_pages import document, lines
from sluice.running.incidents import Incident
from sluice.stream.restore import restore
from sluice_airflow.web.access import refusals, tools
from sluice_airflow.web.pages import pages, show
from sluice_airflow.web.people import person

routes = APIRouter()
restorers = requires_access_dag(method="PUT", param_dag_id="restore_source")
"""Reporting bad data takes it back at once: who may run `restore_source` may do that."""

Text = Annotated[str, Field(max_length=4000)]
Severity = Literal["low", "medium", "high", "critical"]


class ReportBody(BaseModel):
    """What is wrong with a source's data."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(max_length=63)]
    comment: Text
    severity: Severity = "high"


class UpdateBody(BaseModel):
    """News of an incident; with `verdict` close it ends, and then it needs a cause."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["update", "close"] = "update"
    comment: Text = ""
    cause: Text = ""
    owner: Annotated[str, Field(max_length=250)] = ""
    eta: AwareDatetime | Literal[""] = ""
    severity: Severity | Literal[""] = ""


@routes.get("/incidents")
def list_incidents() -> list[dict[str, Any]]:
    """Every incident: open ones first, the most severe first."""
    with tools().ledger.reading() as tx:
        return lines(incidents.incidents(tx))


@routes.get("/incidents/{name}", responses=refusals(404))
def one_incident(name: str) -> dict[str, Any]:
    """An incident by its id, or a source's open or newest one."""
    return document(_found(name))


@routes.post("/incidents", status_code=201, responses=refusals(403, 404, 409), dependencies=[Depends(restorers)])
def report(body: ReportBody, user: GetUserDep) -> dict[str, Any]:
    """Say that data is bad: the version before it comes back at once, then the incident is opened."""
    done = restore(tools(), body.source, actor=person(user).name, reason=body.comment, severity=body.severity)
    return document(done.incident)


@routes.post("/incidents/{name}", status_code=201, responses=refusals(400, 403, 404, 409))
def tell(name: str, body: UpdateBody, user: GetUserDep) -> dict[str, Any]:
    """News, or the end with its cause. For the incident's owner, role holders and platform owners."""
    who, policy = person(user), tools().policy()
    current = _found(name)
    if not (who.name == current.owner or policy.is_owner(who.name, who.groups) or policy.roles_of(who.name)):
        raise RefusedError("NOT_YOURS", f"{who.name} does not work on {current.id}", status=403, mend=f"{current.owner or 'A platform owner'} does.")  # fmt: skip
    now = tools().now()
    with tools().ledger.transaction() as tx:
        try:
            if body.verdict == "close":
                return document(incidents.close(tx, current.id, who.name, body.cause, body.comment, now))
            return document(
                incidents.update(
                    tx,
                    current.id,
                    who.name,
                    policy.running.incidents,
                    now,
                    comment=body.comment,
                    eta=body.eta or None,
                    severity=body.severity or None,
                    owner=body.owner or None,
                    cause=body.cause or None,
                )
            )
        except BadInputError as error:
            raise RefusedError(error.code, error.message, status=400, where=error.where, mend=error.mend) from error


@pages.get("/incidents")
def incidents_page(request: Request) -> HTMLResponse:
    """What is wrong now, and what was."""
    with tools().ledger.reading() as tx:
        found = lines(incidents.incidents(tx))
        sources = [p.source for p in tx.published_sources()]
    return show(request, "incidents.html.jinja", incidents=found, open=sum(i["open"] for i in found), sources=sources)


@pages.get("/incidents/{name}")
def incident_page(request: Request, name: str) -> HTMLResponse:
    """One incident: whom it hurts, when it is over, what happened."""
    return show(request, "incident.html.jinja", incident=document(_found(name)))


def _found(name: str) -> Incident:
    with tools().ledger.reading() as tx:
        try:
            return incidents.incident(tx, name)
        except BadInputError as error:
            raise RefusedError(error.code, error.message, status=404, mend=error.mend) from error
