"""A request's page, also a tab on its DAG run: timeline, who was asked, evidence, decisions, forecast."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from datetime import datetime
from typing import Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from sluice import data_docs
from sluice.errors import RefusedError
from sluice.flow import RequestFlow, request_flow
from sluice.flow.kinds import REASONS
from sluice.histories import Origin
from sluice.holding import BLOCKABLE, allowed
from sluice.insight.board import place_of
from sluice.insight.choice import PERIODS
from sluice.insight.summary import places_of
from sluice.insight.timeline import answers, gantt
from sluice.ledger import Request as Onboarding
from sluice.ledger import RequestState
from sluice.onboarding import found
from sluice.stages import GATES, Clock, Stage
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import calendars, csv_answer
from sluice_airflow.web.forecast import Ahead, forecast_of
from sluice_airflow.web.pages import pages, show
from sluice_airflow.web.people import person
from sluice_airflow.web.vega import VERSION

routes = APIRouter()


def _known(tx: Any, name: str) -> Onboarding:
    """The request by its id or its DAG run's id, or RefusedError 404."""
    asked: Onboarding | None = tx.request(name) or tx.request_of_run(name)
    if asked is None:
        raise RefusedError(
            "NO_REQUEST", "this run is not an onboarding request, or its request is not recorded yet",
            where=name, status=404, mend="A request appears here as soon as its contract was read.",
        )  # fmt: skip
    return asked


@pages.get("/requests/{name}")
def request_page(request: Request, name: str, user: GetUserDep) -> HTMLResponse:
    """One request: where it stands, on whom it waits, since when, and when it should be done; and what one may do."""
    now = tools().now()
    with tools().ledger.reading() as tx:
        asked = _known(tx, name)
        events, decisions = tx.events(asked.id), tx.decisions(asked.id)
        packed = {a.stage for a in tx.artifacts(asked.id) if a.stage in GATES}
        docs = data_docs.kept(found(tx, asked, Stage.CHECK))
    flow = request_flow(events, now, calendar_of=calendars(), request=asked)
    alive = asked.state is RequestState.OPEN
    lies_ahead = forecast_of(asked, max((e.seq for e in events), default=0)) if alive else None
    ahead = lies_ahead.forecast if lies_ahead else None
    return show(
        request, "request.html.jinja", asked=asked, flow=flow, now=now, decisions=decisions,
        evidence=[g.value for g in GATES if g in packed], docs=bool(docs),
        standing=place_of(places_of(events, flow)) if alive else None, alive=alive, ahead=ahead, worked=_worked(flow),
        timeline=gantt(flow, now, _marks(lies_ahead, now), calendars()), promised=lies_ahead.promised if lies_ahead else None,
        slip=lies_ahead.slip if lies_ahead else None,
        answers=answers(flow), simulated=asked.origin == Origin.SIMULATED, charts=True, vega=VERSION, periods=PERIODS,
        question="", may=allowed(tools().policy(), asked, Clock(events), person(user)), block_reasons=[(c.value, REASONS[c][1]) for c in BLOCKABLE],
    )  # fmt: skip


def _worked(flow: RequestFlow) -> float | None:
    """Of the longest open wait for a role the seconds in its business hours; None where all of it was, or none waits."""
    asks = [a for s in flow.stages for a in s.asks if a.answered is None]
    longest = min(asks, key=lambda a: (a.asked, -a.business), default=None)
    return longest.business if longest is not None and longest.business < longest.wall - 1 else None


def _marks(ahead: Ahead | None, now: datetime) -> tuple[tuple[str, datetime], ...]:
    """The forecast and the promise as moments of the timeline."""
    if ahead is None:
        return ()
    found = ahead.forecast
    named = (("half of such by", found.p50), ("85% by", found.p85), ("promised", ahead.promised))
    marks = tuple((words, at) for words, at in named if at is not None)
    return (("now", now), *marks) if marks else ()


@routes.get("/requests/{request_id}/timeline.csv", response_class=Response)
def timeline_csv(request_id: str) -> Response:
    """Every stretch of work and wait of a request as CSV."""
    now = tools().now()
    with tools().ledger.reading() as tx:
        asked = _known(tx, request_id)
        events = tx.events(asked.id)
    return csv_answer(
        gantt(request_flow(events, now, calendar_of=calendars(), request=asked), now, calendar_of=calendars())
    )
