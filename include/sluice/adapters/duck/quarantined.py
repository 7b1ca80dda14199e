"""Reads a quarantine back, and takes the values out of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.quarantine import SCHEMA

_ROWS = 1_000
_WITHHELD = "the contract keeps no values of bad rows"


def read_quarantine(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Every quarantined row of the files, in order, as the quarantine's columns; `raw` is bytes."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS):
                yield from batch.to_pylist()


def without_values(path: Path, target: Path) -> Path:
    """Write the quarantine at `path` to `target` with its places and reason codes alone: `raw` is empty."""
    with pq.ParquetFile(path) as file, pq.ParquetWriter(target, SCHEMA, compression="zstd") as writer:
        for batch in file.iter_batches(_ROWS):
            table = pa.Table.from_batches([batch])
            for name, value in (("reason", _WITHHELD), ("raw", b"")):
                at = SCHEMA.get_field_index(name)
                table = table.set_column(at, SCHEMA.field(at), pa.array([value] * len(table), SCHEMA.field(at).type))
            writer.write_table(table.cast(SCHEMA))
    return target
