"""Dates and times in the ways people write them, as JDK patterns (ODCS `logicalTypeOptions.format`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sluice.contract.types import ColumnType, Kind

_MOST = 0.9
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_FULL_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

_DATE = re.compile(
    r"(?:(?P<weekday>(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)(?P<after>,? ))?"
    r"(?:"
    r"(?P<year>[0-9]{4})(?P<s1>[-/. ]?)(?P<month>[0-9]{1,2})(?P=s1)(?P<day>[0-9]{1,2})"
    r"|(?P<first>[0-9]{1,2})(?P<s2>[-/. ])(?P<second>[0-9]{1,2})(?P=s2)(?P<year2>[0-9]{4}|[0-9]{2})"
    r"|(?P<day3>[0-9]{1,2})(?P<s3>[-/. ]?)(?P<name3>[a-z]{3,9})(?P<t3>[-/. ]?,? ?)(?P<year3>[0-9]{4}|[0-9]{2})"
    r"|(?P<name4>[a-z]{3,9})(?P<s4>[-/. ])(?P<day4>[0-9]{1,2})(?P<t4>,? |[-/.])(?P<year4>[0-9]{4}|[0-9]{2})"
    r")",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<fraction>\.[0-9]+)?)?(?P<half> ?[ap]m)?"
    r"(?P<zone> ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?))?",
    re.IGNORECASE,
)
_JOINTS = ("T", " ", ", ")


class _Date(NamedTuple):
    """How a date is written, whatever its numbers: equal for all the values of one format."""

    weekday: str
    order: str
    marks: tuple[str, str]
    month: str
    year: str


class _Shape(NamedTuple):
    date: _Date | None
    joint: str
    time: str
    half: str
    zone: str


class _Lengths(NamedTuple):
    """Digits of the numbers that may stand with or without a zero in front."""

    first: int
    second: int
    hour: int
    fraction: int


def moment_guesses(values: Sequence[str]) -> list[tuple[ColumnType, str]]:
    """(type, JDK format or "" for ISO 8601) that most of the values have; day and month both ways round."""
    read = [r for v in values if (r := _read(v))]
    if not read:
        return []
    shape, count = Counter(s for s, _ in read).most_common(1)[0]
    if count < _MOST * len(values):
        return []
    lengths = [found for s, found in read if s == shape]
    return _formats(shape, lengths)


def _read(value: str) -> tuple[_Shape, _Lengths] | None:
    date = _DATE.match(value)
    rest = value[date.end() :] if date else value
    joint = next((j for j in _JOINTS if rest.startswith(j)), "") if date else ""
    time = _TIME.fullmatch(rest[len(joint) :]) if not date or rest else None
    if (rest and time is None) or (date and time and not joint) or not (date or time):
        return None
    written, first, second = _date(date) if date else (None, 2, 2)
    if date and written is None:
        return None
    clock, hour, fraction, half, zone = "", 2, 0, "", ""
    if time:
        clock = "mm:ss" if time["second"] else "mm"
        hour, fraction = len(time["hour"]), len(time["fraction"] or "")
        half = (" a" if time["half"].startswith(" ") else "a") if time["half"] else ""
        zone = _zone(time["zone"] or "")
    return _Shape(written, joint, clock, half, zone), _Lengths(first, second, hour, fraction)


def _date(m: re.Match[str]) -> tuple[_Date | None, int, int]:
    weekday = "" if not m["weekday"] else ("EEE" if len(m["weekday"]) == 3 else "EEEE") + m["after"]
    if m["year"]:
        plausible = 1 <= int(m["month"]) <= 12 and 1 <= int(m["day"]) <= 31
        compact = len(m["month"]) + len(m["day"]) == 4 and 1800 <= int(m["year"]) <= 2200
        if not plausible or not (m["s1"] or compact):
            return None, 0, 0
        return _Date(weekday, "ymd", (m["s1"], m["s1"]), "", "yyyy"), len(m["month"]), len(m["day"])
    if m["year2"]:
        if not (1 <= int(m["first"]) <= 31 and 1 <= int(m["second"]) <= 31):
            return None, 0, 0
        date = _Date(weekday, "12y", (m["s2"], m["s2"]), "", "y" * len(m["year2"]))
        return date, len(m["first"]), len(m["second"])
    form = "3" if m["day3"] else "4"
    month = m[f"name{form}"].lower()
    if month not in (*_MONTHS, *_FULL_MONTHS):
        return None, 0, 0
    # May is both; the other values tell.
    length = "MMM" if month in _MONTHS else "MMMM"
    order, year = ("dMy" if form == "3" else "Mdy"), "y" * len(m[f"year{form}"])
    return _Date(weekday, order, (m[f"s{form}"], m[f"t{form}"]), length, year), len(m[f"day{form}"]), 2


def _zone(text: str) -> str:
    space = " " if text.startswith(" ") else ""
    return f"{space}{'XXX' if ':' in text or text.strip() in ('Z', 'z') else 'XX'}" if text else ""


def _formats(shape: _Shape, lengths: Sequence[_Lengths]) -> list[tuple[ColumnType, str]]:
    first = all(n.first == 2 for n in lengths)
    second = all(n.second == 2 for n in lengths)
    kind = Kind.TIME if shape.date is None else Kind.DATE if not shape.time else Kind.TIMESTAMP
    if shape.zone:
        if kind is Kind.TIME:
            return []
        kind = Kind.TIMESTAMPTZ
    column_type = ColumnType(kind)
    clock = _clock(shape, lengths)
    padded = not shape.half and all(n.hour == 2 for n in lengths)
    if shape.date is None:
        return [(column_type, "" if padded else clock)]
    plain = shape.date == _Date("", "ymd", ("-", "-"), "", "yyyy") and first and second
    if plain and shape.joint in ("", " ", "T") and padded and not shape.zone.startswith(" "):
        return [(column_type, "")]
    joint = "'T'" if shape.joint == "T" else shape.joint
    return [(column_type, f"{d}{joint}{clock}") for d in _dates(shape.date, first=first, second=second)]


def _dates(date: _Date, *, first: bool, second: bool) -> list[str]:
    one, two = date.marks

    def number(letter: str, *, padded: bool) -> str:
        return letter * 2 if padded else letter

    if date.order == "ymd":
        numbers = f"yyyy{one}{number('M', padded=first)}{two}{number('d', padded=second)}"
        return [date.weekday + numbers]
    if date.order == "dMy":
        return [f"{date.weekday}{number('d', padded=first)}{one}{date.month}{two}{date.year}"]
    if date.order == "Mdy":
        return [f"{date.weekday}{date.month}{one}{number('d', padded=first)}{two}{date.year}"]
    return [
        f"{date.weekday}{number(a, padded=first)}{one}{number(b, padded=second)}{two}{date.year}"
        for a, b in (("d", "M"), ("M", "d"))
    ]


def _clock(shape: _Shape, lengths: Sequence[_Lengths]) -> str:
    if not shape.time:
        return ""
    hour = "h" if shape.half else "H"
    fractions = {n.fraction for n in lengths}
    fraction = "" if fractions == {0} else ".SSS" if fractions == {4} else ".SSSSSS"
    hour = hour * 2 if all(n.hour == 2 for n in lengths) else hour
    return f"{hour}:{shape.time}{fraction}{shape.half}{shape.zone}"
