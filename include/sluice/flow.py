"""Stage durations from the event log: pure functions, derived every time and never stored.

Definitions: shared/reference/flow-metrics.md. All durations are in seconds of wall-clock time; sequence numbers
order the events, so a skewed clock shortens an interval to zero and never makes it negative.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sluice.stages import GATES, Event, Stage, StageEvent

Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class StageFlow:
    """One stage's time. `elapsed` = `work` + `wait`; `queue` is the part of `wait` before the first start."""

    stage: Stage
    attempts: int
    elapsed: float
    queue: float
    work: float
    wait: float
    done: bool


@dataclass(frozen=True)
class RequestFlow:
    """A request's time. `lead` runs from requested to published (or to `now`); `efficiency` is Σ work / lead."""

    stages: tuple[StageFlow, ...]
    lead: float
    work: float
    efficiency: float


def request_flow(events: Iterable[StageEvent], now: datetime) -> RequestFlow:
    """The flow of one request from its events; what is still open is measured up to `now`."""
    ordered = sorted(events, key=lambda e: e.seq)
    stages = tuple(
        f for stage in Stage if (f := stage_flow([e for e in ordered if e.stage is stage], stage, now)) is not None
    )
    if not ordered:
        return RequestFlow((), 0.0, 0.0, 0.0)
    end = next(
        (e.at for e in ordered if e.stage is Stage.PUBLISH and e.event is Event.COMPLETED and e.table is None), None
    )
    ended = end or next((e.at for e in reversed(ordered) if e.event in _ENDS and e.table is None), now)
    lead = _seconds(ordered[0].at, ended)
    work = sum(s.work for s in stages)
    return RequestFlow(stages, lead, work, work / lead if lead else 0.0)


_ENDS = (Event.FAILED, Event.REJECTED, Event.RETURNED, Event.CANCELLED)


def stage_flow(events: list[StageEvent], stage: Stage, now: datetime) -> StageFlow | None:
    """The flow of one stage from its own events, in order; None when it was never ready."""
    attempts: dict[int, list[StageEvent]] = {}
    for event in events:
        attempts.setdefault(event.attempt, []).append(event)
    if not attempts:
        return None
    elapsed: list[Interval] = []
    queue = 0.0
    working: list[Interval] = []
    for own in attempts.values():
        whole = [e for e in own if e.table is None and e.role is None]
        begin = next((e.at for e in whole if e.event is Event.READY), own[0].at)
        start = next((e.at for e in whole if e.event is Event.STARTED), None)
        end = next((e.at for e in whole if e.event is Event.COMPLETED or e.event in _ENDS), None)
        elapsed.append((begin, end or now))
        queue += _seconds(begin, start or end or now)
        working += [] if stage in GATES else _work(own, start, end or now)
    total = _union(elapsed)
    work = min(_union(working), total)
    done = any(e.event is Event.COMPLETED and e.table is None for e in attempts[max(attempts)])
    return StageFlow(stage, len(attempts), total, min(queue, total), work, total - work, done)


def _work(events: list[StageEvent], start: datetime | None, until: datetime) -> list[Interval]:
    """Intervals in which at least one table was worked on; a stage without tables works from start to end."""
    tables = {e.table for e in events if e.table is not None}
    if not tables:
        return [] if start is None else [(start, until)]
    found: list[Interval] = []
    for table in tables:
        begun: datetime | None = None
        for event in (e for e in events if e.table == table):
            if event.event is Event.STARTED:
                # Started again without an end: the worker died; what it did until then is not known to be work.
                begun = event.at
            elif begun is not None:
                found.append((begun, event.at))
                begun = None
        if begun is not None:
            found.append((begun, until))
    return found


def _union(intervals: list[Interval]) -> float:
    total = 0.0
    reached: datetime | None = None
    for begin, end in sorted(intervals):
        total += _seconds(begin if reached is None else max(begin, reached), end)
        reached = end if reached is None else max(reached, end)
    return total


def _seconds(begin: datetime, end: datetime) -> float:
    return max((end - begin).total_seconds(), 0.0)
