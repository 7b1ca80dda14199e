"""The texts of a table's columns, staged to be looked at: in columns c0, c1 ... or, of very many, in lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.adapters.duck.connection import in_batches, parquet_sql
from sluice.adapters.duck.text.lists import TOGETHER, has_lists, item_sql, place

_CELLS = 400_000
_ROWS = 2_000
_ROW_GROUPS = 8


class Texts:
    """`files` are Parquet files of `columns` columns of text."""

    def __init__(self, files: Sequence[Path], columns: int) -> None:
        self.files = files
        self.columns = columns
        self.listed = bool(files) and has_lists(pq.read_schema(files[0]).names)
        self.scan = parquet_sql(files)

    def sql(self, i: int) -> str:
        """SQL for the text of a column."""
        return item_sql(i) if self.listed else f"c{i}"

    def batches(self, i: int, size: int) -> Iterator[pa.Array]:
        """The texts of a column, in batches of up to `size`."""
        for path in self.files:
            for batch in pq.ParquetFile(path).iter_batches(size, columns=[self._holder(i)]):
                yield self._text(batch.column(0), i)

    def sample(self) -> list[list[str]]:
        """Different texts of every column, from rows all over the files; the same files give the same sample."""
        rows = max(50, min(_ROWS, _CELLS // max(self.columns, 1)))
        opened = [pq.ParquetFile(path) for path in self.files]
        groups = [(file, g) for file in opened for g in range(file.num_row_groups)]
        chosen = groups[:: max(1, len(groups) // _ROW_GROUPS)]
        found: list[dict[str, None]] = [{} for _ in range(self.columns)]
        for file, group in chosen:
            wanted = max(1, rows // len(chosen))
            # Some columns at a time: a row group of thousands is larger than what a budget is for.
            for some in in_batches(range(self.columns), TOGETHER):
                batch = file.read_row_group(group, columns=list(dict.fromkeys(map(self._holder, some))))
                if not batch.num_rows:
                    continue
                batch = batch.take(list(range(0, batch.num_rows, max(1, batch.num_rows // wanted))))
                for i in some:
                    texts = self._text(batch.column(self._holder(i)), i).to_pylist()
                    found[i].update(dict.fromkeys(v for v in texts if v))
        for file in opened:
            file.close()
        return [list(f) for f in found]

    def _holder(self, i: int) -> str:
        return place(i)[0] if self.listed else f"c{i}"

    def _text(self, column: pa.Array | pa.ChunkedArray, i: int) -> pa.Array:
        return pc.list_element(column, place(i)[1]) if self.listed else column
