"""Forecasts from the ledger. What the past teaches is learned once and kept for a while; each request is looked at fresh."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sluice.flow.reading import flows, histories
from sluice.flow.request import RequestFlow, request_flow
from sluice.flow.timeline import CalendarOf
from sluice.forecast.calibration import Calibration, PastRequest, backtest
from sluice.forecast.clock import Clocks
from sluice.forecast.experience import RECENT, Experience, learn
from sluice.forecast.request import TRIALS, Forecast, forecast
from sluice.histories import Origin
from sluice.ledger import Ledger, Request, RequestState, Transaction
from sluice.stages import Stage

KEPT = timedelta(minutes=10)
MANY, FEWEST_TRIALS = 1000, 200


@dataclass(frozen=True)
class Outlook:
    """An open request, its flow so far, and its forecast."""

    request: Request
    flow: RequestFlow
    forecast: Forecast


class Forecaster:
    """Forecasts of one ledger's requests; keep one per process. Simulated requests teach only about simulated ones."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, tuple[datetime, Experience]] = {}
        self._lock = threading.Lock()

    def experience(self, origin: str, calendar_of: CalendarOf, now: datetime) -> Experience:
        """What the newest published requests teach, at most KEPT old."""
        with self._lock:
            known = self._known.get(origin)
            if known is not None and timedelta(0) <= now - known[0] < KEPT:
                return known[1]
            with self._ledger.reading() as tx:
                ids = tx.request_ids(origin=origin, published=True, newest=RECENT)
                learned = learn([(r.tier, f) for r, f in flows(tx, ids, now, calendar_of)], now=now)
            self._known[origin] = now, learned
            return learned

    def outlook(self, tx: Transaction, request: Request, calendar_of: CalendarOf, now: datetime) -> Outlook:
        """One request's forecast now; the reason instead of dates when it has none."""
        flow = request_flow(tx.events(request.id), now, calendar_of=calendar_of, request=request)
        if request.state is not RequestState.OPEN:
            return Outlook(request, flow, Forecast(None, None, 0, f"it is {request.state}"))
        known = self.experience(request.origin, calendar_of, now)
        return Outlook(request, flow, _forecast(request, flow, known, calendar_of, now))

    def outlooks(
        self, tx: Transaction, calendar_of: CalendarOf, now: datetime, *, origin: str = Origin.LIVE
    ) -> list[Outlook]:
        """Every open request's forecast, in the order in which they were asked for.

        Of more than MANY each takes fewer trials, so that ten thousand take no longer than a few thousand would.
        """
        known = self.experience(origin, calendar_of, now)
        ids = [r.id for r in tx.requests(state=RequestState.OPEN, origin=origin)]
        trials, clocks = max(TRIALS * MANY // max(len(ids), MANY), FEWEST_TRIALS), Clocks(now)
        return [
            Outlook(r, f, _forecast(r, f, known, calendar_of, now, trials, clocks))
            for r, f in flows(tx, ids, now, calendar_of)
        ]


def as_json(found: Outlook) -> dict[str, Any]:
    """An outlook as plain data: dates in ISO 8601 UTC or null with the reason, the age in seconds."""
    f, r = found.forecast, found.request
    return {
        "request": r.id, "source": r.source, "use_case": r.use_case, "age_seconds": found.flow.lead,
        "p50": f.p50.isoformat() if f.p50 else None, "p85": f.p85.isoformat() if f.p85 else None, "samples": f.samples, "reason": f.reason,
        "assumptions": list(f.assumptions),
    }  # fmt: skip


def calibration(
    tx: Transaction, calendar_of: CalendarOf, now: datetime, *, origin: str = Origin.LIVE, newest: int = 150
) -> Calibration:
    """The newest published requests forecast again with what was known then."""
    past = []
    for request, events in histories(tx, tx.request_ids(origin=origin, published=True, newest=newest)):
        flow = request_flow(events, now, calendar_of=calendar_of, request=request)
        past.append(PastRequest(request.tier, events, flow, _required(request)))
    return backtest(past, calendar_of, trials=300)


def _forecast(
    request: Request, flow: RequestFlow, known: Experience, calendar_of: CalendarOf, now: datetime,
    trials: int = TRIALS, clocks: Clocks | None = None,
) -> Forecast:  # fmt: skip
    required = _required(request)
    return forecast(flow, required, known, calendar_of, now=now, tier=request.tier, trials=trials, clocks=clocks)


def _required(request: Request) -> dict[Stage, tuple[str, ...]]:
    return {Stage(gate): tuple(roles) for gate, roles in request.signatures.items()}
