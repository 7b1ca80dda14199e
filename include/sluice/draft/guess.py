"""What the texts of a column could be: guesses from a sample, to be counted on all values afterwards.

A guess is a type with its options (a JDK date format, a decimal comma). Guesses are generous: a few values may
contradict them, because the sample may hold bad ones; only the exact count decides (sluice.draft.choice).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.contract.types import ColumnType, Kind
from sluice.draft.moments import moment_guesses

NULL_WORDS = (
    "NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "NAN", "NULL", "Null", "null", "None", "none", "NONE", "nil", "NIL",
    "-", "--", "?", ".", "..", "\\N", "missing", "Missing", "MISSING", "(null)", "<NA>", "#N/A N/A", "unknown",
)  # fmt: skip
"""What people write for "no value". A word counts only where it stands between values of another type."""

NOT_A_NUMBER = ("NaN", "nan", "NAN")
"""Missing in a column of integers, a value in a column of doubles."""

_MOST = 0.9
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:[nN]a[nN]|[iI]nf(?:inity)?)")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+(?:\.[0-9]*)?")
_PHONE = re.compile(r"\+[0-9]{7,}")
_GROUPS = " \u00a0\u202f'’"
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_BOOLEANS = (
    ("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("ja", "nein"), ("oui", "non"), ("vrai", "faux"),
    ("wahr", "falsch"), ("si", "no"), ("sí", "no"), ("sì", "no"), ("sim", "não"), ("sim", "nao"), ("ja", "nej"),
    ("ja", "nee"), ("tak", "nie"), ("on", "off"),
)  # fmt: skip
_KNOWN_BOOLEANS = {"true", "t", "yes", "false", "f", "no"}


@dataclass(frozen=True)
class Guess:
    """A type that a column may have. `options` are ODCS logicalTypeOptions and Sluice's column properties."""

    type: ColumnType
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def numeric(self) -> bool:
        """Whether it is a number of any sort."""
        return self.type.kind in (Kind.INT32, Kind.INT64, Kind.DECIMAL, Kind.FLOAT32, Kind.FLOAT64)


def guesses(sample: Sequence[str], *, decimal_comma: bool = False) -> list[Guess]:
    """The types that most of the sample's values have; an empty list means text. The order is not a preference.

    `decimal_comma` says that other columns have one, and none a point: then 1.234 and 1,234 are read as there.
    """
    values = [v.strip() for v in sample if v.strip() and v.strip() not in NULL_WORDS]
    if not values:
        return []
    if decimal_comma:
        for mark, options in ((".", {"decimalChar": ",", "groupChar": "."}), (",", {"decimalChar": ","})):
            if only_thousands(values, mark):
                return _number_guesses(options)
    return _numbers(values) or _booleans(values) or _moments(values) or _documents(values)


def is_uuid(values: Sequence[str]) -> bool:
    """Whether all of the values are UUIDs."""
    return bool(values) and all(_UUID.fullmatch(v) for v in values)


def _most(values: Sequence[str], pattern: re.Pattern[str]) -> bool:
    return sum(bool(pattern.fullmatch(v)) for v in values) >= _MOST * len(values)


def _numbers(values: Sequence[str]) -> list[Guess]:
    if any(_LEADING_ZERO.fullmatch(v) or _PHONE.fullmatch(v) for v in values):
        # 007 is a code and +49301234567 a telephone; but 01012024 may still be a date.
        return []
    if _most(values, _NUMBER):
        return [*_number_guesses({}), *(m for m in _moments(values) if m.options.get("format") == "yyyyMMdd")]
    for decimal, group in _spellings(values):
        options: dict[str, Any] = {"decimalChar": decimal} if decimal != "." else {}
        return _number_guesses(options | ({"groupChar": group} if group else {}))
    return []


def _number_guesses(options: Mapping[str, Any]) -> list[Guess]:
    types = [*map(ColumnType, (Kind.INT32, Kind.INT64, Kind.FLOAT64)), ColumnType(Kind.DECIMAL, 38, 0)]
    return [Guess(t, options) for t in types]


def _spellings(values: Sequence[str]) -> list[tuple[str, str]]:
    """(decimal mark, thousands mark) that most values are written with, the likeliest first."""
    found = []
    for decimal, groups in ((",", ("", ".", *_GROUPS)), (".", (",", *_GROUPS))):
        for group in groups:
            whole = rf"[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+|[0-9]+" if group else "[0-9]+"
            shape = re.compile(rf"[+-]?(?:(?:{whole})(?:{re.escape(decimal)}[0-9]*)?|{re.escape(decimal)}[0-9]+)")
            if not _most(values, shape) or (group and not any(group in v for v in values)):
                continue
            if decimal == "," and not group and only_thousands(values, ","):
                continue  # 1,234 and 12,345 and nothing else: a thousands mark
            found.append((decimal, group))
    return found


def only_thousands(values: Sequence[str], mark: str) -> bool:
    """Whether the mark stands in numbers, and only where a thousands mark would: 1,234 and 12,345,678."""
    marked = [v for v in values if mark in v]
    shape = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+")
    return bool(marked) and all(shape.fullmatch(v) for v in marked)


def surely_points(values: Sequence[str]) -> bool:
    """Whether a point stands in numbers, and where no thousands mark would."""
    numbers = [v for v in values if _NUMBER.fullmatch(v.strip())]
    return any("." in v for v in numbers) and not only_thousands(numbers, ".")


def _booleans(values: Sequence[str]) -> list[Guess]:
    words = {v.lower() for v in values}
    for yes, no in _BOOLEANS:
        if words == {yes, no}:
            options: dict[str, Any] = {}
            if not {yes, no} <= _KNOWN_BOOLEANS:
                spelled = sorted(set(values))
                options = {
                    "trueValues": [v for v in spelled if v.lower() == yes],
                    "falseValues": [v for v in spelled if v.lower() == no],
                }
            return [Guess(ColumnType(Kind.BOOLEAN), options)]
    return []


def _moments(values: Sequence[str]) -> list[Guess]:
    return [Guess(t, {"format": f} if f else {}) for t, f in moment_guesses(values)]


def _documents(values: Sequence[str]) -> list[Guess]:
    some = values[:100]
    documents = sum(v[0] + v[-1] in ("{}", "[]") and _is_json(v) for v in some)
    return [Guess(ColumnType(Kind.JSON))] if documents >= _MOST * len(some) else []


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
