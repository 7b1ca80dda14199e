"""Values that stand in a file's path, as Hive and Spark write them: `year=2024/month=01/part-0.csv`.

A column of the contract that the file itself does not have takes its value from there, as text: percent escapes
decoded, `__HIVE_DEFAULT_PARTITION__` null. Its type is proven like any other text's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from urllib.parse import unquote

import duckdb

from sluice.adapters.duck.casting.values import duck_type, explain, rule
from sluice.adapters.duck.connection import text_sql
from sluice.adapters.duck.text.header import match_names
from sluice.contract.model import Column, Table
from sluice.errors import SourceError

_NULL = "__HIVE_DEFAULT_PARTITION__"


def partition_values(display: str, table: Table) -> dict[int, str | None]:
    """Position in the contract → value, for every column that the path of the file names. Raises SourceError PARTITION."""
    exact = {c.name: i for i, c in enumerate(table.columns)}
    folded: dict[str, list[int]] = {}
    for i, column in enumerate(table.columns):
        folded.setdefault(column.name.casefold(), []).append(i)
    values: dict[int, str | None] = {}
    for part in re.split(r"[/!]", display)[:-1]:
        key, equals, text = part.partition("=")
        if not equals:
            continue
        name = _decoded(key, display)
        alike = folded.get(name.casefold(), [])  # Hive writes names in lower case
        position = exact.get(name, alike[0] if len(alike) == 1 else None)
        if position is None:
            continue
        value = None if text == _NULL else _decoded(text, display)
        if values.setdefault(position, value) != value:
            raise SourceError(
                "PARTITION", f"the path gives {table.columns[position].name!r} two values", where=display,
                mend="Deliver the file in one partition.",
            )  # fmt: skip
    return values


def match_columns(
    found: Sequence[str], table: Table, display: str, *, case_blind: bool = False
) -> tuple[list[int], dict[int, str | None]]:
    """For every name found its position in the contract, and the values that the path has for columns not found.

    Raises SourceError PARTITION and those of `match_names`.
    """
    names = {n.strip().casefold() if case_blind else n.strip() for n in found}
    absent = {
        i: value
        for i, value in partition_values(display, table).items()
        if (n := table.columns[i].name) not in found and (n.casefold() if case_blind else n) not in names
    }
    kept = without(table, absent)
    positions = [i for i in range(len(table.columns)) if i not in absent]
    return [positions[i] for i in match_names(found, kept, display, case_blind=case_blind)], absent


def constant_sql(
    connection: duckdb.DuckDBPyConnection, column: Column, text: str | None, nulls: Sequence[str], display: str
) -> str:
    """A path's value of `column` as SQL, proven like any other text. Raises SourceError PARTITION when it is none."""
    if text is None:
        return f"CAST(NULL AS {duck_type(column.type)})"
    proven = rule(column, "t", "v", nulls)
    value = f"SELECT t, CAST({proven.value} AS {duck_type(column.type)}) AS v FROM (SELECT {text_sql(text)} AS t)"
    (row,) = connection.execute(f"SELECT {proven.good or 'true'} FROM ({value})").fetchall()
    if not row[0]:
        raise SourceError(
            "PARTITION", f"the path says {column.name!r} is {text!r}: {explain(column, text)[1]}", where=display,
            mend="Name the folder anew, or correct the column's type in the contract.",
        )  # fmt: skip
    return f"(SELECT v FROM ({value}))"


def without(table: Table, absent: Collection[int]) -> Table:
    """The table without the columns at these positions."""
    return replace(table, columns=tuple(c for i, c in enumerate(table.columns) if i not in absent))


def _decoded(text: str, display: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as e:
        raise SourceError(
            "PARTITION", f"{text!r} in the path is not UTF-8", where=display, mend="Name the folder anew."
        ) from e
