"""Freezing a history as a baseline: measured from cases, or claimed in words until it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sluice.calendars import Calendar
from sluice.errors import BadInputError
from sluice.flow.kinds import Kind
from sluice.flow.log import Columns, History, Ticket, TicketEvent
from sluice.flow.request import RequestFlow, request_flow
from sluice.flow.timeline import CalendarOf, always, merged
from sluice.histories import Baseline, Obtained, PastCase
from sluice.ledger import RequestState

_SLACK = timedelta(days=1)
"""How far a history may be ahead of our clock: its own clock, or a zone that was taken for another."""
_STOPS = ("complete", "suspend", "ate_abort", "pi_abort")
"""Transitions of the standard lifecycle (IEEE 1849) that end a stretch of work."""
_UNITS = {"h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0, "w": 604800.0, "week": 604800.0}
_NUMBERS = {
    w: str(i)
    for i, w in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1)
}


def claimed_duration(text: str) -> float:
    """ "3 weeks", "15 days", "36h" in seconds of wall-clock time. Raises BadInputError (FLOW_CLAIM)."""
    spelt = re.sub(r"^\s*([a-z]+)\b", lambda m: _NUMBERS.get(m[1], m[1]), text.lower())
    shape = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*", spelt)
    unit = _UNITS.get(shape[2]) if shape else None
    if shape is None or unit is None or not 0 < float(shape[1]) * unit < 1e9:
        raise BadInputError(
            "FLOW_CLAIM", f"{text!r} is not a length of time", mend='Such as "3 weeks", "15 days" or "36 hours".'
        )
    return float(shape[1]) * unit


def past_request(history: History, calendar_of: CalendarOf = always) -> PastCase | None:
    """A request of our own as a finished case; None while it is open, also when it was sent back for now."""
    case = history.case
    if case.state == RequestState.OPEN.value:
        return None
    now = case.closed_at or (history.events[-1].at if history.events else case.requested_at)
    return past_flow(case.id, request_flow(history.events, now, calendar_of=calendar_of), case.tier, case.use_case)


def past_flow(identity: str, flow: RequestFlow, tier: str, use_case: str) -> PastCase | None:
    """A request's flow as a finished case; None while it is open."""
    if flow.ended is None or flow.requested is None:
        return None
    spent = {Kind.WORK.value: flow.work} | {k.value: v for k, v in flow.waits.items()}
    return PastCase(
        identity,
        flow.outcome,
        tier,
        use_case,
        flow.requested,
        flow.ended,
        flow.lead,
        flow.work,
        flow.business_lead,
        spent,
    )


def past_ticket(ticket: Ticket, mapping: Columns, calendar: Calendar | None = None) -> PastCase | None:
    """Another system's ticket as a finished case; None while it is open."""
    if ticket.ended is None:
        return None
    lead = (ticket.ended - ticket.requested).total_seconds()
    spent, work = _spent(ticket, mapping)
    business = calendar.seconds_between(ticket.requested, ticket.ended) if calendar else None
    outcome = ticket.outcome or "published"
    return PastCase(
        ticket.id, outcome, ticket.tier, ticket.use_case, ticket.requested, ticket.ended, lead, work, business, spent
    )


def _spent(ticket: Ticket, mapping: Columns) -> tuple[dict[str, float], float | None]:
    """Seconds by activity or status, and the work among them; None when the history does not tell it from wait."""
    events = ticket.events
    if any(e.transition == "start" for e in events):
        spans = _worked(events)
        spent: dict[str, float] = {}
        for name, begin, end in spans:
            spent[name] = spent.get(name, 0.0) + (end - begin).total_seconds()
        return spent, sum((e - b).total_seconds() for b, e in merged((b, e) for _, b, e in spans))
    assert ticket.ended is not None  # noqa: S101 - only finished tickets come here
    ends = [*[e.at for e in events[1:]], ticket.ended]
    kinds = {e.activity: mapping.statuses.get(e.activity.strip().lower()) for e in events}
    spent = {}
    for event, end in zip(events, ends, strict=True) if events else ():
        spent[event.activity] = spent.get(event.activity, 0.0) + max((end - event.at).total_seconds(), 0.0)
    known = [name for name, seconds in spent.items() if seconds and kinds[name] is not None]
    if not spent or len(known) < sum(1 for seconds in spent.values() if seconds):
        return spent, None
    return spent, sum(spent[name] for name in known if kinds[name] == Kind.WORK.value)


def _worked(events: Sequence[TicketEvent]) -> list[tuple[str, datetime, datetime]]:
    """From each start to the next end of the same activity, first come first served; not while it is suspended."""
    begun: dict[str, list[datetime]] = {}
    spans = []
    for event in events:
        if event.transition in ("start", "resume"):
            begun.setdefault(event.activity, []).append(event.at)
        elif event.transition in _STOPS and begun.get(event.activity):
            spans.append((event.activity, begun[event.activity].pop(0), event.at))
    return spans


def happened(cases: Sequence[PastCase], now: datetime) -> Sequence[PastCase]:
    """The cases, none of which may end after `now`: nothing was measured that has not come yet. Raises BadInputError
    (FLOW_FUTURE)."""
    newest = max(cases, key=lambda c: c.ended, default=None)
    if newest is not None and newest.ended > now + _SLACK:
        raise BadInputError(
            "FLOW_FUTURE", f"{newest.id!r} ended on {newest.ended:%Y-%m-%d}, which has not come yet",
            mend="Are day and month read in the right order (--dates), and is the zone right?",
        )  # fmt: skip
    return cases


def freeze(
    cases: Iterable[PastCase],
    *,
    name: str,
    obtained: Obtained,
    statement: str,
    digest: str,
    form: str,
    now: datetime,
    by: str,
) -> Baseline:
    """A baseline of these finished cases. Raises BadInputError (FLOW_EMPTY) when none has finished."""
    kept = tuple(sorted(cases, key=lambda c: (c.requested, c.id)))
    if not kept:
        raise BadInputError(
            "FLOW_EMPTY", "no case of this history has finished", mend="A baseline needs finished cases."
        )
    first, last = kept[0].requested, max(c.ended for c in kept)
    return Baseline(name, obtained, statement, len(kept), first, last, digest, form, now, by, kept)


def claim(statement: str, seconds: float, *, name: str, digest: str, now: datetime, by: str) -> Baseline:
    """What somebody says it took, without data: n is 0 and every comparison says "claimed"."""
    return Baseline(name, Obtained.CLAIMED, statement, 0, None, None, digest, "statement", now, by, (), seconds)
