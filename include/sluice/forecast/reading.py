"""Forecasts from the ledger. What the past teaches is learned once and kept for a while; each request is looked at fresh."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sluice.flow.reading import flows, histories
from sluice.flow.request import RequestFlow, request_flow
from sluice.flow.timeline import CalendarOf
from sluice.forecast.calibration import Calibration, PastRequest, backtest
from sluice.forecast.clock import Clocks
from sluice.forecast.experience import RECENT, Experience, learn
from sluice.forecast.request import TRIALS, Forecast, Slip, forecast, slip
from sluice.histories import Origin
from sluice.ledger import Ledger, Request, RequestState, Transaction
from sluice.stages import Stage

KEPT = timedelta(minutes=10)
MANY, FEWEST_TRIALS = 1000, 200


PROMISE = "promise"
"""Kind of the outbox's messages that keep what was promised: a request's first P85, under `promise_key`."""


def promise_key(request_id: str) -> str:
    """Where a request's promise is kept."""
    return f"{PROMISE}/{request_id}"


@dataclass(frozen=True)
class Outlook:
    """An open request, its flow so far, its forecast, the date it was promised, and whether that slips and why."""

    request: Request
    flow: RequestFlow
    forecast: Forecast
    promised: datetime | None = None
    slip: Slip | None = None


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

    def adopt(self, origin: str, at: datetime, known: Experience) -> None:
        """Take over what somebody else learned at that time, if it is newer."""
        with self._lock:
            if origin not in self._known or self._known[origin][0] < at:
                self._known[origin] = at, known

    def outlook(self, tx: Transaction, request: Request, calendar_of: CalendarOf, now: datetime) -> Outlook:
        """One request's forecast now; the reason instead of dates when it has none."""
        flow = request_flow(tx.events(request.id), now, calendar_of=calendar_of, request=request)
        if request.state is not RequestState.OPEN:
            return Outlook(request, flow, Forecast(None, None, 0, f"it is {request.state}"))
        known = self.experience(request.origin, calendar_of, now)
        found, promised = _forecast(request, flow, known, calendar_of, now), promises(tx, [request.id])
        return _outlook(request, flow, found, known, promised, now)

    def outlooks(
        self, tx: Transaction, calendar_of: CalendarOf, now: datetime, *, origin: str = Origin.LIVE
    ) -> list[Outlook]:
        """Every open request's forecast, in the order in which they were asked for.

        Of more than MANY each takes fewer trials, so that ten thousand take no longer than a few thousand would.
        """
        known = self.experience(origin, calendar_of, now)
        ids = [r.id for r in tx.requests(state=RequestState.OPEN, origin=origin)]
        trials, clocks = max(TRIALS * MANY // max(len(ids), MANY), FEWEST_TRIALS), Clocks(now)
        promised = promises(tx, ids)
        return [
            _outlook(r, f, _forecast(r, f, known, calendar_of, now, trials, clocks), known, promised, now)
            for r, f in flows(tx, ids, now, calendar_of)
        ]


def promises(tx: Transaction, request_ids: Sequence[str]) -> dict[str, datetime]:
    """What was promised, by request; those to which nothing could be promised are not in it."""
    kept = tx.payloads([promise_key(i) for i in request_ids])
    return {i: datetime.fromisoformat(str(kept[k]["p85"])) for i in request_ids if (k := promise_key(i)) in kept}


def _outlook(
    request: Request, flow: RequestFlow, found: Forecast, known: Experience, promised: Mapping[str, datetime], now: datetime
) -> Outlook:  # fmt: skip
    kept = promised.get(request.id)
    return Outlook(request, flow, found, kept, slip(kept, found, flow, known, now=now) if kept else None)


def as_json(found: Outlook) -> dict[str, Any]:
    """An outlook as plain data: dates in ISO 8601 UTC or null with the reason, the age in seconds."""
    f, r = found.forecast, found.request
    return {
        "request": r.id, "source": r.source, "use_case": r.use_case, "age_seconds": found.flow.lead,
        "p50": f.p50.isoformat() if f.p50 else None, "p85": f.p85.isoformat() if f.p85 else None, "samples": f.samples, "reason": f.reason,
        "assumptions": list(f.assumptions), **promise_json(found.promised, found.slip),
    }  # fmt: skip


def promise_json(promised: datetime | None, slipping: Slip | None) -> dict[str, Any]:
    """What was promised and by how many seconds it slips, with the cause; null where nothing was, or it holds."""
    return {
        "promised": promised.isoformat() if promised else None, "slips_seconds": slipping.late if slipping else None,
        "slips_because": slipping.cause if slipping else None,
    }  # fmt: skip


def calibration(
    tx: Transaction, calendar_of: CalendarOf, now: datetime, *, origin: str = Origin.LIVE, newest: int = 200
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
