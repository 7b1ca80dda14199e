"""Measures staged files, column by column: evidence for who decides, and nothing that betrays a person.

A few queries for all columns together: counts and bounds first, then what rests on them. Everything that is counted is
independent of the order of rows and threads, so that the same rows give the same profile.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from sluice.adapters.duck.connection import connect, name_sql, parquet_sql
from sluice.adapters.duck.profiling.distribution import EXACT_ROWS, Distribution, distributions, number_sql
from sluice.adapters.duck.profiling.source import Source
from sluice.contract.model import Column, Table
from sluice.contract.types import FLOATS, FROM_JSON, INTEGERS, MOMENTS, NESTED, NUMBERS, Kind
from sluice.pii import Finding, find
from sluice.pii.inside import find_inside
from sluice.profiles import ColumnProfile, Pattern, Scalar, TableProfile, TopValue, patterns_of

_OPEN = ("public", "internal")
_SUMMABLE = 27
"""Decimals of so many digits can be added a hundred billion times before 38 do not hold the sum."""
_ORDERED = NUMBERS | MOMENTS | {Kind.STRING, Kind.BOOLEAN}

_COUNTED = 1_000
"""Columns of about so many distinct values are counted value by value, which costs next to nothing."""

_TOP, _CATEGORIES = 5, 50
"""The frequent values that are kept, twice as frequent as the average; of a column with few values all of them."""

_BITS_PER_ROW, _MOST_BITS = 4, 2**28
"""Distinct integers are counted by bits while these are few."""

_SAMPLE = 10_000
_WANTED = 12_000
"""So many values are asked for, because the count of distinct ones is a guess."""
_FEW_REPEATS = 8
_SHORTEST_IDENTIFIER = 10_000_000
"""No identifier Sluice knows has fewer digits."""

_NEARLY = 1.15
"""An approximate count of distinct values that times this reaches the rows may be that of a key."""

_FORMS = 2_000
"""So many values tell a column's patterns."""
_SHOWN = 200
_EXACT_IN_JSON = 2**53


def profile(files: Sequence[Path], table: Table, *, memory_limit: str, threads: int, scratch: Path) -> TableProfile:
    """Profile staged `files` (at least one) of `table`. The same rows give the same profile.

    Personal data and patterns are looked for in about 10,000 distinct values of a column, chosen by their hash.
    """
    with connect(memory_limit, threads, scratch, paths=files) as connection:
        # Not as a view: its star is bound anew by every query, which of thousands of columns costs more than the rest.
        staged = parquet_sql(files)
        connection.execute("SET parquet_metadata_cache = true")
        source = Source(connection, staged, table.columns)
        source.narrow(sum(pq.ParquetFile(f).metadata.num_rows for f in files), sum(f.stat().st_size for f in files))
        return _Profiler(connection, table, source).profile()


class _Profiler:
    def __init__(self, connection: duckdb.DuckDBPyConnection, table: Table, source: Source) -> None:
        self.connection = connection
        self.source = source
        self.staged = source.whole
        self.table = table
        self.rows = 0
        self.basic: list[dict[str, Any]] = []

    def profile(self) -> TableProfile:
        self._measure()
        samples = self._sample()
        # Python reads the samples while DuckDB goes on counting.
        with ThreadPoolExecutor(1) as reader:
            reading = reader.submit(self._read, samples)
            counted = self._count_values()
            distinct = self._count_distinct({i: len_ for i, (len_, _) in counted.items()})
            duplicates = self._duplicates(distinct)
            spread = distributions(self.source, self.table.columns, self.basic, self.rows)
            told = reading.result()
        columns = tuple(
            self._column(i, column, distinct[i], counted.get(i, (0, ()))[1], told.get(i, _Told()), spread.get(i))
            for i, column in enumerate(self.table.columns)
        )
        return TableProfile(self.table.name, self.rows, duplicates, columns)

    def _measure(self) -> None:
        """Counts, bounds and lengths of every column, in one scan."""
        for some, there in self.source.groups(range(len(self.table.columns))):
            measures = [_measures(self.table.columns[i]) for i in some]
            expressions = ["count(*)", *(e for of_column in measures for e in of_column.values())]
            (row,) = self.connection.execute(f"SELECT {', '.join(expressions)} FROM {there}").fetchall()
            values = iter(row)
            self.rows = int(next(values))
            self.basic += [{name: next(values) for name in of_column} for of_column in measures]

    def _count_values(self) -> dict[int, tuple[int, tuple[TopValue, ...]]]:
        """The exact distinct count and the most frequent values of columns with few values."""
        found: dict[int, tuple[int, tuple[TopValue, ...]]] = {}
        few = [
            i
            for i, c in enumerate(self.table.columns)
            if c.type.kind in _ORDERED and 0 < self.basic[i]["about"] <= _COUNTED
        ]
        for some, there in self.source.groups(few):
            (row,) = self.connection.execute(
                f"SELECT {', '.join(map(self._frequencies, some))} FROM {there}"
            ).fetchall()
            for i, counts in zip(some, row, strict=True):
                found[i] = self._most_frequent(i, counts or {})
        return found

    def _frequencies(self, i: int) -> str:
        """SQL for how often each value occurs, as a map."""
        column = self.table.columns[i]
        name, kind = name_sql(column.field_name), column.type.kind
        finite = f" FILTER (isfinite({name}))" if kind in FLOATS else ""
        counts = f"histogram({name}){finite}"
        if kind in INTEGERS | FLOATS or kind is Kind.STRING:
            return counts
        return f"map(list_transform(map_keys({counts}), lambda v: {_readable('v', kind)}), map_values({counts}))"

    def _most_frequent(self, i: int, counts: Mapping[Scalar, int]) -> tuple[int, tuple[TopValue, ...]]:
        ordered = sorted((TopValue(v, int(n)) for v, n in counts.items()), key=lambda t: (-t.count, str(t.value)))
        if len(ordered) <= _CATEGORIES:
            return len(ordered), tuple(ordered)
        frequent = max(2, 2 * int(self.basic[i]["present"]) // len(ordered))
        return len(ordered), tuple(t for t in ordered[:_TOP] if t.count >= frequent)

    def _count_distinct(self, counted: dict[int, int]) -> dict[int, tuple[int, bool]]:
        """Distinct values of every column, and whether they were counted exactly."""
        found: dict[int, tuple[int, bool]] = {}
        asked = []
        for i, column in enumerate(self.table.columns):
            decides = column.unique or (column.key_position and len(self.table.key) == 1)
            if i in counted:
                found[i] = (counted[i], True)
            elif not self.basic[i]["present"]:
                found[i] = (0, True)
            elif self.rows <= EXACT_ROWS or decides:
                asked.append(i)
            else:
                found[i] = (min(int(self.basic[i]["about"]), int(self.basic[i]["present"])), False)
        for some, there in self.source.groups(asked):
            (row,) = self.connection.execute(
                f"SELECT {', '.join(map(self._distinct_sql, some))} FROM {there}"
            ).fetchall()
            found |= {i: (int(n), True) for i, n in zip(some, row, strict=True)}
        return found

    def _distinct_sql(self, i: int) -> str:
        """Exactly so many distinct values; of integers that lie close together by a bit for each, in an eighth of the time."""
        column, basic = self.table.columns[i], self.basic[i]
        name = name_sql(column.field_name)
        if column.type.kind in INTEGERS and basic["max"] - basic["min"] < min(_BITS_PER_ROW * self.rows, _MOST_BITS):
            return f"bit_count(bitstring_agg({name}, {basic['min']}, {basic['max']}))"
        return f"count(DISTINCT {name})"

    def _duplicates(self, distinct: dict[int, tuple[int, bool]]) -> int:
        """Rows beyond the first of their kind; none where a column never repeats a value."""
        if any(exact and n == self.rows for n, exact in distinct.values()) or self._unique(distinct):
            return 0
        names = ", ".join(name_sql(c.field_name) for c in self.table.columns)
        (row,) = self.connection.execute(
            f"SELECT count(*) - count(DISTINCT hash({names})) FROM {self.staged}"
        ).fetchall()
        return int(row[0])

    def _unique(self, distinct: dict[int, tuple[int, bool]]) -> bool:
        """Whether the integers that seem to be unique are: less work than looking at whole rows."""
        for i, (about, exact) in distinct.items():
            column = self.table.columns[i]
            if not exact and column.type.kind in INTEGERS and self.basic[i]["present"] == self.rows <= _NEARLY * about:
                (row,) = self.connection.execute(f"SELECT {self._distinct_sql(i)} FROM {self.staged}").fetchall()
                distinct[i] = int(row[0]), True
                if distinct[i][0] == self.rows:
                    return True
        return False

    def _sample(self) -> dict[int, list[str]]:
        """Distinct values as text of the columns in which somebody may be told of, in an order of no meaning."""
        found: dict[int, list[str]] = {}
        asked = [i for i, c in enumerate(self.table.columns) if _may_tell(c.type.kind, self.basic[i])]
        # Apart, because what is made distinct slows down everything that is not.
        repeating = [i for i in asked if not self._hardly_repeats(i)]
        hardly = [i for i in asked if i not in set(repeating)]
        for some, there in (*self.source.groups(repeating), *self.source.groups(hardly)):
            (row,) = self.connection.execute(f"SELECT {', '.join(map(self._sample_of, some))} FROM {there}").fetchall()
            for i, values in zip(some, row, strict=True):
                found[i] = sorted(set(values or ()))
                random.Random(0).shuffle(found[i])  # noqa: S311 - the same sample every time is what is wanted
                del found[i][_SAMPLE:]
        return found

    def _hardly_repeats(self, i: int) -> bool:
        about = int(self.basic[i]["about"])
        return about > _WANTED and bool(self.basic[i]["present"] < _FEW_REPEATS * about)

    def _sample_of(self, i: int) -> str:
        name = name_sql(self.table.columns[i].field_name)
        # By hash, and so many hashes that enough values come: the whole column need not be made distinct.
        share = min(1.0, _WANTED / max(1, int(self.basic[i]["about"])))
        some = f"hash({name}) <= {int(share * (2**64 - 1))}" if share < 1 else "true"
        once = "" if self._hardly_repeats(i) else "DISTINCT "
        if self.table.columns[i].type.kind in NESTED:
            name = f"CAST(to_json({name}) AS VARCHAR)"
        return f"CAST(list({once}{name}) FILTER ({some} AND {name} IS NOT NULL) AS VARCHAR[])"

    def _read(self, samples: Mapping[int, Sequence[str]]) -> dict[int, _Told]:
        """What the samples tell, by the position of their column."""
        return {i: _told(self.table.columns[i], sample) for i, sample in samples.items()}

    def _column(
        self,
        i: int,
        column: Column,
        distinct: tuple[int, bool],
        top: tuple[TopValue, ...],
        told: _Told,
        spread: Distribution | None,
    ) -> ColumnProfile:
        basic = self.basic[i]
        withheld = column.classification not in _OPEN or bool(told.pii)
        shown: dict[str, Any] = {} if withheld or spread is None else {
            "stddev": _rounded(spread.stddev), "quantiles": spread.quantiles, "quantiles_exact": spread.exact,
            "histogram": spread.histogram,
        }  # fmt: skip
        if not withheld:
            shown |= {
                "min": _plain(basic.get("min")), "max": _plain(basic.get("max")), "mean": _rounded(basic.get("mean")),
                "top": tuple(TopValue(_plain(t.value), t.count) for t in top),
                "patterns": told.patterns,
            }  # fmt: skip
        return ColumnProfile(
            name=column.name,
            field_name=column.field_name,
            type=str(column.type),
            classification=column.classification,
            nulls=self.rows - int(basic["present"]),
            distinct=distinct[0],
            distinct_exact=distinct[1],
            min_length=basic.get("min_length"),
            max_length=basic.get("max_length"),
            mean_length=_rounded(basic.get("mean_length")),
            not_finite=int(basic.get("not_finite") or 0),
            pii=told.pii,
            withheld=withheld,
            **shown,
        )


@dataclass(frozen=True)
class _Told:
    """What a sample of a column's values tells: personal data, and of open columns of text their patterns."""

    pii: tuple[Finding, ...] = ()
    patterns: tuple[Pattern, ...] = ()


def _told(column: Column, sample: Sequence[str]) -> _Told:
    kind = column.type.kind
    pii = find_inside(sample, name=column.name) if kind in FROM_JSON else find(sample, name=column.name)
    shown = kind is Kind.STRING and column.classification in _OPEN and not pii
    return _Told(pii, patterns_of(sample[:_FORMS]) if shown else ())


def _measures(column: Column) -> dict[str, str]:
    name, kind = name_sql(column.field_name), column.type.kind
    measures = {"present": f"count({name})", "about": f"approx_count_distinct({name})"}
    finite = f" FILTER (isfinite({name}))" if kind in FLOATS else ""
    if kind in _ORDERED:
        measures["min"] = _readable(f"min({name}){finite}", kind)
        measures["max"] = _readable(f"max({name}){finite}", kind)
        if low := number_sql(f"min({name}){finite}", kind):
            measures |= {"low": low, "high": str(number_sql(f"max({name}){finite}", kind))}
    if kind in NUMBERS:
        # favg compensates rounding, so that the order in which threads finish does not show.
        exact = kind not in FLOATS and column.type.precision <= _SUMMABLE
        mean = f"avg({name})" if exact else f"favg(CAST({name} AS DOUBLE)){finite}"
        measures["mean"] = f"CAST({mean} AS DOUBLE)"
    if kind in (Kind.STRING, Kind.JSON):
        measures["min_length"] = f"min(length({name}))"
        measures["max_length"] = f"max(length({name}))"
        measures["mean_length"] = f"avg(length({name}))"
    if kind in FLOATS:
        measures["not_finite"] = f"count(*) FILTER (NOT isfinite({name}))"
    return measures


def _readable(value: str, kind: Kind) -> str:
    """A value as what `_plain` expects: numbers as they are, all else as text (DuckDB would need pytz for zones)."""
    if kind in INTEGERS | FLOATS:
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


def _rounded(value: Any) -> float | None:
    """To 12 digits: beyond, the order of additions shows."""
    return None if value is None else float(f"{value:.12g}")


def _may_tell(kind: Kind, basic: dict[str, Any]) -> bool:
    """Texts, days (of birth), numbers long enough to be somebody's, and what may have those inside."""
    if not basic["present"]:
        return False
    if kind in INTEGERS:
        return bool(basic["max"] >= _SHORTEST_IDENTIFIER)
    return kind in (Kind.STRING, Kind.DATE, *FROM_JSON)
