"""Column statistics of a staged file, read from its Parquet footer: no row is touched."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sluice.contract.model import Table
from sluice.contract.types import INTEGERS, NESTED, Kind

_OPEN = ("public", "internal")
_COUNTED = {*INTEGERS, Kind.DECIMAL, Kind.FLOAT32, Kind.FLOAT64, Kind.BOOLEAN}
_IDENTIFYING = 10**8
"""Numbers from here on may be somebody's: a telephone, a card, a social security number."""


def column_statistics(path: Path, table: Table) -> dict[str, dict[str, Any]]:
    """Lake name → `nulls` (a count), `min` and `max` (JSON values; exact numbers as text), of all row groups.

    None where a row group does not tell. Of confidential and restricted columns only `nulls` and `withheld`; also of
    texts, dates and long numbers that are not declared public: a bound is somebody's value, and what personal data
    nobody declared is only found after landing, in the profile.
    """
    with pq.ParquetFile(path) as file:
        footer = file.metadata
        groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    found: dict[str, dict[str, Any]] = {}
    for i, column in zip(_first_leaves(footer.schema, table), table.columns, strict=True):
        if column.type.kind in NESTED:  # a footer counts nulls of what is inside, not of the whole
            found[column.field_name] = {"nulls": None} | (
                {} if column.classification == "public" else {"withheld": True}
            )
            continue
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
            low = min(s.min for s in bounded) if known and bounded else None
            high = max(s.max for s in bounded) if known and bounded else None
            if column.classification != "public" and _may_be_personal(column.type.kind, low, high):
                entry["withheld"] = True
            else:
                entry |= {"min": _plain(low), "max": _plain(high)}
        else:
            entry["withheld"] = True
        found[column.field_name] = entry
    return found


def _first_leaves(schema: pq.ParquetSchema, table: Table) -> list[int]:
    """Where each column's numbers stand in a footer, which counts what is inside objects and arrays one by one."""
    first: dict[str, int] = {}
    for i in range(len(schema)):
        first.setdefault(schema.column(i).path.split(".")[0], i)
    return [first[c.field_name] for c in table.columns]


def _may_be_personal(kind: Kind, *bounds: Any) -> bool:
    return kind not in _COUNTED or any(b is not None and not abs(b) < _IDENTIFYING for b in bounds)


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
