"""One request's flow from its events: lead, cycle, work and every kind of wait, stage by stage.

Definitions and formulas: shared/reference/flow-metrics.md, told for readers in docs/flow.md. Seconds throughout;
derived every time and never stored as truth. `work` plus all `waits` is the lead time, and a stage's `work` plus its
`waits` is its elapsed time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from sluice.flow.critical import delays
from sluice.flow.kinds import WAITS, Kind
from sluice.flow.timeline import (
    ENDS,
    REQUESTER,
    Ask,
    Attempt,
    CalendarOf,
    Stretch,
    always,
    by_calendar,
    in_order,
    stage_timeline,
)
from sluice.ledger import Request, RequestState
from sluice.stages import Event, Stage, StageEvent


@dataclass(frozen=True)
class StageFlow:
    """One stage's time in seconds. `elapsed` = `work` + `wait`; `wait` = Σ `waits`; `queue` is one of them.

    `elapsed` is a union over attempts and over what ran side by side. `rework` is the elapsed time of the attempts
    after the first. `judged` attempts have ended, `accepted` ones were complete and never done again or sent back.
    `critical` is the delay the stage adds to the chain of last-finishing predecessors.
    """

    stage: Stage
    attempts: int
    elapsed: float
    queue: float
    work: float
    wait: float
    done: bool
    waits: Mapping[Kind, float]
    ready: datetime
    ended: datetime | None
    rework: float
    judged: int
    accepted: int
    critical: float
    asks: tuple[Ask, ...]
    passes: tuple[Attempt, ...]
    stretches: tuple[Stretch, ...]

    @property
    def open(self) -> bool:
        """Whether it is ready or under way."""
        return self.ended is None


@dataclass(frozen=True)
class RequestFlow:
    """A request's time in seconds.

    `lead` runs on the wall clock from requested to published (to its end, or to now); `cycle` from the first start.
    `work` counts what ran side by side once. `efficiency` is work / lead, `business_efficiency` work / the lead time
    without the hours in which everybody who was waited on was off duty. `outcome` is a RequestState's value.
    """

    stages: tuple[StageFlow, ...]
    lead: float
    work: float
    efficiency: float
    cycle: float
    waits: Mapping[Kind, float]
    business_lead: float
    business_efficiency: float
    outcome: str
    requested: datetime | None
    started: datetime | None
    ended: datetime | None
    stretches: tuple[Stretch, ...]

    def stage(self, stage: Stage) -> StageFlow | None:
        """One stage's flow; None when it was never ready."""
        return next((f for f in self.stages if f.stage is stage), None)


def request_flow(
    events: Iterable[StageEvent], now: datetime, *, calendar_of: CalendarOf = always, request: Request | None = None
) -> RequestFlow:
    """The flow of one request from its events; what is still open is measured up to `now`.

    With `request` its recorded state says whether it has ended, and the clock starts when it was first asked for: one
    that was sent back and asked again counts on, the time before as the requester's. Without it the events alone say.
    """
    ordered = in_order(events)
    if not ordered:
        return RequestFlow((), 0.0, 0.0, 0.0, 0.0, dict.fromkeys(WAITS, 0.0), 0.0, 0.0, "open", None, None, None, ())
    outcome, end = _ending(ordered, request)
    until = max(now, ordered[-1].at) if end is None else end.at
    counted = ordered if end is None else [e for e in ordered if e.seq <= end.seq]
    own: dict[Stage, list[StageEvent]] = {}
    for event in counted:
        own.setdefault(event.stage, []).append(event)
    timelines = {stage: stage_timeline(own[stage], stage, until, calendar_of) for stage in Stage if stage in own}
    passes = {stage: t.attempts for stage, t in timelines.items() if t.attempts}
    begin = counted[0].at if request is None else min(request.requested_at.astimezone(UTC), counted[0].at)
    critical = delays(begin, passes, until)
    stages = tuple(
        _stage_flow(
            stage, timelines[stage].stretches, attempts, timelines[stage].asks, critical.get(stage, 0.0), outcome
        )
        for stage, attempts in passes.items()
    )
    whole = tuple(_whole(begin, until, stages, own, calendar_of))
    spent = _by_kind(whole)
    lead, work = (until - begin).total_seconds(), spent[Kind.WORK]
    started = min((a.started for t in passes.values() for a in t if a.started), default=None)
    business = max(lead - spent[Kind.OFF_HOURS], work)
    return RequestFlow(
        stages=stages, lead=lead, work=work, efficiency=work / lead if lead else 0.0,
        cycle=(until - started).total_seconds() if started else 0.0, waits={k: spent[k] for k in WAITS},
        business_lead=business, business_efficiency=work / business if business else 0.0, outcome=outcome,
        requested=begin, started=started, ended=None if end is None else end.at, stretches=whole,
    )  # fmt: skip


_OUTCOMES = {
    Event.REJECTED: "rejected", Event.RETURNED: "returned", Event.FAILED: "failed", Event.CANCELLED: "cancelled",
    Event.EXPIRED: "expired",
}  # fmt: skip


def _ending(ordered: Sequence[StageEvent], request: Request | None) -> tuple[str, StageEvent | None]:
    """How the request ended, and the event with which it did; ("open", None) while it has not."""
    whole = [e for e in ordered if e.table is None and e.role is None]
    published = next((e for e in whole if e.stage is Stage.PUBLISH and e.event is Event.COMPLETED), None)
    if published is not None:
        return RequestState.PUBLISHED.value, published
    if request is not None and request.state is RequestState.OPEN:
        return RequestState.OPEN.value, None
    last = next((e for e in reversed(whole) if e.event in _OUTCOMES), None)
    begun_again = last is not None and any(e.seq > last.seq and e.event in (Event.READY, Event.STARTED) for e in whole)
    if request is not None:
        return request.state.value, last or ordered[-1]
    return (_OUTCOMES[last.event], last) if last is not None and not begun_again else (RequestState.OPEN.value, None)


def _stage_flow(
    stage: Stage,
    stretches: tuple[Stretch, ...],
    passes: tuple[Attempt, ...],
    asks: tuple[Ask, ...],
    critical: float,
    outcome: str,
) -> StageFlow:
    spent = _by_kind(stretches)
    elapsed = sum(s.seconds for s in stretches)
    ended = [p for p in passes if p.ended is not None]
    last = passes[-1]
    good = last.outcome is Event.COMPLETED and not (stage is Stage.REQUEST and outcome == RequestState.RETURNED.value)
    return StageFlow(
        stage=stage, attempts=len(passes), elapsed=elapsed, queue=spent[Kind.QUEUE], work=spent[Kind.WORK],
        wait=elapsed - spent[Kind.WORK], done=last.outcome is Event.COMPLETED, waits={k: spent[k] for k in WAITS},
        ready=passes[0].ready, ended=last.ended, rework=sum(p.elapsed for p in passes[1:]), judged=len(ended),
        accepted=int(good), critical=critical, asks=asks, passes=passes, stretches=stretches,
    )  # fmt: skip


_STRENGTH = {
    kind: i
    for i, kind in enumerate((Kind.WORK, Kind.APPROVER, Kind.REQUESTER, Kind.SYSTEM, Kind.OFF_HOURS, Kind.QUEUE))
}
"""Of two stages side by side, what the request's time counts as: what moves it before what holds it."""


def _whole(
    begin: datetime,
    until: datetime,
    stages: Sequence[StageFlow],
    own: Mapping[Stage, list[StageEvent]],
    calendar_of: CalendarOf,
) -> Iterable[Stretch]:
    """The request's time from begin to end, every second once."""
    stretches = sorted((s for f in stages for s in f.stretches), key=lambda s: s.begin)
    cuts = sorted({begin, until, *(s.begin for s in stretches), *(s.end for s in stretches)})
    open_now: list[Stretch] = []
    waiting = iter(stretches)
    upcoming = next(waiting, None)
    for start, end in pairwise(cuts):
        open_now = [s for s in open_now if s.end > start]
        while upcoming is not None and upcoming.begin <= start:
            open_now.append(upcoming)
            upcoming = next(waiting, None)
        if open_now:
            strongest = min(open_now, key=lambda s: _STRENGTH[s.kind])
            yield Stretch(start, end, strongest.kind, strongest.roles)
        else:
            gap = Stretch(start, end, _between(start, own), frozenset())
            yield from by_calendar(gap, calendar_of)


def _between(at: datetime, own: Mapping[Stage, list[StageEvent]]) -> Kind:
    """Who has the request while no stage has it: the requester after a return, else the system."""
    ends = [
        e for events in own.values() for e in events if e.at <= at and e.event in ENDS and e.table is e.role is None
    ]
    newest = max(ends, key=lambda e: e.seq, default=None)
    # Before any stage there is only an earlier request that was sent back, which this one continues.
    sent_back = newest is None or newest.event in (Event.RETURNED, Event.REJECTED)
    return Kind.REQUESTER if sent_back else Kind.SYSTEM


def _by_kind(stretches: Iterable[Stretch]) -> dict[Kind, float]:
    spent = dict.fromkeys(Kind, 0.0)
    for s in stretches:
        spent[s.kind] += s.seconds
    return spent


__all__ = ["REQUESTER", "RequestFlow", "StageFlow", "request_flow"]
