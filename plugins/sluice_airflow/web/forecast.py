"""When will it be done: every open request, every use case, and a whole roadmap; REST and page."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BeforeValidator

from sluice.errors import RefusedError
from sluice.forecast import Forecast, Roadmap, Slip
from sluice.forecast.reading import Forecaster, Outlook, promise_json
from sluice.histories import Origin
from sluice.insight.outlook import Outlooks, assumptions, forecasts_chart, roadmap_of, roadmaps_table
from sluice.ledger import Request as Onboarding
from sluice.stream import ahead
from sluice.stream.apart import apart
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import Chosen_, Sight, calendars, csv_answer, emptied
from sluice_airflow.web.kept import Kept
from sluice_airflow.web.pages import pages, show

routes = APIRouter()
log = logging.getLogger(__name__)

FRESH, PAGE_WAIT, ROUTE_WAIT = 300.0, 0.15, 60.0
_KEPT = Kept()
_FORECASTERS: WeakKeyDictionary[Any, Forecaster] = WeakKeyDictionary()

More = Annotated[int, BeforeValidator(emptied), Query(ge=0, le=10_000)]


@dataclass(frozen=True)
class Ahead:
    """A request's forecast, what it was promised, and whether that slips and why."""

    forecast: Forecast
    promised: datetime | None = None
    slip: Slip | None = None


def forecaster() -> Forecaster:
    """One per ledger and process: what it learned is kept."""
    ledger = tools().ledger
    return _FORECASTERS.setdefault(ledger, Forecaster(ledger))


def outlooks(sight: Sight, wait: float = PAGE_WAIT) -> Outlooks | None:
    """Forecasts of all open requests of this kind of data, at most five minutes old; None while the first are made."""
    origin = Origin.SIMULATED if sight.chosen.simulated else Origin.LIVE
    key = (tools().settings.ledger, origin)
    found: Outlooks | None = _KEPT.ask(
        key, lambda: apart(tools(), ahead.outlooks, origin, tools().now()),
        fresh=FRESH, wait=wait, patient=wait > PAGE_WAIT,
    )  # fmt: skip
    if found is not None:
        forecaster().adopt(origin, found.at, found.experience)
    return found


def outlooks_if_any(sight: Sight) -> Outlooks | None:
    """For pages to which a forecast is an extra: they are shown without one, whatever keeps it from being made."""
    if not len(sight.chosen.open):
        return None
    try:
        return outlooks(sight)
    except Exception:  # the page's own question is answered all the same
        log.warning("no forecast could be made", exc_info=True)
        return None


def outlook_of(tx: Any, asked: Onboarding) -> Outlook:
    """One request's forecast, fresh."""
    return forecaster().outlook(tx, asked, calendars(), tools().now())


def forecast_of(asked: Onboarding, newest: int) -> Ahead | None:
    """What lies ahead of an open request; None while the first one is made. `newest` is its newest event's number:
    what a role answered since counts at once."""
    ledger = tools().ledger

    def make() -> Ahead:
        with ledger.reading() as tx:
            found = outlook_of(tx, asked)
        return Ahead(found.forecast, found.promised, found.slip)

    key = (tools().settings.ledger, asked.id, newest)
    try:
        found: Ahead | None = _KEPT.ask(key, make, fresh=FRESH, wait=PAGE_WAIT)
    except Exception:  # the page says where the request stands all the same
        log.warning("no forecast of %s could be made", asked.id, exc_info=True)
        return Ahead(Forecast(None, None, 0, "it could not be made; the server's log says why"))
    return found


@routes.get("/forecast")
def show_forecast(sight: Chosen_, not_asked: More = 0) -> dict[str, Any]:
    """P50 and P85 of every open request and of all together; null with the reason where nothing can be said."""
    found = outlooks(sight, ROUTE_WAIT)
    if found is None:
        raise RefusedError("NOT_YET", "the forecast is still being made", status=503, mend="Ask again in a moment.")
    whole = roadmap_of(sight.chosen, found, sight.now, use_case=None, not_asked=not_asked)
    return {
        "at": found.at.isoformat(), "simulated": sight.chosen.simulated,
        "requests": [
            {
                "request": i, "p50": f.p50.isoformat() if f.p50 else None, "p85": f.p85.isoformat() if f.p85 else None,
                "reason": f.reason, "samples": f.samples, **promise_json(found.promises.get(i), found.slips.get(i)),
            }
            for i in sight.chosen.open.ids if (f := found.forecasts.get(i)) is not None
        ],
        "roadmap": _plain(whole), "assumptions": assumptions(found, whole.assumptions),
        "calibration": {"n": found.calibration.n, "p50": found.calibration.p50, "p85": found.calibration.p85, "said": found.calibration.said},
    }  # fmt: skip


def _plain(r: Roadmap) -> dict[str, Any]:
    return {
        "total": r.total, "done": r.done, "under_way": r.under_way, "not_asked": r.not_asked, "reason": r.reason,
        "p50": r.p50.isoformat() if r.p50 else None, "p85": r.p85.isoformat() if r.p85 else None,
    }  # fmt: skip


@routes.get("/forecast/{name}.csv", response_class=Response)
def forecast_csv(name: str, sight: Chosen_) -> Response:
    """The forecasts (`forecast`) or the use cases (`roadmaps`) as CSV."""
    makers = {"forecast": forecasts_chart, "roadmaps": roadmaps_table}
    if name not in makers:
        raise RefusedError("NO_TABLE", f"there is no table {name!r}", status=404, mend="forecast.csv or roadmaps.csv")
    found = outlooks(sight, ROUTE_WAIT)
    if found is None:
        raise RefusedError("NOT_YET", "the forecast is still being made", status=503, mend="Ask again in a moment.")
    return csv_answer(makers[name](sight.chosen, found, sight.now))


@pages.get("/forecast")
def forecast_page(request: Request, sight: Chosen_, not_asked: More = 0) -> HTMLResponse:
    """When will they be done, each and all."""
    found = outlooks(sight)
    if found is None or not len(sight.chosen.all):
        return show(request, "forecast.html.jinja", **sight.content(found=None, not_asked=not_asked))
    whole = roadmap_of(
        sight.chosen, found, sight.now, use_case=None, not_asked=not_asked, wip_limit=tools().policy().wip.total
    )
    shown = (forecasts_chart(sight.chosen, found, sight.now), roadmaps_table(sight.chosen, found, sight.now))
    return show(
        request, "forecast.html.jinja",
        **sight.content(*shown, found=found, whole=whole, not_asked=not_asked, assumptions=assumptions(found, whole.assumptions)),
    )  # fmt: skip
