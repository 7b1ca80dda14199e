"""The section `calendars:` of include/policy.yaml: when the people of a role are at work.

calendars:
  brussels:
    zone: Europe/Brussels
    hours: {mon-thu: ["09:00-12:30", "13:30-17:30"], fri: ["09:00-16:00"]}
    country: BE               # public holidays, by the `holidays` library; `subdivision` narrows them
    closed: ["2026-12-24"]    # days of our own
  lisbon:
    versions:                 # a change of hours never rewrites history
      - {zone: Europe/Lisbon, hours: {mon-fri: ["09:00-18:00"]}, country: PT}
      - {valid_from: "2026-09-01", zone: Europe/Lisbon, hours: {mon-thu: ["08:30-18:00"]}, country: PT}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sluice.calendars import CONTINUOUS, Calendar, Hours
from sluice.policy.parts import is_one

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY_YEARS = range(2010, 2051)
"""Years whose public holidays are known; later ones need `closed` or a newer policy."""
_KEYS = ("version", "valid_from", "zone", "hours", "country", "subdivision", "closed")


def read_calendars(read: Reader) -> dict[str, Calendar]:
    """Calendars by name; "continuous" is always there. Raises BadInputError (POLICY_INVALID) with file and line."""
    section = read.document.data.get("calendars")
    section = {} if section is None else section
    if not isinstance(section, dict):
        raise read.bad("`calendars` must be a mapping of name to calendar", "calendars")
    if CONTINUOUS.name in section:
        raise read.bad("the name is taken: always open", "calendars", CONTINUOUS.name, mend="Choose another name.")
    return {CONTINUOUS.name: CONTINUOUS} | {name: _calendar(read, name, value) for name, value in section.items()}


def calendar_name(read: Reader, role: str, value: object, known: Mapping[str, Calendar]) -> str:
    """The name in `roles.<role>.calendar`; without one the role is always open."""
    if value is None:
        return CONTINUOUS.name
    if not is_one(value, known):
        raise read.bad(f"unknown calendar {value!r}", "roles", role, "calendar", mend=f"Known: {', '.join(known)}.")
    return str(value)


def _calendar(read: Reader, name: str, value: Any) -> Calendar:
    where: tuple[str | int, ...] = ("calendars", name)
    if not isinstance(value, dict) or not value:
        raise read.bad("a calendar needs `zone` and `hours`", *where)
    if "versions" not in value:
        return _version(read, name, value, where, None)
    if extra := sorted(set(value) - {"versions"}):
        raise read.bad(f"{extra[0]!r} belongs into a version", *where, extra[0])
    versions = value["versions"]
    if not isinstance(versions, list) or not versions:
        raise read.bad("`versions` needs a list of calendars, oldest first", *where, "versions")
    calendar: Calendar | None = None
    for i, version in enumerate(versions):
        calendar = _version(read, name, version, (*where, "versions", i), calendar)
    assert calendar is not None  # noqa: S101 - the list is not empty
    return calendar


def _version(read: Reader, name: str, value: Any, where: tuple[str | int, ...], before: Calendar | None) -> Calendar:
    if not isinstance(value, dict):
        raise read.bad("a calendar needs `zone` and `hours`", *where)
    read.keys(value, _KEYS, *where)
    valid_from = _date(read, value["valid_from"], (*where, "valid_from")) if "valid_from" in value else None
    if before is not None and (valid_from is None or (before.valid_from or date.min) >= valid_from):
        raise read.bad("needs a `valid_from` later than the version before it", *where, "valid_from")
    zone = _zone(read, value.get("zone"), (*where, "zone"))
    closed = value.get("closed") or []
    if not isinstance(closed, list):
        raise read.bad("`closed` must be a list of dates", *where, "closed")
    own = frozenset(_date(read, d, (*where, "closed", i)) for i, d in enumerate(closed))
    public = _public(read, value.get("country"), value.get("subdivision"), where)
    label = str(value.get("version") or valid_from or "1")
    return Calendar(
        name, label, zone, _hours(read, value.get("hours"), (*where, "hours")), own | public, valid_from, before
    )


def _zone(read: Reader, value: object, where: tuple[str | int, ...]) -> str:
    try:
        return ZoneInfo(str(value)).key if isinstance(value, str) and value else _raise()
    except (KeyError, ValueError, OSError) as error:
        raise read.bad(
            f"{value!r} is not a time zone", *where, mend="Use an IANA name such as Europe/Brussels."
        ) from error


def _raise() -> str:
    raise ValueError


def _hours(read: Reader, value: object, where: tuple[str | int, ...]) -> dict[int, Hours]:
    if not isinstance(value, dict) or not value:
        raise read.bad('needs opening hours such as {mon-fri: ["09:00-17:00"]}', *where)
    hours: dict[int, Hours] = {}
    for days, spans in value.items():
        numbers = _weekdays(days)
        if not numbers or any(n in hours for n in numbers):
            raise read.bad(
                f"{days!r} is not a weekday of its own", *where, days, mend="Such as mon, or mon-fri; each day once."
            )
        if not isinstance(spans, list):
            raise read.bad('needs a list such as ["09:00-17:00"]', *where, days)
        found = tuple(_span(read, span, (*where, days)) for span in spans)
        ends = [end if end > time() else time.max for _, end in found]
        if any(ends[i] > found[i + 1][0] for i in range(len(found) - 1)):
            raise read.bad("the hours of a day must follow one another", *where, days)
        hours |= dict.fromkeys(numbers, found)
    if not any(hours.values()):
        raise read.bad("a calendar that is never open", *where, mend="Give at least one day hours.")
    return hours


def _weekdays(text: str) -> list[int]:
    first, _, last = text.lower().partition("-")
    if first not in WEEKDAYS or (last and last not in WEEKDAYS):
        return []
    begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return list(range(begin, end + 1))


def _span(read: Reader, text: object, where: tuple[str | int, ...]) -> tuple[time, time]:
    shape = re.fullmatch(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})", str(text))
    numbers = [int(n) for n in shape.groups()] if shape else []
    if shape and numbers[0] < 24 and numbers[1] < 60 and numbers[3] < 60 and numbers[2] < 24 + (numbers[3] == 0):
        begin, end = time(numbers[0], numbers[1]), time(numbers[2] % 24, numbers[3])
        if end > begin or end == time():
            return begin, end
    raise read.bad(f"{text!r} are not hours of a day", *where, mend='Such as "09:00-17:00"; split a night at 24:00.')


def _date(read: Reader, value: object, where: tuple[str | int, ...]) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise read.bad(f"{value!r} is not a date", *where, mend='Write it as "2026-12-24".') from error


def _public(read: Reader, country: object, subdivision: object, where: tuple[str | int, ...]) -> frozenset[date]:
    if country is None:
        if subdivision is not None:
            raise read.bad("a subdivision needs its country", *where, "subdivision")
        return frozenset()
    try:
        return public_holidays(str(country), None if subdivision is None else str(subdivision))
    except NotImplementedError as error:
        key = "country" if subdivision is None else "subdivision"
        raise read.bad(f"no public holidays are known for {country!r} {subdivision or ''}".rstrip(), *where, key,
                       mend="Use an ISO 3166 code such as BE, or list the days in `closed`.") from error  # fmt: skip


@cache
def public_holidays(country: str, subdivision: str | None) -> frozenset[date]:
    """Public holidays of a country in HOLIDAY_YEARS. Raises NotImplementedError for one that is not known."""
    import holidays

    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=HOLIDAY_YEARS))
