"""What finished requests teach: how long stages take, how soon roles answer, how often work comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sluice.flow.kinds import Kind
from sluice.flow.request import RequestFlow
from sluice.flow.statistics import percentile, throughput
from sluice.stages import GATES, Stage

FLOOR = 20
"""Below this many published requests there is no forecast."""
RECENT = 500
"""Only so many of the newest count: what was true a year ago need not be true now."""

Samples = tuple[float, ...]
K = TypeVar("K")


@dataclass(frozen=True)
class Experience:
    """Sorted samples in seconds, of `n` published requests.

    `stages`: a stage's first pass from ready to its end. `queues`: a gate from ready to asked. `answers`: a role's
    business time from asked to answered. `elapsed`: a stage's whole wall time. `reworks`: per request, what returns
    added (0 for most); `corrections`: how long a requester had it, where one had. `weekly`: published per week. `tiers`: the same for one tier alone.
    """

    n: int
    first: datetime | None
    last: datetime | None
    stages: Mapping[Stage, Samples]
    queues: Mapping[Stage, Samples]
    answers: Mapping[str, Samples]
    elapsed: Mapping[Stage, Samples]
    leads: Samples
    reworks: Samples
    corrections: Samples
    weekly: tuple[int, ...]
    tiers: Mapping[str, Experience] = field(default_factory=dict)

    @property
    def enough(self) -> bool:
        return self.n >= FLOOR

    def of(self, tier: str) -> Experience:
        """That of the tier alone when there is enough of it, else that of all."""
        own = self.tiers.get(tier)
        return own if own is not None and own.enough else self


def learn(flows: Iterable[tuple[str, RequestFlow]], *, now: datetime) -> Experience:
    """The experience of (tier, flow) pairs published by `now`; the newest RECENT of them."""
    done = [(tier, f) for tier, f in flows if f.outcome == "published" and f.ended is not None and f.ended <= now]
    done.sort(key=lambda pair: pair[1].ended or now)
    recent = _grown(done, now)[-RECENT:]
    weeks = [w.published for w in throughput([f for _, f in done[-RECENT:]], until=now)]
    whole = weeks[1:-1] if len(weeks) > 2 else ()  # the first and the running week are not whole
    tiers = {tier: _learned([f for t, f in recent if t == tier], ()) for tier in {t for t, _ in recent}}
    return _learned([f for _, f in recent], tuple(whole), tiers)


def _grown(done: list[tuple[str, RequestFlow]], now: datetime) -> list[tuple[str, RequestFlow]]:
    """Those asked for so long ago that nearly all of their time are finished: of the newest only the quick ones are."""
    slow = percentile([f.lead for _, f in done], 0.95) or 0.0
    grown = [(t, f) for t, f in done if f.requested and (now - f.requested).total_seconds() > slow]
    return grown if len(grown) >= FLOOR else done


def _learned(
    flows: Sequence[RequestFlow], weekly: tuple[int, ...], tiers: Mapping[str, Experience] | None = None
) -> Experience:
    stages: dict[Stage, list[float]] = {}
    queues: dict[Stage, list[float]] = {}
    answers: dict[str, list[float]] = {}
    elapsed: dict[Stage, list[float]] = {}
    for flow in flows:
        for own in flow.stages:
            elapsed.setdefault(own.stage, []).append(own.elapsed)
            stages.setdefault(own.stage, []).append(own.passes[0].elapsed)
            if own.stage in GATES:
                queues.setdefault(own.stage, []).append(own.passes[0].queue)
            for ask in own.asks:
                if ask.answered is not None:
                    answers.setdefault(ask.role, []).append(ask.business)
    ends = [f.ended for f in flows if f.ended]
    starts = [f.requested for f in flows if f.requested]
    return Experience(
        len(flows), min(starts, default=None), max(ends, default=None), _sorted(stages), _sorted(queues), _sorted(answers), _sorted(elapsed),
        tuple(sorted(f.lead for f in flows)), tuple(sorted(_rework(f) for f in flows)),
        tuple(sorted(f.waits[Kind.REQUESTER] for f in flows if f.waits[Kind.REQUESTER] > 0)), weekly, tiers or {},
    )  # fmt: skip


def _rework(flow: RequestFlow) -> float:
    """What returns added: every stage's later attempts, and the time the requester had it."""
    again = sum(f.rework for f in flow.stages)
    return again + flow.waits[Kind.REQUESTER] if again else 0.0


def _sorted(samples: Mapping[K, list[float]]) -> dict[K, Samples]:
    return {key: tuple(sorted(values)) for key, values in samples.items()}
