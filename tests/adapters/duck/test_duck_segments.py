"""A file that is converted in segments comes out as it would whole: the same rows, the same quarantine, the same dialect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from conversions import PLAIN, convert_bytes, table_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.adapters.duck.segmented import Segments
from sluice.contract.model import Dialect, Table
from sluice.errors import SluiceError

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


@settings(max_examples=60, deadline=None)
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
