"""Which values of a typed column are values of the contract's type, as SQL; and why one is not, for people.

The rule is the same as for text (sluice.adapters.duck.casting.values): a value must come through the cast unchanged. What
would be rounded, cut or wrapped is not one.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

from sluice.adapters.duck.casting.values import Rule, duck_type, explain, in_range, in_zone, rule, within
from sluice.adapters.duck.typed.forms import Form, Shape
from sluice.contract.model import Column
from sluice.contract.types import INTEGERS, NESTED, NUMBERS, Kind

_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}
_MANTISSA = {Kind.FLOAT32: 24, Kind.FLOAT64: 53}
_EXACT_DIGITS = 15
"""Decimals of so many digits become doubles and decimals again by one multiplication or division of exact numbers."""
_LARGEST_FLOAT32 = 3.4028235677973366e38
"""Half a step above the largest float32: what lies below is rounded to it."""

_DAY_NANOS = 86_400_000_000_000
_NEUTRAL_OPTIONS = ("defaultTimezone", "timezone")


def proof(column: Column, form: Form, source: str, name: str, nulls: tuple[str, ...]) -> Rule:
    """How `source`, a SQL expression of `form`, becomes a value of `column`, to be named `name`. NULL stays NULL."""
    kind, shape = column.type.kind, form.shape
    if shape is Shape.NOTHING:
        return Rule(f"CAST(NULL AS {duck_type(column.type)})", None)
    if shape is Shape.TEXT or (shape is Shape.JSON and kind in NESTED):
        return _text(column, form, source, name, nulls)
    if shape is Shape.BYTES and (kind is not Kind.BINARY or form.textual):
        decoded = f"TRY(decode({source}))"
        inner = _text(column, form, decoded, name, nulls)
        text_is_good = "true" if inner.good is None else inner.good
        return Rule(inner.value, f"({source} IS NULL OR ({decoded} IS NOT NULL AND {text_is_good}))")
    declared = within(column, name)
    if shape in (Shape.JSON, Shape.BYTES, Shape.UUID):
        value = f"CAST({source} AS {duck_type(column.type)})" if shape is Shape.UUID else source
        return Rule(value, f"({source} IS NULL OR ({declared}))" if declared else None)
    value, good = {
        Shape.BOOLEAN: _boolean, Shape.INTEGER: _integer, Shape.FLOAT: _float, Shape.DECIMAL: _decimal,
        Shape.DATE: _date, Shape.TIME: _time, Shape.TIMESTAMP: _timestamp,
    }[shape](column, form, source, name)  # fmt: skip
    tests = " AND ".join(f"({test})" for test in (good, declared) if test)
    return Rule(value, f"({source} IS NULL OR ({tests}))" if tests else None)


def neutral(column: Column) -> Column:
    """The column without its words about how texts are spelt: for texts that Sluice wrote itself."""
    return replace(column, options={k: v for k, v in column.options.items() if k in _NEUTRAL_OPTIONS})


def _text(column: Column, form: Form, source: str, name: str, nulls: tuple[str, ...]) -> Rule:
    if form.canonical:
        found = rule(neutral(column), source, name, ())
        if column.type.kind in _MANTISSA:
            return Rule(found.value, f"{found.good or 'true'} AND {_same_digits(source, name)}")
        return found
    if form.either:
        return _either_way(column, source, nulls)
    found = rule(column, source, name, nulls)
    if column.type.kind is Kind.STRING:
        more = "" if found.good is None else f" AND {found.good}"
        return Rule(found.value, f"({source} IS NULL OR NOT contains({source}, chr(0))){more}")
    return found


def _same_digits(text: str, name: str) -> str:
    """Whether a float has the digits of the number in `text`, which may be a decimal's or an integer's, or is just it."""
    ours, theirs = (
        f"trim(replace(split_part(lower({t}), 'e', 1), '.', ''), '+-0')" for t in (f"CAST({name} AS VARCHAR)", text)
    )
    whole = f"CAST(TRY_CAST({name} AS HUGEINT) AS VARCHAR) = {text}"
    return f"({text} IS NULL OR NOT isfinite({name}) OR {ours} = {theirs} OR coalesce({whole}, false))"


def _either_way(column: Column, source: str, nulls: tuple[str, ...]) -> Rule:
    """As the contract says it is spelt, or canonically; what is a value both ways must be the same one."""
    ways = []
    for spelt in (column, neutral(column)):
        value = rule(spelt, source, "", nulls).value
        ways.append((value, rule(spelt, source, f"({value})", nulls).good or "true"))
    (own, is_own), (plain, is_plain) = ways
    value = f"CASE WHEN {is_own} THEN {own} WHEN {is_plain} THEN {plain} END"
    differ = f"({is_own}) AND ({is_plain}) AND ({own}) IS DISTINCT FROM ({plain})"
    return Rule(value, f"(({is_own}) OR ({is_plain})) AND NOT ({differ})")


def _boolean(column: Column, form: Form, source: str, name: str) -> tuple[str, str | None]:
    return source, None


def _cast(column: Column, source: str) -> str:
    return f"TRY_CAST({source} AS {duck_type(column.type)})"


def _integer(column: Column, form: Form, source: str, name: str) -> tuple[str, str | None]:
    kind, value = column.type.kind, _cast(column, source)
    if kind is Kind.BOOLEAN:
        return f"CASE {source} WHEN 0 THEN false WHEN 1 THEN true END", f"{name} IS NOT NULL"
    if kind is Kind.DECIMAL:
        fits = _INTEGER_DIGITS[form.bits] <= column.type.precision - column.type.scale
        return value, None if fits else f"{name} IS NOT NULL"
    bits = form.bits + (0 if form.signed else 1)
    if kind in INTEGERS:
        return value, None if bits <= (32 if kind is Kind.INT32 else 64) else f"{name} IS NOT NULL"
    if bits <= _MANTISSA[kind]:
        return value, None
    return value, f"CAST({name} AS HUGEINT) = CAST({source} AS HUGEINT)"


def _float(column: Column, form: Form, source: str, name: str) -> tuple[str, str | None]:
    kind, value = column.type.kind, _cast(column, source)
    if kind in INTEGERS:
        return value, f"CAST({name} AS DOUBLE) = CAST({source} AS DOUBLE)"
    if kind is Kind.DECIMAL:
        # The digits that people see, which are those of the shortest text that reads back as the same number.
        whole = f"CAST(TRY_CAST({source} AS HUGEINT) AS VARCHAR)"
        text = f"CASE WHEN {source} = trunc({source}) THEN {whole} ELSE CAST({source} AS VARCHAR) END"
        return f"TRY_CAST({text} AS {duck_type(column.type)})", f"CAST({name} AS {_float_type(form)}) = {source}"
    if form.bits <= (32 if kind is Kind.FLOAT32 else 64):
        return value, None
    return value, f"CAST({name} AS DOUBLE) = {source}"


def _float_type(form: Form) -> str:
    return "FLOAT" if form.bits == 32 else "DOUBLE"


def _decimal(column: Column, form: Form, source: str, name: str) -> tuple[str, str | None]:
    kind, value = column.type.kind, _cast(column, source)
    there = f"DECIMAL({form.precision},{form.scale})"
    if kind is Kind.DECIMAL and column.type.scale >= form.scale:
        wide = column.type.precision - column.type.scale >= form.precision - form.scale
        return value, None if wide else f"{name} IS NOT NULL"
    if kind is Kind.FLOAT64 and form.precision > _EXACT_DIGITS:
        # DuckDB multiplies and divides by 10^scale in doubles, which rounds once more; in texts nothing is.
        return _cast(column, f"CAST({source} AS VARCHAR)"), f"TRY_CAST(CAST({name} AS VARCHAR) AS {there}) = {source}"
    return value, f"TRY_CAST({name} AS {there}) = {source}"


def _date(column: Column, form: Form, source: str, name: str) -> tuple[str, str | None]:
    return source, in_range(f"CAST({name} AS TIMESTAMP)")


def _time(column: Column, form: Form, source: str, name: str) -> tuple[str, str | None]:
    if form.tick:
        inside = f"{source} >= 0 AND {source} < {_DAY_NANOS // form.tick}"
        micros = f"CAST({source} AS BIGINT) * {form.tick} // 1000"
        value = f"CASE WHEN {inside} THEN CAST(make_timestamp({micros}) AS TIME) END"
        return value, f"{name} IS NOT NULL" + (f" AND {source} % 1000 = 0" if form.tick == 1 else "")
    whole = f"epoch_ns({source}) % 1000 = 0 AND " if form.nanos else ""
    return f"CAST({source} AS TIME)", f"{whole}{name} < TIME '24:00:00'"


def _timestamp(column: Column, form: Form, source: str, name: str) -> tuple[str, str | None]:
    kind = column.type.kind
    whole = f"epoch_ns({source}) % 1000 = 0 AND " if form.nanos else ""
    if kind is Kind.DATE:
        day = f"CAST({source} AS TIMESTAMP)"
        return f"CAST({day} AS DATE)", f"{whole}{in_range(day)} AND date_trunc('day', {day}) = {day}"
    if kind is Kind.TIMESTAMP:
        return f"CAST({source} AS TIMESTAMP)", f"{whole}{in_range(name)}"
    if form.zoned:
        return f"CAST({source} AS TIMESTAMPTZ)", f"{whole}{in_range(f'{name} AT TIME ZONE {_UTC}')}"
    local = f"CAST({source} AS TIMESTAMP)"
    value, certain = in_zone(column, f"({local} AT TIME ZONE {_UTC})", local, "false")
    return value, f"{whole}{in_range(local)}{certain}"


_UTC = "'UTC'"


def explain_value(column: Column, form: Form, value: Any) -> tuple[str, str]:
    """Reason code and reason why `value` is no value of `column`. Moments come as ISO text, the rest as they are."""
    if isinstance(value, bytes) and column.type.kind is Kind.BINARY and not form.textual:
        return explain(column, value.decode("latin-1"))
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return "INVALID_ENCODING", f"{_shown(value)} is not UTF-8 text"
    if form.shape in (Shape.TEXT, Shape.BYTES) and isinstance(value, str):
        if "\0" in value and column.type.kind is Kind.STRING:
            return "NUL_BYTE", f"{_shown(value)} contains a NUL character"
        if form.canonical and column.type.kind in NUMBERS and _DIGITS.fullmatch(value):
            return _explain_number(column, Decimal(value))
        return explain(neutral(column) if form.canonical else column, value)
    if form.shape in (Shape.INTEGER, Shape.FLOAT, Shape.DECIMAL):
        return _explain_number(column, value)
    if form.shape is Shape.TIMESTAMP or form.shape is Shape.TIME:
        return _explain_moment(column, form, str(value))
    if form.shape is not Shape.DATE:
        return explain(neutral(column), str(value))
    return "OVERFLOW", f"{_shown(value)} is outside the years 1 to 9999"


_WIDE = Context(prec=2000)
_DIGITS = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _explain_number(column: Column, value: Any) -> tuple[str, str]:
    kind, shown = column.type.kind, _shown(value)
    if kind is Kind.BOOLEAN or (isinstance(value, float) and not math.isfinite(value)):
        return "CAST", f"{shown} is not a value of type {column.type}"
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if kind in (Kind.FLOAT32, Kind.FLOAT64):
        over = kind is Kind.FLOAT32 and abs(number) >= Decimal(_LARGEST_FLOAT32)
    elif kind is Kind.DECIMAL:
        exponent = number.normalize(_WIDE).as_tuple().exponent
        over = isinstance(exponent, int) and -exponent <= column.type.scale
    else:
        over = number == number.to_integral_value()
    if over:
        return "OVERFLOW", f"{shown} is out of the range of {column.type}"
    return "PRECISION_LOSS", f"{shown} would have to be rounded to become {column.type}"


def _explain_moment(column: Column, form: Form, text: str) -> tuple[str, str]:
    _, _, fraction = text.partition(".")
    digits = fraction[:9]
    if form.nanos and digits.isdigit() and len(digits) == 9 and digits[6:] != "000":
        return "PRECISION_LOSS", f"{text!r} has nanoseconds, which {column.type} would cut off"
    inside = text[:4].isdigit() and text[4:5] == "-" and "(BC)" not in text and text[:4] != "0000"
    if form.tick == 1 and text.isdigit() and int(text) < _DAY_NANOS:
        return "PRECISION_LOSS", f"{text} nanoseconds of a day are no whole microseconds"
    if column.type.kind is Kind.TIME:
        return "OVERFLOW", f"{text!r} is no time of a day"
    if not inside:
        return "OVERFLOW", f"{text!r} is outside the years 1 to 9999"
    if column.type.kind is Kind.DATE:
        return "PRECISION_LOSS", f"{text!r} has a time of day, which a date would cut off"
    return "AMBIGUOUS_TIME", f"{text!r} is no time, or happens twice, in {column.options.get('defaultTimezone')}"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, (str, bytes)) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
