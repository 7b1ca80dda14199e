"""A quarantine in short: for every reason how many rows there are, and the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sluice.adapters.duck.connection import connect, parquet_sql

_EXAMPLES = 3


@dataclass(frozen=True)
class RejectedRow:
    """A quarantined row: where it stands in its file (`line` counts from 1), why, and its bytes."""

    file: str
    line: int
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Rejection:
    """The quarantined rows that share a reason and, if a value is at fault, its column. `first` are at most three."""

    reason_code: str
    column: str | None
    rows: int
    first: tuple[RejectedRow, ...]


def rejections(files: Sequence[Path], *, memory_limit: str, threads: int, scratch: Path) -> list[Rejection]:
    """The reasons in the quarantine `files`, the most frequent first; none without files."""
    if not files:
        return []
    with connect(memory_limit, threads, scratch, paths=files) as connection:
        found = connection.execute(
            f"""
            SELECT reason_code, "column", count(*) AS n,
                   min_by(struct_pack(f := file, l := line, r := reason, b := raw), (file, byte_offset), {_EXAMPLES})
            FROM {parquet_sql(files)}
            GROUP BY reason_code, "column" ORDER BY n DESC, reason_code, "column"
            """
        ).fetchall()
    return [
        Rejection(code, column, rows, tuple(RejectedRow(r["f"], r["l"], r["r"], r["b"]) for r in first))
        for code, column, rows, first in found
    ]
