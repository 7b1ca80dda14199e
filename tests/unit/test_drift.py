"""Drift, by hand: each measure on numbers that can be checked with a pencil, and what must hold for all of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.model import Column, DriftTerms, Table
from sluice.contract.types import ColumnType, Kind
from sluice.distances import FLOOR, Cdf, ks, ks_by_chance, psi, psi_by_chance, shares_of_categories, shares_of_deciles
from sluice.drift import DriftFinding, compare, drift_of, exceeded, in_words

USUAL = DriftTerms()
UNIFORM = [i / 20 for i in range(21)]


def column(name: str = "c", type_: str = "float64", nulls: int = 0, distinct: int = 900, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, "nulls": nulls, "distinct": distinct, "distinct_exact": True, **more}


def spread(quantiles: list[Any], **more: Any) -> dict[str, Any]:
    return column(quantiles=quantiles, min=quantiles[0], max=quantiles[-1], **more)


def profile(*columns: dict[str, Any], rows: int = 10_000) -> dict[str, Any]:
    return {"name": "t", "rows": rows, "columns": list(columns)}


def found(
    before: dict[str, Any], after: dict[str, Any], terms: DriftTerms = USUAL, **more: Any
) -> dict[str, DriftFinding]:
    return {f.measure: f for f in compare(after, before, terms, **more)}


def test_psi_by_hand() -> None:
    # (0.6-0.5) ln(0.6/0.5) + (0.4-0.5) ln(0.4/0.5) = 0.1 ln 1.5
    assert psi([0.5, 0.5], [0.6, 0.4]) == pytest.approx(0.1 * math.log(1.5))
    assert psi([1.0, 0.0], [0.0, 1.0]) == pytest.approx(2 * (1 - FLOOR) * math.log(1 / FLOOR))


def test_ks_by_hand() -> None:
    one = Cdf(UNIFORM)
    assert ks(one, Cdf([q + 0.5 for q in UNIFORM])) == pytest.approx(0.5)
    assert ks(one, Cdf([q + 2 for q in UNIFORM])) == 1.0
    # All values in one place: half of the uniform ones lie below it, half above.
    assert ks(one, Cdf([0.5] * 21)) == pytest.approx(0.5)
    # 0 in 40% of the rows, else 1; against 80%.
    assert ks(Cdf([0.0] * 9 + [1.0] * 12), Cdf([0.0] * 17 + [1.0] * 4)) == pytest.approx(0.4)


def test_a_distribution_from_its_quantiles() -> None:
    cdf = Cdf([0, 1, 1, 1, 5])
    assert (cdf.below(0), cdf.at(0), cdf.at(0.5), cdf.below(1), cdf.at(1), cdf.at(3)) == (
        0,
        0,
        0.125,
        0.25,
        0.75,
        0.875,
    )
    assert (cdf.at(5), cdf.at(6), cdf.at(-1), cdf.below(9)) == (1, 1, 0, 1)
    assert Cdf([-1.7e308, 1.7e308]).at(0) == 0.5
    for bad in ([], [1.0], [2.0, 1.0]):
        with pytest.raises(ValueError, match="not descending"):
            Cdf(bad)


def test_chance_by_the_tables_of_the_books() -> None:
    assert ks_by_chance(100, 100) == pytest.approx(1.9495 * math.sqrt(0.02), rel=1e-3)
    # chi-squared, 9 degrees of freedom, 99.9%: 27.877
    assert psi_by_chance(10, 1000, 1000) == pytest.approx(0.002 * 27.877, rel=0.01)


def test_psi_of_categories_and_of_deciles() -> None:
    assert shares_of_categories({"a": 1, "b": 1}, {"b": 3, "c": 1}) == ([0.5, 0.5, 0], [0, 0.75, 0.25])
    before, after = shares_of_deciles(Cdf(UNIFORM), Cdf([q / 2 for q in UNIFORM]))
    assert before == pytest.approx([0.1] * 10)
    assert after == pytest.approx([0.2] * 5 + [0.0] * 5)


def test_volume_and_nulls() -> None:
    measures = found(profile(column(nulls=100), rows=1000), profile(column(nulls=160), rows=400))
    assert (measures["volume"].score, measures["volume"].exceeded) == (0.6, True)
    assert (measures["volume"].before, measures["volume"].after, measures["volume"].column) == (1000, 400, None)
    assert (measures["nulls"].score, measures["nulls"].before, measures["nulls"].after) == (0.3, 0.1, 0.4)
    assert measures["nulls"].exceeded
    assert not found(profile(column(nulls=900)), profile(column()))["nulls"].exceeded
    assert found(profile(rows=0), profile(rows=3))["volume"].score == 3


def test_distinct_counts_that_only_follow_the_volume_have_not_drifted() -> None:
    order, country = column("order", distinct=1000), column("country", distinct=10)
    before = profile(order, country, rows=1000)
    after = profile(order | {"distinct": 10_000}, country, rows=10_000)
    assert [f.score for f in compare(after, before, DriftTerms()) if f.measure == "distinct"] == [0, 0]
    after = profile(order | {"distinct": 100}, country | {"distinct": 16}, rows=1000)
    assert [f.score for f in compare(after, before, DriftTerms()) if f.measure == "distinct"] == [0.9, 0.6]


def test_values_of_few_kinds_are_compared_by_their_counts() -> None:
    before = column(distinct=2, type_="string", top=[{"value": "a", "count": 5000}, {"value": "b", "count": 5000}])
    after = column(distinct=2, type_="string", top=[{"value": "a", "count": 9000}, {"value": "b", "count": 1000}])
    finding = found(profile(before), profile(after))["psi"]
    assert finding.score == pytest.approx(0.4 * math.log(1.8) - 0.4 * math.log(0.2), abs=1e-6)
    assert finding.exceeded and "population stability index 0.8789" in in_words(vars(finding))
    # The five most frequent of a thousand tell nothing of the rest.
    assert "psi" not in found(profile(before), profile(after | {"distinct": 1000}))


def test_days_and_times_and_great_numbers() -> None:
    days = [f"2024-01-{d:02d}" for d in range(1, 22)]
    later = [f"2024-02-{d:02d}" for d in range(1, 22)]
    measures = found(profile(spread(days, type_="date")), profile(spread(later, type_="date")))
    assert measures["ks"].score == 1
    assert measures["range"].score == pytest.approx(31 / 20) and measures["range"].exceeded
    assert (measures["range"].before, measures["range"].after) == (
        "2024-01-01 to 2024-01-21",
        "2024-02-01 to 2024-02-21",
    )
    hours = [f"{h:02d}:00:00" for h in range(21)]
    assert found(profile(spread(hours, type_="time")), profile(spread(hours, type_="time")))["ks"].score == 0
    moments = [f"2024-01-01T{h:02d}:00:00.000000Z" for h in range(21)]
    zoned = profile(spread(moments, type_="timestamptz"))
    assert found(zoned, zoned)["range"].score == 0
    great = spread([float(i) for i in range(21)], type_="int64") | {"max": str(2**62)}
    assert found(profile(spread([float(i) for i in range(21)], type_="int64")), profile(great))["range"].score == 1e9


def test_columns_that_come_go_and_change() -> None:
    before = profile(column("a"), column("b"), column("c", "int32"))
    after = profile(column("a"), column("c", "string"), column("d"))
    changes = [f for f in compare(after, before, DriftTerms(severity="error")) if f.measure in ("new", "lost", "type")]
    assert [(f.column, f.measure, f.before, f.after) for f in changes] == [
        ("c", "type", "int32", "string"), ("d", "new", None, "float64"), ("b", "lost", "float64", None)
    ]  # fmt: skip
    assert all(f.exceeded and f.severity == "warning" for f in changes)


def test_withheld_values_are_not_compared_but_what_is_known_is() -> None:
    open_, closed = spread(UNIFORM), column(nulls=5000, withheld=True)
    for pair in ((open_, closed), (closed, open_), (closed, closed)):
        assert set(found(profile(pair[0]), profile(pair[1]))) == {"volume", "nulls", "distinct"}


def test_what_the_contract_leaves_out() -> None:
    shifted = spread([q + 9 for q in UNIFORM])
    before, after = profile(spread(UNIFORM)), profile(shifted)
    assert set(found(before, after, keys={"c"})) == {"volume", "nulls", "distinct"}
    assert set(found(before, after, DriftTerms(ignore=("c",)))) == {"volume"}
    none = DriftTerms(volume=None, nulls=None, distinct=None, psi=None, ks=None, range=None)
    assert found(before, after, none) == {}


def test_few_rows_differ_by_chance() -> None:
    moved = [q + 0.3 for q in UNIFORM]
    few, many = (found(profile(spread(UNIFORM), rows=n), profile(spread(moved), rows=n))["ks"] for n in (30, 3000))
    assert few.score == many.score == pytest.approx(0.3)
    assert (few.exceeded, many.exceeded, many.threshold) == (False, True, 0.2)


def test_drift_of_a_table() -> None:
    column_ = Column("c", "c", ColumnType(Kind.FLOAT64))
    table = Table("t", "t", "", (column_,), drift=DriftTerms(severity="error"))
    before, after = profile(spread(UNIFORM)), profile(spread(UNIFORM), rows=100)
    drift = drift_of(table, after, before, "onb-1")
    assert drift is not None and drift["since"] == "onb-1" and drift["stops"] and drift["exceeded"] == 1
    assert [f["measure"] for f in exceeded([drift, None])] == ["volume"]
    json.dumps(drift, allow_nan=False)
    again = drift_of(table, after, before | {"drift": {"since": "before that"}}, "onb-1")
    assert again == drift
    assert drift_of(table, after, None, "") is None
    assert drift_of(replace(table, drift=None), after, before, "onb-1") is None


numbers = st.lists(st.floats(-1e300, 1e300), min_size=21, max_size=21).map(sorted)
ties = st.lists(st.integers(-3, 3).map(float), min_size=21, max_size=21).map(sorted)
counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**9), min_size=1)


@given(st.one_of(numbers, ties), st.one_of(numbers, ties))
def test_ks_is_a_distance_and_the_same_both_ways(one: list[float], other: list[float]) -> None:
    a, b = Cdf(one), Cdf(other)
    assert ks(a, a) == 0
    assert 0 <= ks(a, b) <= 1
    assert ks(a, b) == ks(b, a)
    before, after = shares_of_deciles(a, b)
    assert math.isclose(sum(before), 1) and math.isclose(sum(after), 1)
    assert min(before + after) >= 0 and psi(before, after) >= 0 and psi(before, before) == 0


@given(counts, counts)
def test_psi_is_never_negative(before: dict[str, int], after: dict[str, int]) -> None:
    assert psi(*shares_of_categories(before, before)) == 0
    assert psi(*shares_of_categories(before, after)) >= 0
    assert math.isclose(psi(*shares_of_categories(before, after)), psi(*shares_of_categories(after, before)))


@given(st.one_of(numbers, ties), st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_profile_has_not_drifted_from_itself(quantiles: list[float], nulls: int, present: int) -> None:
    same = profile(spread(quantiles, nulls=nulls, distinct=min(present, 1000)), rows=nulls + present)
    findings = compare(same, same, DriftTerms(volume=0, nulls=0, distinct=0, psi=0, ks=0, range=0))
    assert {f.measure for f in findings} == {"volume", "nulls", "distinct", "psi", "ks", "range"}
    assert all(f.score == 0 and not f.exceeded for f in findings)


def test_numbers_that_become_no_number_are_missing() -> None:
    def profile(rows: int, not_finite: int) -> dict[str, object]:
        column = {"name": "x", "type": "float64", "nulls": 0, "distinct": 5, "not_finite": not_finite}
        return {"name": "t", "rows": rows, "columns": [column]}

    found = compare(profile(100, 90), profile(100, 0), DriftTerms())
    (nulls,) = [f for f in found if f.measure == "nulls"]
    assert nulls.exceeded and (nulls.before, nulls.after) == (0.0, 0.9)
