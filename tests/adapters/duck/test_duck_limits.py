"""Files that are too much: each limit has its error, and nothing is left behind."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adapters.duck.conversions import Convert, table_of
from sluice.adapters.duck import connection
from sluice.adapters.duck.convert import Converted, convert
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError, TerminalError
from sluice.limits import Limits

AB = table_of(a="string", b="string")


def convert_within(folder: Path, content: bytes, table: Table, limits: Limits) -> Converted:
    source = folder / "source"
    source.write_bytes(content)
    return convert(
        [("source", source)], table, "csv", Dialect(), out=folder / "out", quarantine=folder / "q",
        memory_limit="500MB", threads=2, scratch=folder / "scratch", limits=limits,
    )  # fmt: skip


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("longest", [100, 3_000_000])
def test_a_record_that_is_too_long_is_quarantined(tmp_path: Path, end: bytes, longest: int) -> None:
    fits, over = b"1," + b"x" * (longest - 3), b"2," + b"x" * longest
    converted = convert_within(tmp_path, end.join([b"a,b", fits, over, b"3,y"]), AB, Limits(line_bytes=longest))
    assert converted.reasons == {"LINE_TOO_LONG": 1} and converted.rows_staged == 2
    assert pq.read_table(tmp_path / "q")["raw"].to_pylist() == [over]


def test_too_many_columns(tmp_path: Path) -> None:
    wide = table_of(**{f"c{i}": "string" for i in range(20)})
    header = b",".join(b"c%d" % i for i in range(20)) + b"\n"
    for table, content in ((wide, b"a\n1\n"), (AB, header), (wide, header)):
        with pytest.raises(SourceError) as caught:
            convert_within(tmp_path, content, table, Limits(columns=10))
        assert caught.value.code == "COLUMN_LIMIT" and "20 columns" in caught.value.message
    assert convert_within(tmp_path, b"a,b\n1,2\n", AB, Limits(columns=2)).rows_staged == 1


def test_many_columns_fit_into_little_memory(tmp_path: Path) -> None:
    wide = table_of(**{f"c{i}": "string" for i in range(2_000)})
    content = b"\n".join(b",".join([cell] * 2_000) for cell in (b"a", b"b"))
    header = b",".join(b"c%d" % i for i in range(2_000)) + b"\n"
    assert convert_within(tmp_path, header + content, wide, Limits()).rows_staged == 2


@pytest.mark.parametrize("spoiled", [b"", b'z "z" z,y\n'])
def test_a_full_disk(tmp_path: Path, spoiled: bytes) -> None:
    rows = b"".join(b"%d,%d text\n" % (i * 7919 % 999_983, i) for i in range(100_000))
    source = tmp_path / "source"
    source.write_bytes(b"a,b\n" + rows + spoiled)
    with _files_up_to(200_000), pytest.raises(TerminalError) as caught:
        convert(
            [("source", source)], AB, "csv", Dialect(), out=tmp_path / "out", quarantine=tmp_path / "q",
            memory_limit="500MB", threads=2, scratch=tmp_path / "scratch",
        )  # fmt: skip
    assert caught.value.code == "DISK_FULL"
    assert not (tmp_path / "out").exists() and not list((tmp_path / "scratch").iterdir())


@contextmanager
def _files_up_to(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("length", "end", "most"), [(400, b"\n", 4_096), (4, b"\n", 10_000), (4, b"\x1e", 10_000)])
def test_of_long_rows_fewer_are_held_in_memory_at_a_time(
    run: Convert, monkeypatch: pytest.MonkeyPatch, length: int, end: bytes, most: int
) -> None:
    monkeypatch.setattr(connection, "_GROUP_BYTES", 1 << 20)
    content = end.join([b"n,t", *(b"%d,%s" % (i, b"x" * length) for i in range(10_000))])
    found = run(content, table_of(n="int64", t="string"), dialect=Dialect(line_terminator=end.decode()))
    file = pq.ParquetFile(found.converted.staged[0].path)
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sum(groups) == 10_000 and max(groups) <= most and (most < 10_000 or len(groups) == 1)
    assert [n for n, _ in found.rows] == list(range(10_000))
