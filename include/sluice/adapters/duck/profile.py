"""Statistics of staged files, column by column: evidence for who decides, and nothing that betrays a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from sluice.adapters.duck.connection import connect, list_sql, name_sql
from sluice.contract.model import Column, Table
from sluice.contract.types import INTEGERS, NUMBERS, Kind
from sluice.pii import Finding, find

Scalar = str | int | float | None

_OPEN = ("public", "internal")
_FLOATS = {Kind.FLOAT32, Kind.FLOAT64}
_TOP_DISTINCT, _TOP = 50, 5
_PII_SAMPLE = 10_000
_SHORTEST_IDENTIFIER = 10_000_000
"""No identifier Sluice knows has fewer digits."""
_SHOWN = 200
_EXACT_IN_JSON = 2**53


@dataclass(frozen=True)
class TopValue:
    """A frequent value and how many rows have it."""

    value: Scalar
    count: int


@dataclass(frozen=True)
class ColumnProfile:
    """One column. `distinct` is exact and leaves nulls out; `not_finite` counts NaN and infinities, which no other
    number here includes. `min`, `max`, `mean` and `top` are withheld (None, empty) where values are sensitive: the
    contract says confidential or restricted, or personal data was found. `pii` tells what of it, examples masked.
    """

    name: str
    field_name: str
    type: str
    classification: str
    nulls: int
    distinct: int
    min: Scalar = None
    max: Scalar = None
    mean: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    not_finite: int = 0
    top: tuple[TopValue, ...] = ()
    pii: tuple[Finding, ...] = ()
    withheld: bool = False


@dataclass(frozen=True)
class TableProfile:
    """A table: its rows and its columns in the contract's order."""

    name: str
    rows: int
    columns: tuple[ColumnProfile, ...]

    @property
    def pii(self) -> dict[str, tuple[str, ...]]:
        """The kinds of personal data found, by column name; columns without any are left out."""
        return {c.name: tuple(f.kind for f in c.pii) for c in self.columns if c.pii}

    def to_dict(self) -> dict[str, Any]:
        """Plain, strict JSON data."""
        return asdict(self)


def profile(files: Sequence[Path], table: Table, *, memory_limit: str, threads: int, scratch: Path) -> TableProfile:
    """Profile staged `files` (at least one) of `table`. The same files give the same profile.

    Personal data is looked for in at most 10,000 distinct values of a column, chosen by their hash.
    """
    with connect(memory_limit, threads, scratch, paths=files) as connection:
        connection.execute(f"CREATE VIEW staged AS SELECT * FROM read_parquet({list_sql(map(str, files))})")
        measures = [(c, _measures(c)) for c in table.columns]
        expressions = ["count(*)", *(e for _, of_column in measures for e in of_column.values())]
        (row,) = connection.execute(f"SELECT {', '.join(expressions)} FROM staged").fetchall()
        values = iter(row)
        rows = int(next(values))
        columns = tuple(
            _column(connection, c, rows, {name: next(values) for name in of_column}) for c, of_column in measures
        )
    return TableProfile(table.name, rows, columns)


def _measures(column: Column) -> dict[str, str]:
    name, kind = name_sql(column.field_name), column.type.kind
    measures = {"present": f"count({name})"}
    finite = f" FILTER (isfinite({name}))" if kind in _FLOATS else ""
    if kind not in (Kind.BINARY, Kind.JSON):
        measures["min"] = _readable(f"min({name}){finite}", kind)
        measures["max"] = _readable(f"max({name}){finite}", kind)
    if kind in NUMBERS:
        # favg compensates rounding, so that the order in which threads finish does not show.
        mean = f"favg(CAST({name} AS DOUBLE)){finite}" if kind in _FLOATS else f"avg({name})"
        measures["mean"] = f"CAST({mean} AS DOUBLE)"
    if kind in (Kind.STRING, Kind.JSON):
        measures["min_length"] = f"min(length({name}))"
        measures["max_length"] = f"max(length({name}))"
    if kind in _FLOATS:
        measures["not_finite"] = f"count(*) FILTER (NOT isfinite({name}))"
    return measures


def _readable(value: str, kind: Kind) -> str:
    """A value as what `_plain` expects: numbers as they are, all else as text (DuckDB would need pytz for zones)."""
    if kind in INTEGERS | _FLOATS:
        return value
    if kind is Kind.TIMESTAMPTZ:
        return f"strftime(({value}) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind is Kind.TIMESTAMP:
        return f"strftime({value}, '%Y-%m-%dT%H:%M:%S.%f')"
    return f"CAST({value} AS VARCHAR)"


def _plain(value: Any) -> Scalar:
    if isinstance(value, int) and abs(value) > _EXACT_IN_JSON:
        return str(value)
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    return value  # type: ignore[no-any-return]


def _column(connection: duckdb.DuckDBPyConnection, column: Column, rows: int, found: dict[str, Any]) -> ColumnProfile:
    name, kind = name_sql(column.field_name), column.type.kind
    (counted,) = connection.execute(
        f"SELECT count(*) FROM (SELECT DISTINCT {name} FROM staged WHERE {name} IS NOT NULL)"
    ).fetchall()
    distinct = int(counted[0])
    pii = find(_sample(connection, name), name=column.name) if _may_hold_pii(kind, found.get("max")) else ()
    withheld = column.classification not in _OPEN or bool(pii)
    top: tuple[TopValue, ...] = ()
    if not withheld and 0 < distinct <= _TOP_DISTINCT and kind not in (Kind.BINARY, Kind.JSON):
        top = _top(connection, name, kind)
    mean = found.get("mean")
    return ColumnProfile(
        name=column.name,
        field_name=column.field_name,
        type=str(column.type),
        classification=column.classification,
        nulls=rows - int(found["present"]),
        distinct=distinct,
        min=None if withheld else _plain(found.get("min")),
        max=None if withheld else _plain(found.get("max")),
        mean=None if withheld or mean is None else float(f"{mean:.12g}"),
        min_length=found.get("min_length"),
        max_length=found.get("max_length"),
        not_finite=int(found.get("not_finite") or 0),
        top=top,
        pii=pii,
        withheld=withheld,
    )


def _top(connection: duckdb.DuckDBPyConnection, name: str, kind: Kind) -> tuple[TopValue, ...]:
    finite = f" AND isfinite({name})" if kind in _FLOATS else ""
    rows = connection.execute(
        f"SELECT {_readable(name, kind)}, count(*) AS n FROM staged WHERE {name} IS NOT NULL{finite}"
        f" GROUP BY {name} ORDER BY n DESC, {name} LIMIT {_TOP}"
    ).fetchall()
    return tuple(TopValue(_plain(value), int(count)) for value, count in rows)


def _may_hold_pii(kind: Kind, largest: Scalar) -> bool:
    """Texts, days (of birth), and numbers long enough to be somebody's."""
    if kind in INTEGERS:
        return isinstance(largest, int) and largest >= _SHORTEST_IDENTIFIER
    return kind in (Kind.STRING, Kind.DATE)


def _sample(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    rows = connection.execute(
        f"SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT {name} AS v FROM staged WHERE {name} IS NOT NULL)"
        f" ORDER BY hash(v), v LIMIT {_PII_SAMPLE}"
    ).fetchall()
    return [value for (value,) in rows]
