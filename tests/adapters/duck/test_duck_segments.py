"""A file that is converted in segments comes out as it would whole: the same rows, the same quarantine, the same dialect."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from conversions import PLAIN, convert_bytes, table_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.adapters.duck.packed.unfolding import unfold
from sluice.adapters.duck.packed.unpack import unpack
from sluice.adapters.duck.segments.converting import Segments, WholeError
from sluice.contract.model import Dialect, Table
from sluice.errors import SluiceError, SourceError
from sluice.limits import DEFAULT_LIMITS

TABLE = table_of(a="int32", b="string", c="decimal(6,2)")
ONE = table_of(a="string")


def in_segments(
    content: bytes | list[bytes],
    table: Table,
    server_format: str = "csv",
    dialect: Dialect = PLAIN,
    size: int = 40,
    bite: int = 7,
) -> tuple[list[tuple[Any, ...]], list[dict[str, Any]], dict[str, Any], int]:
    """Rows, quarantine, dialect and number of segments."""
    contents = [content] if isinstance(content, bytes) else content

    def blocks(data: bytes) -> Iterator[bytes]:
        yield from (data[i : i + bite] for i in range(0, len(data), bite))

    rows: list[tuple[Any, ...]] = []
    bad: list[dict[str, Any]] = []
    with TemporaryDirectory() as scratch:
        segments = Segments(
            table, server_format, dialect, size=size, scratch=Path(scratch), memory_limit="500MB", threads=2
        )
        number = read = 0
        for converted in segments.convert((f"file-{n}", blocks(data)) for n, data in enumerate(contents)):
            number += 1
            (part,) = converted.staged
            found = [tuple(r.values()) for r in pq.read_table(part.path).to_pylist()]
            held = pq.read_table(converted.quarantine).to_pylist() if converted.quarantine else []
            assert (len(found), len(held)) == (converted.rows_staged, converted.rows_quarantined)
            assert Counter(q["reason_code"] for q in held) == converted.reasons
            read += converted.rows_read
            rows, bad = rows + found, bad + held
        assert read == len(rows) + len(bad)
        left = [p for p in Path(scratch).rglob("*") if p.is_file() and p.stat().st_size]
        assert not left, "nothing is left on scratch"
    return rows, bad, segments.dialect_used, number


def assert_same(
    content: bytes, table: Table, server_format: str = "csv", dialect: Dialect = PLAIN, size: int = 40
) -> int:
    """The same either way, also when it is refused; how many segments there were."""
    with TemporaryDirectory() as folder:
        try:
            whole = convert_bytes(Path(folder), content, table, server_format, dialect)
        except SluiceError as error:
            with pytest.raises(SluiceError) as caught:
                in_segments(content, table, server_format, dialect, size)
            assert caught.value.code == error.code
            return 0
        rows, bad, used, number = in_segments(content, table, server_format, dialect, size)
        assert rows == whole.rows
        assert bad == whole.quarantine
        assert used == whole.converted.dialect
        return number


FIELD = st.sampled_from(
    ["1", "22", "x", "", "1.50", "9999999", "é", '"q"', '"two\nlines"', '"a""b"', 'st"ray', '"open', "'", "\\", "\0", '"a,b"', "#c"]
)  # fmt: skip
RECORD = st.one_of(
    st.tuples(st.integers(-5, 5).map(str), FIELD, st.sampled_from(["1.25", "", "bad", "7"])).map(list),
    st.lists(FIELD, max_size=5),
)


@settings(max_examples=30)
@given(
    records=st.lists(RECORD, min_size=1, max_size=25),
    delimiter=st.sampled_from([",", ";", "\t", "||"]),
    ends=st.lists(st.sampled_from(["\n", "\n", "\r\n", "\r"]), min_size=1, max_size=3),
    header=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"]),
    size=st.integers(1, 200),
    escape=st.sampled_from([None, "\\"]),
    footer=st.sampled_from([None, None, 2]),
)
def test_delimited_text_in_segments_is_what_it_is_as_a_whole(
    records: list[list[str]], delimiter: str, ends: list[str], header: bool, encoding: str, size: int,
    escape: str | None, footer: int | None,
) -> None:  # fmt: skip
    lines = ([["a", "b", "c"]] if header else []) + records
    text = "".join(delimiter.join(r) + ends[i % len(ends)] for i, r in enumerate(lines))
    dialect = Dialect(
        delimiter=delimiter, header=header, encoding=encoding, escape_char=escape,
        double_quote=None if escape is None else False, footer_rows=footer,
    )  # fmt: skip
    assert_same(text.encode(encoding), TABLE, "csv", dialect, size)


@settings(max_examples=15)
@given(
    records=st.lists(
        st.one_of(
            st.fixed_dictionaries({"a": st.one_of(st.integers(-9, 9), st.text(max_size=3))}, optional={"b": st.text(max_size=8)}).map(json.dumps),
            st.sampled_from(["", "  ", "{", "[1]", '{"a": 1, "a": 2}', '{"a":1}{"a":2}', "\r", '{"b": "\\u0000"}']),
        ),
        min_size=1, max_size=25,
    ),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from([None, "latin-1", "utf-16"]),
    size=st.integers(1, 200),
    arrays=st.booleans(),
)  # fmt: skip
def test_json_lines_in_segments_are_what_they_are_as_a_whole(
    records: list[str], end: str, encoding: str | None, size: int, arrays: bool
) -> None:
    table = table_of(a="int32", b="string")
    dialect = Dialect(encoding=encoding)
    if arrays:
        dialect = Dialect(encoding=encoding, item_type="array")
        records = ['["b", "a"]', *(f'["{i}", {i}]' if i % 3 else r for i, r in enumerate(records))]
    assert_same("".join(r + end for r in records).encode(encoding or "utf-8"), table, "jsonl", dialect, size)


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("a;b;c\n" + "1;x;1,5\n" * 30, Dialect(decimal_char=",")),
        ("about\n\nc,b,a\n" + "1.5,'x, y',1\n" * 30, PLAIN),
        ("# no\na,b,c\n" + "1,x,1\n# why\n2,y,2\n" * 15, Dialect(comment_char="#")),
        ("a,b,c\n1,x,1\nleft out\n" + "2,y,2\n" * 30, Dialect(comment_rows=(3,))),
        ("skip, this\na,b,c\n" + "2,y,2\n" * 30 + "total,,\nend\n", Dialect(skip_rows=1, footer_rows=2)),
        ("total of\na,b,c\n1,x,1\n2,y,2\n", Dialect(skip_rows=1, footer_rows=1)),
        ("a,b,c,\r\n" + "2,y,2,\r\n" * 30, PLAIN),
        ("a,b,c\r" + "2,y,2\r" * 30, PLAIN),
        ("a,b,c\n" + "2,y,2\n" * 15 + "2,y,2\r\n" * 15, PLAIN),
        ("a,b,c~" + "2,y\nz,2~" * 30, Dialect(line_terminator="~")),
        ("a,b,c\n" + '2,"y\n1,""z"",2",2\n' * 20, PLAIN),
        ("a,b,c\n" + '2,y,2\n3,"open,3\n' + "4,z,4\n" * 30, PLAIN),
        ("a,b,c\n" + "2,y,2\n" * 10 + "2,\u00e9t\u00e9,2\n" * 10, PLAIN),
        ("a,b,c\n", PLAIN),
        ("", PLAIN),
    ],
)  # fmt: skip
def test_each_dialect_in_segments_is_what_it_is_as_a_whole(text: str, dialect: Dialect, size: int) -> None:
    number = assert_same(text.encode(), TABLE, "csv", dialect, size)
    assert number > 3 or size > 20 or len(text) < 60
    assert_same(text.encode("cp1252"), TABLE, "csv", dialect, size)


def test_blank_lines_of_a_single_column_are_nulls_in_every_segment() -> None:
    assert assert_same(b"a\n" + b"\n" * 10 + b"x\n\n" * 5 + b"\n" * 10, ONE, size=3) > 3


def test_an_encoding_that_shows_late_is_found_as_in_the_whole(tmp_path: Path) -> None:
    rows = b"".join(b"%d,plain,1.00\n" % i for i in range(350_000))
    content = (
        b"a,b,c\n"
        + rows
        + ("1,caf\u00e9,2.00\n" * 20 + "x,\u00e9t\u00e9,1.00\n").encode("cp1252")
        + rows[: rows.index(b"6319,")]
        + b"y,\xe9,1.00\n"
    )
    whole = convert_bytes(tmp_path, content, TABLE)
    found, bad, used, number = in_segments(content, TABLE, size=2_000_000, bite=1 << 16)
    assert number > 3
    assert found == whole.rows
    assert bad == whole.quarantine
    assert used == whole.converted.dialect
    assert used["encoding"] == "cp1252"
    assert bad[-1]["raw"] == b"y,\xe9,1.00"


def test_several_files_share_segments_and_their_bad_rows_keep_their_places() -> None:
    contents = [b"a,b,c\n" + b"%d,x,1\nbad,x,1\n" % n for n in range(10)]
    _, bad, _, number = in_segments(contents, TABLE, size=60)
    assert 1 < number < 10
    assert [(q["file"], q["line"], q["byte_offset"]) for q in bad] == [(f"file-{n}", 3, 12) for n in range(10)]


def test_a_partition_is_no_matter_for_segments() -> None:
    assert not Segments.possible("csv", TABLE, ["a=1/x.csv"])
    assert not Segments.possible("parquet", TABLE, ["x.parquet"])
    with TemporaryDirectory() as scratch, pytest.raises(WholeError):
        segments = Segments(TABLE, "csv", PLAIN, size=9, scratch=Path(scratch), memory_limit="500MB", threads=2)
        list(segments.convert([("x.zip!a=1/x.csv", [b"b,c\n"])]))


def test_a_line_of_json_that_never_ends_is_refused_where_it_begins() -> None:
    content = b'{"a": "1"}\n' * 3 + b"x" * (300 << 20)
    with pytest.raises(SourceError, match="RECORD_TOO_LONG") as caught:
        in_segments(content, ONE, "jsonl", size=10, bite=1 << 20)
    assert "byte 33 " in caught.value.message


PACKED = {
    "plain": lambda data: data, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
    "twice": lambda data: gzip.compress(bz2.compress(data)), "zip": lambda data: zipped({"x.csv": data}),
    "zip of gz": lambda data: zipped({"b/x.csv.gz": gzip.compress(data), "a/y.csv": data}),
    "tar.gz": lambda data: gzip.compress(tarred({"x.csv": data, "y.csv": data})),
    "zip of zip": lambda data: zipped({"z": zipped({"x.csv": data})}),
    "cut off": lambda data: gzip.compress(data)[:-9], "broken zip": lambda data: zipped({"x.csv": data})[:-30],
    "deep": lambda data: gzip.compress(gzip.compress(gzip.compress(gzip.compress(data)))), "empty": lambda _: b"",
    "bomb": lambda data: gzip.compress(data * 20_000), "garbage behind": lambda data: gzip.compress(data) + b"x",
}  # fmt: skip


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("how", PACKED)
def test_what_streams_is_what_is_unpacked(how: str, tmp_path: Path) -> None:
    path, data = tmp_path / "x.csv", b"a,b,c\n" + b"1,x,1\n" * 500
    path.write_bytes(PACKED[how](data))
    limits = replace(DEFAULT_LIMITS, unpacked_bytes=1_000_000)

    def streamed() -> dict[str, bytes]:
        found = unfold(lambda: path.open("rb"), path.stat().st_size, tmp_path / "s", name="x.csv", limits=limits)
        return {name: b"".join(blocks) for name, blocks in found}

    try:
        whole = {name: p.read_bytes() for name, p in unpack(path, tmp_path / "w", limits=limits)}
    except SluiceError as error:
        with pytest.raises(SluiceError) as caught:
            streamed()
        assert (caught.value.code, caught.value.message) == (error.code, error.message)
    else:
        assert streamed() == whole
        assert list((tmp_path / "s").iterdir()) == []
