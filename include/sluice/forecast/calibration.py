"""Whether the forecasts would have been right: made again for the past with what was known then."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sluice.flow.request import RequestFlow, request_flow
from sluice.flow.statistics import percentile
from sluice.flow.timeline import CalendarOf
from sluice.forecast.experience import FLOOR, learn
from sluice.forecast.request import forecast
from sluice.stages import Stage, StageEvent

MOMENTS = (timedelta(minutes=1), timedelta(days=1), timedelta(days=3))
"""At which ages each finished request is forecast again, if it was still open: chosen without knowing how it ended, as
a share of its own lead time would not be."""
MOST = 80


@dataclass(frozen=True)
class PastRequest:
    """A finished request as a back-test needs it."""

    tier: str
    events: Sequence[StageEvent]
    flow: RequestFlow
    required: Mapping[Stage, Sequence[str]]


@dataclass(frozen=True)
class Calibration:
    """Of `n` forecasts of the past, the share that ended by their P50 and P85. None with the reason when too few.

    They are of `requests` requests; several forecasts of one request are no independent trials.
    """

    n: int
    p50: float | None
    p85: float | None
    reason: str
    requests: int = 0

    @property
    def good(self) -> bool | None:
        """Whether both shares lie where chance puts them (95% Wilson interval); None when too few."""
        if self.p50 is None or self.p85 is None:
            return None
        trials = self.requests or self.n
        return _around(self.p50, trials, 0.5) and _around(self.p85, trials, 0.85)

    @property
    def said(self) -> str:
        """In words for people."""
        if self.p50 is None or self.p85 is None:
            return f"Not tested on the past: {self.reason}."
        verdict = (
            f"which is within what chance allows for {self.requests or self.n} requests"
            if self.good
            else "which is not what they say: take them with care"
        )
        return f"Of {self.n} forecasts made again for the past, {self.p50:.0%} ended by their P50 and {self.p85:.0%} by their P85, {verdict}."


def backtest(
    past: Sequence[PastRequest], calendar_of: CalendarOf, *, seed: int = 1, most: int = MOST, trials: int = 400
) -> Calibration:
    """Forecast the newest finished requests again, each with only what had ended before. Deterministic with the seed.

    Only those count that were asked for so long ago that nearly all of their time have ended: of the newest the quick
    ones alone have, and they would keep any forecast.
    """
    done = sorted(
        (p for p in past if p.flow.outcome == "published" and p.flow.requested and p.flow.ended),
        key=lambda p: p.flow.requested or _NEVER,
    )
    slow = percentile([p.flow.lead for p in done], 0.95) or 0.0
    latest = max((p.flow.ended for p in done if p.flow.ended), default=_NEVER)
    grown = [p for p in done if p.flow.requested and (latest - p.flow.requested).total_seconds() > slow]
    hits = {0.5: 0, 0.85: 0}
    n = 0
    tested: set[int] = set()
    for number, one in enumerate(grown[-(most // len(MOMENTS)) :]):
        requested, ended = one.flow.requested, one.flow.ended
        assert requested is not None  # noqa: S101 - chosen so
        assert ended is not None  # noqa: S101
        for moment in MOMENTS:
            at = requested + moment
            if at >= ended:
                continue
            known = learn([(p.tier, p.flow) for p in done if p is not one], now=at)
            then = request_flow([e for e in one.events if e.at <= at], at, calendar_of=calendar_of)
            found = forecast(
                then, one.required, known, calendar_of, now=at, tier=one.tier, seed=seed + number, trials=trials
            )
            if found.p50 is None or found.p85 is None:
                continue
            n += 1
            tested.add(number)
            hits[0.5] += ended <= found.p50
            hits[0.85] += ended <= found.p85
    if n < FLOOR:
        return Calibration(n, None, None, f"{n} past forecasts could be made, and it takes {FLOOR}")
    return Calibration(n, hits[0.5] / n, hits[0.85] / n, "", len(tested))


_NEVER = datetime.max.replace(tzinfo=UTC)


def _around(share: float, n: int, expected: float) -> bool:
    z = 1.959963984540054
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half <= expected <= middle + half
