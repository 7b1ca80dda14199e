"""Files with types: Parquet, ORC, Arrow. Values that fit come through unchanged, the others are quarantined one by one."""

# ruff: noqa: DTZ001 (local times have no zone)

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from adapters.duck.conversions import Convert, table_of
from sluice.adapters.duck.convert import convert
from sluice.contract.model import Column, Dialect, Table
from sluice.contract.types import ColumnType, Kind, resolve
from sluice.errors import SourceError
from sluice.limits import Limits
from typed_files import arrow_file, arrow_stream, feather, orc_file, parquet

WRITERS: dict[str, tuple[str, Callable[[pa.Table], bytes]]] = {
    "parquet": ("parquet", parquet), "orc": ("orc", orc_file), "arrow": ("arrow", arrow_file),
    "stream": ("arrow", arrow_stream), "feather": ("feather", feather),
}  # fmt: skip
each_format = pytest.mark.parametrize(("server_format", "write"), WRITERS.values(), ids=WRITERS)


def refused(run: Convert, content: Any, table: Table, *args: Any, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run(content, table, *args, **options)
    assert caught.value.where and caught.value.mend
    return caught.value


DECIMAL = pa.decimal128(20, 3)
MANY = pa.table(
    {
        "s": pa.array(["a", None, "é"]), "n": pa.array([1, -(2**63), None]), "i": pa.array([1, 2, None], pa.int16()),
        "f": pa.array([0.1, float("inf"), None]), "d": pa.array([Decimal("1.500"), Decimal("-99999999999999999.999"), None], DECIMAL),
        "b": pa.array([True, False, None]), "day": pa.array([date(1, 1, 1), date(9999, 12, 31), None]),
        "t": pa.array([datetime(2024, 1, 2, 3, 4, 5, 678901), datetime(1969, 12, 31, 23, 59, 59, 1), None], pa.timestamp("us")),
        "x": pa.array([b"\\xff\\0", b"", None], pa.binary()),
    }
)  # fmt: skip
KINDS = {"s": "string", "n": "int64", "i": "int32", "f": "float64", "d": "decimal(20,3)", "b": "boolean", "day": "date",
         "t": "timestamp", "x": "binary"}  # fmt: skip


@each_format
def test_values_come_back_as_they_were(run: Convert, server_format: str, write: Callable[[pa.Table], bytes]) -> None:
    found = run(write(MANY), table_of(**dict(reversed(KINDS.items()))), server_format)
    assert found.quarantine == []
    back = [dict(zip(reversed(KINDS), row, strict=True)) for row in found.rows]
    assert back == MANY.to_pylist()


@each_format
def test_rows_that_do_not_fit_are_quarantined_alone(
    run: Convert, server_format: str, write: Callable[[pa.Table], bytes]
) -> None:
    content = write(pa.table({"n": pa.array([1, 2**31, None, -5]), "s": pa.array(["1", "x", "y", None])}))
    found = run(content, table_of(s="string", n="int32"), server_format)
    assert found.rows == [("1", 1), ("y", None), (None, -5)]
    (bad,) = found.quarantine
    assert (bad["line"], bad["byte_offset"], bad["column"], bad["reason_code"]) == (2, 0, "n", "OVERFLOW")
    assert json.loads(bad["raw"]) == {"s": "x", "n": 2**31} and "2147483648" in bad["reason"]


@each_format
def test_a_file_that_is_cut_off_or_another_is_refused(
    run: Convert, server_format: str, write: Callable[[pa.Table], bytes]
) -> None:
    table = pa.table({"a": pa.array(["x" * 100] * 1000), "b": pa.array([str(i) for i in range(1000)])})
    content = write(table)
    code = f"CORRUPT_{ {'feather': 'arrow'}.get(server_format, server_format).upper() }"
    for broken in (
        content[:-1],
        content[:-40],
        content[: len(content) // 2],
        content[:10],
        b"not a table",
        content[8:],
    ):
        error = refused(run, broken, table_of(a="string", b="string"), server_format)
        assert error.code == code and error.where == "file-0", broken[-20:]


@pytest.mark.parametrize("server_format", ["csv", "json"])
def test_a_file_that_is_no_text_is_named(run: Convert, server_format: str) -> None:
    for content, kind in ((parquet(MANY), "Parquet"), (orc_file(MANY), "ORC"), (arrow_file(MANY), "Arrow")):
        error = refused(run, content, table_of(s="string"), server_format)
        assert error.code == "WRONG_FORMAT" and error.message.endswith(kind)


@each_format
def test_a_table_without_rows(run: Convert, server_format: str, write: Callable[[pa.Table], bytes]) -> None:
    content = write(MANY.slice(0, 0))
    assert refused(run, content, table_of(**KINDS), server_format).code == "EMPTY_TABLE"
    found = run(content, table_of(True, **KINDS), server_format)
    assert found.rows == [] and found.schema.names == list(KINDS)


@each_format
def test_columns_go_by_name(run: Convert, server_format: str, write: Callable[[pa.Table], bytes]) -> None:
    ab = table_of(a="string", b="string")
    contents = [write(pa.table({"a": ["1"], "b": ["2"]})), write(pa.table({"b": ["4"], "a": ["3"]}))]
    assert run(contents, ab, server_format).rows == [("1", "2"), ("3", "4")]
    assert refused(run, write(pa.table({"a": ["1"]})), ab, server_format).code == "MISSING_COLUMN"
    assert (
        refused(run, write(pa.table({"a": ["1"], "b": ["1"], "c": ["1"]})), ab, server_format).code == "UNKNOWN_COLUMN"
    )
    upper = write(pa.table({"A": ["1"], "B": ["2"]}))
    assert refused(run, upper, ab, server_format).code == "MISSING_COLUMN"
    assert run(upper, ab, server_format, dialect=Dialect(case_sensitive_header=False)).rows == [("1", "2")]


@each_format
def test_names_that_differ_in_case_only(run: Convert, server_format: str, write: Callable[[pa.Table], bytes]) -> None:
    ids = [Column("id", "id", resolve(None, "int64")), Column("ID", "id_2", resolve(None, "int64"))]
    for columns in (ids, ids[::-1]):
        table = Table("t", "t", "", tuple(columns))
        found = run(write(pa.table({"id": [1], "ID": pa.array([2])})), table, server_format)
        assert found.rows == [tuple({"id": 1, "ID": 2}[c.name] for c in columns)]


def of(value: Any, kind: pa.DataType | None = None) -> pa.Array:
    return pa.array([value], kind)


@pytest.mark.parametrize(
    ("kind", "arrays", "expected"),
    [
        ("int64", [of(1, pa.int32()), of(2**40)], [1, 2**40]), ("float64", [of(0.5, pa.float32()), of(0.1)], [0.5, 0.1]),
        ("decimal(20,6)", [of(Decimal("1.25"), pa.decimal128(9, 2)), of(Decimal("1.2345"), pa.decimal128(9, 4))],
         [Decimal("1.25"), Decimal("1.2345")]),
        ("decimal(38,0)", [of(1, pa.int32()), of(2**63, pa.uint64())], [1, 2**63]),
    ],
    ids=["integers", "floats", "decimals", "unsigned"],
)  # fmt: skip
@each_format
def test_every_file_is_read_as_its_own_types_say(
    run: Convert,
    kind: str,
    arrays: list[pa.Array],
    expected: list[Any],
    server_format: str,
    write: Callable[[pa.Table], bytes],
) -> None:
    if server_format == "orc" and pa.types.is_unsigned_integer(arrays[-1].type):
        return  # ORC has none
    contents = [write(pa.table({"v": array})) for array in arrays]
    assert run(contents, table_of(v=kind), server_format).values == expected


NS = pa.timestamp("ns")
OVER, LOSS, CAST = "OVERFLOW", "PRECISION_LOSS", "CAST"


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (of(5, pa.uint64()), "int64", 5), (of(2**63, pa.uint64()), "int64", OVER), (of(2**31), "int32", OVER),
        (of(3.0), "int64", 3), (of(3.5), "int64", LOSS), (of(1e30), "int64", OVER), (of(float("nan")), "int64", CAST),
        (of(9.223372036854775e18), "int64", 9223372036854774784), (of(2.0**63), "int64", OVER), (of(1.6e38), "decimal(38,0)", OVER), (of(-(2.0**63)), "int64", -(2**63)),
        (of(Decimal("3.00")), "int32", 3), (of(Decimal("3.10")), "int32", LOSS), (of(Decimal(2**40)), "int32", OVER),
        (of("12"), "int64", 12), (of("x"), "int64", CAST), (of("1.5"), "int64", CAST), (of(b"12"), "int64", 12),
        (of(2**53 + 1), "float64", LOSS), (of(2**53), "float64", 2.0**53), (of(2**24 + 1), "float32", LOSS),
        (of(0.5), "float32", 0.5), (of(0.1), "float32", LOSS), (of(1e39), "float32", OVER), (of(float("-inf")), "float32", float("-inf")),
        (of(Decimal("0.1")), "float64", 0.1), (of(Decimal("0.12345678901234567890")), "float64", LOSS),
        (of(Decimal("14133.1"), pa.decimal128(38, 18)), "float64", 14133.1), (of(Decimal("1e18"), pa.decimal128(38, 19)), "float64", 1e18),
        (of(Decimal("0.3"), pa.decimal256(60, 30)), "float64", 0.3), (of(Decimal("1." + "1" * 30), pa.decimal256(60, 30)), "float64", LOSS),
        (of(10.55), "decimal(9,2)", Decimal("10.55")), (of(0.1 + 0.2), "decimal(9,2)", LOSS), (of(1e9), "decimal(9,2)", OVER),
        (of(float("inf")), "decimal(9,2)", CAST), (of(1e-7), "decimal(9,8)", Decimal("1E-7")), (of(1e20), "decimal(38,2)", Decimal(10**20)),
        (of(0.5, pa.float32()), "decimal(3,1)", Decimal("0.5")), (of(0.1, pa.float32()), "decimal(3,1)", Decimal("0.1")),
        (of(123), "decimal(3,0)", Decimal(123)), (of(1234), "decimal(3,0)", OVER), (of(-1, pa.int8()), "decimal(3,0)", Decimal(-1)),
        (of(Decimal("1.50")), "decimal(3,1)", Decimal("1.5")), (of(Decimal("1.55")), "decimal(3,1)", LOSS),
        (of(Decimal("99.95")), "decimal(3,1)", LOSS), (of(Decimal("999.0")), "decimal(3,1)", OVER),
        (of(Decimal("1." + "1" * 60), pa.decimal256(61, 60)), "decimal(38,37)", LOSS),
        (of(Decimal("1.50"), pa.decimal256(50, 2)), "decimal(38,1)", Decimal("1.5")),
        (of(1), "boolean", True), (of(2), "boolean", CAST), (of("yes"), "boolean", True),
        (of(b"ab"), "string", "ab"), (of(b"\xff"), "string", "INVALID_ENCODING"), (of("a\0"), "string", "NUL_BYTE"),
        (of("a"), "binary", b"a"), (of(b"ab", pa.binary(2)), "binary", b"ab"),
        (of(2**62, pa.timestamp("ms")), "timestamp", OVER), (of(-(2**63), pa.timestamp("us")), "timestamp", OVER), (of(-(2**63), pa.timestamp("us", "UTC")), "timestamptz", OVER),
        (of(1, NS), "timestamp", LOSS), (of(1000, NS), "timestamp", datetime(1970, 1, 1, 0, 0, 0, 1)),
        (of(1, pa.timestamp("ns", "UTC")), "timestamptz", LOSS), (of(0, pa.timestamp("s", "Europe/Paris")), "timestamptz", datetime(1970, 1, 1, tzinfo=UTC)),
        (of(1, pa.time64("ns")), "time", LOSS), (of(datetime(2024, 1, 2)), "date", date(2024, 1, 2)), (of(datetime(2024, 1, 2, 3)), "date", LOSS),
        (of(-62135596800000001, pa.timestamp("us")), "timestamp", OVER), (of(253402300800 * 10**6, pa.timestamp("us")), "timestamp", OVER),
        (of(-719163, pa.date32()), "date", OVER), (of(86400000, pa.date64()), "date", date(1970, 1, 2)),
        (of("2024-01-02"), "date", date(2024, 1, 2)), (of("02.01.2024"), "date", CAST),
        (of('{"a": 1.10}'), "json", '{"a": 1.10}'), (of("{"), "json", "JSON"), (of('{"a":1,"a":2}'), "json", "JSON"),
        (of([1, None]), "json", "[1,null]"), (of({"a": Decimal("1.10"), "b": [b"x"]}), "json", '{"a":1.10,"b":["x"]}'),
        (of({"f": float("nan")}), "json", '{"f":"NaN"}'), (of([("k", 1)], pa.map_(pa.string(), pa.int8())), "json", '{"k":1}'),
        (of([{"a": "é"}]), "string", '[{"a":"é"}]'), (of(None), "int64", None), (of("a").dictionary_encode(), "string", "a"),
        (of(7).dictionary_encode(), "int32", 7), (of("v", pa.string_view()), "string", "v"), (of("v", pa.large_string()), "string", "v"),
        (pa.array([b"1" * 16], pa.uuid()), "string", "31313131-3131-3131-3131-313131313131"),
        (pa.array([b"1" * 16], pa.uuid()), "binary", b"1" * 16),
        (of([1, 1000], pa.list_(pa.time64("ns"))), "json", '["00:00:00.000000001","00:00:00.000001000"]'),
        (of([253402300800000000], pa.list_(pa.timestamp("us", "UTC"))), "json", '["10000-01-01 00:00:00.000000Z"]'), (of(1.5, pa.float16()), "float64", 1.5),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("server_format", ["parquet", "arrow"])
def test_what_loses_nothing_fits(run: Convert, array: pa.Array, kind: str, expected: Any, server_format: str) -> None:
    write = WRITERS[server_format][1]
    found = run(write(pa.table({"v": array})), table_of(v=kind), server_format)
    if (isinstance(expected, str) and kind not in ("string", "json")) or expected in (
        "INVALID_ENCODING",
        "NUL_BYTE",
        "JSON",
    ):
        assert found.codes == [expected] and found.rows == []
        json.loads(found.quarantine[0]["raw"])
    else:
        assert found.codes == [] and found.values == [expected]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (of({"a": 1}), "int64"), (of([1]), "decimal(5,2)"), (of(1), "string"), (of(1.5), "string"), (of(True), "int64"),
        (of(1), "date"), (of(0, pa.timestamp("us")), "timestamptz"), (of(0, pa.timestamp("us", "UTC")), "timestamp"),
        (of(0, pa.timestamp("us", "UTC")), "date"), (of(1, pa.duration("s")), "int64"), (of(0, pa.date32()), "timestamp"),
        (of(0, pa.timestamp("us")), "time"), (of(1), "json"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("server_format", ["parquet", "arrow"])
def test_a_type_that_cannot_be_is_refused(run: Convert, array: pa.Array, kind: str, server_format: str) -> None:
    error = refused(run, WRITERS[server_format][1](pa.table({"v": array})), table_of(v=kind), server_format)
    assert error.code == "TYPE_MISMATCH" and "'v'" in error.message and kind in error.message


@each_format
def test_no_number_among_floats_costs_its_row_only(
    run: Convert, server_format: str, write: Callable[[pa.Table], bytes]
) -> None:
    for kind in (pa.float32(), pa.float64()):
        found = run(
            write(pa.table({"v": pa.array([float("nan"), 2.0, 2.5], kind)})), table_of(v="decimal(5,2)"), server_format
        )
        assert found.values == [Decimal("2.00"), Decimal("2.50")] and found.codes == ["CAST"]


def test_a_moment_inside_that_is_none_costs_its_row_only(run: Convert) -> None:
    times, days = pa.list_(pa.time64("ns")), pa.list_(pa.date32())
    columns = {"t": pa.array([[1000], [1], [0]], times), "d": pa.array([[0], [0], [2932897]], days)}
    table = Table("t", "t", "", tuple(
        Column(n, n, ColumnType(Kind.LIST, fields=(Column("element", "element", ColumnType(kind)),)))
        for n, kind in (("t", Kind.TIME), ("d", Kind.DATE))
    ))  # fmt: skip
    for write, server_format in ((parquet, "parquet"), (arrow_file, "arrow")):
        found = run(write(pa.table(columns)), table, server_format)
        assert found.rows == [([time(0, 0, 0, 1)], [date(1970, 1, 1)])]
        assert [(q["line"], q["column"]) for q in found.quarantine] == [(2, "t"), (3, "d")]


def test_bytes_that_duckdb_takes_for_something_else(run: Convert, tmp_path: Path) -> None:
    path = tmp_path / "interval.parquet"
    duckdb.sql("SELECT INTERVAL 3 DAY AS v").write_parquet(str(path))
    assert run(path.read_bytes(), table_of(v="binary"), "parquet").values == [b"\0\0\0\0\3" + b"\0" * 7]


def test_declared_widths_hold_for_typed_columns_too(run: Convert) -> None:
    table = Table(
        "t", "t", "",
        tuple(Column(n, n, resolve(None, kind)) for n, kind in (("a", "tinyint"), ("b", "varchar(2)"), ("c", "varbinary(2)"))),
    )  # fmt: skip
    columns = {
        "a": pa.array([1, 200, 1, 1]),
        "b": ["xy", "x", "xyz", "x"],
        "c": pa.array([b"\xff\xff", b"", b"", b"\xff\xff\xff"]),
    }
    found = run(parquet(pa.table(columns)), table, "parquet")
    assert found.rows == [(1, "xy", b"\xff\xff")]
    assert [(q["column"], q["line"]) for q in found.quarantine] == [("a", 2), ("b", 3), ("c", 4)]
    assert found.codes[0] == "OVERFLOW" and "INVALID_ENCODING" not in found.codes


def test_local_times_need_a_declared_zone(run: Convert) -> None:
    winter, twice, never = datetime(2024, 1, 1, 12), datetime(2024, 10, 27, 2, 30), datetime(2024, 3, 31, 2, 30)
    content = parquet(pa.table({"t": pa.array([winter, twice, never, None])}))
    found = run(content, table_of(t=("timestamptz", {"defaultTimezone": "Europe/Paris"})), "parquet")
    assert found.values == [datetime(2024, 1, 1, 11, tzinfo=UTC), None]
    assert found.codes == ["AMBIGUOUS_TIME", "AMBIGUOUS_TIME"]


def test_the_first_fault_of_a_row_counts_and_the_raw_row_is_strict_json(run: Convert) -> None:
    columns = {
        "a": pa.array([float("nan")]), "b": pa.array(["x\0\u2028"]), "c": pa.array([Decimal("1.10")]), "d": pa.array([b"\xff"]),
        "e": pa.array([0], pa.timestamp("us", "UTC")),
    }  # fmt: skip
    table = table_of(a="int64", b="string", c="decimal(5,1)", d="binary", e="timestamptz")
    (bad,) = run(parquet(pa.table(columns)), table, "parquet").quarantine
    assert (bad["column"], bad["reason_code"]) == ("a", "CAST")
    assert json.loads(bad["raw"], parse_float=Decimal) == {
        "a": "NaN", "b": "x\0\u2028", "c": Decimal("1.10"), "d": {"$base64": "/w=="}, "e": "1970-01-01 00:00:00+00",
    }  # fmt: skip
    assert b"1.10" in bad["raw"]


def test_text_that_is_no_utf8_costs_its_row_only(run: Convert) -> None:
    good_and_bad = pa.array([b"ok", b"\xff\xfe", b"\xc3\xa9"])
    text = pa.StringArray.from_buffers(3, *good_and_bad.buffers()[1:])
    for write, server_format in ((parquet, "parquet"), (arrow_file, "arrow"), (arrow_stream, "arrow")):
        found = run(write(pa.table({"s": text, "n": [1, 2, 3]})), table_of(s="string", n="int64"), server_format)
        assert found.rows == [("ok", 1), ("é", 3)]
        assert [(q["line"], q["reason_code"]) for q in found.quarantine] == [(2, "INVALID_ENCODING")]


def test_a_time_beyond_a_day_costs_its_row_only(run: Convert) -> None:
    for kind in (pa.time64("us"), pa.time64("ns"), pa.time32("ms")):
        ticks = {"us": 10**6, "ns": 10**9, "ms": 10**3}[kind.unit]
        array = pa.array([ticks, 86_400 * ticks, -1, None], pa.int32() if kind.bit_width == 32 else pa.int64()).view(
            kind
        )
        for write, server_format in ((parquet, "parquet"), (arrow_file, "arrow")):
            found = run(write(pa.table({"t": array, "n": [1, 2, 3, 4]})), table_of(t="time", n="int64"), server_format)
            assert found.rows == [(time(0, 0, 1), 1), (None, 4)] and found.codes == ["OVERFLOW", "OVERFLOW"]


def test_the_old_moments_of_spark(run: Convert) -> None:
    def content(*values: int, unit: str = "us") -> bytes:
        array = pa.array(values, pa.timestamp(unit))
        return parquet(pa.table({"t": array}), use_deprecated_int96_timestamps=True)

    table = table_of(t="timestamp")
    assert run(content(1_700_000_000_123_456), table, "parquet").values == [datetime(2023, 11, 14, 22, 13, 20, 123456)]
    found = run(content(1, 2000, unit="ns"), table, "parquet")
    assert found.values == [datetime(1970, 1, 1, 0, 0, 0, 2)] and found.codes == ["PRECISION_LOSS"]


def test_moments_that_a_format_cannot_give_are_named(run: Convert) -> None:
    content = orc_file(pa.table({"t": of(253402300799, pa.timestamp("s"))}))
    error = refused(run, content, table_of(t="timestamp"), "orc")
    assert error.code == "TIMESTAMP_RANGE" and "1677" in error.message


def test_broken_pages_and_flipped_bytes_never_crash(run: Convert, tmp_path: Path) -> None:
    table = table_of(a="string", b="int64")
    content = parquet(pa.table({"a": [f"value {i % 7}" for i in range(500)], "b": list(range(500))}))
    for at in range(0, len(content), 1 + len(content) // 60):
        damaged = bytearray(content)
        damaged[at] ^= 0x41
        try:
            run(bytes(damaged), table, "parquet")
        except SourceError as error:
            assert error.code in ("CORRUPT_PARQUET", "MISSING_COLUMN", "TYPE_MISMATCH", "EMPTY_TABLE"), error


def test_limits_on_columns(run: Convert, tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    path.write_bytes(parquet(pa.table({f"c{i}": [1] for i in range(20)})))
    with pytest.raises(SourceError, match="TOO_MANY_COLUMNS"):
        convert([("wide", path)], table_of(c0="int64"), "parquet", Dialect(), out=tmp_path / "o", quarantine=tmp_path / "q",
                memory_limit="300MB", threads=1, scratch=tmp_path / "s", limits=Limits(columns=10))  # fmt: skip


class TestPartitions:
    @staticmethod
    def land(folder: Path, files: dict[str, bytes], table: Table, server_format: str) -> Any:
        paths = []
        for number, (display, content) in enumerate(files.items()):
            path = folder / f"source-{number}"
            path.write_bytes(content)
            paths.append((display, path))
        return convert(paths, table, server_format, Dialect(), out=folder / "out", quarantine=folder / "q",
                       memory_limit="500MB", threads=2, scratch=folder / "scratch")  # fmt: skip

    TABLE = table_of(v="int64", year="int32", place="string")

    def test_columns_come_from_the_path(self, tmp_path: Path) -> None:
        one = parquet(pa.table({"v": [1, 2]}))
        files = {
            "in/year=2023/place=New%20York%2FUSA/a.parquet": one,
            "in/year=2024/place=__HIVE_DEFAULT_PARTITION__/a.parquet": one,
            "in/YEAR=2025/place=é/b.parquet": parquet(pa.table({"place": ["é"], "v": [3]})),
        }
        done = self.land(tmp_path, files, self.TABLE, "parquet")
        rows = pq.read_table(done.staged[0].path).to_pylist()
        assert [tuple(r.values()) for r in rows] == [
            (1, 2023, "New York/USA"), (2, 2023, "New York/USA"), (1, 2024, None), (2, 2024, None), (3, 2025, "é"),
        ]  # fmt: skip

    def test_a_quarantined_row_keeps_what_its_path_says(self, tmp_path: Path) -> None:
        done = self.land(tmp_path, {"year=2024/place=a/a": parquet(pa.table({"v": ["x"]}))}, self.TABLE, "parquet")
        assert done.quarantine is not None
        (raw,) = pq.read_table(done.quarantine)["raw"].to_pylist()
        assert json.loads(raw) == {"v": "x", "year": 2024, "place": "a"}

    def test_a_partition_that_is_no_value_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"PARTITION.*'x'"):
            self.land(tmp_path, {"year=x/place=a/a": parquet(pa.table({"v": [1]}))}, self.TABLE, "parquet")

    @pytest.mark.parametrize(("server_format", "row"), [("csv", "v\n{}\n"), ("jsonl", '{{"v":{}}}\n')])
    def test_text_files(self, tmp_path: Path, server_format: str, row: str) -> None:
        files = {
            "in/year=2023/place=a%2Fb/1": row.format(1).encode()
            + row.format("x").split("\n", server_format == "csv")[-1].encode(),
            "in/year=2023/place=a%2Fb/2": row.format(2).encode(),
            "in/year=2024/place=__HIVE_DEFAULT_PARTITION__/1": row.format(3).encode(),
        }
        done = self.land(tmp_path, files, self.TABLE, server_format)
        rows = [tuple(r.values()) for part in done.staged for r in pq.read_table(part.path).to_pylist()]
        assert rows == [(1, 2023, "a/b"), (2, 2023, "a/b"), (3, 2024, None)]
        assert done.rows_read == 4 and done.rows_quarantined == 1 and done.quarantine is not None
        assert pq.read_table(done.quarantine)["file"].to_pylist() == ["in/year=2023/place=a%2Fb/1"]
        with pytest.raises(SourceError, match=r"PARTITION.*'x'"):
            self.land(tmp_path, {"year=x/place=a/1": row.format(1).encode()}, self.TABLE, server_format)

    def test_text_files_that_have_the_column_too(self, tmp_path: Path) -> None:
        table = table_of(v="int64", year="int32")
        done = self.land(tmp_path, {"year=2024/a": b"year,v\n2024,1\n"}, table, "csv")
        assert pq.read_table(done.staged[0].path).to_pylist() == [{"v": 1, "year": 2024}]
        with pytest.raises(SourceError, match=r"PARTITION.*'year'"):
            self.land(tmp_path, {"year=2024/a": b"year,v\n2024,1\n2025,1\n"}, table, "csv")

    @pytest.mark.parametrize(
        ("server_format", "row"), [("csv", b"place,v\na,1\n"), ("jsonl", b'{"place":"a","v":1}\n')]
    )
    def test_text_files_that_have_one_column_of_their_path(
        self, tmp_path: Path, server_format: str, row: bytes
    ) -> None:
        done = self.land(tmp_path, {"year=2024/place=a/1": row}, self.TABLE, server_format)
        assert pq.read_table(done.staged[0].path).to_pylist() == [{"v": 1, "year": 2024, "place": "a"}]
        with pytest.raises(SourceError, match=r"PARTITION.*'place'"):
            self.land(tmp_path, {"year=2024/place=b/1": row}, self.TABLE, server_format)
        with pytest.raises(SourceError, match=r"UNKNOWN_COLUMN.*'zone'"):
            self.land(tmp_path, {"year=2024/place=b/1": row.replace(b"place", b"zone")}, self.TABLE, server_format)

    def test_a_file_that_contradicts_its_path_is_refused(self, tmp_path: Path) -> None:
        content = parquet(pa.table({"v": [1, 2], "year": [2024, 2025], "place": ["a", "a"]}))
        with pytest.raises(SourceError, match=r"PARTITION.*'year'"):
            self.land(tmp_path, {"year=2024/a": content}, self.TABLE, "parquet")
        with pytest.raises(SourceError, match=r"PARTITION.*two values"):
            self.land(tmp_path, {"year=2024/year=2025/a": content}, self.TABLE, "parquet")

    def test_hundreds_of_partitions(self, tmp_path: Path) -> None:
        table = table_of(v="int64", day="int32")
        files = {f"day={n}/a": parquet(pa.table({"v": [n]})) for n in range(450)}
        done = self.land(tmp_path, files, table, "parquet")
        rows = [r for part in done.staged for r in pq.read_table(part.path).to_pylist()]
        assert rows == [{"v": n, "day": n} for n in range(450)] and len(done.staged) == 3
