"""The profile tells what is there, exactly and the same every time, and keeps sensitive values to itself."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters.duck.profile import ColumnProfile, TopValue, profile
from sluice.contract.model import Column, Table
from sluice.contract.types import ColumnType, Kind


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
