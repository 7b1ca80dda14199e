"""Writes the quarantine: every record that was not staged, with its place, its reason and its very bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

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


class BadText(Protocol):
    """A text file that holds bad records, and can say of each what is wrong with it."""

    @property
    def text(self) -> TextFile: ...

    def reason(self, bad: Bad, columns: tuple[Column, ...], record: bytes) -> tuple[str, str, str | None]: ...


def write_quarantine(records: Iterator[tuple[BadText, Bad]], table: Table, path: Path) -> dict[str, int]:
    """Write `records` of text files to `path`; how many for each reason code. No file when there are none."""
    return write_rows(_rows(records, table), path)


def write_rows(rows: Iterable[dict[str, Any]], path: Path) -> dict[str, int]:
    """Write `rows`, each with the columns of SCHEMA, to `path`; how many for each reason code. No file when there are none."""
    reasons: Counter[str] = Counter()
    batch: list[dict[str, Any]] = []
    size = 0
    writer: pq.ParquetWriter | None = None
    try:
        for row in rows:
            reasons[row["reason_code"]] += 1
            batch.append(row)
            size += len(row["raw"])
            if len(batch) >= _ROWS or size >= _BYTES:
                writer = writer or pq.ParquetWriter(path, SCHEMA, compression="zstd")
                writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
                batch, size = [], 0
        if batch:
            writer = writer or pq.ParquetWriter(path, SCHEMA, compression="zstd")
            writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
    finally:
        if writer is not None:
            writer.close()
    return dict(sorted(reasons.items()))


def _rows(records: Iterator[tuple[BadText, Bad]], table: Table) -> Iterator[dict[str, Any]]:
    locator: Locator | None = None
    try:
        for part, bad in records:
            if locator is None or locator.text is not part.text:
                if locator is not None:
                    locator.close()
                locator = Locator(part.text)
            place = locator.place(bad.begin, bad.end, bad.line)
            code, reason, column = part.reason(bad, table.columns, place.utf8)
            yield {
                "file": part.text.display, "line": place.line, "byte_offset": place.byte_offset, "column": column,
                "reason_code": code, "reason": reason, "raw": place.raw,
            }  # fmt: skip
    finally:
        if locator is not None:
            locator.close()
