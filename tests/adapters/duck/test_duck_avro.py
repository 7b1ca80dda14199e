"""Avro: every codec, every logical type, every block counted; what fastavro writes comes back."""

# ruff: noqa: DTZ001 (local times have no zone)

from __future__ import annotations

import io
import json
import tempfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, Outcome, convert_bytes, table_of
from sluice.contract.model import Table
from sluice.errors import SourceError


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "row", "fields": [{"name": n, "type": t} for n, t in fields.items()]}


def logical(kind: Any, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


def avro(schema: dict[str, Any], rows: list[dict[str, Any]], **options: Any) -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(schema), rows, **options)
    return out.getvalue()


def refused(run: Convert, content: bytes, table: Table) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run(content, table, "avro")
    return caught.value


SCHEMA = record(
    n=["null", "long"], s=["string", "null"], i="int", f="double", g="float", b="boolean", x="bytes",
    d=["null", logical("bytes", "decimal", precision=20, scale=3)],
    e={"type": "fixed", "logicalType": "decimal", "name": "e8", "size": 8, "precision": 18, "scale": 2},
    day=logical("int", "date"), ms=logical("int", "time-millis"), us=logical("long", "time-micros"),
    tms=logical("long", "timestamp-millis"), tus=logical("long", "timestamp-micros"), loc=logical("long", "local-timestamp-micros"),
    u=logical("string", "uuid"), c={"type": "enum", "name": "colour", "symbols": ["RED", "BLUE"]}, c2=["null", "colour"],
    r={"type": "record", "name": "inner", "fields": [{"name": "p", "type": logical("bytes", "decimal", precision=9, scale=2)},
       {"name": "q", "type": {"type": "array", "items": ["null", logical("int", "date")]}}]},
    m={"type": "map", "values": "long"},
)  # fmt: skip
TABLE = table_of(
    n="int64", s="string", i="int32", f="float64", g="float32", b="boolean", x="binary", d="decimal(20,3)", e="decimal(18,2)",
    day="date", ms="time", us="time", tms="timestamptz", tus="timestamptz", loc="timestamp", u="string", c="string", c2="string",
    r="json", m="json",
)  # fmt: skip
ROW = {
    "n": 2**62, "s": "é\n", "i": -5, "f": 0.1, "g": 0.5, "b": True, "x": b"\xff\0", "d": Decimal("-12345678901234567.891"), "e": Decimal("0.10"),
    "day": date(2024, 2, 29), "ms": time(23, 59, 59, 999000), "us": time(1, 2, 3, 4), "tms": datetime(1969, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
    "tus": datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "loc": datetime(2024, 1, 2, 3, 4, 5, 678901),
    "u": UUID("12345678-1234-5678-1234-567812345678"), "c": "BLUE", "c2": "RED", "r": {"p": Decimal("1.10"), "q": [date(2024, 1, 1), None]}, "m": {"k": 1},
}  # fmt: skip
EXPECTED = {**ROW, "u": str(ROW["u"]), "r": '{"p":1.10,"q":["2024-01-01",null]}', "m": '{"k":1}'}
NULLS = {"n": None, "s": None, "d": None, "c2": None}


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_every_type_comes_back(run: Convert, codec: str) -> None:
    rows = [ROW, {**ROW, **NULLS}] * 300
    found = run(avro(SCHEMA, rows, codec=codec, sync_interval=1000), TABLE, "avro")
    assert found.quarantine == []
    names = [c.name for c in TABLE.columns]
    assert [dict(zip(names, r, strict=True)) for r in found.rows] == [EXPECTED, {**EXPECTED, **NULLS}] * 300


@pytest.mark.parametrize("codec", ["snappy", "zstandard"])
def test_codecs_that_fastavro_needs_help_with(run: Convert, codec: str) -> None:
    import zlib

    import zstandard

    plain = avro(record(a="long"), [{"a": n} for n in range(1000)], sync_interval=10**6)
    block = plain.index(plain[-16:]) + 16  # the header ends in the mark that ends every block
    header, body = plain[:block], plain[block:-16]
    source = io.BytesIO(body)
    count, _ = (
        fastavro.schemaless_reader(source, {"type": "long"}, None),
        fastavro.schemaless_reader(source, {"type": "long"}, None),
    )
    data = source.read()
    packed = (
        zstandard.compress(data) if codec == "zstandard"
        else pa.compress(data, codec="snappy", asbytes=True) + zlib.crc32(data).to_bytes(4, "big")
    )  # fmt: skip
    meta = io.BytesIO(header[4:])
    found = fastavro.schemaless_reader(meta, {"type": "map", "values": "bytes"}, None)
    assert isinstance(found, dict)
    written = io.BytesIO()
    fastavro.schemaless_writer(written, {"type": "map", "values": "bytes"}, {**found, "avro.codec": codec.encode()})
    mark = plain[-16:]
    for number in (count, len(packed)):
        if number == count:
            written.write(mark)
        fastavro.schemaless_writer(written, {"type": "long"}, number)
    content = b"Obj\x01" + written.getvalue() + packed + mark
    assert run(content, table_of(a="int64"), "avro").values == list(range(1000))
    damaged = bytearray(content)
    damaged[-30] ^= 0xFF
    try:
        run(bytes(damaged), table_of(a="int64"), "avro")
    except SourceError as error:
        assert error.code == "CORRUPT_AVRO"
    else:
        assert codec == "zstandard"  # whose frames need not have a checksum


def test_values_that_do_not_fit_are_quarantined(run: Convert) -> None:
    schema = record(
        n="long", s="string", t=logical("long", "timestamp-nanos"), d=logical("bytes", "decimal", precision=9, scale=3)
    )
    rows = [
        {"n": 1, "s": "a", "t": 1000, "d": Decimal("1.500")}, {"n": 2**40, "s": "b", "t": 0, "d": Decimal(1)},
        {"n": 3, "s": "c", "t": 1, "d": Decimal(1)}, {"n": 4, "s": "d", "t": 0, "d": Decimal("1.555")},
    ]  # fmt: skip
    found = run(avro(schema, rows), table_of(n="int32", s="string", t="timestamptz", d="decimal(5,1)"), "avro")
    assert [r[0] for r in found.rows] == [1]
    assert [(q["line"], q["column"], q["reason_code"]) for q in found.quarantine] == [
        (2, "n", "OVERFLOW"), (3, "t", "PRECISION_LOSS"), (4, "d", "PRECISION_LOSS"),
    ]  # fmt: skip
    assert json.loads(found.quarantine[0]["raw"]) == {"n": 2**40, "s": "b", "t": "1970-01-01 00:00:00+00", "d": 1.0}


def test_text_that_is_no_utf8_costs_its_row(run: Convert) -> None:
    content = avro(record(a="string"), [{"a": "abc"}, {"a": "xyz"}])
    found = run(content.replace(b"xyz", b"x\xffz"), table_of(a="string"), "avro")
    assert found.values == ["abc"] and found.codes == ["INVALID_ENCODING"]


def test_unions(run: Convert) -> None:
    mixed = record(a=["null", "long", "string"], b=["long", {"type": "array", "items": "long"}])
    rows = [{"a": 5, "b": 1}, {"a": "6", "b": [1]}, {"a": None, "b": 2}]
    assert run(avro(mixed, rows), table_of(a="string", b="json"), "avro").rows == [
        ("5", "1"),
        ("6", "[1]"),
        (None, "2"),
    ]
    assert run(avro(mixed, rows), table_of(a="int64", b="string"), "avro").rows == [(5, "1"), (6, "[1]"), (None, "2")]
    odd = record(a=["long", logical("int", "date")])
    assert refused(run, avro(odd, [{"a": 5}]), table_of(a="int64")).code == "TYPE_MISMATCH"


def test_a_union_with_numbers_that_json_lacks(run: Convert) -> None:
    content = avro(record(a=["null", "double", "string"]), [{"a": float("-inf")}, {"a": "0.5"}])
    assert run(content, table_of(a="float64"), "avro").values == [float("-inf"), 0.5]


def test_moments_that_cannot_be_held_cost_no_more_than_their_row(run: Convert) -> None:
    inner = {"type": "record", "name": "inner", "fields": [{"name": "at", "type": logical("long", "timestamp-nanos")},
             {"name": "day", "type": logical("int", "date")}]}  # fmt: skip
    rows = [{"r": {"at": 1, "day": 2932897}, "ms": 0}, {"r": {"at": 0, "day": 0}, "ms": 2**62}]
    found = run(
        avro(record(r=inner, ms=logical("long", "timestamp-millis")), rows),
        table_of(r="json", ms="timestamptz"),
        "avro",
    )
    ((text, at),) = found.rows
    assert json.loads(text) == {"at": "1970-01-01T00:00:00.000000001+00:00", "day": "10000-01-01"} and at.year == 1970
    assert [(q["line"], q["reason_code"]) for q in found.quarantine] == [(2, "OVERFLOW")]


def test_a_file_that_is_cut_off_or_changed_is_refused(run: Convert) -> None:
    schema = record(a="long", s="string")
    content = avro(schema, [{"a": n, "s": "x" * 20} for n in range(2000)], sync_interval=2000)
    table = table_of(a="int64", s="string")
    for broken in (
        content[:-1],
        content[:-16],
        content[:-500],
        content[: len(content) // 2],
        content[:20],
        b"Obj\x01",
        b"no avro",
    ):
        assert refused(run, broken, table).code == "CORRUPT_AVRO"
    assert refused(run, content + b"x", table).code == "CORRUPT_AVRO"
    for at in range(0, len(content), 997):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        try:
            run(bytes(damaged), table, "avro")
        except SourceError as error:
            assert error.code in ("CORRUPT_AVRO", "MISSING_COLUMN", "TYPE_MISMATCH"), at


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "row", "fields": [{"name": "a", "type": ["null", "row"]}]},
        {"type": "record", "name": "row", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]},
        {"type": "array", "items": "long"},
        "long",
    ],
    ids=str,
)
def test_schemas_without_an_end_or_a_row_are_refused(run: Convert, schema: Any) -> None:
    content = avro(record(a="long"), [{"a": 1}])
    old = json.dumps(fastavro.parse_schema(record(a="long"))).encode()
    start = content.index(b"avro.schema") + len(b"avro.schema")
    length = fastavro.schemaless_reader(io.BytesIO(content[start:]), {"type": "long"}, None)
    assert isinstance(length, int) and old
    size = io.BytesIO()
    fastavro.schemaless_writer(size, {"type": "long"}, length)
    rest = content[start + len(size.getvalue()) + length :]
    written = io.BytesIO()
    fastavro.schemaless_writer(written, {"type": "bytes"}, json.dumps(schema).encode())
    assert refused(run, content[:start] + written.getvalue() + rest, table_of(a="json")).code == "CORRUPT_AVRO"


def test_a_block_that_lies_about_its_records_is_refused(run: Convert) -> None:
    content = avro(record(a="null"), [{"a": None}])
    lying = content[:-18] + b"\xfe\xff\xff\xff\xff\xff\xff\x7f" + content[-17:]
    assert refused(run, lying, table_of(a="int64")).code == "CORRUPT_AVRO"


def test_a_block_that_is_a_bomb_is_refused(run: Convert) -> None:
    content = avro(record(a="bytes"), [{"a": bytes(257 << 20)}], codec="deflate")
    assert len(content) < 1 << 20
    assert refused(run, content, table_of(a="binary")).code == "CORRUPT_AVRO"


moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "n": st.none() | st.integers(-(2**63), 2**63 - 1), "s": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                "f": st.floats(allow_nan=False), "x": st.binary(), "day": st.dates(), "t": moments.map(lambda m: m.replace(tzinfo=UTC)),
                "loc": moments, "d": st.decimals(-(10**9), 10**9, places=3),
            }
        ),
        min_size=1,
    ),
    codec=st.sampled_from(["null", "deflate"]),
)  # fmt: skip
def test_what_is_written_comes_back(rows: list[dict[str, Any]], codec: str) -> None:
    schema = record(
        n=["null", "long"], s="string", f="double", x="bytes", day=logical("int", "date"), t=logical("long", "timestamp-micros"),
        loc=logical("long", "local-timestamp-micros"), d=logical("bytes", "decimal", precision=20, scale=3),
    )  # fmt: skip
    table = table_of(
        n="int64", s="string", f="float64", x="binary", day="date", t="timestamptz", loc="timestamp", d="decimal(20,3)"
    )
    with tempfile.TemporaryDirectory() as folder:
        found: Outcome = convert_bytes(Path(folder), avro(schema, rows, codec=codec), table, "avro")
    assert found.quarantine == [] and found.rows == [tuple(r[c.name] for c in table.columns) for r in rows]


def test_times_beyond_a_day_are_quarantined(run: Convert) -> None:
    numbers = [1_000_000, 86_400_000_000, -1]
    content = avro(record(a="long", b="string"), [{"a": n, "b": "timesmicros"} for n in numbers])
    plain, timed = b'{"name": "a", "type": "long"}', b'{"name":"a","type":{"type":"long","logicalType":"time-micros"}}'
    start = content.index(b"avro.schema") + len(b"avro.schema")
    length = fastavro.schemaless_reader(io.BytesIO(content[start:]), {"type": "long"}, None)
    assert isinstance(length, int) and plain in content
    schema = content[start + 2 : start + 2 + length].replace(plain, timed)
    written = io.BytesIO()
    fastavro.schemaless_writer(written, {"type": "bytes"}, schema)
    found = run(
        content[:start] + written.getvalue() + content[start + 2 + length :], table_of(a="time", b="string"), "avro"
    )
    assert [r[0] for r in found.rows] == [time(0, 0, 1)] and found.codes == ["OVERFLOW", "OVERFLOW"]
