"""What texts could be: types and JDK formats from a few values."""

from __future__ import annotations

import pytest

from sluice.draft.guess import guesses, is_uuid


def shown(*values: str) -> set[str]:
    return {f"{g.type} {dict(g.options)}" if g.options else str(g.type) for g in guesses(values)}


NUMBERS = {"int32", "int64", "float64", "decimal(38,0)"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2013-01-05", "2014-12-31"], {"date"}),
        (["2013-01-05T10:00:00", "2013-01-05T10:00:00.5"], {"timestamp"}),
        (["2013-01-05T10:00:00Z", "2013-01-05T10:00:00+01:00"], {"timestamptz"}),
        (["05.11.2013"], {"date {'format': 'dd.MM.yyyy'}", "date {'format': 'MM.dd.yyyy'}"}),
        (["5/1/2013", "13/1/2013"], {"date {'format': 'd/M/yyyy'}", "date {'format': 'M/d/yyyy'}"}),
        (["Jan 5, 2013", "Feb 12, 2014"], {"date {'format': 'MMM d, yyyy'}"}),
        (["05-Jan-13"], {"date {'format': 'dd-MMM-yy'}"}),
        (["01/02/2013 10:22"], {"timestamp {'format': 'dd/MM/yyyy HH:mm'}", "timestamp {'format': 'MM/dd/yyyy HH:mm'}"}),
        (["3:15 PM", "11:59 AM"], {"time {'format': 'h:mm a'}"}),
        (["10:22", "23:59"], {"time"}),
        (["20130105", "20140102"], {*NUMBERS, "date {'format': 'yyyyMMdd'}"}),
        (["1", "NA", "-3"], NUMBERS),
        (["true", "False"], {"boolean"}),
        (["ja", "nein", "Ja"], {"boolean {'trueValues': ['Ja', 'ja'], 'falseValues': ['nein']}"}),
        (['{"a": 1}', "[1]"], {"json"}),
        (["007", "12"], set()),
        (["+4930123456", "+33123456"], set()),
        (["1960q1", "1960q2"], set()),
        (["31.31.2020"], {"date {'format': 'dd.MM.yyyy'}", "date {'format': 'MM.dd.yyyy'}"}),
        (["yes"], set()),
        (["", "NA"], set()),
        (["{not json}"], set()),
    ],
)  # fmt: skip
def test_guesses(values: list[str], expected: set[str]) -> None:
    assert shown(*values) == expected


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["1,5", "2,25"], {"decimalChar": ","}),
        (["1.234,56", "2,5"], {"decimalChar": ",", "groupChar": "."}),
        (["1,234", "12,345"], {"groupChar": ","}),
        (["1,234.5", "2.25", "12,345,678"], {"groupChar": ","}),
        (["1 234,5", "3"], {"decimalChar": ",", "groupChar": " "}),
        (["1.5", "2.25"], {}),
    ],
)
def test_decimal_and_thousands_marks(values: list[str], options: dict[str, str]) -> None:
    found = guesses(values)
    assert {g.type.kind for g in found} == {"int32", "int64", "float64", "decimal"}
    assert all(dict(g.options) == options for g in found)


def test_a_uuid_is_told_from_other_words() -> None:
    assert is_uuid(["123e4567-e89b-12d3-a456-426614174000"])
    assert not is_uuid(["123e4567"])
    assert not is_uuid([])
