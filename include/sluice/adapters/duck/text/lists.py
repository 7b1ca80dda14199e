"""Very many columns of text, staged in lists: DuckDB keeps a buffer of 256 KiB for each column of text that it writes.

Not for tables, which have columns: for texts that are looked at and thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

TOGETHER = 50
"""Columns in one list."""
_MANY = 300


def is_listed(columns: int) -> bool:
    """Whether so many columns are staged in lists."""
    return columns > _MANY


def lists_sql(values: Sequence[str]) -> str:
    """SQL for the lists l0, l1 ... of these values."""
    lists = (values[at : at + TOGETHER] for at in range(0, len(values), TOGETHER))
    return ", ".join(f"[{', '.join(some)}] AS l{number}" for number, some in enumerate(lists))


def place(i: int) -> tuple[str, int]:
    """The list that holds the column number `i`, and where in it, from 0."""
    return f"l{i // TOGETHER}", i % TOGETHER
