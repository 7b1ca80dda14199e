"""What if: the measured stages simulated with one thing changed, before anybody changes it."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BeforeValidator

from sluice.errors import BadInputError, RefusedError
from sluice.histories import Origin
from sluice.insight.changes import Changes, outcomes_chart
from sluice.simulation.model import Scenario
from sluice.simulation.whatif import Outcome
from sluice.stream import ahead
from sluice.stream.apart import apart
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import Chosen_, Sight, csv_answer, emptied
from sluice_airflow.web.kept import Kept
from sluice_airflow.web.pages import pages, show

FRESH, WAIT = 600.0, 0.15
_KEPT = Kept()
routes = APIRouter()


@dataclass(frozen=True)
class Tried:
    """What was asked for and what came of it; `reason` says why nothing can."""

    base: Scenario | None
    found: Sequence[Outcome] | None
    reason: str


def wanted_changes(
    role: Annotated[str, Query(max_length=100)] = "",
    factor: Annotated[int, BeforeValidator(lambda v: emptied(v, 50)), Query(ge=10, le=200)] = 50,
    tiers: Annotated[list[str] | None, Query(max_length=10)] = None,
    limit: Annotated[int, BeforeValidator(emptied), Query(ge=0, le=1000)] = 0,
) -> Changes:
    """What to try: a role that looks sooner, tiers approved beforehand, a limit on work in progress."""
    return Changes(role, factor, tuple(tiers or ()), limit)


Wanted = Annotated[Changes, Depends(wanted_changes)]


def _tried(sight: Sight, wanted: Changes, wait: float) -> Tried:
    origin = Origin.SIMULATED if sight.chosen.simulated else Origin.LIVE
    place = tools().settings.ledger
    try:
        now = tools().now()
        base = _KEPT.ask(
            ("fit", place, origin), lambda: apart(tools(), ahead.fitted, origin, now),
            fresh=FRESH, wait=wait, patient=wait > WAIT,
        )  # fmt: skip
        if base is None:
            return Tried(None, None, "")
        known = Changes(
            wanted.role if wanted.role in base.roles else "", wanted.factor,
            tuple(t for t in wanted.tiers if t in base.tiers), wanted.limit,
        )  # fmt: skip
        key = ("run", place, origin, known)
        found = _KEPT.ask(
            key, lambda: apart(tools(), ahead.tried, base, known, now), fresh=FRESH, wait=wait, patient=wait > WAIT
        )
        return Tried(base, found, "")
    except BadInputError as error:
        return Tried(None, None, f"{error.message}. {error.mend}")


@pages.get("/what-if")
def whatif_page(request: Request, sight: Chosen_, wanted: Wanted) -> HTMLResponse:
    """The way of working as measured beside variations of it. Simulated, never a promise."""
    tried = _tried(sight, wanted, WAIT)
    shown = [outcomes_chart(tried.found)] if tried.found else []
    return show(
        request, "whatif.html.jinja",
        **sight.content(
            *shown, tried=tried, wanted=wanted, waiting=not tried.found and not tried.reason,
            simulated_requests=ahead.SIMULATED, asked=request.url.query,
        ),
    )  # fmt: skip


@routes.get("/what-if.csv", response_class=Response)
def whatif_csv(sight: Chosen_, wanted: Wanted) -> Response:
    """The simulated ways of working as CSV."""
    tried = _tried(sight, wanted, 60.0)
    if not tried.found:
        raise RefusedError(
            "NOT_YET", tried.reason or "it is still being simulated", status=503, mend="Ask again later."
        )
    return csv_answer(outcomes_chart(tried.found))
