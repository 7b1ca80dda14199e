"""Patterns name files the way people expect, whatever holds them."""

import pytest

from sluice.patterns import hidden, matcher


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.csv", ["a.csv", ".csv"[1:] + ".csv"], ["a/b.csv", "a.csv.gz", ".a.csv", "_a.csv", "a.CSV"]),
        ("p?.csv", ["p1.csv"], ["p12.csv", "p.csv", "p/.csv"]),
        ("p[0-3].csv", ["p1.csv"], ["p4.csv"]),
        ("p[!0-3].csv", ["p4.csv", "p!.csv"], ["p1.csv", "p/.csv"]),
        ("p[.csv", ["p[.csv"], ["p.csv"]),
        ("**/*.csv", ["a.csv", "x/a.csv", "x/y/a.csv"], ["_x/a.csv", "x/.y/a.csv", "x/a.txt"]),
        ("**", ["a.csv", "x/y/a.csv", "_day=1/a"], ["_SUCCESS", "x/_SUCCESS", "_temporary/a"]),
        ("x/**/a.csv", ["x/a.csv", "x/y/z/a.csv"], ["xa.csv", "y/x/a.csv"]),
        ("year=*/*.csv", ["year=2024/a.csv"], ["year=2024/month=1/a.csv"]),
        ("_*.csv", ["_a.csv"], ["a.csv"]),
        ("a+(b).csv", ["a+(b).csv"], ["aab.csv"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = matcher(pattern)
    assert [p for p in yes if not matches(p)] == []
    assert [p for p in no if matches(p)] == []


def test_hidden() -> None:
    assert [n for n in ("_SUCCESS", ".crc", "_day=1", "a_b") if hidden(n)] == ["_SUCCESS", ".crc"]
