"""Column statistics of a staged file, read from its Parquet footer: no row is touched."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sluice.contract.model import Table
from sluice.contract.types import Kind

_OPEN = ("public", "internal")


def column_statistics(path: Path, table: Table) -> dict[str, dict[str, Any]]:
    """Lake name → `nulls` (a count), `min` and `max` (JSON values; exact numbers as text), of all row groups.

    None where a row group does not tell. Of confidential and restricted columns only `nulls` and `withheld`.
    """
    with pq.ParquetFile(path) as file:
        footer = file.metadata
        groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    found: dict[str, dict[str, Any]] = {}
    for i, column in enumerate(table.columns):
        told = [g.column(i).statistics for g in groups if g.num_rows]
        nulls = [s.null_count if s is not None and s.has_null_count else None for s in told]
        entry: dict[str, Any] = {"nulls": None if None in nulls else sum(n for n in nulls if n is not None)}
        if column.classification in _OPEN:
            # A group of nulls alone has no bounds, and needs none.
            bounded = [
                s for s, g, n in zip(told, (g for g in groups if g.num_rows), nulls, strict=True) if n != g.num_rows
            ]
            known = column.type.kind not in (Kind.BINARY, Kind.JSON) and all(
                s is not None and s.has_min_max for s in bounded
            )
            entry["min"] = _plain(min(s.min for s in bounded)) if known and bounded else None
            entry["max"] = _plain(max(s.max for s in bounded)) if known and bounded else None
        else:
            entry["withheld"] = True
        found[column.field_name] = entry
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value
