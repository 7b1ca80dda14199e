"""What a draft asks of texts: the same answers in columns and in lists, exact digits, memory by the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters.duck import convert
from sluice.adapters.duck.looks.evidence import Measure, measuring
from sluice.adapters.duck.text.lists import is_listed
from sluice.contract.model import Column, Dialect, Table
from sluice.contract.types import ColumnType, Kind
from sluice.draft.evidence import TextColumn


@contextmanager
def asked(files: Sequence[Path], scratch: Path) -> Iterator[Measure]:
    with measuring({"t": files}, memory_limit="1GB", threads=2, scratch=scratch) as measure:
        yield measure


def answer(texts: Sequence[str | None], tmp_path: Path, name: str = "n") -> TextColumn:
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"c0": pa.array(texts, pa.string())}), path)
    with asked([path], tmp_path / "s") as measure:
        return measure.texts("t", [name])[0]


def digits(column: TextColumn) -> tuple[int, ...]:
    return (
        column.plain, column.integer_digits, column.scale, column.least_scale, column.dotted, column.leading_zeros,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "expected", "long"),
    [
        (["1", "-20", "300"], (3, 3, 0, 0, 0, 0), 0),
        (["0", "9223372036854775807"], (2, 19, 0, 0, 0, 0), 19),
        (["1", "12345678901234567890123"], (2, 23, 0, 0, 0, 0), 23),
        (["1.50", "-22.125", "+3.1", " 7 ", ".5"], (5, 2, 3, 1, 4, 0), 0),
        (["1", "2", "3", "4", "5", "6", "7", "8", "9", "1e5"], (9, 1, 0, 0, 0, 0), 0),
        (["0.1234567890123456789", "1.5"], (2, 1, 19, 1, 2, 0), 19),
        (["1.234,5", "2,25", "3.456.789"], (3, 7, 2, 1, 2, 0), 0),
    ],
)
def test_digits_are_counted(texts: list[str], expected: tuple[int, ...], long: int, tmp_path: Path) -> None:
    found = answer(texts, tmp_path)
    assert (digits(found), found.digits) == (expected, long)


def test_a_number_with_leading_zeros_that_no_sample_shows_is_found(tmp_path: Path) -> None:
    texts = [str(i) for i in range(100_001)]
    texts[99_999] = "007"
    found = answer(texts, tmp_path)
    assert (found.leading_zeros, found.plain) == (1, 100_001)


def test_words_for_null_and_misfits_are_told(tmp_path: Path) -> None:
    texts = [*map(str, range(100)), "NA", "NA", "-", "", None, "zebra", "apple"]
    found = answer(texts, tmp_path)
    assert (found.rows, found.present, dict(found.null_words)) == (107, 105, {"NA": 2, "-": 1})
    assert {t.guess.type.kind: (t.fits, t.misfits) for t in found.tested} == dict.fromkeys(
        (Kind.INT32, Kind.INT64, Kind.FLOAT64), (100, ("apple", "zebra"))
    )


def test_very_many_columns_are_staged_in_lists_and_answer_alike(tmp_path: Path) -> None:
    width = 320
    assert is_listed(width)
    cells = ["12", "1.25", "", "NA", '"a, b"', "2024-01-02", "zürich", "true"]
    rows = [",".join(cells[(i + r) % 8 if i % 2 else i % 8] for i in range(width)) for r in range(40)]
    file = tmp_path / "wide.csv"
    file.write_text(",".join(f"x{i}" for i in range(width)) + "\n" + "\n".join(rows) + "\n")
    names = [f"x{i}" for i in range(width)]
    columns = tuple(Column(n, f"c{i}", ColumnType(Kind.STRING)) for i, n in enumerate(names))
    found = []
    for in_passing in (True, False):
        out = tmp_path / f"out-{in_passing}"
        converted = convert(
            [("wide.csv", file)], Table("t", "t", "", columns), "csv", Dialect(), out=out, quarantine=tmp_path / "bad",
            memory_limit="1GB", threads=2, scratch=tmp_path / "convert", in_passing=in_passing,
        )  # fmt: skip
        files = [p.path for p in converted.staged]
        assert len(pq.read_schema(files[0]).names) == (7 if in_passing else width)
        with asked(files, tmp_path / "s") as measure:
            found.append(measure.texts("t", names))
    assert found[0] == found[1]
    assert found[0][1].present == 35


def test_facts_of_wide_tables_are_those_of_narrow_ones(tmp_path: Path) -> None:
    rows, width = 60, 310
    data = {f"c{i}": [f"u{r}@example.com" if i % 3 == 0 else f"w{r % 4}" if i % 3 == 1 else r for r in range(rows)] for i in range(width)}  # fmt: skip
    table = pa.table(data)
    kinds = [ColumnType(Kind.INT64 if i % 3 == 2 else Kind.STRING) for i in range(width)]
    columns = tuple(Column(f"c{i}", f"c{i}", k) for i, k in enumerate(kinds))
    pq.write_table(table, tmp_path / "t.parquet")
    with asked([tmp_path / "t.parquet"], tmp_path / "s") as measure:
        wide = measure.facts(Table("t", "t", "", columns))
        narrow = measure.facts(Table("t", "t", "", columns[:6]))
    assert wide[:6] == narrow
    assert (wide[0].distinct, wide[0].personal, wide[1].words, wide[2].distinct) == (
        60, ("email",), ("w0", "w1", "w2", "w3"), 60,
    )  # fmt: skip


def test_tables_staged_in_lists_have_the_same_facts_and_links(tmp_path: Path) -> None:
    rows, width = 40, 310
    columns = tuple(
        Column(f"texts_{i}", f"texts_{i}", ColumnType(Kind.INT64 if i % 3 == 2 else Kind.STRING)) for i in range(width)
    )
    cells = [
        [f"u{r}" if i % 3 == 0 else f"w{r % 4}" if i % 3 == 1 else str(r) for i in range(width)] for r in range(rows)
    ]
    file = tmp_path / "wide.csv"
    file.write_text("\n".join(map(",".join, [[c.name for c in columns], *cells])) + "\n")
    table = Table("t", "t", "", columns)
    found = []
    for in_passing in (True, False):
        converted = convert(
            [("wide.csv", file)], table, "csv", Dialect(), out=tmp_path / f"out-{in_passing}", quarantine=tmp_path / "bad",
            memory_limit="1GB", threads=2, scratch=tmp_path / "convert", in_passing=in_passing,
        )  # fmt: skip
        with asked([p.path for p in converted.staged], tmp_path / "s") as measure:
            two = [columns[300], columns[302]]
            found.append((
                measure.facts(table), measure.distinct(table, two), measure.some(table, columns[1], 4),
                measure.strays(table, [columns[301]], table, [columns[300]]),
            ))  # fmt: skip
    assert found[0] == found[1]
    assert found[0][1:] == (40, found[0][2], (40, 40))
    assert sorted(found[0][2]) == ["w0", "w1", "w2", "w3"]
