"""What the tests of the DuckDB adapter share: a table from a few words, and a conversion of bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.convert import convert
from sluice.adapters.duck.outcome import Converted
from sluice.contract.model import Column, Dialect, Table
from sluice.contract.types import ColumnType, Kind
from sluice.limits import DEFAULT_LIMITS, Limits


def column_type(text: str) -> ColumnType:
    """A kind's name, or a physicalType such as `decimal(5,2)`, `smallint` or `varchar(3)`."""
    from sluice.contract.types import resolve

    return ColumnType(Kind(text)) if text in list(Kind) else resolve(None, text)


def table_of(_allow_empty: bool = False, /, **columns: str | tuple[str, dict[str, Any]]) -> Table:
    made = []
    for name, spec in columns.items():
        kind, options = spec if isinstance(spec, tuple) else (spec, {})
        made.append(Column(name, name, column_type(kind), options=options))
    return Table("things", "things", "", tuple(made), allow_empty=_allow_empty)


@dataclass
class Outcome:
    """What came out: the conversion, the staged rows as tuples, the quarantine as dicts."""

    converted: Converted
    schema: pa.Schema
    rows: list[tuple[Any, ...]]
    quarantine: list[dict[str, Any]]

    @property
    def values(self) -> list[Any]:
        """The rows of a single column."""
        return [row[0] for row in self.rows]

    @property
    def codes(self) -> list[str]:
        return [q["reason_code"] for q in self.quarantine]


PLAIN = Dialect()

Convert = Callable[..., Outcome]


def convert_bytes(
    folder: Path,
    content: bytes | list[bytes],
    table: Table,
    server_format: str = "csv",
    dialect: Dialect = PLAIN,
    threads: int = 2,
    memory_limit: str = "500MB",
    limits: Limits = DEFAULT_LIMITS,
) -> Outcome:
    contents = [content] if isinstance(content, bytes) else content
    files = []
    for number, data in enumerate(contents):
        path = folder / f"source-{number}"
        path.write_bytes(data)
        files.append((f"file-{number}", path))
    converted = convert(
        files, table, server_format, dialect,
        out=folder / "out", quarantine=folder / "quarantine.parquet",
        memory_limit=memory_limit, threads=threads, scratch=folder / "scratch", limits=limits,
    )  # fmt: skip
    staged = pa.concat_tables(pq.read_table(part.path) for part in converted.staged)
    bad = pq.read_table(converted.quarantine).to_pylist() if converted.quarantine else []
    assert converted.rows_read == converted.rows_staged + converted.rows_quarantined
    assert converted.rows_staged == staged.num_rows == sum(part.rows for part in converted.staged)
    assert converted.rows_quarantined == len(bad) == sum(converted.reasons.values())
    joined = b"".join(contents)
    if not dialect.encoding and len(contents) == 1 and server_format in ("csv", "tsv", "psv", "json", "jsonl"):
        for row in bad[:: max(1, len(bad) // 20)]:
            raw, at = row["raw"], row["byte_offset"]
            assert joined[at : at + len(raw)] == raw
            assert row["line"] == len(joined[:at].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    return Outcome(converted, staged.schema, list(zip(*staged.to_pydict().values(), strict=True)), bad)
