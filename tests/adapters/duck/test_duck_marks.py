"""Widths, lengths, marks and words: what is out of range is quarantined, what is written locally is read exactly."""

# ruff: noqa: DTZ001, DTZ007 - timestamps without a zone are what is tested

from __future__ import annotations

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, convert_bytes, table_of
from adapters.duck.test_duck_values import check
from sluice.contract.model import Dialect

RULES = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("physical", "low", "high"),
    [
        ("tinyint", -128, 127), ("smallint", -(2**15), 2**15 - 1), ("mediumint", -(2**23), 2**23 - 1),
        ("int", -(2**31), 2**31 - 1), ("bigint", -(2**63), 2**63 - 1), ("uint8", 0, 255),
        ("smallint unsigned", 0, 65535), ("int unsigned", 0, 2**32 - 1), ("bigint unsigned", 0, 2**64 - 1),
    ],
)  # fmt: skip
def test_the_declared_width_is_the_limit(run: Convert, physical: str, low: int, high: int) -> None:
    good = {str(n): n for n in (low, low + 1, 0, high - 1, high)}
    check(run, physical, good, {str(low - 1): "OVERFLOW", str(high + 1): "OVERFLOW", "1.5": "CAST" if high < 2**63 else
                                "PRECISION_LOSS"})  # fmt: skip


def test_a_text_longer_than_its_column_is_quarantined(run: Convert) -> None:
    check(run, "varchar(3)", {"": "", "abc": "abc", "äöü": "äöü", "👍👍👍": "👍👍👍", "a  ": "a  "},
          {"abcd": "TOO_LONG", "a   ": "TOO_LONG"})  # fmt: skip
    check(run, "char(2)", {"a": "a", "ab": "ab"}, {"abc": "TOO_LONG"})
    check(run, "binary(2)", {"ab": b"ab", "é": "é".encode()}, {"abc": "TOO_LONG", "éa": "TOO_LONG"})


def test_uuids(run: Convert) -> None:
    one = "0190163d-8694-739b-aea5-966c26f8ad91"
    check(run, "uuid", {one: one, one.upper(): one.upper()}, {"x": "CAST", one[:-1]: "CAST", f" {one}": "CAST"})


def test_decimal_and_group_marks(run: Convert) -> None:
    german = ("decimal(12,2)", {"decimalChar": ",", "groupChar": "."})
    check(run, german,
          {"1.234.567,89": Decimal("1234567.89"), "1234567,89": Decimal("1234567.89"), "-1.000": Decimal(-1000),
           " 0,5 ": Decimal("0.5"), "12.345": Decimal(12345), "": None},
          {"1.5": "CAST", "1,234": "PRECISION_LOSS", "1.23.456": "CAST", "1,2,3": "CAST", "1.234.5": "CAST",
           "1,234.5": "CAST", "99.999.999.999,00": "OVERFLOW", "12 345": "CAST"})  # fmt: skip
    french = ("decimal(12,2)", {"decimalChar": ",", "groupChar": " "})
    check(run, french, {"1\u202f234,5": Decimal("1234.5"), "1\u00a0234\u00a0567": Decimal(1234567), "1 000": Decimal(1000)},
          {"1.5": "CAST", "1 00": "CAST"})  # fmt: skip
    swiss = ("float64", {"groupChar": "'"})
    check(run, swiss, {"1'234.5": 1234.5, "1’234’567": 1234567.0, "1e3": 1000.0, "-0": -0.0, "NaN": pytest.approx(float("nan"), nan_ok=True)},
          {"1,5": "CAST", "1'2": "CAST", "1e999": "OVERFLOW"})  # fmt: skip
    check(run, ("int32", {"groupChar": ","}), {"1,234": 1234, "12,34,567": 1234567, "2,147,483,647": 2**31 - 1},
          {"1,5": "CAST", "1,23": "CAST", "2,147,483,648": "OVERFLOW", "1.5": "CAST"})  # fmt: skip
    check(run, ("int32", {"groupChar": "."}), {"1.234": 1234, "5,0": 5}, {"1.5": "CAST", "1,5": "CAST"})


def test_marks_of_the_dialect_are_those_of_every_column_without_its_own(run: Convert) -> None:
    table = table_of(a="decimal(6,2)", b=("decimal(6,2)", {"decimalChar": "."}), c="float64", s="string")
    found = run(b"a;b;c;s\n1,5;1.5;2,5;1,5\n", table, dialect=Dialect(decimal_char=","))
    assert found.rows == [(Decimal("1.50"), Decimal("1.50"), 2.5, "1,5")]
    found = run(b'{"a":"1.234","b":1.5,"c":1.5,"s":"1.5"}\n', table, "json", Dialect(decimal_char=",", group_char="."))
    assert found.codes == ["PRECISION_LOSS"]  # JSON has one way to write numbers: 1.234 is never 1234


def test_local_words_for_true_and_false(run: Convert) -> None:
    words = ("boolean", {"trueValues": ["Ja", "wahr"], "falseValues": ["Nein"]})
    check(run, words, {"ja": True, " WAHR ": True, "nein": False}, {"true": "CAST", "1": "CAST", "no": "CAST"})
    check(
        run, ("boolean", {"trueValues": ["n"]}), {"n": True, "no": False, "0": False}, {"true": "CAST", "yes": "CAST"}
    )
    found = run(
        b"v\noui\nnon\n1\n", table_of(v="boolean"), dialect=Dialect(true_values=("oui",), false_values=("non",))
    )
    assert found.values == [True, False] and "oui" in found.quarantine[0]["reason"]


def test_null_sequences_of_a_column(run: Convert) -> None:
    table = table_of(n=("int32", {"nullSequence": ["-", "k.A."]}), s=("string", {"nullSequence": "-"}), t="string")
    found = run(b'n,s,t\n-,-,-\n"k.A.",k.A.,\n5,"-",x\n', table)
    assert found.rows == [(None, None, "-"), (None, "k.A.", None), (5, None, "x")]


def test_formats_of_the_dialect(run: Convert) -> None:
    table = table_of(d="date", m="timestamp", t="time")
    dialect = Dialect(date_format="dd.MM.yyyy", timestamp_format="dd.MM.yyyy HH:mm", time_format="HH'h'mm")
    found = run(b"d,m,t\n31.12.2024, 01.02.2024 23:05 ,07h30\n2024-12-31,x,y\n", table, dialect=dialect)
    assert found.rows == [(dt.date(2024, 12, 31), dt.datetime(2024, 2, 1, 23, 5), dt.time(7, 30))]
    assert "dd.MM.yyyy" in found.quarantine[0]["reason"]


def test_days_that_excel_counts(run: Convert) -> None:
    check(run, ("date", {"format": "excel"}),
          {"1": dt.date(1900, 1, 1), "59": dt.date(1900, 2, 28), "61": dt.date(1900, 3, 1), "45123": dt.date(2023, 7, 16),
           "2958465": dt.date(9999, 12, 31), " 45123.0 ": dt.date(2023, 7, 16)},
          {"60": "CAST", "0": "CAST", "2958466": "CAST", "45123.5": "CAST", "2023-07-16": "CAST", "1e3": "CAST"})  # fmt: skip
    check(run, ("timestamp", {"format": "excel"}),
          {"45123.5": dt.datetime(2023, 7, 16, 12), "45123.000011574": dt.datetime(2023, 7, 16, 0, 0, 1),
           "45123": dt.datetime(2023, 7, 16)}, {"60.5": "CAST", "-1": "CAST"})  # fmt: skip
    check(run, "date", {"2023-07-16": dt.date(2023, 7, 16)}, {"45123": "CAST"})


def test_moments_that_are_none(run: Convert) -> None:
    check(run, "timestamp", {"2016-12-31 23:59:59": dt.datetime(2016, 12, 31, 23, 59, 59)},
          {"2016-12-31 23:59:60": "CAST", "2023-02-29 00:00:00": "CAST", "2024-01-01 24:00:00": "CAST"})  # fmt: skip
    check(run, ("date", {"format": "d MMMM yyyy"}), {"5 March 2024": dt.date(2024, 3, 5), " 5 MARCH 2024 ": dt.date(2024, 3, 5)},
          {"30 February 2024": "CAST", "5 Maerz 2024": "CAST"})  # fmt: skip


def test_hex_needs_whole_bytes(run: Convert) -> None:
    check(run, ("binary", {"format": "hex"}), {"0aFF": b"\x0a\xff"}, {"abc": "CAST", "0xff": "CAST", "zz": "CAST"})
    check(run, ("binary", {"format": "byte"}), {"YQ==": b"a"}, {"YQ": "CAST", "Y Q==": "CAST"})


def with_marks(value: Decimal, decimal: str, group: str) -> str:
    return f"{value:,f}".replace(",", "G").replace(".", decimal).replace("G", group)


@RULES
@given(
    values=st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
                    min_size=1, max_size=20),
    marks=st.sampled_from([(",", "."), (".", ","), (",", " "), (",", "\u202f"), (".", "'"), (",", ""), (".", "")]),
    kind=st.sampled_from(["decimal(10,2)", "decimal(20,3)", "smallint", "float64"]),
)  # fmt: skip
def test_numbers_with_marks_come_back_exactly_or_go_to_quarantine(values, marks, kind) -> None:
    decimal, group = marks
    content = "v\n" + "".join(f'"{with_marks(v, decimal, group)}"\n' for v in values)
    table = table_of(v=(kind, {"decimalChar": decimal, "groupChar": group}))
    with tempfile.TemporaryDirectory() as folder:
        found = convert_bytes(Path(folder), content.encode(), table)
    fits = {
        "decimal(10,2)": lambda v: v == round(v, 2) and abs(v) < 10**8,
        "decimal(20,3)": lambda v: True,
        "smallint": lambda v: v == int(v) and -(2**15) <= v < 2**15,
        "float64": lambda v: True,
    }[kind]
    good = [float(v) if kind == "float64" else v for v in values if fits(v)]
    assert found.values == good and len(found.quarantine) == len(values) - len(good)


@RULES
@given(
    values=st.lists(st.datetimes(min_value=dt.datetime(1000, 1, 1)), min_size=1, max_size=20),
    form=st.sampled_from([
        ("dd.MM.yyyy HH:mm:ss", "%d.%m.%Y %H:%M:%S"), ("yyyy-MM-dd'T'HH:mm:ss.SSSSSS", "%Y-%m-%dT%H:%M:%S.%f"),
        ("MMM d, yyyy hh:mm:ss a", "%b %d, %Y %I:%M:%S %p"), ("yyyyMMddHHmmss", "%Y%m%d%H%M%S"),
        ("EEEE, d MMMM yyyy HH:mm", "%A, %d %B %Y %H:%M"),
    ]),
)  # fmt: skip
def test_moments_come_back_through_any_format(values, form) -> None:
    pattern, strftime = form
    texts = [v.strftime(strftime) for v in values]
    content = "v\n" + "".join(f'"{t}"\n' for t in texts)
    with tempfile.TemporaryDirectory() as folder:
        found = convert_bytes(Path(folder), content.encode(), table_of(v=("timestamp", {"format": pattern})))
    assert found.values == [dt.datetime.strptime(t, strftime) for t in texts] and not found.quarantine
