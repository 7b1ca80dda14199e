"""Before against now: the difference of medians with a bootstrap confidence interval, like with like or said so.

Method: percentile bootstrap (Efron and Tibshirani 1993, ch. 13) of the difference of medians, both sides resampled;
against a claim without cases only our own side is. Fewer than FLOOR cases on a side give no interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.flow.statistics import Spread, spread
from sluice.histories import Baseline, Obtained, PastCase
from sluice.words import duration

FLOOR = 20
CONFIDENCE = 0.95
SEED = 20261122
RESAMPLES = 9999


@dataclass(frozen=True)
class Comparison:
    """Seconds. `saved` = median before − median now; `low` and `high` are its 95% confidence interval.

    `reason` says why there is no interval (too few cases, a claim without cases); `notes` say in how far the two sides
    are alike. `measured` is False for a claim, which is a statement and no proof.
    """

    baseline: str
    measured: bool
    tier: str | None
    outcome: str
    clock: str
    before: Spread
    now: Spread
    saved: float | None
    low: float | None
    high: float | None
    reason: str
    notes: tuple[str, ...]
    simulated: bool = False
    """Our side is simulated: a picture of what it could look like, and no result."""

    @property
    def proven(self) -> bool:
        """Whether real requests are faster: the interval above zero, on a measured baseline, with enough cases."""
        return self.measured and not self.simulated and self.low is not None and self.low > 0

    @property
    def said(self) -> str:
        """The comparison in a sentence for people."""
        if self.saved is None or self.before.p50 is None or self.now.p50 is None:
            return f"No comparison with {self.baseline!r}: {self.reason}."
        kind = "measured" if self.measured else "claimed, not measured"
        ours = "Simulated, which proves nothing: half" if self.simulated else "Half"
        text = f"{ours} take {duration(self.now.p50)} or less now; {self.baseline!r} ({kind}) says {duration(self.before.p50)}"
        if self.low is None or self.high is None:
            return f"{text}. No confidence interval: {self.reason}."
        return f"{text}. {_saved(self.saved)} (95% confidence: {_saved(self.low)} to {_saved(self.high)})."


def _saved(seconds: float) -> str:
    return f"{duration(abs(seconds))} {'less' if seconds >= 0 else 'more'}"


def compare(
    baseline: Baseline,
    cases: Iterable[PastCase],
    *,
    tier: str | None = None,
    outcome: str = "published",
    clock: str = "wall",
    simulated: bool = False,
    seed: int = SEED,
) -> Comparison:
    """Set finished cases beside a baseline, with the same tier (None: all), outcome and clock ("wall", "business")."""
    now = [c for c in cases if c.outcome == outcome and tier in (None, c.tier)]
    before = [c for c in baseline.cases if c.outcome == outcome and (tier is None or c.tier in ("", tier))]
    ours, theirs = _values(now, clock), _values(before, clock)
    notes = tuple(_notes(baseline, before, now, tier, clock))
    claimed = baseline.claimed_seconds if not baseline.cases and clock == "wall" else None
    was = Spread(0, claimed, None, None) if claimed is not None else spread(theirs)
    found = spread(ours)
    saved = was.p50 - found.p50 if was.p50 is not None and found.p50 is not None else None
    reason = _reason(len(theirs), len(ours), claimed)
    low = high = None
    if saved is not None and not reason:
        low, high = _interval(theirs, ours, claimed, seed)
    if saved is not None and claimed is not None and not reason:
        notes = (*notes, "the interval counts only our own cases; the claim has none")
    return Comparison(
        baseline.name,
        baseline.obtained is Obtained.MEASURED,
        tier,
        outcome,
        clock,
        was,
        found,
        saved,
        low,
        high,
        reason,
        notes,
        simulated,
    )


def _values(cases: Iterable[PastCase], clock: str) -> list[float]:
    chosen = [c.lead if clock == "wall" else c.business for c in cases]
    return [v for v in chosen if v is not None]


def _reason(before: int, now: int, claimed: float | None) -> str:
    if now < FLOOR:
        return f"{now} finished {_requests(now)} of ours, and fewer than {FLOOR} prove nothing"
    if claimed is None and before < FLOOR:
        return f"{before} finished {_requests(before)} in the baseline, and fewer than {FLOOR} prove nothing"
    return ""


def _requests(n: int) -> str:
    return "request" if n == 1 else "requests"


def _notes(
    baseline: Baseline, before: Sequence[PastCase], now: Sequence[PastCase], tier: str | None, clock: str
) -> Iterable[str]:
    if baseline.obtained is Obtained.CLAIMED:
        yield f"claimed, not measured: {baseline.statement}"
    if tier is not None and any(not c.tier for c in before):
        yield "the baseline does not say every case's tier, so other tiers may be among them"
    if tier is None and before:
        mixed = sorted({c.tier or "unknown" for c in before} ^ {c.tier or "unknown" for c in now})
        if now and mixed:
            yield f"the tiers differ: {', '.join(mixed)} on one side only"
    if clock == "business" and any(c.business is None for c in baseline.cases):
        yield "the baseline has no business hours; import it with --calendar"


def _interval(theirs: Sequence[float], ours: Sequence[float], claimed: float | None, seed: int) -> tuple[float, float]:
    import numpy

    random = numpy.random.default_rng(seed)
    was = claimed if claimed is not None else _medians(theirs, random)
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(was - _medians(ours, random), (tail, 1 - tail))
    return float(low), float(high)


def _medians(values: Sequence[float], random: Any) -> Any:
    """Medians of RESAMPLES bootstrap samples, drawn without drawing the samples.

    The i-th smallest of n drawn with replacement from n sorted values is the value at ⌈n·U⌉, U being the i-th smallest
    of n uniform numbers, which is Beta(i, n−i+1); the next one lies Beta(1, n−i) of the way from there to 1
    (David and Nagaraja 2003, Order Statistics, ch. 2). Exact, and as quick for a hundred thousand as for twenty.
    """
    import numpy

    ordered, n = numpy.sort(values), len(values)
    i = (n + 1) // 2
    lower = random.beta(i, n - i + 1, RESAMPLES)
    upper = lower if n % 2 else lower + (1 - lower) * random.beta(1, n - i, RESAMPLES)
    places = [numpy.clip(numpy.ceil(n * u).astype(int) - 1, 0, n - 1) for u in (lower, upper)]
    return (ordered[places[0]] + ordered[places[1]]) / 2
