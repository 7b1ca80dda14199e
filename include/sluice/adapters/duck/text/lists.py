"""Very many columns of text, staged in lists: DuckDB keeps a buffer of 256 KiB for each column of text that it writes.

Not for tables, which have columns: for what is looked at and thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

from sluice.adapters.duck.connection import in_batches, name_sql
from sluice.contract.model import Column
from sluice.contract.types import Kind

TOGETHER = 50
"""Columns in one list."""
_MANY = 300


def is_listed(columns: int) -> bool:
    """Whether so many columns are staged in lists."""
    return columns > _MANY


def in_lists(columns: Sequence[Column]) -> list[int]:
    """The positions of the columns that go into lists, in their order there: those that are text."""
    return [i for i, c in enumerate(columns) if c.type.kind in (Kind.STRING, Kind.JSON)]


def lists_sql(values: Sequence[str]) -> str:
    """SQL for the lists of these values."""
    lists = enumerate(in_batches(values, TOGETHER))
    return ", ".join(f"[{', '.join(some)}] AS {name_sql(_name(number))}" for number, some in lists)


def has_lists(names: Sequence[str]) -> bool:
    """Whether a staged file with columns of these names holds texts in lists."""
    return _name(0) in names


def place(i: int) -> tuple[str, int]:
    """The list that holds the text number `i`, and where in it, from 0."""
    return _name(i // TOGETHER), i % TOGETHER


def item_sql(i: int) -> str:
    """SQL for the text number `i`."""
    name, at = place(i)
    return f"{name_sql(name)}[{at + 1}]"


def _name(number: int) -> str:
    return f"texts {number}"  # which no column of a table is called: there are no spaces in their names
