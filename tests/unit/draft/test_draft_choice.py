"""Types chosen from counts over all values."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.contract.types import ColumnType, Kind
from sluice.draft.choice import choose, choose_all, null_words_of_texts, shared_null_words
from sluice.draft.evidence import TextColumn, Tried
from sluice.draft.guess import Guess


def numbers(name: str, rows: int, *, int32: int, int64: int, float64: int, **facts: Any) -> TextColumn:
    counts = {Kind.INT32: int32, Kind.INT64: int64, Kind.FLOAT64: float64}
    tested = tuple(Tried(Guess(ColumnType(k)), n) for k, n in counts.items())
    return TextColumn(name, rows, rows, tested=tested, **{"plain": float64, **facts})


def dates(name: str, rows: int, day_first: int, month_first: int, sample: tuple[str, ...] = ()) -> TextColumn:
    tested = (
        Tried(Guess(ColumnType(Kind.DATE), {"format": "dd/MM/yyyy"}), day_first),
        Tried(Guess(ColumnType(Kind.DATE), {"format": "MM/dd/yyyy"}), month_first),
    )
    return TextColumn(name, rows, rows, sample, tested=tested)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (numbers("n", 10, int32=10, int64=10, float64=10, integer_digits=3), "int32"),
        (numbers("n", 10, int32=9, int64=10, float64=10, integer_digits=12), "int64"),
        (numbers("n", 10, int32=5, int64=9, float64=10, integer_digits=25, digits=25), "decimal(38,0)"),
        (numbers("code", 10, int32=10, int64=10, float64=10, leading_zeros=1, integer_digits=3), "string"),
        (numbers("amount", 10, int32=2, int64=2, float64=10, dotted=8, scale=2, least_scale=1, digits=5), "decimal(18,2)"),
        (numbers("x", 10, int32=0, int64=0, float64=10, dotted=10, scale=2, least_scale=2, digits=5), "decimal(18,2)"),
        (numbers("temperature", 10, int32=2, int64=2, float64=10, dotted=8, scale=2, least_scale=1, digits=5), "float64"),
        (numbers("x", 10, int32=0, int64=0, float64=10, dotted=10, integer_digits=4, scale=15, digits=19), "decimal(38,15)"),
        (numbers("x", 10, int32=0, int64=0, float64=10, dotted=10, scale=15, digits=17), "float64"),
        (numbers("amount", 10, int32=0, int64=0, float64=10, dotted=9, scale=2, plain=9), "float64"),
        (numbers("x", 10, int32=9, int64=9, float64=9), "string"),
        (numbers("x", 1000, int32=991, int64=991, float64=991), "int32"),
        (numbers("x", 1000, int32=989, int64=989, float64=989), "string"),
    ],
)  # fmt: skip
def test_numbers(column: TextColumn, expected: str) -> None:
    assert str(choose(column).type) == expected


def test_values_that_contradict_a_type_are_counted() -> None:
    assert choose(numbers("x", 1000, int32=995, int64=995, float64=995)).bad == 5


def test_the_values_decide_between_day_and_month_first() -> None:
    assert choose(dates("d", 10, 10, 4)).options["format"] == "dd/MM/yyyy"
    assert choose(dates("d", 10, 4, 10)).options["format"] == "MM/dd/yyyy"


def test_an_ambiguous_date_follows_the_tables_others_or_is_day_first_and_says_so() -> None:
    (alone,) = choose_all([dates("d", 10, 10, 10)])
    assert alone.options["format"] == "dd/MM/yyyy"
    assert "TODO" in alone.notes[0]
    assert "MM/dd/yyyy" in alone.notes[0]
    _, led = choose_all([dates("sure", 10, 4, 10), dates("d", 10, 10, 10)])
    assert led.options["format"] == "MM/dd/yyyy"


@pytest.mark.parametrize(
    ("sample", "pattern"),
    [
        (("1/1/1919", "2/1/1919", "3/1/1920"), "MM/dd/yyyy"),
        (("1/1/1919", "1/2/1919", "1/3/1920"), "dd/MM/yyyy"),
        (("1/1/1919", "2/1/1919", "3/1/1919"), "dd/MM/yyyy"),  # of one year: the first days of January as well
        (("1/1/1919", "1/1/1920", "1/1/1921"), "dd/MM/yyyy"),
    ],
)
def test_figures_of_months_are_dated_by_their_first_days(sample: tuple[str, ...], pattern: str) -> None:
    found = choose(dates("d", 3, 3, 3, sample))
    assert found.options["format"] == pattern
    assert "TODO" in found.notes[0]


def test_a_null_word_counts_for_texts_only_where_it_does_not_look_like_a_value() -> None:
    delay = TextColumn(
        "delay", 10, 10, null_words={"NA": 4},
        tested=tuple(Tried(Guess(ColumnType(k)), 6) for k in (Kind.INT32, Kind.INT64, Kind.FLOAT64)), plain=6,
    )  # fmt: skip
    carrier = TextColumn("carrier", 10, 10, ("AA", "UA", "NA"), {"NA": 3})
    tail = TextColumn("tailnum", 10, 10, ("N14228", "N2422A", "NA"), {"NA": 3})
    chosen = choose_all([delay, carrier, tail])
    chosen = null_words_of_texts([delay, carrier, tail], chosen, {"NA"})
    assert [c.nulls for c in chosen] == [("NA",), (), ("NA",)]
    assert "looks like the other values" in chosen[1].notes[0]
    assert shared_null_words([delay, carrier, tail], chosen) == ()
    assert shared_null_words([delay, tail], [chosen[0], chosen[2]]) == ("NA",)


def test_an_empty_column_is_text_with_a_to_do() -> None:
    found = choose(TextColumn("x", 10, 0))
    assert (found.type.kind, found.notes[0][:4]) == (Kind.STRING, "TODO")
