"""What text is a value of a column: for DuckDB as SQL, for people as the reason why it is not.

DuckDB's own casts, typed read_csv included, say yes to much that is not so: 1.5 becomes the integer 2, a decimal
is rounded, 5:00 PM becomes 05:00, an offset is dropped. So every value is read as text and must prove itself:
either the cast value writes back the same text, or the text has an exact, written-down shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sluice.adapters.duck.connection import list_sql, text_sql
from sluice.adapters.duck.formats import strptime_format
from sluice.contract.model import Column
from sluice.contract.types import INTEGERS, ColumnType, Kind
from sluice.errors import BadInputError

TRUE_WORDS = ("true", "t", "1", "yes")
FALSE_WORDS = ("false", "f", "0", "no")

STRICT_JSON = "sluice_strict_json"
"""SQL name of `is_strict_json`, to be registered where a JSON column is converted."""

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6}0*)?)?"
_ZONE = r"(Z|[+-](0[0-9]|1[0-8])(:?[0-5][0-9])?)"
_INTEGER = r"[+-]?[0-9]+(\.0*)?"
_ZERO = r"[+-]?(0+\.?0*|\.0+)([eE][+-]?[0-9]+)?"
_NOT_FINITE = r"[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)"
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_TIMESTAMP_ZONED = re.compile(rf"\s*{_DAY}[T ]{_CLOCK}\s?{_ZONE}\s*")
_FIRST, _LAST = "TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"


@dataclass(frozen=True)
class Rule:
    """SQL over one text column: `value` is the typed value; `good` (None: always) tells whether it is one.

    `good` speaks of the value by the name it was given, so that every cast is made once.
    """

    value: str
    good: str | None


def duck_type(column_type: ColumnType) -> str:
    """The DuckDB type that is written to Parquet for a contract's type."""
    if column_type.kind is Kind.DECIMAL:
        return f"DECIMAL({column_type.precision},{column_type.scale})"
    return {
        Kind.STRING: "VARCHAR", Kind.BOOLEAN: "BOOLEAN", Kind.INT32: "INTEGER", Kind.INT64: "BIGINT",
        Kind.FLOAT32: "FLOAT", Kind.FLOAT64: "DOUBLE", Kind.DATE: "DATE", Kind.TIME: "TIME",
        Kind.TIMESTAMP: "TIMESTAMP", Kind.TIMESTAMPTZ: "TIMESTAMPTZ", Kind.BINARY: "BLOB", Kind.JSON: "VARCHAR",
    }[column_type.kind]  # fmt: skip


def rule(column: Column, text: str, name: str, nulls: Sequence[str]) -> Rule:
    """How `text`, a SQL expression, becomes a value of `column`, to be named `name`. NULL stays NULL.

    A null sequence in quotes is text for a string; for any other type it is null, unless it is a value.
    Raises BadInputError for options that mean nothing.
    """
    kind = column.type.kind
    if kind is Kind.STRING:
        return Rule(text, None)
    value, good = _rules(kind)(column, text, name)
    quoted_null = f" OR ({_one_of(text, nulls)} AND {name} IS NULL)" if nulls else ""
    return Rule(value, either(good, f"{text} IS NULL{quoted_null}"))


def either(usual: str, rare: str) -> str:
    """`usual OR rare`, the second never asked where the first holds. Of an OR, DuckDB tries both orders."""
    return f"CASE WHEN {usual} THEN true ELSE {rare} END"


def _rules(kind: Kind) -> Callable[[Column, str, str], tuple[str, str]]:
    return {
        Kind.INT32: _integer, Kind.INT64: _integer, Kind.FLOAT32: _float, Kind.FLOAT64: _float,
        Kind.DECIMAL: _decimal, Kind.BOOLEAN: _boolean, Kind.DATE: _moment, Kind.TIME: _moment,
        Kind.TIMESTAMP: _moment, Kind.TIMESTAMPTZ: _moment, Kind.BINARY: _binary, Kind.JSON: _json,
    }[kind]  # fmt: skip


def _one_of(text: str, words: Sequence[str]) -> str:
    """Not IN: DuckDB turns that into a join, and after a join rows no longer come in their order."""
    return f"list_contains({list_sql(words)}, {text})"


def _shape(text: str, pattern: str) -> str:
    whole = text_sql(rf"\s*({pattern})\s*")
    return f"regexp_full_match({text}, {whole})"


def _exact(column: Column, text: str, name: str, pattern: str) -> tuple[str, str]:
    same = f"CAST({name} AS VARCHAR) = {text}"
    return _cast(column, text), either(same, f"{name} IS NOT NULL AND {_shape(text, pattern)}")


def _cast(column: Column, text: str) -> str:
    return f"TRY_CAST({text} AS {duck_type(column.type)})"


def _integer(column: Column, text: str, name: str) -> tuple[str, str]:
    return _exact(column, text, name, _INTEGER)


def _decimal_pattern(scale: int) -> str:
    some = rf"|\.[0-9]{{1,{scale}}}0*" if scale else r"|\.0+"
    return rf"[+-]?([0-9]+(\.[0-9]{{0,{scale}}}0*)?{some})"


def _decimal(column: Column, text: str, name: str) -> tuple[str, str]:
    return _exact(column, text, name, _decimal_pattern(column.type.scale))


def _float(column: Column, text: str, name: str) -> tuple[str, str]:
    finite = f"isfinite({name}) AND {name} <> 0 AND NOT contains({text}, '_')"
    other = f"{name} IS NOT NULL AND {_shape(text, f'{_ZERO}|{_NOT_FINITE}')}"
    return _cast(column, text), either(finite, either(f"{text} = '0' OR {text} = '0.0'", other))


def _boolean(column: Column, text: str, name: str) -> tuple[str, str]:
    word = f"lower(trim({text}))"
    yes, no = _one_of(word, TRUE_WORDS), _one_of(word, FALSE_WORDS)
    usual = f"WHEN {text} = 'true' THEN true WHEN {text} = 'false' THEN false"
    return f"CASE {usual} WHEN {yes} THEN true WHEN {no} THEN false END", f"{name} IS NOT NULL"


def _binary(column: Column, text: str, name: str) -> tuple[str, str]:
    how = {"base64": "from_base64", "hex": "unhex"}.get(str(column.options.get("format")))
    return (f"encode({text})" if how is None else f"TRY({how}({text}))"), f"{name} IS NOT NULL"


def _json(column: Column, text: str, name: str) -> tuple[str, str]:
    suspicious = text_sql(r"(?s),\s*[\]}]|NaN|[iI]nf|//|/\*|[nN]an|:.*:")
    return text, f"json_valid({text}) AND (NOT regexp_matches({text}, {suspicious}) OR {STRICT_JSON}({text}))"


def _moment(column: Column, text: str, name: str) -> tuple[str, str]:
    pattern = column.options.get("format")
    if isinstance(pattern, str) and pattern:
        return _formatted(column, text, name, pattern)
    kind, value = column.type.kind, _cast(column, text)
    same = f"CAST({name} AS VARCHAR) = {text}"
    if kind is Kind.TIMESTAMPTZ:
        zoned = _shape(text, rf"{_DAY}[T ]{_CLOCK}{_ZONE}")
        value, certain = in_zone(column, value, f"TRY_CAST({text} AS TIMESTAMP)", zoned)
        good = f"{name} IS NOT NULL AND {_shape(text, rf'{_DAY}[T ]{_CLOCK}{_ZONE}?')}{certain}"
        return value, f"{good} AND {in_range(f'{name} AT TIME ZONE {_UTC}')}"
    shape = {Kind.DATE: _DAY, Kind.TIME: _CLOCK, Kind.TIMESTAMP: rf"{_DAY}[T ]{_CLOCK}"}[kind]
    limit = in_range(f"CAST({name} AS TIMESTAMP)") if kind is Kind.DATE else in_range(name)
    if kind is Kind.TIME:
        limit = f"{name} < TIME '24:00:00'"
    if kind is Kind.TIMESTAMP:
        same = either(same, f"CAST({name} AS VARCHAR) = replace({text}, 'T', ' ')")
    good = f"{either(same, f'{name} IS NOT NULL AND {_shape(text, shape)}')} AND {limit}"
    return value, either(_USUAL_DATE.format(text=text, name=name), good) if kind is Kind.DATE else good


_UTC = "'UTC'"
_USUAL_DATE = "({name} BETWEEN DATE '1000-01-01' AND DATE '9999-12-31' AND {text} GLOB '????-??-?[0-9]')"
"""Not all that is a date, but nothing else, at half the price: with four digits for the year, what may stand for `?`
in a text that DuckDB takes for a date are digits."""


def in_range(timestamp: str) -> str:
    """Years 1 to 9999: excludes infinity, the years before Christ, and what other engines cannot hold."""
    return f"({timestamp}) BETWEEN {_FIRST} AND {_LAST}"


def zone_of(column: Column) -> str:
    """The zone of a zoned column's values that name none: ODCS `defaultTimezone`, whose own default is UTC."""
    zone = column.options.get("defaultTimezone") or "Etc/UTC"
    try:
        return ZoneInfo(str(zone)).key
    except (ZoneInfoNotFoundError, ValueError) as e:
        raise BadInputError(
            "TIMEZONE", f"defaultTimezone {zone!r} of column {column.name!r} is not an IANA zone",
            mend="Use a name such as Europe/Paris.",
        ) from e  # fmt: skip


def in_zone(column: Column, zoned_value: str, local: str, zoned: str) -> tuple[str, str]:
    """The instant, and a condition that refuses local times which a clock change skipped or repeated."""
    zone = zone_of(column)
    if zone in ("UTC", "Etc/UTC", "Zulu", "Etc/UCT", "UCT", "Universal", "Etc/Universal", "Etc/Zulu"):
        return zoned_value, ""
    name = text_sql(zone)
    instant = f"(({local}) AT TIME ZONE {name})"
    value = f"CASE WHEN {zoned} THEN {zoned_value} ELSE {instant} END"
    back = f"({instant} AT TIME ZONE {name}) = ({local})"
    twice = " OR ".join(
        f"(({instant} {sign} INTERVAL {step} MINUTE) AT TIME ZONE {name}) = ({local})"
        for sign in "+-"
        for step in (30, 60, 120)
    )
    return value, f" AND ({zoned} OR ({back} AND NOT ({twice})))"


def _formatted(column: Column, text: str, name: str, pattern: str) -> tuple[str, str]:
    kind = column.type.kind
    form = strptime_format(pattern)
    if form.zoned and kind is not Kind.TIMESTAMPTZ:
        raise BadInputError(
            "DATE_FORMAT", f"the format {pattern!r} of column {column.name!r} has a zone, its type {kind} has none",
            mend="Make it a timestamp with a zone, or take the zone out of the format.",
        )  # fmt: skip
    if form.zoned:
        parsed = f"try_strptime(regexp_replace({text}, 'Z$', '+00:00'), {text_sql(form.text)})"
        return parsed, f"{name} IS NOT NULL AND {in_range(f'{name} AT TIME ZONE {_UTC}')}"
    parsed = f"CAST(try_strptime({text}, {text_sql(form.text)}) AS TIMESTAMP)"
    written = " OR ".join(
        f"lower(strftime({parsed}, {text_sql(f)})) = lower({text})" for f in dict.fromkeys((form.text, form.padded))
    )
    good = f"({written}) AND {in_range(parsed)}"
    if kind is Kind.DATE:
        return f"CAST({parsed} AS DATE)", f"{good} AND date_trunc('day', {parsed}) = {parsed}"
    if kind is Kind.TIME:
        return f"CAST({parsed} AS TIME)", good
    if kind is Kind.TIMESTAMPTZ:
        value, certain = in_zone(column, f"({parsed} AT TIME ZONE {_UTC})", parsed, "false")
        return value, good + certain
    return parsed, good


def is_strict_json(text: str) -> bool:
    """Whether text is JSON as RFC 8259 has it: DuckDB also lets NaN, trailing commas and repeated keys pass."""
    try:
        json.loads(text, object_pairs_hook=unique_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's content; ValueError when a key is repeated."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is repeated")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def explain(column: Column, text: str) -> tuple[str, str]:
    """Reason code and reason why `text` is no value of `column`, for the quarantine."""
    kind = column.type.kind
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    number = _NUMBER.fullmatch(text)
    if kind is Kind.JSON:
        return "JSON", f"{shown} is not valid JSON"
    if number and kind is Kind.DECIMAL and "e" not in text.lower():
        if re.fullmatch(rf"\s*({_decimal_pattern(column.type.scale)})\s*", text):
            return "OVERFLOW", f"{shown} has more digits than {column.type} can hold"
        return "PRECISION_LOSS", f"{shown} would have to be rounded to become {column.type}"
    if number and kind in INTEGERS and re.fullmatch(rf"\s*({_INTEGER})\s*", text):
        return "OVERFLOW", f"{shown} is out of the range of {column.type}"
    if number and kind in (Kind.FLOAT32, Kind.FLOAT64):
        return "OVERFLOW", f"{shown} is out of the range of {column.type}"
    if kind is Kind.TIMESTAMP and "format" not in column.options and _TIMESTAMP_ZONED.fullmatch(text):
        return "UNEXPECTED_ZONE", f"{shown} names a zone, and {column.type} has none"
    if kind is Kind.TIMESTAMPTZ and "format" not in column.options and re.fullmatch(rf"\s*{_DAY}[T ]{_CLOCK}\s*", text):
        return "AMBIGUOUS_TIME", f"{shown} is no time, or happens twice, in {zone_of(column)}"
    return "CAST", f"{shown} is not a value of type {column.type}"
