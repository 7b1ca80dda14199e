"""What a profile asks its questions of: the staged files, or of a very wide table narrow copies of them.

Every query on a file is planned with all of its columns: of thousands, that costs more than the answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import duckdb

from sluice.adapters.duck.connection import in_batches, name_sql
from sluice.contract.model import Column

T = TypeVar("T")
TOGETHER = 50
"""Columns asked about in one query: many more, and planning it takes longer than answering."""

_WIDE = 500
_MOST_CELLS, _MOST_BYTES = 20_000_000, 64 << 20


@dataclass
class Source:
    """`whole` is SQL for all rows of `columns`."""

    connection: duckdb.DuckDBPyConnection
    whole: str
    columns: Sequence[Column]
    _narrow: dict[int, str] = field(default_factory=dict)

    def narrow(self, rows: int, size: int) -> None:
        """Copy a table of many columns and few `rows`, `size` bytes as files, into narrow ones that the memory limit holds."""
        if len(self.columns) < _WIDE or rows * len(self.columns) > _MOST_CELLS or size > _MOST_BYTES:
            return
        for number, some in enumerate(together(self.columns)):
            names = ", ".join(name_sql(c.field_name) for c in some)
            self.connection.execute(f"CREATE TEMP TABLE narrow_{number} AS SELECT {names} FROM {self.whole}")
            self._narrow[number] = f"narrow_{number}"

    def groups(self, positions: Sequence[int]) -> Iterator[tuple[Sequence[int], str]]:
        """The positions of columns, some at a time, and SQL for what has them."""
        if self._narrow:
            for number, own in groupby(positions, key=lambda i: i // TOGETHER):
                yield list(own), self._narrow[number]
            return
        for some in together(positions):
            yield some, self.whole


def together(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """TOGETHER of them at a time."""
    return in_batches(items, TOGETHER)
