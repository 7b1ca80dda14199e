"""Objects and arrays as structs and lists: every value inside proves itself by the same rules as a column's.

A struct of texts is made of the JSON (sluice.adapters.duck.casting.leaves), and SQL makes the typed one of it, value
for value. It is NULL when one of the values is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from threading import Lock
from typing import Any

import duckdb
from duckdb.func import SPECIAL

from sluice.adapters.duck.casting.leaves import MisfitError, form_of, leaves, leaves_json, located
from sluice.adapters.duck.connection import name_sql, text_sql
from sluice.contract.model import Column
from sluice.contract.types import NESTED, ColumnType, Kind

LEAVES = "sluice_leaves"
"""SQL name of `leaves_json`."""

Leaf = Callable[[Column, str, str], tuple[str, str | None]]
"""Of a column, its text and its value: SQL for the value, and for whether it is one (None: always)."""


def nested(column: Column, text: str, name: str, leaf: Leaf) -> tuple[str, str]:
    """SQL for the struct or list that `text` is, and for whether it is one."""
    form = json.dumps(form_of(column.type), ensure_ascii=False)
    tree = f"from_json({LEAVES}({text}, {text_sql(form)}), {text_sql(json.dumps(_texts(column.type)))})"
    # Two lambdas over lists of one: each names what the expression inside it uses more than once.
    checked = f"list_transform([{_value(column, 'x0', leaf, 1)}], lambda y0: CASE WHEN {_good(column, 'x0', 'y0', leaf, 1)} THEN y0 END)"
    value = f"list_transform([{tree}], lambda x0: ({checked})[1])[1]"
    return value, f"{name} IS NOT NULL OR {text} = 'null'"


def explain_nested(
    column: Column, text: str, leaf: Leaf, explain: Callable[[Column, str], tuple[str, str]]
) -> tuple[str, str]:
    """Reason code and reason why `text` is no value of `column`, naming the place inside it."""
    try:
        tree = leaves(text, form_of(column.type))
    except MisfitError as e:
        return e.code, f"{column.name}{e.path}: {e.why}"
    for path, inner, value in located(tree, column):
        # JSON text inside was written by `leaves`: it is always one.
        if inner.type.kind is not Kind.JSON and not _is_one(leaf(inner, "t", "v"), value):
            code, why = explain(inner, value)
            return code, f"{column.name}{path}: {why}"
    return "CAST", f"{column.name} is not a value of type {column.type}"


def _texts(column_type: ColumnType) -> Any:
    if column_type.kind is Kind.STRUCT:
        return {f"f{i}": _texts(f.type) for i, f in enumerate(column_type.fields)}
    return [_texts(column_type.item.type)] if column_type.kind is Kind.LIST else "VARCHAR"


def _value(column: Column, text: str, leaf: Leaf, depth: int) -> str:
    column_type = column.type
    if column_type.kind is Kind.STRUCT:
        parts = (
            f"{name_sql(f.field_name)} := {_value(f, f'{text}.f{i}', leaf, depth)}" for i, f in _fields(column_type)
        )
        return f"CASE WHEN {text} IS NOT NULL THEN struct_pack({', '.join(parts)}) END"
    if column_type.kind is Kind.LIST:
        return f"list_transform({text}, lambda x{depth}: {_value(column_type.item, f'x{depth}', leaf, depth + 1)})"
    value, _ = leaf(column, text, "")
    return value


def _good(column: Column, text: str, value: str, leaf: Leaf, depth: int) -> str:
    column_type = column.type
    if column_type.kind is Kind.STRUCT:
        parts = (
            _good(f, f"{text}.f{i}", f"{value}.{name_sql(f.field_name)}", leaf, depth) for i, f in _fields(column_type)
        )
        return " AND ".join(["true", *(p for p in parts if p != "true")])
    if column_type.kind is Kind.LIST:
        inner = _good(column_type.item, f"{text}[y{depth}]", f"{value}[y{depth}]", leaf, depth + 1)
        each = f"list_transform(range(1, len({text}) + 1), lambda y{depth}: ({inner}) IS TRUE)"
        return "true" if inner == "true" else f"coalesce(list_bool_and({each}), true)"
    _, good = leaf(column, text, value)
    return "true" if good is None else f"({good})"


def _fields(column_type: ColumnType) -> Iterable[tuple[int, Column]]:
    return enumerate(column_type.fields)


_judging = Lock()


@cache
def _judge() -> duckdb.DuckDBPyConnection:
    """A connection that reaches nothing, to ask about single texts."""
    return duckdb.connect(":memory:", config={"threads": "1", "enable_external_access": "false"})


@lru_cache(10_000)
def _is_one(proof: tuple[str, str | None], text: str) -> bool:
    value, good = proof
    if good is None:
        return True
    with _judging:
        found = _judge().execute(
            f"SELECT ({good}) IS TRUE FROM (SELECT t, {value} AS v FROM (SELECT ?::VARCHAR AS t))", [text]
        )
        return bool(found.fetchall()[0][0])


def has_nested(columns: Iterable[Column]) -> bool:
    """Whether `register` has to be called before the columns' rules are used."""
    return any(c.type.kind in NESTED for c in columns)


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `leaves_json` known to the connection."""
    connection.create_function(LEAVES, leaves_json, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling=SPECIAL)
