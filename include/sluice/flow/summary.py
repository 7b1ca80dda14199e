"""Many requests' flow summed up: the value stream by stage and by role queue, and its bottleneck in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import prod
from typing import Any

from sluice.flow.kinds import WAITS, Kind
from sluice.flow.request import RequestFlow
from sluice.flow.statistics import Spread, spread
from sluice.flow.timeline import Ask
from sluice.stages import Stage
from sluice.words import duration


@dataclass(frozen=True)
class StageSummary:
    """A stage over many requests. Seconds are totals but for `elapsed`, a spread per request.

    `complete_accurate` is %C&A as a share: attempts accepted downstream without a return, of the attempts that ended.
    `critical_share` is the stage's part of all lead time.
    """

    stage: Stage
    requests: int
    open: int
    attempts: int
    elapsed: Spread
    total: float
    work: float
    waits: Mapping[Kind, float]
    critical_share: float
    complete_accurate: float | None
    rework_attempts: int
    rework_seconds: float


@dataclass(frozen=True)
class RoleSummary:
    """A role's queue: never a person's. Spreads are seconds of answered questions; `oldest` is still unanswered."""

    role: str
    asked: int
    answered: int
    waiting: int
    oldest: datetime | None
    wall: Spread
    business: Spread
    target: float | None = None
    """Business seconds within which it should answer, by the policy."""
    within: float | None = None
    """The share of answered questions that were answered within the target."""


@dataclass(frozen=True)
class StreamSummary:
    """All of it. `lead`, `cycle` are spreads of published requests; `waits` and `work` are of every request's time."""

    requests: int
    outcomes: Mapping[str, int]
    lead: Spread
    cycle: Spread
    work: float
    waits: Mapping[Kind, float]
    efficiency: float | None
    business_efficiency: float | None
    rolled_complete_accurate: float | None
    stages: tuple[StageSummary, ...]
    roles: tuple[RoleSummary, ...]

    @property
    def bottleneck(self) -> str:
        """The stage that most of the lead time passes in, and on what, in a sentence; "" without any time."""
        return bottleneck(self)


class _Stage:
    def __init__(self) -> None:
        self.elapsed: list[float] = []
        self.open = self.attempts = self.judged = self.accepted = 0
        self.work = self.critical = self.rework = 0.0
        self.waits: Counter[Kind] = Counter()


def summarise(flows: Iterable[RequestFlow]) -> StreamSummary:
    """Sum up; the flows are read once and not kept, so that a hundred thousand fit."""
    outcomes: Counter[str] = Counter()
    leads, cycles = [], []
    total = business = work = 0.0
    waits: Counter[Kind] = Counter()
    stages = {stage: _Stage() for stage in Stage}
    asks: dict[str, list[Ask]] = {}
    for flow in flows:
        outcomes[flow.outcome] += 1
        if flow.outcome == "published":
            leads.append(flow.lead)
            cycles.append(flow.cycle)
        total, business, work = total + flow.lead, business + flow.business_lead, work + flow.work
        waits.update(flow.waits)
        for own in flow.stages:
            kept = stages[own.stage]
            kept.elapsed.append(own.elapsed)
            kept.open += own.open
            kept.attempts += own.attempts
            kept.judged += own.judged
            kept.accepted += own.accepted
            kept.work += own.work
            kept.critical += own.critical
            kept.rework += own.rework
            kept.waits.update(own.waits)
            for ask in own.asks:
                asks.setdefault(ask.role, []).append(ask)
    found = tuple(_stage(stage, kept, total) for stage, kept in stages.items() if kept.elapsed)
    shares = [s.complete_accurate for s in found if s.complete_accurate is not None]
    return StreamSummary(
        requests=outcomes.total(), outcomes=dict(outcomes), lead=spread(leads), cycle=spread(cycles), work=work,
        waits={k: waits[k] for k in WAITS}, efficiency=work / total if total else None,
        business_efficiency=work / business if business else None,
        rolled_complete_accurate=prod(shares) if shares else None, stages=found,
        roles=tuple(_role(role, own) for role, own in sorted(asks.items())),
    )  # fmt: skip


def _stage(stage: Stage, kept: _Stage, total: float) -> StageSummary:
    return StageSummary(
        stage=stage, requests=len(kept.elapsed), open=kept.open, attempts=kept.attempts, elapsed=spread(kept.elapsed),
        total=sum(kept.elapsed), work=kept.work, waits={k: kept.waits[k] for k in WAITS},
        critical_share=kept.critical / total if total else 0.0,
        complete_accurate=kept.accepted / kept.judged if kept.judged else None,
        rework_attempts=kept.attempts - len(kept.elapsed), rework_seconds=kept.rework,
    )  # fmt: skip


def _role(role: str, asks: list[Ask]) -> RoleSummary:
    answered = [a for a in asks if a.answered is not None]
    waiting = [a for a in asks if a.answered is None]
    return RoleSummary(
        role, len(asks), len(answered), len(waiting), min((a.asked for a in waiting), default=None),
        spread([a.wall for a in answered]), spread([a.business for a in answered]),
    )  # fmt: skip


_SPENT = {
    Kind.WORK: "work",
    Kind.QUEUE: "waiting to be started",
    Kind.APPROVER: "waiting for approvers",
    Kind.REQUESTER: "waiting for the requester",
    Kind.SYSTEM: "waiting for a system",
    Kind.OFF_HOURS: "nights, weekends and holidays of those who were asked",
}


def bottleneck(summary: StreamSummary) -> str:
    """Such as: "admission holds 62% of the lead time (half take 3 d 2 h or more), mostly waiting for approvers;
    the slowest queue is security (half answer within 9 h of business time)"."""
    worst = max(summary.stages, key=lambda s: s.critical_share, default=None)
    if worst is None or not worst.critical_share:
        return ""
    spent = {Kind.WORK: worst.work, **worst.waits}
    kind = max(spent, key=lambda k: spent[k])
    said = f"{worst.stage.value} holds {worst.critical_share:.0%} of the lead time (half take {duration(worst.elapsed.p50 or 0.0)} or more), mostly {_SPENT[kind]}"
    slow = [r for r in summary.roles if r.business.p50]
    if kind in (Kind.APPROVER, Kind.OFF_HOURS) and slow:
        role = max(slow, key=lambda r: r.business.p50 or 0.0)
        said += f"; the slowest queue is {role.role} (half answer within {duration(role.business.p50 or 0.0)} of business time)"
    return f"{said}."


def as_json(summary: StreamSummary) -> dict[str, Any]:
    """Plain data for machines: seconds, shares from 0 to 1, names as in the reference."""

    def lying(s: Spread) -> dict[str, Any]:
        return {"n": s.n, "p50": s.p50, "p85": s.p85, "p95": s.p95}

    return {
        "requests": summary.requests,
        "outcomes": dict(summary.outcomes),
        "lead_seconds": lying(summary.lead),
        "cycle_seconds": lying(summary.cycle),
        "work_seconds": summary.work,
        "wait_seconds": {k.value: v for k, v in summary.waits.items()},
        "flow_efficiency": summary.efficiency,
        "flow_efficiency_business": summary.business_efficiency,
        "rolled_complete_accurate": summary.rolled_complete_accurate,
        "bottleneck": summary.bottleneck,
        "percentile_method": "linear between nearest ranks (Hyndman-Fan type 7)",
        "stages": [
            {
                "stage": s.stage.value, "requests": s.requests, "open": s.open, "attempts": s.attempts,
                "elapsed_seconds": lying(s.elapsed), "total_seconds": s.total, "work_seconds": s.work,
                "wait_seconds": {k.value: v for k, v in s.waits.items()}, "critical_share": s.critical_share,
                "complete_accurate": s.complete_accurate, "rework_attempts": s.rework_attempts, "rework_seconds": s.rework_seconds,
            }
            for s in summary.stages
        ],
        "roles": [
            {
                "role": r.role, "asked": r.asked, "answered": r.answered, "waiting": r.waiting,
                "oldest": r.oldest.isoformat() if r.oldest else None,
                "wall_seconds": lying(r.wall), "business_seconds": lying(r.business), "target_seconds": r.target,
                "within_target": r.within,
            }
            for r in summary.roles
        ],
    }  # fmt: skip
