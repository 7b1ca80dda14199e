"""One stage's events as a timeline: every stretch of its time exactly once, and what it was spent on.

The timeline is read in the order the events were written. A clock that was behind is lifted to the time already
reached, so no stretch is negative and the stretches never overlap. Sources: shared/reference/flow-metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sluice.calendars import CONTINUOUS, Calendar
from sluice.flow.kinds import Kind, pause_kind
from sluice.stages import GATES, Event, Stage, StageEvent, signatures_asked

CalendarOf = Callable[[str], Calendar]
"""A role's calendar; `Policy.calendar_of`."""
REQUESTER = "requester"
"""The role whose calendar a requester's wait is read with."""

ENDS = (Event.COMPLETED, Event.FAILED, Event.REJECTED, Event.RETURNED, Event.EXPIRED, Event.CANCELLED)
"""Events of a whole stage that end its attempt."""
_ANSWERS = (Event.APPROVED, Event.REJECTED, Event.RETURNED, Event.EXPIRED, Event.CANCELLED)


def always(_: str) -> Calendar:
    """Everybody is always at work: business time is wall-clock time."""
    return CONTINUOUS


@dataclass(frozen=True)
class Stretch:
    """A stretch of time of one kind. `roles` are those who were waited on."""

    begin: datetime
    end: datetime
    kind: Kind
    roles: frozenset[str] = frozenset()

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()


@dataclass(frozen=True)
class Attempt:
    """One pass through a stage. `outcome` is the event that ended it, None while it is open."""

    number: int
    ready: datetime
    started: datetime | None
    ended: datetime | None
    outcome: Event | None
    end_seq: int | None
    queue: float
    """Seconds from ready to started (to the end, or to now, of an attempt that never started)."""
    elapsed: float


@dataclass(frozen=True)
class Ask:
    """One question to one role: asked, and answered or still open. Seconds without the time the stage was paused."""

    role: str
    asked: datetime
    answered: datetime | None
    answer: Event | None
    wall: float
    business: float


@dataclass(frozen=True)
class Timeline:
    """A stage's stretches (in order, none overlapping), its attempts, and the questions it asked."""

    stage: Stage
    stretches: tuple[Stretch, ...]
    attempts: tuple[Attempt, ...]
    asks: tuple[Ask, ...]


def in_order(events: Iterable[StageEvent]) -> list[StageEvent]:
    """Events by sequence number, a clock that was behind lifted to the time already reached. Changes no history."""
    ordered: list[StageEvent] = []
    reached: datetime | None = None
    for event in sorted(events, key=lambda e: e.seq):
        # In UTC: between two local times of one zone Python counts as if its clocks never changed.
        at = event.at if event.at.tzinfo is UTC else event.at.astimezone(UTC)
        reached = at if reached is None else max(reached, at)
        ordered.append(event if event.at is at and at == reached else replace(event, at=reached))
    return ordered


def stage_timeline(events: Sequence[StageEvent], stage: Stage, now: datetime, calendar_of: CalendarOf) -> Timeline:
    """The timeline of a stage from its own events, already `in_order`; what is open runs to `now`."""
    reader = _Reader(stage, events)
    for event in events:
        reader.take(event)
    reader.until(now)
    split = tuple(piece for s in reader.stretches for piece in by_calendar(s, calendar_of))
    return Timeline(stage, split, tuple(reader.attempts_made(now)), tuple(reader.asks_made(now, calendar_of)))


@dataclass
class _Pass:
    number: int
    ready: datetime
    started: datetime | None = None
    ended: datetime | None = None
    outcome: Event | None = None
    end_seq: int | None = None


class _Reader:
    """Walks through a stage's events and remembers what it is doing between them."""

    def __init__(self, stage: Stage, events: Sequence[StageEvent]) -> None:
        self.stage = stage
        self.stretches: list[Stretch] = []
        self._by_table = any(e.table is not None for e in events)
        self._dead = _dead_starts(events)
        self._first = _first_signatures(events)
        self._last = {e.attempt: e.seq for e in events}
        self._passes: list[_Pass] = []
        self._asked: list[tuple[str, datetime, datetime | None, Event | None]] = []
        self._open: _Pass | None = None
        self._here: datetime | None = None
        self._paused: Kind | None = None
        self._broken = False
        self._tables: set[str] = set()
        self._roles: dict[str, datetime] = {}
        self._wanted: dict[str, int] = {}

    def take(self, event: StageEvent) -> None:
        self.until(event.at)
        whole = event.role is None and event.table is None
        begins = event.event in (Event.STARTED, Event.SUBMITTED) and self._open is None  # a history without `ready`
        if begins or (event.event is Event.READY and whole):
            self._begin(event)
        if event.event is Event.PAUSED:
            self._paused = pause_kind(event.reason_code)
        elif event.event is Event.RESUMED:
            self._paused = None
        elif event.role is not None:
            self._role(event, event.role)
        elif event.table is not None:
            self._table(event, event.table)
        else:
            self._whole(event)

    def until(self, at: datetime) -> None:
        """The stretch from the last event to this time."""
        if self._open is not None and self._here is not None and at > self._here:
            kind = self._kind()
            waited = kind in (Kind.APPROVER, Kind.REQUESTER)
            roles = frozenset(self._roles) if waited and self._paused is None else frozenset()
            self.stretches.append(Stretch(self._here, at, kind, roles))
        self._here = at if self._here is None else max(at, self._here)

    def _kind(self) -> Kind:
        if self._paused is not None:
            return self._paused
        if self._open is None or self._open.started is None:
            return Kind.QUEUE
        if self.stage in GATES:  # also once everybody has answered: then a role must sign a second time
            return Kind.APPROVER
        if self._broken:
            return Kind.SYSTEM
        return Kind.WORK if self._tables or not self._by_table else Kind.SYSTEM

    def _begin(self, event: StageEvent) -> None:
        self._close(event.at, None, None)
        self._open = _Pass(event.attempt, event.at)
        self._passes.append(self._open)

    def _close(self, at: datetime, outcome: Event | None, seq: int | None) -> None:
        if self._open is not None:
            self._open.ended, self._open.outcome, self._open.end_seq = at, outcome, seq
        for role, since in self._roles.items():
            self._asked.append((role, since, at, outcome))
        self._open, self._paused, self._broken = None, None, False
        self._tables, self._roles = set(), {}

    def _whole(self, event: StageEvent) -> None:
        if self._open is None:
            return
        if event.event is Event.STARTED:
            self._broken = False
            if self._open.started is None:
                self._open.started = event.at
        elif event.event is Event.FAILED and self._last[event.attempt] > event.seq:
            self._broken = True  # tried again within the attempt: until it works, it waits for the system
        elif event.event in ENDS:
            self._close(event.at, event.event, event.seq)

    def _table(self, event: StageEvent, table: str) -> None:
        if event.event is Event.STARTED:
            self._broken = False
            if self._open is not None and self._open.started is None:
                self._open.started = event.at
            # Started again without an end: the worker died; what it did until then is not known to be work.
            if event.seq not in self._dead:
                self._tables.add(table)
        elif event.event in ENDS:
            self._tables.discard(table)

    def _role(self, event: StageEvent, role: str) -> None:
        if event.event in (Event.SUBMITTED, Event.READY, Event.STARTED):
            if self._open is not None and self._open.started is None:
                self._open.started = event.at
            self._roles.setdefault(role, event.at)
            self._wanted[role] = signatures_asked(event)
        elif event.event in _ANSWERS and role in self._roles:
            self._wanted[role] -= 1
            if event.event is Event.APPROVED and (self._wanted[role] > 0 or event.seq in self._first):
                return  # more people of the role must sign
            self._asked.append((role, self._roles.pop(role), event.at, event.event))

    def attempts_made(self, now: datetime) -> Iterator[Attempt]:
        for p in self._passes:
            end = max(now, p.ready) if p.ended is None else p.ended
            begun = end if p.started is None else p.started
            yield Attempt(p.number, p.ready, p.started, p.ended, p.outcome, p.end_seq,
                          (begun - p.ready).total_seconds(), (end - p.ready).total_seconds())  # fmt: skip

    def asks_made(self, now: datetime, calendar_of: CalendarOf) -> Iterator[Ask]:
        still = [(role, since, None, None) for role, since in self._roles.items()]
        for role, since, until, answer in sorted([*self._asked, *still], key=lambda a: (a[1], a[0])):
            end = max(until or now, since)
            waited = [
                (max(s.begin, since), min(s.end, end)) for s in self.stretches if s.roles or s.kind is Kind.APPROVER
            ]
            spans = [(begin, stop) for begin, stop in waited if begin < stop]
            calendar = calendar_of(role)
            wall = sum((stop - begin).total_seconds() for begin, stop in spans)
            yield Ask(role, since, until, answer, wall, sum(calendar.seconds_between(*span) for span in spans))


def _first_signatures(events: Sequence[StageEvent]) -> set[int]:
    """Approvals after which the same role approved again without being asked again: more people of it had to sign."""
    first: set[int] = set()
    newest: dict[tuple[int, str], StageEvent] = {}
    for event in events:
        if event.role is not None:
            before = newest.get((event.attempt, event.role))
            if before is not None and before.event is event.event is Event.APPROVED:
                first.add(before.seq)
            newest[event.attempt, event.role] = event
    return first


def _dead_starts(events: Sequence[StageEvent]) -> set[int]:
    """Sequence numbers of table starts that were started again without an end between."""
    dead: set[int] = set()
    newest: dict[str, StageEvent] = {}
    for event in events:
        if event.table is not None:
            before = newest.get(event.table)
            if before is not None and before.event is event.event is Event.STARTED:
                dead.add(before.seq)
            newest[event.table] = event
    return dead


def people_of(stretch: Stretch) -> list[str]:
    """The roles whose opening hours part this wait; nobody's, where it does not wait for people who were asked."""
    if stretch.kind is Kind.REQUESTER:
        return [REQUESTER]
    return sorted(stretch.roles) if stretch.kind is Kind.APPROVER else []


def by_calendar(stretch: Stretch, calendar_of: CalendarOf) -> Iterator[Stretch]:
    """A wait for people, parted into the hours in which at least one of them was at work and those in which none was."""
    calendars = [calendar_of(role) for role in people_of(stretch)]
    if not calendars or any(c is CONTINUOUS for c in calendars):
        yield stretch
        return
    here = stretch.begin
    for begin, end in merged(o for c in calendars for o in c.openings(stretch.begin, stretch.end)):
        if begin > here:
            yield replace(stretch, begin=here, end=begin, kind=Kind.OFF_HOURS)
        yield replace(stretch, begin=begin, end=end)
        here = end
    if here < stretch.end:
        yield replace(stretch, begin=here, kind=Kind.OFF_HOURS)


def merged(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Spans without overlap, in order."""
    found: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found
