"""One request's history in one line: what the pages read instead of its events.

Derived from the events alone by `sluice.flow` and renewed when new ones appear, so it can be thrown away and made
again. Durations are as of the newest event; an open stage ticks on from there (`ticking`), so that the line of a
request in which nothing happens stays true without being written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Any

from sluice.flow import REASONS, Ask, Kind, ReasonCode, RequestFlow, StageFlow, Stretch, request_flow
from sluice.flow.kinds import pause_kind
from sluice.flow.timeline import ENDS, REQUESTER, CalendarOf, always, people_of
from sluice.histories import Origin
from sluice.ledger import Request, RequestState
from sluice.stages import GATES, Event, Stage, StageEvent


class Ticking(IntEnum):
    """What an open stage's time is spent on since the newest event."""

    NOTHING = 0
    QUEUE = 1
    WORK = 2
    APPROVER = 3
    REQUESTER = 4
    SYSTEM = 5


@dataclass(frozen=True)
class StageLine:
    """A stage of a request as of the newest event, and what its time is spent on since."""

    flow: StageFlow
    ticking: Ticking = Ticking.NOTHING


@dataclass(frozen=True)
class Place:
    """Where an open request stands: a stage, since when, and who or what it waits for."""

    stage: Stage
    ready: datetime
    started: datetime | None
    waiting: Mapping[str, datetime]
    """Role → when it was asked, for signatures that are missing."""
    blocked: str = ""
    """Why it does not move, in words; empty when it does or when only signatures are missing."""
    blocked_since: datetime | None = None
    hours: tuple[str, ...] = ()
    """The roles whose opening hours part the wait at it from now on; none, where nobody's hours do."""
    causes: tuple[str, ...] = ()
    """On the first place: what the request waits for from now on, as `causes` names it; none while it is worked on."""


@dataclass(frozen=True)
class Summary:
    """A request's line. `ended` is when it was published, rejected, returned, failed or cancelled."""

    request_id: str
    seq: int
    as_of: datetime
    source: str
    use_case: str
    tier: str
    priority: str
    requester: str
    simulated: bool
    state: RequestState
    requested: datetime
    started: datetime | None
    ended: datetime | None
    spent: Mapping[Kind, float]
    stages: Mapping[Stage, StageLine]
    asks: tuple[Ask, ...] = ()
    causes: Mapping[str, float] = field(default_factory=dict)
    """Cause of waiting → seconds; each instant of waiting counts once, shared by the roles that were missing then."""
    places: tuple[Place, ...] = ()
    between: Ticking = Ticking.NOTHING
    """What an open request waits for while no stage has it."""
    due: date | None = None
    """The day by which it is worth less, where its class of service has one."""


def summarise(request: Request, events: list[StageEvent], calendar_of: CalendarOf = always) -> Summary:
    """The request's line, from its events; raises nothing, whatever the clocks said."""
    ordered = sorted(events, key=lambda e: e.seq)
    as_of = max((e.at for e in ordered), default=request.requested_at)
    flow = request_flow(ordered, as_of, calendar_of=calendar_of, request=request)
    alive = request.state is RequestState.OPEN
    places = _held(request, ordered, as_of, _places(ordered, flow)) if alive else ()
    lines = {s.stage: StageLine(s, _ticking(s, ordered) if alive and s.open else Ticking.NOTHING) for s in flow.stages}
    return Summary(
        request.id, ordered[-1].seq if ordered else 0, as_of, request.source, request.use_case, request.tier,
        request.priority, request.requester, request.origin == Origin.SIMULATED, request.state,
        request.requested_at, flow.started, None if alive else flow.ended or request.closed_at,
        {Kind.WORK: flow.work, **flow.waits}, lines, tuple(a for s in flow.stages for a in s.asks),
        causes(flow, ordered), places, _holder(flow, places) if alive else Ticking.NOTHING, request.due,
    )  # fmt: skip


def _ticking(s: StageFlow, ordered: list[StageEvent]) -> Ticking:
    """What the open stage is doing after its newest event: what a second from then on would count as."""
    attempt = s.passes[-1]
    place = _place(ordered, s)
    if attempt.started is None:
        return Ticking.QUEUE
    if attempt_paused := _paused(ordered, s.stage, attempt.number):
        return _TICKS[pause_kind(attempt_paused.reason_code)]
    if place.waiting:
        return Ticking.APPROVER
    if place.blocked:
        return Ticking.SYSTEM
    if s.stage in GATES:
        return Ticking.APPROVER
    tables = {
        e.table: e.event for e in ordered if e.stage is s.stage and e.table is not None and e.attempt == attempt.number
    }
    return Ticking.SYSTEM if tables and Event.STARTED not in tables.values() else Ticking.WORK


_TICKS = {
    Kind.QUEUE: Ticking.QUEUE, Kind.APPROVER: Ticking.APPROVER, Kind.REQUESTER: Ticking.REQUESTER,
    Kind.SYSTEM: Ticking.SYSTEM,
}  # fmt: skip


def _paused(ordered: list[StageEvent], stage: Stage, attempt: int) -> StageEvent | None:
    """The pause that holds this attempt now."""
    held: StageEvent | None = None
    for e in ordered:
        if e.stage is stage and e.attempt == attempt and e.event in (Event.PAUSED, Event.RESUMED):
            held = e if e.event is Event.PAUSED else None
    return held


def _place(ordered: list[StageEvent], s: StageFlow) -> Place:
    attempt = s.passes[-1]
    own = [e for e in ordered if e.stage is s.stage and e.attempt == attempt.number]
    waiting = {a.role: a.asked for a in s.asks if a.answered is None}
    blocked, since = "", None
    for e in own:
        if e.event is Event.PAUSED:
            blocked, since = _reason(e), e.at
        elif e.event is Event.FAILED:
            blocked, since = f"failed: {e.reason or 'no reason was given'}", e.at
        elif e.event in (Event.RESUMED, Event.STARTED) or (e.event is Event.COMPLETED and e.table):
            blocked, since = "", None
    return Place(s.stage, attempt.ready, attempt.started, waiting, blocked, since)


def _places(ordered: list[StageEvent], flow: RequestFlow) -> tuple[Place, ...]:
    return tuple(_place(ordered, s) for s in flow.stages if s.open) or _between(ordered)


def _held(request: Request, ordered: list[StageEvent], as_of: datetime, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The places with what is waited for from the newest event on: what the flow says of the second after it."""
    soon = as_of + timedelta(seconds=1)
    flow = request_flow(ordered, soon, request=request)
    if not flow.stretches:
        return places
    whole = flow.stretches[-1]
    named = () if whole.kind is Kind.WORK else tuple(_named(whole, flow, _pauses(ordered, soon)))
    found = []
    for i, place in enumerate(places):
        own = flow.stage(place.stage)
        last = own.stretches[-1] if own is not None and own.open and own.stretches else whole
        found.append(replace(place, hours=tuple(people_of(last)), causes=named if i == 0 else ()))
    return tuple(found)


def places_of(events: list[StageEvent], flow: RequestFlow) -> list[dict[str, Any]]:
    """Where an open request stands, as plain data: what is kept of a line's places."""
    return [place_data(p) for p in _places(sorted(events, key=lambda e: e.seq), flow)]


def place_data(place: Place) -> dict[str, Any]:
    """A place as plain data, instants in ISO 8601."""
    return {
        "stage": place.stage.value,
        "ready": place.ready.isoformat(),
        "started": place.started.isoformat() if place.started else None,
        "waiting": {role: since.isoformat() for role, since in place.waiting.items()},
        "blocked": place.blocked,
        "blocked_since": place.blocked_since.isoformat() if place.blocked_since else None,
        "hours": list(place.hours),
        "causes": list(place.causes),
    }


def _between(ordered: list[StageEvent]) -> tuple[Place, ...]:
    """No stage has the request: after a return the requester has it, else whatever makes the next stage ready."""
    ends = [e for e in ordered if e.table is e.role is None and e.event in ENDS]
    if not ends:
        return ()
    last = ends[-1]
    sent_back = last.event in (Event.RETURNED, Event.REJECTED)
    words = f"{last.event}: {last.reason or 'no reason was given'}" if last.event is not Event.COMPLETED else ""
    waiting = {REQUESTER: last.at} if sent_back else {}
    return (Place(last.stage, last.at, last.at if sent_back else None, waiting, words, last.at if words else None),)


def _holder(flow: RequestFlow, places: tuple[Place, ...]) -> Ticking:
    """Who has an open request that is at no stage."""
    if any(s.open for s in flow.stages):
        return Ticking.NOTHING
    return Ticking.REQUESTER if any(REQUESTER in p.waiting for p in places) else Ticking.SYSTEM


def _reason(e: StageEvent) -> str:
    code = e.reason_code
    words = REASONS[ReasonCode(code)][1] if code in set(ReasonCode) else ""
    return ": ".join(filter(None, (words, e.reason))) or "paused"


def causes(flow: RequestFlow, ordered: list[StageEvent]) -> dict[str, float]:
    """Cause of waiting → seconds. The sum is the request's whole wait: lead time without work."""
    pauses = _pauses(ordered, ordered[-1].at) if ordered else []
    found: dict[str, float] = {}
    for stretch in (s for s in flow.stretches if s.kind is not Kind.WORK):
        named = _named(stretch, flow, pauses)
        for cause in named:
            found[cause] = found.get(cause, 0.0) + stretch.seconds / len(named)
    return found


Pause = tuple[datetime, datetime, str]


def _pauses(ordered: list[StageEvent], end: datetime) -> list[Pause]:
    found: list[Pause] = []
    begun: dict[Stage, StageEvent] = {}
    for e in ordered:
        if e.event is Event.PAUSED:
            begun[e.stage] = e
        elif e.event is not Event.SUBMITTED and e.role is None and e.stage in begun:
            start = begun.pop(e.stage)
            found.append((start.at, e.at, start.reason_code or "other"))
    return found + [(e.at, end, e.reason_code or "other") for e in begun.values()]


def off_hours(roles: Sequence[str]) -> list[str]:
    """The causes of waiting for these roles while all of them are off duty; without any, for the requester."""
    return [f"off hours: {role}" for role in roles or (REQUESTER,)]


def _named(stretch: Stretch, flow: RequestFlow, pauses: list[Pause]) -> list[str]:
    if stretch.kind is Kind.OFF_HOURS:
        return off_hours(sorted(stretch.roles))
    if stretch.roles:
        return [f"signature: {role}" for role in sorted(stretch.roles)]
    for begin, end, code in pauses:
        if begin <= stretch.begin < end:
            return [f"paused: {code}"]
    if stretch.kind is Kind.REQUESTER:
        return ["requester: sent back"]
    stage = next(
        (s.stage for s in flow.stages for t in s.stretches if t.kind is stretch.kind and t.begin <= stretch.begin < t.end),
        None,
    )  # fmt: skip
    what = {Kind.QUEUE: "queue", Kind.SYSTEM: "system"}.get(stretch.kind, stretch.kind.value)
    return [f"{what}: {stage or 'between stages'}"]
