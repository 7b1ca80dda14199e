"""JSON of very many columns: read exactly once, made typed a slab of columns at a time, put together row by row.

One statement over thousands of columns takes DuckDB minutes and gigabytes to plan. So the texts of every slab go to a
file in scratch, one statement for each slab makes values of them, and a last one that only copies writes the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sluice.adapters.duck.casting.values import Rule, duck_type
from sluice.contract.model import Table

_COLUMNS = 250
"""Columns of a slab: what DuckDB plans in a fraction of a second."""
_CELLS = 500_000
"""Values held in Python at a time."""
_ROWS = 2_048

Record = tuple[int, int, int]
"""A record's file, by its number, and where in it the record begins and ends."""


class Slabs:
    """The columns of `table` in slabs, their texts and values in files in `scratch`."""

    def __init__(self, table: Table, rules: Sequence[Rule], scratch: Path) -> None:
        count = len(table.columns)
        self.table, self.rules, self.scratch = table, rules, scratch
        self.slabs = [range(at, min(at + _COLUMNS, count)) for at in range(0, count, _COLUMNS)]
        self.records: list[Record] = []

    def keep(self, rows: Iterator[tuple[Record, list[str | None]]]) -> None:
        """Write the texts of `rows`."""
        with ExitStack() as files:
            writers = []
            for n, slab in enumerate(self.slabs):
                schema = pa.schema([pa.field(f"c{i}", pa.string()) for i in slab])
                writers.append((schema, files.enter_context(pa.ipc.new_file(self._path("texts", n), schema))))
            most = max(1, _CELLS // len(self.table.columns))
            waiting: list[list[str | None]] = []
            for record, texts in rows:
                self.records.append(record)
                waiting.append(texts)
                if len(waiting) >= most:
                    self._flush(writers, waiting)
                    waiting = []
            if waiting:
                self._flush(writers, waiting)

    def _flush(self, writers: Sequence[tuple[pa.Schema, Any]], rows: list[list[str | None]]) -> None:
        columns = list(zip(*rows, strict=True))
        for slab, (schema, writer) in zip(self.slabs, writers, strict=True):
            writer.write_batch(pa.record_batch([pa.array(columns[i], pa.string()) for i in slab], schema=schema))

    def cast(self, connection: duckdb.DuckDBPyConnection) -> npt.NDArray[np.int64]:
        """Make values of all texts. For every record the first column whose value is none, or -1."""
        first = np.full(len(self.records), -1, np.int64)
        for n, slab in enumerate(self.slabs):
            with pa.OSFile(str(self._path("texts", n))) as source:
                texts = pa.ipc.open_file(source)
                batches = (texts.get_batch(k) for k in range(texts.num_record_batches))
                connection.register("texts", pa.RecordBatchReader.from_batches(texts.schema, batches))
                found = connection.sql(self._select(slab)).to_arrow_reader(_ROWS)
                faults = []
                names = [f"v{i}" for i in slab]
                schema = pa.schema([found.schema.field(name) for name in names])
                with pa.ipc.new_file(self._path("values", n), schema) as writer:
                    for batch in found:
                        faults.append(batch.column("fault").to_numpy(zero_copy_only=False))
                        writer.write_batch(batch.select(names))
                connection.unregister("texts")
            self._path("texts", n).unlink()
            fault = np.concatenate([*faults, np.zeros(0, np.int64)]).astype(np.int64)
            first = np.where(first < 0, fault, first)
        return first

    def _select(self, slab: range) -> str:
        typed = ", ".join(
            f"CAST({self.rules[i].value} AS {duck_type(self.table.columns[i].type)}) AS v{i}" for i in slab
        )
        faults = " ".join(f"WHEN ({good}) IS NOT TRUE THEN {i}" for i in slab if (good := self.rules[i].good))
        fault = f"CASE {faults} ELSE -1 END" if faults else "-1"
        return (
            f"SELECT {', '.join(f'v{i}' for i in slab)}, CAST({fault} AS BIGINT) AS fault"
            f" FROM (SELECT *, {typed} FROM texts)"
        )

    def copy(self, good: npt.NDArray[np.bool_], write: Callable[[pa.RecordBatchReader], int]) -> int:
        """Hand the rows that are `good` to `write`, all columns side by side, v0, v1 ...; what it answers."""
        with ExitStack() as files:
            parts = []
            for n in range(len(self.slabs)):
                source = files.enter_context(pa.memory_map(str(self._path("values", n))))
                parts.append(pa.ipc.open_file(source).read_all())
            schema = pa.schema([field for part in parts for field in part.schema])

            def rows() -> Iterator[pa.RecordBatch]:
                for at in range(0, len(good), _ROWS):
                    kept = pa.array(good[at : at + _ROWS])
                    columns = [c for part in parts for c in part.slice(at, _ROWS).filter(kept).columns]
                    yield from pa.Table.from_arrays(columns, schema=schema).combine_chunks().to_batches()

            return write(pa.RecordBatchReader.from_batches(schema, rows()))

    def _path(self, what: str, number: int) -> Path:
        return self.scratch / f"{what}-{number}.arrow"
