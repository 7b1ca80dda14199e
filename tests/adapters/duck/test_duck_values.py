"""What is a value of a type and what is not. Oracle: the value is exact, or the row is in quarantine."""

# ruff: noqa: DTZ001 - timestamps without a zone are what is tested

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

from adapters.duck.conversions import Convert, table_of
from sluice.contract.model import Dialect
from sluice.errors import BadInputError

UTC = dt.UTC


def column(*values: str) -> bytes:
    """A file of a column `v`, after a column that keeps blank lines from being nothing."""
    return b"n,v\n" + b"".join(f'{i},"{v}"\n'.encode() for i, v in enumerate(values))


def check(run: Convert, spec, good: dict[str, object], bad: dict[str, str]) -> None:
    """Every text of `good` becomes its value; every text of `bad` is quarantined with its code."""
    found = run(column(*good, *bad), table_of(n="int32", v=spec))
    assert {text: value for text, (_, value) in zip(good, found.rows, strict=True)} == good
    assert dict(zip(bad, found.codes, strict=True)) == bad
    assert all(q["column"] == "v" for q in found.quarantine)


def test_integers(run: Convert) -> None:
    check(
        run,
        "int64",
        {"7": 7, "007": 7, " 5 ": 5, "+5": 5, "-0": 0, "1.0": 1, "9223372036854775807": 2**63 - 1,
         "-9223372036854775808": -(2**63), "2147483648": 2**31, "": None},
        {"1.5": "CAST", "9223372036854775808": "OVERFLOW", "1e3": "CAST", "1_000": "CAST", "0x10": "CAST",
         "1,000": "CAST", "NaN": "CAST", "٣": "CAST", "true": "CAST", "99.9999": "CAST", "- 5": "CAST"},
    )  # fmt: skip
    check(run, "int32", {"2147483647": 2**31 - 1}, {"2147483648": "OVERFLOW", "-2147483649": "OVERFLOW"})


def test_decimals_are_never_rounded(run: Convert) -> None:
    check(
        run,
        "decimal(5,2)",
        {"1.23": Decimal("1.23"), "1.2": Decimal("1.20"), "1.2300": Decimal("1.23"), "999.99": Decimal("999.99"),
         ".5": Decimal("0.50"), "5.": Decimal("5.00"), " -1 ": Decimal("-1.00"), "0000000001": Decimal("1.00")},
        {"1.234": "PRECISION_LOSS", "1.235": "PRECISION_LOSS", "999.995": "PRECISION_LOSS", "1000": "OVERFLOW",
         "NaN": "CAST", "Infinity": "CAST", "1_0": "CAST", "1e2": "CAST", "1e-5": "CAST", "1,5": "CAST"},
    )  # fmt: skip
    long = "1234567890123456789012345678.0123456789"
    check(run, "decimal(38,10)", {long: Decimal(long)}, {"12345678901234567890123456789": "OVERFLOW"})
    check(run, "decimal(38,0)", {"9" * 38: Decimal("9" * 38)}, {"1" + "0" * 38: "OVERFLOW", "0.5": "PRECISION_LOSS"})


def test_floats(run: Convert) -> None:
    check(
        run,
        "float64",
        {"1.5": 1.5, "1e3": 1000.0, "0": 0.0, "-0.0": 0.0, "0e5": 0.0, " 2 ": 2.0, "inf": math.inf,
         "-Infinity": -math.inf, "4.9e-324": 5e-324, "1.7976931348623157e308": 1.7976931348623157e308},
        {"1e400": "OVERFLOW", "1e-400": "OVERFLOW", "1_0": "CAST", "1,5": "CAST", "0x10": "CAST", "1.5f": "CAST"},
    )  # fmt: skip
    check(run, "float32", {"0.5": 0.5}, {"1e39": "OVERFLOW"})
    found = run(column("NaN"), table_of(n="int32", v="float64"))
    assert math.isnan(found.rows[0][1])


def test_booleans_are_the_agreed_words(run: Convert) -> None:
    check(
        run,
        "boolean",
        {
            **dict.fromkeys(("true", "T", "1", "Yes", "Y", " TRUE "), True),
            **dict.fromkeys(("false", "f", "0", "no", "n"), False),
        },
        dict.fromkeys(("on", "off", "2", "-1", "vrai"), "CAST"),
    )


def test_dates(run: Convert) -> None:
    check(
        run,
        "date",
        {"2013-02-28": dt.date(2013, 2, 28), " 2016-02-29 ": dt.date(2016, 2, 29), "0001-01-01": dt.date(1, 1, 1),
         "9999-12-31": dt.date(9999, 12, 31)},
        dict.fromkeys(
            ("2013-02-30", "2013-2-3", "2013/02/03", "03/02/2013", "2013-02-03x", "2013-02-03 10:00:00", "infinity",
             "epoch", "45123", "2013-02-03 (BC)", "12013-01-01", "0000-01-01", "today"),
            "CAST",
        ),
    )  # fmt: skip


def test_timestamps_without_a_zone(run: Convert) -> None:
    moment = dt.datetime(2013, 1, 1, 5)
    check(
        run,
        "timestamp",
        {"2013-01-01 05:00:00": moment, "2013-01-01T05:00:00": moment, "2013-01-01 05:00": moment,
         "2013-01-01T05:00:00.123456": moment.replace(microsecond=123456),
         "2013-01-01 05:00:00.5000000": moment.replace(microsecond=500000)},
        {"2013-01-01T05:00:00Z": "UNEXPECTED_ZONE", "2013-01-01T05:00:00+02:00": "UNEXPECTED_ZONE",
         "2013-01-01 05:00:00 Europe/Paris": "CAST", "2013-01-01 5:00 PM": "CAST", "2013-01-01": "CAST",
         "2013-01-01 24:00:00": "CAST", "2013-01-01 23:59:60": "CAST", "2013-01-01 05:00:00.1234567": "CAST",
         "infinity": "CAST", "2013-02-30 00:00:00": "CAST"},
    )  # fmt: skip


def test_timestamps_with_a_zone_become_utc(run: Convert) -> None:
    moment = dt.datetime(2013, 1, 1, 5, tzinfo=UTC)
    check(
        run,
        "timestamptz",
        {"2013-01-01T05:00:00Z": moment, "2013-01-01 07:00:00+02:00": moment, "2013-01-01T07:00+0200": moment,
         "2013-01-01T07:00:00+02": moment, "2013-01-01T04:30:00-00:30": moment, "2013-01-01 05:00:00": moment},
        {"2013-01-01T05:00:00+25:00": "CAST", "2013-01-01T05:00:00 Europe/Paris": "CAST",
         "2013-01-01T05:00:00.1234567Z": "CAST", "2013-01-01": "CAST", "2013-02-30T00:00:00Z": "CAST"},
    )  # fmt: skip


def test_local_times_that_a_clock_change_skips_or_repeats_are_quarantined(run: Convert) -> None:
    check(
        run,
        ("timestamptz", {"defaultTimezone": "Europe/Paris"}),
        {"2026-03-29 01:59:59": dt.datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
         "2026-03-29 03:00:00": dt.datetime(2026, 3, 29, 1, tzinfo=UTC),
         "2026-07-01 12:00:00": dt.datetime(2026, 7, 1, 10, tzinfo=UTC),
         "2026-03-29T02:30:00Z": dt.datetime(2026, 3, 29, 2, 30, tzinfo=UTC),
         "2026-10-25 03:00:00": dt.datetime(2026, 10, 25, 2, tzinfo=UTC)},
        {"2026-03-29 02:30:00": "AMBIGUOUS_TIME", "2026-10-25 02:30:00": "AMBIGUOUS_TIME", "never": "CAST"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("yyyy-MM-dd'T'HH:mm:ssXXX", ["2024-01-02T03:04:05Z", "2024-01-02T04:04:05+01:00", "2024-01-02T04:04:05+0100"],
         ["24-01-02T03:04:05Z", "2024-01-02T03:04:05+25:00", "2024-01-02T03:04:05-00:99", "2024-01-02T03:04:05+01:00:30",
          "2024-1-2T03:04:05Z"]),
        ("EEE, dd MMM yyyy HH:mm:ss Z", ["Tue, 02 Jan 2024 03:04:05 +0000"], ["Mon, 02 Jan 2024 03:04:05 +0000"]),
        ("EEE MMM d HH:mm:ss z yyyy", ["Tue Jan 2 04:04:05 CET 2024"], ["Sun Mar 31 02:30:00 CET 2024"]),
        ("yyyy-MM-dd HH:mm:ss VV", ["2024-01-02 04:04:05 Europe/Paris"],
         ["2024-03-31 02:30:00 Europe/Paris", "2024-10-27 02:30:00 Europe/Paris", "2024-01-02 04:04:05 Nowhere/X"]),
        ("d.M.yyyy H:mm:ss '%z' XX", ["2.1.2024 3:04:05 %z Z"], ["2.1.24 3:04:05 %z Z"]),
    ],
)  # fmt: skip
def test_what_names_its_zone_is_written_as_its_format_says(run: Convert, pattern, good, bad) -> None:
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    check(run, ("timestamptz", {"format": pattern}), dict.fromkeys(good, moment), dict.fromkeys(bad, "CAST"))


def test_a_format_with_two_zones_is_refused(run: Convert) -> None:
    with pytest.raises(BadInputError, match="more than one zone"):
        run(column("x"), table_of(n="int32", v=("timestamptz", {"format": "yyyy-MM-dd HH:mm Z (z)"})))


def test_in_quotes_a_null_is_null_where_it_is_no_json(run: Convert) -> None:
    content = b'n,v\n1,""\n2,"NULL"\n3,"null"\n4,"[]"\n5,"nil"\n'
    found = run(content, table_of(n="int32", v="json"), dialect=Dialect(null_sequence=("", "NULL", "null")))
    assert found.rows == [(1, None), (2, None), (3, "null"), (4, "[]")] and found.codes == ["JSON"]


def test_times(run: Convert) -> None:
    check(
        run,
        "time",
        {
            "05:06:07": dt.time(5, 6, 7),
            "05:06": dt.time(5, 6),
            " 05:06 ": dt.time(5, 6),
            "23:59:59.5": dt.time(23, 59, 59, 500000),
        },
        dict.fromkeys(("24:00:00", "23:59:60", "05:00:00+02", "5", "2013-01-01 05:00:00", "05:00:00.1234567"), "CAST"),
    )


@pytest.mark.parametrize(
    ("kind", "pattern", "good", "bad"),
    [
        ("date", "dd/MM/yyyy", {"05/01/2013": dt.date(2013, 1, 5)}, ["30/02/2013", "2013-01-05", "5/1/2013", "05/01/13"]),
        ("date", "d/M/yyyy", {"5/1/2013": dt.date(2013, 1, 5), "05/01/2013": dt.date(2013, 1, 5)}, ["31/6/2013"]),
        ("date", "yyyyMMdd", {"20130105": dt.date(2013, 1, 5)}, ["20130230", "2013015"]),
        ("date", "dd-MMM-yyyy", {"05-JAN-2013": dt.date(2013, 1, 5)}, ["05-13-2013"]),
        ("timestamp", "yyyy-MM-dd HH:mm:ss", {"2013-01-05 06:07:08": dt.datetime(2013, 1, 5, 6, 7, 8)},
         ["2013-01-05 24:00:00", "2013-01-05", "2013-01-05 06:07:08Z"]),
        ("timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSS", {"2013-01-05T06:07:08.250": dt.datetime(2013, 1, 5, 6, 7, 8, 250000)},
         ["2013-01-05T06:07:08.2501"]),
        ("timestamptz", "yyyy-MM-dd'T'HH:mm:ssXXX",
         {"2013-01-05T06:07:08+02:00": dt.datetime(2013, 1, 5, 4, 7, 8, tzinfo=UTC),
          "2013-01-05T06:07:08Z": dt.datetime(2013, 1, 5, 6, 7, 8, tzinfo=UTC)}, ["2013-01-05T06:07:08"]),
        ("time", "hh:mm a", {"05:06 PM": dt.time(17, 6)}, ["17:06 PM"]),
        ("date", "yyyy-MM-dd HH:mm:ss", {"2013-01-05 00:00:00": dt.date(2013, 1, 5)}, ["2013-01-05 10:00:00"]),
    ],
)  # fmt: skip
def test_jdk_formats(run: Convert, kind: str, pattern: str, good: dict, bad: list[str]) -> None:
    check(run, (kind, {"format": pattern}), good, dict.fromkeys(bad, "CAST"))


@pytest.mark.parametrize(
    ("kind", "pattern", "code"),
    [("date", "QQ yyyy", "DATE_FORMAT"), ("date", "yyyy-'", "DATE_FORMAT"), ("timestamp", "HH:mmXXX", "DATE_FORMAT")],
)
def test_a_format_that_means_nothing_is_the_contracts_fault(run: Convert, kind: str, pattern: str, code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        run(b"v\n1\n", table_of(v=(kind, {"format": pattern})))
    assert caught.value.code == code


def test_json_is_checked_and_kept_as_it_was_written(run: Convert) -> None:
    good = ['{""a"": 1.10}', "[1, 2]", "null", '""x,]""', '{""a"":1,""b"":{""a"":2}}', "1e400"]
    bad = ["{", "[1,]", "NaN", '{""a"":1,""a"":2}', "[1]//c", "{a:1}", "[" * 100_000, "1 2"]
    found = run(column(*good, *bad), table_of(n="int32", v="json"))
    assert [v for _, v in found.rows] == [g.replace('""', '"') for g in good]
    assert found.codes == ["JSON"] * len(bad)


def test_binary_is_the_texts_bytes_unless_the_format_says_how_it_is_written(run: Convert) -> None:
    check(run, "binary", {"é\\x41": "é\\x41".encode()}, {})
    check(run, ("binary", {"format": "base64"}), {"aGk=": b"hi"}, {"a": "CAST"})
    check(run, ("binary", {"format": "hex"}), {"6869": b"hi"}, {"zz": "CAST"})


def test_text_stays_as_it_is(run: Convert) -> None:
    check(run, "string", {" a ": " a ", "NULL": "NULL", "007": "007", "é😀": "é😀", "": ""}, {})
