"""What lies ahead, for the pages: forecasts of everything that is open, and simulations of what could be changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sluice.flow.reading import flows
from sluice.forecast.reading import Forecaster, calibration
from sluice.histories import Origin
from sluice.insight.changes import Changes, varied
from sluice.insight.outlook import Outlooks
from sluice.simulation.fitting import fit
from sluice.simulation.model import Scenario
from sluice.simulation.whatif import Outcome, outcomes
from sluice.stream.tools import Tools

LEARNED, SIMULATED = 500, 200


def outlooks(tools: Tools, origin: Origin, now: datetime) -> Outlooks:
    """Forecasts of all open requests, with what the past teaches and how right earlier ones were."""
    calendar_of, predict = tools.policy().calendar_of, Forecaster(tools.ledger)
    with tools.ledger.reading() as tx:
        all_open = predict.outlooks(tx, calendar_of, now, origin=origin)
        known = predict.experience(origin, calendar_of, now)
        return Outlooks(
            now, {o.request.id: o.forecast for o in all_open}, known, calibration(tx, calendar_of, now, origin=origin),
            {o.request.id: o.promised for o in all_open if o.promised}, {o.request.id: o.slip for o in all_open if o.slip},
        )  # fmt: skip


def fitted(tools: Tools, origin: Origin, now: datetime) -> Scenario:
    """The way of working as the newest published requests measured it. Raises BadInputError when they are too few."""
    calendar_of = tools.policy().calendar_of
    with tools.ledger.reading() as tx:
        ids = tx.request_ids(origin=origin, published=True, newest=LEARNED)
        return fit(((r.tier, f) for r, f in flows(tx, ids, now, calendar_of)), calendar_of)


def tried(tools: Tools, base: Scenario, wanted: Changes, now: datetime) -> Sequence[Outcome]:
    """The measured way of working beside variations of it, simulated."""
    return outcomes(varied(base, wanted), begin=now, requests=SIMULATED)
