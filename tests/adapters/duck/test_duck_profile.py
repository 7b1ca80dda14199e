"""The profile tells what is there, exactly and the same every time, and keeps sensitive values to itself."""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.adapters.duck.profiling import source
from sluice.adapters.duck.profiling.distribution import Distribution, distributions
from sluice.adapters.duck.profiling.profile import profile
from sluice.adapters.duck.profiling.source import Source
from sluice.contract.model import Column, Table
from sluice.contract.types import ColumnType, Kind
from sluice.profiles import QUANTILES, ColumnProfile, Pattern, TopValue


def profile_of(
    folder: Path, array: pa.Array, kind: Kind, classification: str = "internal", threads: int = 2
) -> ColumnProfile:
    path = folder / "x.parquet"
    pq.write_table(pa.table({"c": array}), path)
    column = Column("The C", "c", ColumnType(kind, 10, 2), classification=classification)
    table = Table("t", "t", "", (column,))
    found = profile([path], table, memory_limit="300MB", threads=threads, scratch=folder / "scratch")
    assert found.rows == len(array)
    json.dumps(found.to_dict(), allow_nan=False)
    return found.columns[0]


def test_numbers(tmp_path: Path) -> None:
    found = profile_of(tmp_path, pa.array([3, 1, 1, None]), Kind.INT64)
    assert (found.name, found.field_name, found.type) == ("The C", "c", "int64")
    assert (found.nulls, found.distinct, found.min, found.max) == (1, 2, 1, 3)
    assert found.mean == pytest.approx(5 / 3)
    assert found.top == (TopValue(1, 2), TopValue(3, 1))


def test_numbers_that_json_cannot_hold(tmp_path: Path) -> None:
    found = profile_of(tmp_path, pa.array([2**62, 2**62 - 1]), Kind.INT64)
    assert (found.min, found.max) == (str(2**62 - 1), str(2**62))
    found = profile_of(tmp_path, pa.array([math.nan, math.inf, -math.inf, 2.5, -1.0, None]), Kind.FLOAT64)
    assert (found.nulls, found.not_finite, found.min, found.max, found.mean) == (1, 3, -1.0, 2.5, 0.75)
    found = profile_of(tmp_path, pa.array([math.nan, math.nan]), Kind.FLOAT64)
    assert (found.min, found.max, found.mean, found.top) == (None, None, None, ())


def test_decimals_and_times_are_text(tmp_path: Path) -> None:
    found = profile_of(tmp_path, pa.array(["1.50", "2.25"]).cast(pa.decimal128(10, 2)), Kind.DECIMAL)
    assert (found.min, found.max, found.mean) == ("1.50", "2.25", 1.875)
    found = profile_of(tmp_path, pa.array([0, 1_500_000], pa.timestamp("us", "UTC")), Kind.TIMESTAMPTZ)
    assert (found.min, found.max) == ("1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:01.500000Z")
    assert [t.value for t in found.top] == [found.min, found.max]
    found = profile_of(tmp_path, pa.array([0], pa.date32()), Kind.DATE)
    assert found.min == "1970-01-01"
    found = profile_of(tmp_path, pa.array([True, False, True]), Kind.BOOLEAN)
    assert (found.min, found.top[0].value) == ("false", "true")


def test_the_same_day_in_every_row_and_no_other_numbers(tmp_path: Path) -> None:
    found = profile_of(tmp_path, pa.array([15_081] * 3, pa.date32()), Kind.DATE)
    assert (found.min, found.max, found.distinct) == ("2011-04-17", "2011-04-17", 1)
    assert found.histogram is not None
    assert found.histogram.counts[-1] == 3


def test_the_ends_of_what_types_hold(tmp_path: Path) -> None:
    ends = [-62_135_596_800_000_000, 253_402_300_799_999_999]
    found = profile_of(tmp_path, pa.array(ends, pa.timestamp("us")), Kind.TIMESTAMP)
    assert (found.quantiles[0], found.quantiles[-1]) == ("0001-01-01T00:00:00.000000", "9999-12-31T23:59:59.999999")
    large = pa.array(["6" + "0" * 37] * 3).cast(pa.decimal128(38, 0))
    path = tmp_path / "large.parquet"
    pq.write_table(pa.table({"c": large}), path)
    table = Table("t", "t", "", (Column("c", "c", ColumnType(Kind.DECIMAL, 38, 0)),))
    [column] = profile([path], table, memory_limit="300MB", threads=2, scratch=tmp_path / "scratch").columns
    assert column.mean == pytest.approx(6e37)


def test_text(tmp_path: Path) -> None:
    found = profile_of(tmp_path, pa.array(["b", "aé", "b", None, ""]), Kind.STRING)
    assert (found.min_length, found.max_length, found.min, found.max) == (0, 2, "", "b")
    assert found.top[0] == TopValue("b", 2)
    assert len(profile_of(tmp_path, pa.array(["x" * 5000]), Kind.STRING).max) == 200
    assert profile_of(tmp_path, pa.array([str(i) for i in range(51)]), Kind.STRING).top == ()


def test_binary_and_json_have_no_order(tmp_path: Path) -> None:
    assert profile_of(tmp_path, pa.array([b"\xff"]), Kind.BINARY).min is None
    assert profile_of(tmp_path, pa.array(["{}"]), Kind.JSON).max is None


@pytest.mark.parametrize("classification", ["confidential", "restricted"])
def test_sensitive_values_are_withheld(tmp_path: Path, classification: str) -> None:
    found = profile_of(tmp_path, pa.array([30_000, 90_000]), Kind.INT64, classification)
    assert found.withheld and (found.min, found.max, found.mean, found.top) == (None, None, None, ())
    assert found.distinct == 2


def test_personal_data_is_found_and_not_repeated(tmp_path: Path) -> None:
    values = [f"person{i}@example.org" for i in range(20)] + ["unknown", None]
    found = profile_of(tmp_path, pa.array(values), Kind.STRING, "public")
    assert (
        [f.kind for f in found.pii] == ["email"]
        and "person" not in found.pii[0].example
        and found.withheld
        and (found.min, found.top) == (None, ())
    )


def test_no_rows(tmp_path: Path) -> None:
    for array, kind in ((pa.array([], pa.string()), Kind.STRING), (pa.array([], pa.float64()), Kind.FLOAT64)):
        found = profile_of(tmp_path, array, kind)
        assert (found.nulls, found.distinct, found.min, found.mean, found.pii) == (0, 0, None, None, ())


def test_the_same_every_time(tmp_path: Path) -> None:
    array = pa.array([(i * 7919 % 104729) / 7 * 10 ** (i % 17 - 8) for i in range(500_000)])
    found = [profile_of(tmp_path, array, Kind.FLOAT64, threads=t) for t in (1, 2, 4, 4)]
    assert all(f == found[0] for f in found)


def test_quantiles_and_histogram_of_numbers(tmp_path: Path) -> None:
    found = profile_of(tmp_path, pa.array([*range(1001), None]), Kind.INT64)
    assert found.quantiles == tuple(float(50 * i) for i in range(21)) and found.quantiles_exact
    assert found.stddev == pytest.approx(288.96366553599)
    histogram = found.histogram
    assert histogram is not None and (histogram.low, histogram.high) == (0.0, 1000.0)
    assert sum(histogram.counts) == 1001 and histogram.counts == (51, *[50] * 19)


@pytest.mark.parametrize(
    ("array", "kind", "low", "median"),
    [
        (pa.array([date(2024, 1, d) for d in range(1, 32)]), Kind.DATE, "2024-01-01", "2024-01-16"),
        (pa.array([datetime(2024, 1, 1, h, tzinfo=UTC) for h in range(23)], pa.timestamp("us", "UTC")), Kind.TIMESTAMPTZ,
         "2024-01-01T00:00:00.000000Z", "2024-01-01T11:00:00.000000Z"),
        (pa.array([time(h) for h in range(23)], pa.time64("us")), Kind.TIME, "00:00:00", "11:00:00"),
        (pa.array(["1.10", "2.20", "3.30"]).cast(pa.decimal128(30, 2)), Kind.DECIMAL, 1.1, 2.2),
    ],
)  # fmt: skip
def test_days_times_and_decimals_have_quantiles_too(
    tmp_path: Path, array: pa.Array, kind: Kind, low: object, median: object
) -> None:
    found = profile_of(tmp_path, array, kind)
    assert (found.quantiles[0], found.quantiles[10]) == (low, median)
    assert found.histogram is not None and sum(found.histogram.counts) == len(array)


def spread_of(columns: dict[str, list[float]], **limits: int) -> list[Distribution]:
    """The distributions of float columns, as the profile asks for them."""
    names = list(columns)
    with duckdb.connect() as connection:
        unnested = ", ".join(f"unnest(${i}::DOUBLE[]) AS {n}" for i, n in enumerate(names, 1))
        connection.execute(f"CREATE TABLE staged AS SELECT {unnested}", list(columns.values()))
        basic = [
            {"present": len(v), "about": len(set(v)), "low": min(v), "high": max(v), "mean": sum(v) / len(v)}
            for v in columns.values()
        ]
        of = [Column(n, n, ColumnType(Kind.FLOAT64)) for n in names]
        found = distributions(Source(connection, "staged", of), of, basic, len(columns[names[0]]), **limits)
    return [found[i] for i in range(len(names))]


def test_quantiles_of_many_rows_are_those_of_a_sample(tmp_path: Path) -> None:
    rows, sample = 60_000, 10_000
    random = Random(7)
    columns = {
        "a": [random.lognormvariate(0, 3) for _ in range(rows)],
        "b": [float(random.randrange(9)) for _ in range(rows)],
    }
    found = spread_of(columns, exact_rows=1000, sample=sample)
    again = spread_of({n: v[::-1] for n, v in columns.items()}, exact_rows=1000, sample=sample)
    for spread, other, values in zip(found, again, columns.values(), strict=True):
        assert not spread.exact
        assert (spread.quantiles, spread.histogram) == (other.quantiles, other.histogram), "whatever the order of rows"
        assert (spread.quantiles[0], spread.quantiles[-1]) == pytest.approx((min(values), max(values)))
        ordered = sorted(values)
        for p, q in zip(QUANTILES, spread.quantiles, strict=True):
            slack = 5 * math.sqrt(p * (1 - p) / sample) + 1e-9
            assert bisect_left(ordered, q * (1 - 1e-11)) / rows <= p + slack
            assert bisect_right(ordered, q * (1 + 1e-11)) / rows >= p - slack
        assert sum(spread.histogram.counts) == rows


def test_there_is_no_sample_of_rows_that_are_alike() -> None:
    for alike in ([float(i % 7) for i in range(6000)], [0.0] * 3000 + [float(i) for i in range(3000)]):
        (found,) = spread_of({"a": alike}, exact_rows=1000, sample=500)
        assert found.exact and found.quantiles[10] == sorted(alike)[2999]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60))
@settings(max_examples=40)
def test_a_histogram_holds_every_value_once(values: list[float]) -> None:
    (found,) = spread_of({"a": values})
    assert sum(found.histogram.counts) == len(values)


@pytest.mark.parametrize(
    "values", [[-3, 5, 5, None, -3, 0], [7, 7], [2**62, 2**62 + 1], [0, 2**40, None], [-(2**63), 2**63 - 1]]
)
def test_distinct_integers_are_counted_exactly_near_and_far(tmp_path: Path, values: list[int | None]) -> None:
    found = profile_of(tmp_path, pa.array(values * 600, pa.int64()), Kind.INT64)
    assert (found.distinct, found.distinct_exact) == (len(set(values) - {None}), True)
    found = profile_of(tmp_path, pa.array(range(-4000, 4000)), Kind.INT64)
    assert found.distinct == 8000


def test_a_large_table_without_a_key(tmp_path: Path) -> None:
    """An integer that never repeats says that no row does; when it nearly never does, the rows are looked at."""
    rows = 600_000
    path = tmp_path / "t.parquet"
    columns = (Column("a", "a", ColumnType(Kind.INT64)), Column("b", "b", ColumnType(Kind.STRING)))
    table = Table("t", "t", "", columns)
    for a, duplicates in (([*range(rows)], 0), ([*range(rows - 3), 0, 1, 2], 3)):
        pq.write_table(pa.table({"a": a, "b": [f"AB-{i % 100_000}" for i in a]}), path)
        found = profile([path], table, memory_limit="1GB", threads=2, scratch=tmp_path / "s")
        assert found.duplicate_rows == duplicates
        assert (found.columns[0].distinct, found.columns[0].distinct_exact) == (rows - duplicates, True)
        assert not found.columns[0].quantiles_exact and not found.columns[1].distinct_exact
        assert found.columns[1].patterns[0].pattern == "[A-Z]{2}-[0-9]{5}"


def test_rows_that_repeat_another_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, 1, 1, None, None], "b": ["x", "x", "y", None, None]}), path)
    columns = (Column("a", "a", ColumnType(Kind.INT64)), Column("b", "b", ColumnType(Kind.STRING)))
    found = profile([path], Table("t", "t", "", columns), memory_limit="300MB", threads=2, scratch=tmp_path / "s")
    assert found.duplicate_rows == 2


def test_patterns_of_codes_and_none_of_prose(tmp_path: Path) -> None:
    codes = [f"AB-{i:03d}" for i in range(90)] + [f"x{i}" for i in range(10)]
    found = profile_of(tmp_path, pa.array(codes), Kind.STRING)
    assert found.patterns[0] == Pattern("[A-Z]{2}-[0-9]{3}", 0.9)
    prose = [f"the {i} quick brown foxes jump over {i} lazy dogs and run away, again and again" for i in range(50)]
    assert profile_of(tmp_path, pa.array(prose), Kind.STRING).patterns == ()


def test_words_have_a_pattern_of_any_length_where_one_is_common(tmp_path: Path) -> None:
    zones = ["America/New_York", "America/Chicago", "Europe/Paris", "Asia/Tokyo", "Africa/Cairo", "Asia/Almaty"]
    assert profile_of(tmp_path, pa.array(zones), Kind.STRING).patterns[0] == Pattern("[A-Z][a-z]+/[A-Z][a-z]+", 0.8333)
    names = [
        "Alaska Airlines Inc.",
        "JetBlue Airways",
        "AirTran",
        "Delta Air Lines Inc.",
        "US Airways, Inc.",
        "Endeavor (9E)",
    ]
    assert profile_of(tmp_path, pa.array(names), Kind.STRING).patterns == ()


def test_many_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    pq.write_table(pa.table({f"c{i}": [i, i + 1] for i in range(1500)}), path)
    columns = tuple(Column(f"c{i}", f"c{i}", ColumnType(Kind.INT64)) for i in range(1500))
    found = profile([path], Table("t", "t", "", columns), memory_limit="1GB", threads=2, scratch=tmp_path / "s")
    assert [c.max for c in found.columns] == list(range(1, 1501))


def test_a_very_wide_table_has_the_profile_of_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {f"c{i}": [None, *(n * i % 7 + (0.5 if i % 3 else 0) for n in range(40))] for i in range(120)}
    texts = {f"t{i}": [f"u{n % (i + 1)}@example.com" for n in range(41)] for i in range(20)}
    pq.write_table(pa.table(values | texts), tmp_path / "wide.parquet")
    columns = [Column(n, n, ColumnType(Kind.FLOAT64)) for n in values] + [
        Column(n, n, ColumnType(Kind.STRING)) for n in texts
    ]
    table = Table("wide", "wide", "", tuple(columns))

    def found() -> object:
        return profile(
            [tmp_path / "wide.parquet"], table, memory_limit="500MB", threads=2, scratch=tmp_path / "scratch"
        )

    usual = found()
    monkeypatch.setattr(source, "_WIDE", 100)
    usually, narrowed = Source.narrow, []

    def watched(self: Source, rows: int, size: int) -> None:
        usually(self, rows, size)
        narrowed.extend(self._narrow.values())

    monkeypatch.setattr(Source, "narrow", watched)
    assert found() == usual
    assert narrowed == ["narrow_0", "narrow_1", "narrow_2"]
