"""A staged file in the order of its table, cut where its partition changes: sorted by DuckDB, on disk where it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.adapters.duck.connection import connect, copy_options, name_sql, text_sql
from sluice.contract.model import Table
from sluice.errors import SourceError

MOST_PARTITIONS = 10_000
"""Files that one staged file may be cut into: beyond, the partition spec does not fit the data."""
ROW_GROUP = 122_880
_ROW = "__sluice_row"
_KEY = "__sluice_key_"


@dataclass(frozen=True)
class Arranged:
    """A file of one partition. `key` are the partition's values in the order of the table's spec, as Arrow gave them."""

    path: Path
    rows: int
    key: tuple[Any, ...]


def arrange(
    path: Path,
    table: Table,
    out: Path,
    keys: Callable[[pa.RecordBatch], list[pa.Array]],
    *,
    memory_limit: str,
    threads: int,
    scratch: Path,
) -> Iterator[Arranged]:
    """Files in `out` with the rows of `path`, each of one partition and in the table's order; ties keep their order.

    `keys` gives the values of every partition field for a batch. Raises SourceError (PARTITION_COUNT).
    """
    out.mkdir(parents=True, exist_ok=True)
    whole = out / f"{path.stem}.sorted"
    _sort(path, table, whole, keys, memory_limit=memory_limit, threads=threads, scratch=scratch)
    try:
        yield from _cut(whole, table, out, path.stem)
    finally:
        whole.unlink(missing_ok=True)


def _sort(
    path: Path,
    table: Table,
    whole: Path,
    keys: Callable[[pa.RecordBatch], list[pa.Array]],
    *,
    memory_limit: str,
    threads: int,
    scratch: Path,
) -> None:
    names = [f"{_KEY}{i}" for i in range(len(table.partition))]
    order = [f"{name} NULLS FIRST" for name in names]
    order += [
        f"{name_sql(s.column)} {'DESC' if s.descending else 'ASC'} NULLS {'FIRST' if s.nulls_first else 'LAST'}"
        for s in table.sort
    ]
    with pq.ParquetFile(path) as file, connect(memory_limit, threads, scratch, folders=[whole.parent]) as connection:
        batches = _keyed(file, names, keys)
        first = next(batches)
        reader = pa.RecordBatchReader.from_batches(first.schema, _chain(first, batches))
        connection.register("arriving", reader)
        connection.execute(
            f"COPY (SELECT * EXCLUDE ({_ROW}) FROM arriving ORDER BY {', '.join([*order, _ROW])}) "
            f"TO {text_sql(str(whole))} ({copy_options(len(table.columns))})"
        )


def _keyed(
    file: pq.ParquetFile, names: list[str], keys: Callable[[pa.RecordBatch], list[pa.Array]]
) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in file.iter_batches(ROW_GROUP):
        numbers = pa.array(np.arange(row, row + batch.num_rows))
        row += batch.num_rows
        yield pa.RecordBatch.from_arrays([*batch.columns, *keys(batch), numbers], [*batch.schema.names, *names, _ROW])


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _cut(whole: Path, table: Table, out: Path, stem: str) -> Iterator[Arranged]:
    width = len(table.partition)
    with pq.ParquetFile(whole) as file:
        writer: _Writer | None = None
        number = 0
        for batch in file.iter_batches(ROW_GROUP):
            data, key = batch.select(range(batch.num_columns - width)), batch.columns[batch.num_columns - width :]
            for begin, end in _runs(key, batch.num_rows):
                here = tuple(column[begin].as_py() for column in key)
                if writer is None or writer.key != here:
                    if writer is not None:
                        yield writer.close()
                    if number >= MOST_PARTITIONS:
                        raise SourceError(
                            "PARTITION_COUNT", f"the rows of {table.name!r} lie in more than {MOST_PARTITIONS:,} partitions",
                            where=stem, mend="Partition by something coarser: a month instead of a day, buckets instead of values.",
                        )  # fmt: skip
                    writer = _Writer(out / f"{stem}-{number:05}.parquet", here, data.schema)
                    number += 1
                writer.add(data.slice(begin, end - begin))
        if writer is not None:
            yield writer.close()


def _runs(key: list[pa.Array], rows: int) -> Iterator[tuple[int, int]]:
    """Begin and end of every stretch of rows with the same key."""
    if not rows:
        return
    changes = np.zeros(max(rows - 1, 0), dtype=bool)
    for column in key:
        before, after = column.slice(0, rows - 1), column.slice(1)
        differs = pc.fill_null(pc.not_equal(before, after), False)
        nulls = pc.not_equal(pc.is_null(before), pc.is_null(after))
        changes |= pc.or_(differs, nulls).to_numpy(zero_copy_only=False)
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), rows]
    yield from pairwise(edges)


class _Writer:
    """One file, in row groups of the usual size."""

    def __init__(self, path: Path, key: tuple[Any, ...], schema: pa.Schema) -> None:
        self.path, self.key = path, key
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)
        self._waiting: list[pa.RecordBatch] = []
        self._held = self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._held += batch.num_rows
        self._rows += batch.num_rows
        if self._held >= ROW_GROUP:
            self._flush()

    def close(self) -> Arranged:
        self._flush()
        self._writer.close()
        return Arranged(self.path, self._rows, self.key)

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=ROW_GROUP)
            self._waiting, self._held = [], 0
