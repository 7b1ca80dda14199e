"""What if: the measured stages simulated with one thing changed, before anybody changes it."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice.errors import BadInputError
from sluice.flow.reading import flows
from sluice.histories import Origin
from sluice.insight.changes import Changes, outcomes_chart, varied
from sluice.simulation.fitting import fit
from sluice.simulation.model import Scenario
from sluice.simulation.whatif import Outcome, outcomes
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import Chosen_, calendars
from sluice_airflow.web.kept import Kept
from sluice_airflow.web.pages import NAVIGATION, pages, show

NAVIGATION.append(("what-if", "What if"))
LEARNED, SIMULATED = 500, 200
FRESH, WAIT = 600.0, 0.15
_KEPT = Kept()


@pages.get("/what-if")
def whatif_page(
    request: Request,
    sight: Chosen_,
    role: Annotated[str, Query(max_length=100)] = "",
    factor: Annotated[int, Query(ge=10, le=200)] = 50,
    tiers: Annotated[list[str] | None, Query(max_length=10)] = None,
    limit: Annotated[int, Query(ge=0, le=1000)] = 0,
) -> HTMLResponse:
    """The way of working as measured beside variations of it. Simulated, never a promise."""
    origin = Origin.SIMULATED if sight.chosen.simulated else Origin.LIVE
    place = tools().settings.ledger
    reason, base, found = "", None, None
    try:
        base = _KEPT.ask(("fit", place, origin), lambda: _fitted(origin), fresh=FRESH, wait=WAIT)
        if base is not None:
            wanted = Changes(
                role if role in base.roles else "", factor, tuple(t for t in tiers or () if t in base.tiers), limit
            )
            key = ("run", place, origin, wanted)
            found = _KEPT.ask(key, lambda: _run(base, wanted), fresh=FRESH, wait=WAIT)
    except BadInputError as error:
        reason = f"{error.message}. {error.mend}"
    waiting = found is None and not reason
    shown = [outcomes_chart(found)] if found else []
    return show(
        request, "whatif.html.jinja",
        **sight.content(
            *shown, base=base, found=found, reason=reason, waiting=waiting, role=role, factor=factor, picked=tiers or [], limit=limit,
            simulated_requests=SIMULATED,
        ),
    )  # fmt: skip


def _fitted(origin: Origin) -> Scenario:
    """The way of working as the newest published requests measured it. Raises BadInputError when they are too few."""
    calendar_of = calendars()
    with tools().ledger.reading() as tx:
        ids = tx.request_ids(origin=origin, published=True, newest=LEARNED)
        return fit(((r.tier, f) for r, f in flows(tx, ids, tools().now(), calendar_of)), calendar_of)


def _run(base: Scenario, wanted: Changes) -> Sequence[Outcome]:
    return outcomes(varied(base, wanted), begin=tools().now(), requests=SIMULATED)
