"""When a whole roadmap will be done: the ones under way by their own forecasts, the others by what a week brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sluice.forecast.clock import instant
from sluice.forecast.experience import FLOOR, Experience
from sluice.forecast.request import TRIALS, Forecast

WEEKS = 6
"""Whole weeks of history that a forecast by throughput needs."""
_HORIZON = 520
WEEK = 604800.0


@dataclass(frozen=True)
class Roadmap:
    """`total` requests, `done` of them published already. P50 and P85 of the last one's end, or None with the reason."""

    total: int
    done: int
    under_way: int
    not_asked: int
    p50: datetime | None
    p85: datetime | None
    reason: str
    assumptions: tuple[str, ...]


def roadmap(
    under_way: Sequence[Forecast],
    experience: Experience,
    *,
    done: int,
    not_asked: int,
    now: datetime,
    wip_limit: int | None = None,
    seed: int = 1,
) -> Roadmap:
    """When the last of done + under_way + not_asked requests is published."""
    total = done + len(under_way) + not_asked
    hidden = _hidden(under_way, experience, not_asked)
    if hidden or total == done:
        return Roadmap(total, done, len(under_way), not_asked, None, None, hidden or "all of it is published", ())
    import numpy as np

    random = np.random.default_rng(seed)
    ends = np.full(TRIALS, now.timestamp())
    for number, found in enumerate(under_way):
        ends = np.maximum(ends, np.random.default_rng((seed, number)).permutation(np.resize(found.trials, TRIALS)))
    assumptions = ["every request under way ends as its own forecast says, independent of the others"]
    if not_asked:
        weekly = random.choice(np.array(experience.weekly), (TRIALS, _HORIZON)).cumsum(axis=1)
        if wip_limit is not None:
            # Little's law: with at most L under way and a lead time of W, no week brings more than L / W.
            most = wip_limit / (np.median(experience.leads) / WEEK)
            weekly = np.minimum(weekly, most * np.arange(1, _HORIZON + 1))
        enough = (weekly >= len(under_way) + not_asked).argmax(axis=1) + 1
        longest = random.choice(np.array(experience.leads), (TRIALS, not_asked)).max(axis=1)
        ends = np.maximum(ends, now.timestamp() + np.maximum(enough * WEEK, longest))
        assumptions += [
            f"the {not_asked} that are not asked for yet are asked for now, and each takes as long as one of {experience.n} before",
            f"all capacity goes to this roadmap: a week brings as many as one of the last {len(experience.weekly)} whole weeks did, which was also limited by what was asked for",
        ]
        if wip_limit is not None:
            assumptions.append(f"at most {wip_limit} are under way at once")
    p50, p85 = (instant(float(np.percentile(ends, q))) for q in (50, 85))
    return Roadmap(total, done, len(under_way), not_asked, p50, p85, "", tuple(assumptions))


def _hidden(under_way: Sequence[Forecast], experience: Experience, not_asked: int) -> str:
    if not experience.enough:
        return f"only {experience.n} requests were published, and it takes {FLOOR} to say"
    if unknown := next((f.reason for f in under_way if not len(f.trials)), ""):
        return f"one of them has no forecast: {unknown}"
    if not_asked and (len(experience.weekly) < WEEKS or not any(experience.weekly)):
        return f"only {len(experience.weekly)} whole weeks of history, and it takes {WEEKS} to say what a week brings"
    return ""
