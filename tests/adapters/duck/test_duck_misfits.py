"""What is told without DuckDB to be no value of a column, its rule refuses too."""

from __future__ import annotations

from itertools import product

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.duck.conversions import table_of
from sluice.adapters.duck.casting.misfits import misfit_of
from sluice.adapters.duck.casting.values import rule

KINDS = ("int32", "int64", "decimal(12,2)", "decimal(5,0)", "date")
TABLE = table_of(**{f"c{n}": kind for n, kind in enumerate(KINDS)})
PARTS = [
    "",
    " ",
    "+",
    "-",
    "0",
    "1",
    "12",
    ".",
    ".5",
    ".50",
    ".05",
    ".005",
    ".000",
    "e2",
    "E+2",
    "_1",
    "x",
    "٣",
    "\v",
    "\u00a0",
    "Infinity",
]
DAYS = [
    f"{space}{year}-{month}-{day}{after}"
    for space, year, month, day, after in product(
        ("", " "), ("0000", "0001", "1900", "2024", "99", "9999", "10000"), ("0", "2", "00", "02", "12", "13"),
        ("1", "01", "00", "28", "29", "30", "31", "32", "3 "), ("", " ", " (BC)", "T00:00", "x"),
    )
]  # fmt: skip
RANGES = [str(sign * (2**bits + more)) for sign in (1, -1) for bits in (31, 63) for more in (-1, 0, 1)]


def taken(texts: list[str]) -> list[tuple[bool, ...]]:
    """For every text, whether the rules of TABLE's columns take it."""
    rules = [rule(c, "t", f"v{i}", ()) for i, c in enumerate(TABLE.columns)]
    values = ", ".join(f"{r.value} AS v{i}" for i, r in enumerate(rules))
    goods = ", ".join(f"coalesce({r.good or 'true'}, false)" for r in rules)
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT {goods} FROM (SELECT t, {values} FROM (SELECT unnest($1::VARCHAR[]) AS t))", [texts]
        ).fetchall()


def assert_agreed(texts: list[str]) -> None:
    for text, row in zip(texts, taken(texts), strict=True):
        for column, good in zip(TABLE.columns, row, strict=True):
            is_misfit = misfit_of(column)
            assert is_misfit is not None and not (good and is_misfit(text)), (text, column.type)


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=5).map("".join), min_size=50, max_size=200))
def test_numbers(texts: list[str]) -> None:
    assert_agreed(texts)


def test_days_and_ranges() -> None:
    assert_agreed(DAYS + RANGES)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int32", "many"), ("int32", "2147483648"), ("int64", "1.5"), ("decimal(12,2)", "12.345"), ("date", "2024-02-30"), ("date", "soon")],
)  # fmt: skip
def test_what_is_sure(kind: str, text: str) -> None:
    (column,) = table_of(c=kind).columns
    is_misfit = misfit_of(column)
    assert is_misfit is not None and is_misfit(text)
