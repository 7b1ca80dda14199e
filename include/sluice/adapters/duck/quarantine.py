"""Writes the quarantine: every record that was not staged, with its place, its reason and its very bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.places import Bad
from sluice.adapters.duck.text.encoding import Locator, TextFile
from sluice.contract.model import Column, Table

SCHEMA = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("byte_offset", pa.int64(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("reason_code", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw", pa.binary(), nullable=False),
    ]
)
_ROWS, _BYTES = 10_000, 16 << 20


class Row(NamedTuple):
    """A row of the quarantine, as SCHEMA has it."""

    file: str
    line: int
    byte_offset: int
    column: str | None
    reason_code: str
    reason: str
    raw: bytes


class BadText(Protocol):
    """A text file that holds bad records, and can say of each what is wrong with it."""

    @property
    def text(self) -> TextFile: ...

    def reason(self, bad: Bad, columns: tuple[Column, ...], record: bytes) -> tuple[str, str, str | None]: ...


def write_quarantine(records: Iterator[tuple[BadText, Bad]], table: Table, path: Path) -> dict[str, int]:
    """Write `records` of text files to `path`; how many for each reason code. No file when there are none."""
    return write_rows(_rows(records, table), path)


def write_rows(rows: Iterable[Row], path: Path) -> dict[str, int]:
    """Write `rows` to `path`; how many for each reason code. No file when there are none."""
    reasons: Counter[str] = Counter()
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for batch in _batches(rows):
            reasons.update(batch[SCHEMA.get_field_index("reason_code")])
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(path, SCHEMA, compression="zstd"))
            arrays = [pa.array(values, kind) for values, kind in zip(batch, SCHEMA.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
    return dict(sorted(reasons.items()))


def _batches(rows: Iterable[Row]) -> Iterator[list[list[Any]]]:
    """The columns of some rows at a time: lists of texts and numbers, which Python's collector need not look into."""
    batch: list[list[Any]] = [[] for _ in SCHEMA]
    size = 0
    for row in rows:
        for values, value in zip(batch, row, strict=True):
            values.append(value)
        size += len(row.raw)
        if len(batch[0]) >= _ROWS or size >= _BYTES:
            yield batch
            batch, size = [[] for _ in SCHEMA], 0
    if batch[0]:
        yield batch


def _rows(records: Iterator[tuple[BadText, Bad]], table: Table) -> Iterator[Row]:
    locator: Locator | None = None
    try:
        for part, bad in records:
            if locator is None or locator.text is not part.text:
                if locator is not None:
                    locator.close()
                locator = Locator(part.text)
            place = locator.place(bad.begin, bad.end, bad.line)
            code, reason, column = part.reason(bad, table.columns, place.utf8)
            yield Row(part.text.display, place.line, place.byte_offset, column, code, reason, place.raw)
    finally:
        if locator is not None:
            locator.close()
