"""How long something may take, as people say it: "10 business days", "36 business hours", "14 days", "30 minutes"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sluice.calendars import Calendar

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_SHAPE = re.compile(r"(\d+(?:\.\d+)?)\s*(business\s+)?(second|minute|hour|day|week|month|year)s?", re.IGNORECASE)
_LONG = {"month": 365.25 / 12, "year": 365.25}
_DAY = 86_400.0
MOST_DAYS = 36_525
"""A term of the policy that is longer than a century is a slip, and no calendar reaches so far."""


@dataclass(frozen=True)
class Span:
    """A length of time; of `business` spans only the hours in which a calendar is open count.

    A business day is as long as the calendar's opening hours are on average on the days it opens, so that
    "2 business days" from Monday 11:00 is Wednesday 11:00 where every day has the same hours.
    """

    amount: float
    unit: str
    business: bool = False

    def after(self, calendar: Calendar, at: datetime) -> datetime:
        """The instant when the span has passed since `at`."""
        if not self.business:
            return at + timedelta(seconds=self.amount * self._unit(_DAY))
        return calendar.after(at, self.seconds(calendar, at))

    @property
    def days(self) -> float:
        """The span in days of 24 hours."""
        return self.amount * self._unit(_DAY) / _DAY

    def seconds(self, calendar: Calendar, at: datetime) -> float:
        """The span in seconds; of a business span those of the calendar's opening hours as they are at that time."""
        return self.amount * self._unit(_open_seconds(calendar.at(at)) if self.business else _DAY)

    def _unit(self, day: float) -> float:
        if self.unit in ("day", "week") and self.business:
            return day * (5 if self.unit == "week" else 1)
        return _LONG[self.unit] * _DAY if self.unit in _LONG else float(SECONDS[self.unit])

    def __str__(self) -> str:
        amount = f"{self.amount:g}"
        return f"{amount} {'business ' if self.business else ''}{self.unit}{'' if amount == '1' else 's'}"


def parse_span(text: object) -> Span | None:
    """The span that a text says; None when it says none, or one of no length."""
    found = _SHAPE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or not 0 < float(found[1]) < math.inf or (found[2] and found[3].lower() in _LONG):
        return None
    return Span(float(found[1]), found[3].lower(), bool(found[2]))


def read_span(read: Reader, value: Any, *where: str | int) -> Span | None:
    """A length of time in the policy, or None where nothing is said. Raises BadInputError with file and line."""
    if value is None:
        return None
    span = parse_span(value)
    mend = 'Such as "10 business days", "36 business hours" or "14 days".'
    if span is None:
        raise read.bad(f"{value!r} is no length of time", *where, mend=mend)
    read.insist(span.days <= MOST_DAYS, f"{value!r} is more than a century", *where, mend=mend)
    return span


def _open_seconds(calendar: Calendar) -> float:
    lengths = [
        sum(_clock(end, last=True) - _clock(begin) for begin, end in spans)
        for spans in calendar.hours.values()
        if spans
    ]
    return sum(lengths) / len(lengths) if lengths else _DAY


def _clock(at: time, *, last: bool = False) -> float:
    seconds = at.hour * 3600 + at.minute * 60 + at.second
    return _DAY if last and not seconds else float(seconds)
