"""Dates of birth: dates that lie as the births of living people do, in a column whose name or neighbours speak for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

HINT = re.compile(
    r"(?:^|[^a-z])(?:birth\w*|born|dob|bday|date_?of_?birth|naiss\w*|n[eé]e?_?le|date_?n|geburt\w*|geb_?dat\w*|nacimiento|nascita|geboorte\w*|ddn)(?:$|[^a-z])",
    re.IGNORECASE,
)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?")
_LOCAL = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_COMPACT = re.compile(r"(19|20)(\d{2})(\d{2})(\d{2})")
_FIRST_YEAR, _LAST_YEAR = 1905, 2030
"""Not counted from today: the same data must give the same evidence tomorrow."""


def parse(value: str, *, hinted: bool = False) -> date | None:
    """A day, in ISO order or with the year last (day first, else month first); None when it is none.

    Eight digits are a day only where the column's name speaks for it (`hinted`): 19700131.
    """
    if hinted and (found := _COMPACT.fullmatch(value)):
        year, month, day = int(found[1] + found[2]), int(found[3]), int(found[4])
    elif found := _ISO.fullmatch(value):
        year, month, day = map(int, found.groups())
    elif found := _LOCAL.fullmatch(value):
        day, month, year = map(int, found.groups())
        if month > 12:
            day, month = month, day
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def likeness(days: Sequence[date]) -> float:
    """0-1: how much `days` look like the births of a population: over decades of the last hundred years.

    Days of business cluster in the last years and leave out weekends; births do neither.
    """
    if not days:
        return 0.0
    years = sorted(d.year + d.timetuple().tm_yday / 366 for d in days)
    possible = sum(_FIRST_YEAR <= y <= _LAST_YEAR for y in years) / len(years)
    width = years[int(0.95 * (len(years) - 1))] - years[int(0.05 * (len(years) - 1))]
    if possible < 0.98 or not 1935 <= years[len(years) // 2] <= 2014 or width < 15:
        return 0.0
    weekends = sum(d.weekday() >= 5 for d in days) / len(days)
    on_weekends = 1.0 if len(days) < 30 else min(1.0, weekends / 0.2)
    first_of_month = sum(d.day == 1 for d in days) / len(days)
    return possible * min(1.0, width / 30) * on_weekends * (0.3 if first_of_month > 0.5 else 1.0)
