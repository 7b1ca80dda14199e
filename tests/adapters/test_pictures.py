"""The pictures of columns: they show what was counted, say it in words, and show nothing of what is withheld."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from sluice.trial_report.pictures import missing, picture


def column(**more: Any) -> dict[str, Any]:
    return {"withheld": False, "distinct": 100, "histogram": None, "top": ()} | more


def heights(svg: str) -> list[float]:
    return [float(r.get("height", "")) for r in ET.fromstring(svg).iter("rect")]


def test_a_histogram_is_as_high_as_its_counts() -> None:
    svg = picture(column(histogram={"low": 0.0, "high": 20.0, "counts": [10, 0, 5, 1_000_000]}))
    assert heights(svg) == [1, 1, 28]
    assert 'aria-label="Histogram from 0.0 to 20.0: 10, 0, 5, 1,000,000 rows"' in svg
    assert heights(picture(column(histogram={"low": 1, "high": 1, "counts": [0, 0, 7]}))) == [28]


def test_few_values_are_bars_and_numbers_among_them_in_order() -> None:
    top = [{"value": '<b>&"', "count": 4}, {"value": "x", "count": 2}]
    svg = picture(column(distinct=2, top=top))
    assert heights(svg) == [28, 14]
    assert ET.fromstring(svg).get("aria-label") == 'Rows by value: <b>&" 4, x 2'
    numbers = [{"value": 3, "count": 4}, {"value": -1, "count": 2}]
    assert heights(picture(column(distinct=2, top=numbers, histogram={"low": -1, "high": 3, "counts": [2, 4]}))) == [
        14,
        28,
    ]


def test_what_says_nothing_has_no_picture() -> None:
    once = [{"value": v, "count": 1} for v in "abc"]
    assert picture(column(distinct=3, top=once)) == ""
    assert picture(column(top=once)) == ""
    assert picture(column(withheld=True, histogram={"low": 0, "high": 1, "counts": [1, 2]})) == ""


def test_nulls_are_a_bar_of_their_share() -> None:
    assert 'width="15"' in missing(25, 100) and "25 of 100 are null" in missing(25, 100)
    assert 'width="1"' in missing(1, 10**9)
    assert missing(0, 100) == missing(0, 0) == ""
