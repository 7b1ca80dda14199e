"""What text is a value of a column: for DuckDB as SQL, for people as the reason why it is not.

DuckDB's own casts, typed read_csv included, say yes to much that is not so: 1.5 becomes the integer 2, a decimal
is rounded, 5:00 PM becomes 05:00, an offset is dropped. So every value is read as text and must prove itself:
either the cast value writes back the same text, or the text has an exact, written-down shape.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.adapters.duck.casting.marks import INTEGER, UUID, boolean_words, decimal_pattern, marks_of, words_of
from sluice.adapters.duck.casting.moments import either, in_range, in_zone, moment, shape
from sluice.adapters.duck.casting.reasons import explain
from sluice.adapters.duck.connection import list_sql, text_sql
from sluice.contract.model import Column
from sluice.contract.types import ColumnType, Kind

__all__ = [
    "STRICT_JSON", "Rule", "duck_type", "either", "explain", "in_range", "in_zone", "is_strict_json", "rule", "unique_object",
    "within",
]  # fmt: skip

Rules = Callable[[Column, str, str], tuple[str, str]]
"""Of a column, its text and its value's name: SQL for the value, and for whether it is one."""

STRICT_JSON = "sluice_strict_json"
"""SQL name of `is_strict_json`, to be registered where a JSON column is converted."""

_ZERO = r"[+-]?(0+\.?0*|\.0+)([eE][+-]?[0-9]+)?"
_NOT_FINITE = r"[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)"


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
    if own := words_of(column, "nullSequence"):
        text = f"CASE WHEN {_one_of(text, own)} THEN NULL ELSE {text} END"
    if kind is Kind.STRING:
        good = within(column, text)
        return Rule(text, f"({text} IS NULL OR ({good}))" if good else None)
    value, good = _rules(kind)(column, text, name)
    if inside := within(column, name):
        good = f"({good}) AND {inside}"
    quoted_null = f" OR ({_one_of(text, nulls)} AND {name} IS NULL)" if nulls else ""
    return Rule(value, either(good, f"{text} IS NULL{quoted_null}"))


def within(column: Column, name: str) -> str:
    """SQL: whether a value, by its name, is in the range, length or form that its type declares; empty: all are."""
    column_type, tests = column.type, []
    if column_type.low is not None and column_type.high is not None:
        tests.append(f"{name} BETWEEN {column_type.low} AND {column_type.high}")
    if column_type.length is not None:
        measure = "octet_length" if column_type.kind is Kind.BINARY else "length"
        tests.append(f"{measure}({name}) <= {column_type.length}")
    if column_type.uuid:
        tests.append(f"regexp_full_match({name}, {text_sql(UUID)})")
    return " AND ".join(tests)


def _rules(kind: Kind) -> Rules:
    return {
        Kind.INT32: _number(_integer), Kind.INT64: _number(_integer), Kind.FLOAT32: _number(_float),
        Kind.FLOAT64: _number(_float), Kind.DECIMAL: _number(_decimal), Kind.BOOLEAN: _boolean, Kind.DATE: moment, Kind.TIME: moment,
        Kind.TIMESTAMP: moment, Kind.TIMESTAMPTZ: moment, Kind.BINARY: _binary, Kind.JSON: _json,
    }[kind]  # fmt: skip


def _one_of(text: str, words: Sequence[str]) -> str:
    """Not IN: DuckDB turns that into a join, and after a join rows no longer come in their order."""
    return f"list_contains({list_sql(words)}, {text})"


def _exact(column: Column, text: str, name: str, pattern: str) -> tuple[str, str]:
    same = f"CAST({name} AS VARCHAR) = {text}"
    return _cast(column, text), either(same, f"{name} IS NOT NULL AND {shape(text, pattern)}")


def _cast(column: Column, text: str) -> str:
    return f"TRY_CAST({text} AS {duck_type(column.type)})"


def _number(plain: Rules) -> Rules:
    """A rule for numbers in the usual form, and for those with a column's own marks."""

    def rules(column: Column, text: str, name: str) -> tuple[str, str]:
        marks = marks_of(column)
        value, good = plain(column, text if marks is None else marks.sql(text), name)
        if marks is not None:
            good = f"({good}) AND {shape(text, marks.pattern)}"
        return value, good

    return rules


def _integer(column: Column, text: str, name: str) -> tuple[str, str]:
    return _exact(column, text, name, INTEGER)


def _decimal(column: Column, text: str, name: str) -> tuple[str, str]:
    return _exact(column, text, name, decimal_pattern(column.type.scale))


def _float(column: Column, text: str, name: str) -> tuple[str, str]:
    finite = f"isfinite({name}) AND {name} <> 0 AND NOT contains({text}, '_')"
    other = f"{name} IS NOT NULL AND {shape(text, f'{_ZERO}|{_NOT_FINITE}')}"
    return _cast(column, text), either(finite, either(f"{text} = '0' OR {text} = '0.0'", other))


def _boolean(column: Column, text: str, name: str) -> tuple[str, str]:
    word = f"lower(trim({text}))"
    true, false = boolean_words(column)
    yes, no = _one_of(word, true), _one_of(word, false)
    usual = "".join(f"WHEN {text} = '{w}' THEN {w} " for w, words in (("true", true), ("false", false)) if w in words)
    return f"CASE {usual}WHEN {yes} THEN true WHEN {no} THEN false END", f"{name} IS NOT NULL"


def _binary(column: Column, text: str, name: str) -> tuple[str, str]:
    form = str(column.options.get("format"))
    how = {"base64": "from_base64", "byte": "from_base64", "hex": "unhex"}.get(form)
    good = f"{name} IS NOT NULL"
    if how == "unhex":
        good += f" AND length({text}) % 2 = 0"
    return (f"encode({text})" if how is None else f"TRY({how}({text}))"), good


def _json(column: Column, text: str, name: str) -> tuple[str, str]:
    suspicious = text_sql(r"(?s),\s*[\]}]|NaN|[iI]nf|//|/\*|[nN]an|:.*:")
    return text, f"json_valid({text}) AND (NOT regexp_matches({text}, {suspicious}) OR {STRICT_JSON}({text}))"


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
