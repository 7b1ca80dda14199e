"""What text is a value of a column: for DuckDB as SQL, for people as the reason why it is not.

DuckDB's own casts, typed read_csv included, say yes to much that is not so: 1.5 becomes the integer 2, a decimal
is rounded, 5:00 PM becomes 05:00, an offset is dropped. So every value is read as text and must prove itself:
either the cast value writes back the same text, or the text has an exact, written-down shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import duckdb

from sluice.adapters.duck.casting import reasons
from sluice.adapters.duck.casting.leaves import exactly
from sluice.adapters.duck.casting.marks import INTEGER, UUID, boolean_words, decimal_pattern, marks_of, words_of
from sluice.adapters.duck.casting.moments import either, in_range, in_zone, moment, shape
from sluice.adapters.duck.casting.nested import explain_nested, has_nested, nested
from sluice.adapters.duck.casting.nested import register as register_nested
from sluice.adapters.duck.connection import list_sql, name_sql, text_sql
from sluice.contract.model import Column
from sluice.contract.types import NESTED, ColumnType, Kind

__all__ = [
    "Rule", "duck_type", "either", "explain", "in_range", "in_zone", "is_strict_json", "register", "rule", "within",
]  # fmt: skip

Rules = Callable[[Column, str, str], tuple[str, str]]
"""Of a column, its text and its value's name: SQL for the value, and for whether it is one."""

_STRICT_JSON = "sluice_strict_json"
"""SQL name of `is_strict_json`."""

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
    if column_type.kind is Kind.LIST:
        return f"{duck_type(column_type.item.type)}[]"
    if column_type.kind is Kind.STRUCT:
        return f"STRUCT({', '.join(f'{name_sql(f.field_name)} {duck_type(f.type)}' for f in column_type.fields)})"
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
    if kind is Kind.JSON and nulls:
        text = f"CASE WHEN {_one_of(text, nulls)} AND NOT json_valid({text}) THEN NULL ELSE {text} END"
    if kind is Kind.STRING:
        good = within(column, text)
        return Rule(text, f"({text} IS NULL OR ({good}))" if good else None)
    value, good = _nested(column, text, name) if kind in NESTED else _rules(kind)(column, text, name)
    if inside := within(column, name):
        good = f"({good}) AND {inside}"
    quoted_null = f" OR ({_one_of(text, nulls)} AND {name} IS NULL)" if nulls else ""
    return Rule(value, either(good, f"{text} IS NULL{quoted_null}"))


def register(connection: duckdb.DuckDBPyConnection, columns: Iterable[Column]) -> None:
    """Make known to the connection what the columns' rules call."""
    kinds = list(columns)
    if any(c.type.holds({Kind.JSON}) for c in kinds):
        connection.create_function(_STRICT_JSON, is_strict_json, ["VARCHAR"], "BOOLEAN")
    if has_nested(kinds):
        register_nested(connection)


def explain(column: Column, text: str) -> tuple[str, str]:
    """Reason code and reason why `text` is no value of `column`, for the quarantine."""
    if column.type.kind in NESTED:
        return explain_nested(column, text, _leaf, reasons.explain)
    return reasons.explain(column, text)


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


def _nested(column: Column, text: str, name: str) -> tuple[str, str]:
    return nested(column, text, name, _leaf)


def _leaf(column: Column, text: str, name: str) -> tuple[str, str | None]:
    found = rule(column, text, name, ())
    return found.value, found.good


def _binary(column: Column, text: str, name: str) -> tuple[str, str]:
    form = str(column.options.get("format"))
    how = {"base64": "from_base64", "byte": "from_base64", "hex": "unhex"}.get(form)
    good = f"{name} IS NOT NULL"
    if how == "unhex":
        good += f" AND length({text}) % 2 = 0"
    return (f"encode({text})" if how is None else f"TRY({how}({text}))"), good


def _json(column: Column, text: str, name: str) -> tuple[str, str]:
    suspicious = text_sql(r"(?s),\s*[\]}]|NaN|[iI]nf|//|/\*|[nN]an|:.*:")
    return text, f"json_valid({text}) AND (NOT regexp_matches({text}, {suspicious}) OR {_STRICT_JSON}({text}))"


def is_strict_json(text: str) -> bool:
    """Whether text is JSON as RFC 8259 has it: DuckDB also lets NaN, trailing commas and repeated keys pass."""
    try:
        exactly(text)
    except (ValueError, RecursionError):
        return False
    return True
