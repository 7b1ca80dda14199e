"""Service levels of what is under way: by when each request and each of its stages should be done, and what is late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sluice.calendars import CONTINUOUS, Calendar
from sluice.ledger import Request
from sluice.policy import Policy
from sluice.policy.service_levels import ServiceLevels
from sluice.policy.spans import Span
from sluice.pull.classes import ServiceClass
from sluice.stages import Clock, Event, Stage


@dataclass(frozen=True)
class Deadline:
    """By when something should be done. `stage` None: the request as a whole; `promise` says it in words."""

    stage: Stage | None
    attempt: int
    since: datetime
    warn: datetime
    due: datetime
    promise: str

    def standing(self, now: datetime) -> str:
        """`""` in time, `soon` from the warning on, `missed` from the deadline on."""
        return "missed" if now >= self.due else "soon" if now >= self.warn else ""


def deadlines(policy: Policy, request: Request, clock: Clock) -> list[Deadline]:
    """The deadlines of an open request: its own, and those of the stages it is at. A stage's clock starts when it is
    ready, at each attempt anew; the request's when it was first asked for, and never stops."""
    levels = policy.service_levels
    calendar = policy.calendars.get(levels.calendar, CONTINUOUS)
    found = [d for d in [_of_request(levels, calendar, request)] if d]
    for stage in clock.current():
        ready = clock.last(stage, Event.READY)
        if (span := levels.stages.get(stage)) and ready and ready.attempt == clock.attempt(stage):
            promise = f"{stage} should be done within {span}"
            found.append(_within(levels, calendar, stage, ready.attempt, ready.at, span, promise))
    return found


def _of_request(levels: ServiceLevels, calendar: Calendar, request: Request) -> Deadline | None:
    service = ServiceClass.of(request.priority)
    since = request.requested_at
    if service is ServiceClass.FIXED_DATE and request.due is not None:
        # Due by the end of that day, where the calendar is.
        end = datetime.combine(request.due + timedelta(days=1), time(), ZoneInfo(calendar.zone)).astimezone(
            since.tzinfo
        )
        warn = since + (end - since) * levels.warn_at
        return Deadline(None, request.attempt, since, warn, end, f"it should be published by {request.due.isoformat()}")
    if (span := levels.request.get(service)) is None:
        return None
    promise = f"a request of the class {service.words} should be published within {span}"
    return _within(levels, calendar, None, request.attempt, since, span, promise)


def _within(
    levels: ServiceLevels,
    calendar: Calendar,
    stage: Stage | None,
    attempt: int,
    since: datetime,
    span: Span,
    promise: str,
) -> Deadline:
    warn = replace(span, amount=span.amount * levels.warn_at).after(calendar, since)
    return Deadline(stage, attempt, since, warn, span.after(calendar, since), promise)
