"""Days, times and moments: what text is one, as SQL for DuckDB. The rules that values.py has for the other kinds."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sluice.adapters.duck.casting.formats import DateFormat, strptime_format
from sluice.adapters.duck.connection import text_sql
from sluice.contract.model import Column
from sluice.contract.types import Kind
from sluice.errors import BadInputError

DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6}0*)?)?"
ZONE = r"(Z|[+-](0[0-9]|1[0-8])(:?[0-5][0-9])?)"
_FIRST, _LAST = "TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"
_TYPES = {Kind.DATE: "DATE", Kind.TIME: "TIME", Kind.TIMESTAMP: "TIMESTAMP", Kind.TIMESTAMPTZ: "TIMESTAMPTZ"}


def shape(text: str, pattern: str) -> str:
    """SQL: whether the text, but for spaces around it, has this form (an RE2 pattern)."""
    whole = text_sql(rf"\s*({pattern})\s*")
    return f"regexp_full_match({text}, {whole})"


def either(usual: str, rare: str) -> str:
    """`usual OR rare`, the second never asked where the first holds. Of an OR, DuckDB tries both orders."""
    return f"CASE WHEN {usual} THEN true ELSE {rare} END"


def moment(column: Column, text: str, name: str) -> tuple[str, str]:
    pattern = column.options.get("format")
    if pattern == EXCEL and column.type.kind in (Kind.DATE, Kind.TIMESTAMP):
        return _serial(column, text, name)
    if isinstance(pattern, str) and pattern:
        return _formatted(column, text, name, pattern)
    kind, value = column.type.kind, f"TRY_CAST({text} AS {_TYPES[column.type.kind]})"
    same = f"CAST({name} AS VARCHAR) = {text}"
    if kind is Kind.TIMESTAMPTZ:
        zoned = shape(text, rf"{DAY}[T ]{CLOCK}{ZONE}")
        value, certain = in_zone(column, value, f"TRY_CAST({text} AS TIMESTAMP)", zoned)
        good = f"{name} IS NOT NULL AND {shape(text, rf'{DAY}[T ]{CLOCK}{ZONE}?')}{certain}"
        return value, f"{good} AND {in_range(f'{name} AT TIME ZONE {_UTC}')}"
    form = {Kind.DATE: DAY, Kind.TIME: CLOCK, Kind.TIMESTAMP: rf"{DAY}[T ]{CLOCK}"}[kind]
    limit = in_range(f"CAST({name} AS TIMESTAMP)") if kind is Kind.DATE else in_range(name)
    if kind is Kind.TIME:
        value = f"TRY_CAST(rtrim({text}) AS TIME)"  # without seconds, DuckDB takes no space behind
        limit = f"{name} < TIME '24:00:00'"
    if kind is Kind.TIMESTAMP:
        same = either(same, f"CAST({name} AS VARCHAR) = replace({text}, 'T', ' ')")
    good = f"{either(same, f'{name} IS NOT NULL AND {shape(text, form)}')} AND {limit}"
    usual = {Kind.DATE: _USUAL_DATE, Kind.TIMESTAMP: _USUAL_TIMESTAMP}.get(kind)
    return value, either(usual.format(text=text, name=name), good) if usual else good


_UTC = "'UTC'"
_USUAL_DATE = "({name} BETWEEN DATE '1000-01-01' AND DATE '9999-12-31' AND {text} GLOB '????-??-?[0-9]')"
"""Not all that is a date, but nothing else, at half the price: with four digits for the year, what may stand for `?`
in a text that DuckDB takes for a date are digits."""
_USUAL_TIMESTAMP = (
    "({name} BETWEEN TIMESTAMP '1000-01-01' AND TIMESTAMP '9999-12-31' AND {name} <> date_trunc('minute', {name})"
    " AND {text} GLOB '????-??-?[0-9][T ][0-9]?:??:?[0-9]')"
)
"""The same for timestamps. Seconds that are not zero show that DuckDB read the text to its end: it takes
`23:5 :59` for 23:05:00, and 24:00:00 for the next day."""


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
    return value, f" AND ({zoned} OR ({_once(instant, local, name)}))"


def _once(instant: str, local: str, zone: str) -> str:
    """SQL: whether clocks in the zone (an expression) show the local time at that instant, and at no other."""
    twice = " OR ".join(
        f"(({instant} {sign} INTERVAL {step} MINUTE) AT TIME ZONE {zone}) = ({local})"
        for sign in "+-"
        for step in (30, 60, 120)
    )
    return f"({instant} AT TIME ZONE {zone}) = ({local}) AND NOT ({twice})"


def _formatted(column: Column, text: str, name: str, pattern: str) -> tuple[str, str]:
    kind = column.type.kind
    form = strptime_format(pattern)
    if form.zone and kind is not Kind.TIMESTAMPTZ:
        raise BadInputError(
            "DATE_FORMAT", f"the format {pattern!r} of column {column.name!r} has a zone, its type {kind} has none",
            mend="Make it a timestamp with a zone, or take the zone out of the format.",
        )  # fmt: skip
    text = f"trim({text})"
    if form.zone:
        return _with_its_zone(form, text, name)
    parsed, written = _parsed(form, text)
    good = f"{written} AND {in_range(parsed)}"
    if kind is Kind.DATE:
        return f"CAST({parsed} AS DATE)", f"{good} AND date_trunc('day', {parsed}) = {parsed}"
    if kind is Kind.TIME:
        return f"CAST({parsed} AS TIME)", good
    if kind is Kind.TIMESTAMPTZ:
        value, certain = in_zone(column, f"({parsed} AT TIME ZONE {_UTC})", parsed, "false")
        return value, good + certain
    return parsed, good


def _parsed(form: DateFormat, text: str) -> tuple[str, str]:
    """The timestamp in a text, and whether written in that format it is the text again."""
    parsed = f"CAST(try_strptime({text}, {text_sql(form.text)}) AS TIMESTAMP)"
    written = " OR ".join(
        f"lower(strftime({parsed}, {text_sql(f)})) = lower({text})" for f in dict.fromkeys((form.text, form.padded))
    )
    return parsed, f"({written})"


def _with_its_zone(form: DateFormat, text: str, name: str) -> tuple[str, str]:
    """A text that names its zone: what is around the zone has to be a local time, written as the format says."""
    pattern = text_sql(form.around_zone)
    local, written = _parsed(form.local, rf"regexp_replace({text}, {pattern}, '\1\3')")
    value = f"try_strptime(regexp_replace({text}, 'Z$', '+00:00'), {text_sql(form.text)})"
    good = f"{name} IS NOT NULL AND {written} AND {in_range(f'{name} AT TIME ZONE {_UTC}')}"
    if form.zone == "%Z":
        good += f" AND {_once(name, local, f'regexp_extract({text}, {pattern}, 2)')}"
    return value, good


EXCEL = "excel"
"""The `format` of dates that are numbers: days since 1900 as Excel counts them."""


def _serial(column: Column, text: str, name: str) -> tuple[str, str]:
    """Day 1 is 1900-01-01; day 60 is the 29 February that 1900 did not have, and no date.

    Source: ECMA-376 part 1, 18.17.4.1, the 1900 date base system. Times are kept to the millisecond, as Excel does.
    """
    number = f"TRY_CAST({text} AS DECIMAL(24,12))"
    base = f"CASE WHEN {number} < 60 THEN TIMESTAMP '1899-12-31' ELSE TIMESTAMP '1899-12-30' END"
    moment = f"({base} + to_milliseconds(CAST(round({number} * 86400000, 0) AS BIGINT)))"
    real = f"{number} >= 1 AND {number} < 2958466 AND NOT ({number} >= 60 AND {number} < 61)"
    shaped = shape(text, r"[0-9]{1,7}(\.[0-9]*)?")
    value = f"CASE WHEN {shaped} AND {real} THEN {moment} END"
    if column.type.kind is Kind.DATE:
        return f"CAST({value} AS DATE)", f"{name} IS NOT NULL AND {number} = floor({number})"
    return value, f"{name} IS NOT NULL"
