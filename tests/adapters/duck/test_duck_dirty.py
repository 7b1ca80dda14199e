"""Bad rows among many good ones: each is found where it stands, without a second scan of the file."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, Outcome, convert_bytes, table_of
from sluice.adapters.duck.text import faults, locate, rewriting, spans
from sluice.adapters.duck.text.records import RecordParser
from sluice.adapters.duck.text.spelling import Spelling
from sluice.contract.model import Dialect

RULES = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])

numbers = st.integers(-99, 99).map(str) | st.sampled_from(["", "NA", "x", "1.5", "12345678901234567890", " 7", "+7"])
texts = st.text(st.sampled_from(list(",;'\"\n\r ab1é")), max_size=9) | st.sampled_from(["NA", "abcdefgh", "12345678"])
days = st.sampled_from(["2013-01-01", "2013-02-30", "", "1.1.2013", "2013-12-31"])
fields = {"n": numbers, "s": texts, "d": days, "m": numbers, "t": texts}


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], list[list[str]], bytes]:
    names = draw(st.permutations(list(fields)))[: draw(st.integers(1, 5))]
    rows = draw(st.lists(st.tuples(*(fields[n] for n in names)).map(list), min_size=1, max_size=60))
    rows += draw(st.lists(st.sampled_from(rows), max_size=5))  # the same row again is bad again
    end = draw(st.sampled_from(["\n", "\r\n"]))
    written = io.StringIO(newline="")
    writers = [csv.writer(written, lineterminator=end, quoting=q) for q in (csv.QUOTE_ALL, csv.QUOTE_MINIMAL)]
    if len(names) == 1:
        writers = writers[:1]  # an empty value alone on its line needs its quotes
    writers[0].writerow(names)
    for row in rows:
        # Python 3.11 leaves a CR out of quotes, where it ends a line.
        draw(st.sampled_from(writers[:1] if "\r" in "".join(row) else writers)).writerow(row)
    return names, rows, written.getvalue().removesuffix(draw(st.sampled_from(["", end]))).encode()


def convert_without_second_scan(every: int, content: bytes, *args, **options) -> Outcome:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(locate, "LINES_EVERY", every)
        patch.setattr(spans, "LINES_EVERY", every)
        patch.setattr(faults.Faults, "_scan_again", _no_second_scan)
        return convert_bytes(Path(folder), content, *args, **options)


def _no_second_scan(*_: object) -> None:
    raise AssertionError("a second scan of the whole file")


@RULES
@given(file=files(), nulls=st.sampled_from([("",), ("", "NA"), ("NA",)]), every=st.sampled_from([3, 1 << 12]))
def test_bad_rows_are_found_where_they_stand(file, nulls, every) -> None:
    names, rows, content = file
    kinds = {"n": "int64", "s": "string", "d": "date", "m": "decimal(3,1)", "t": "string"}
    table = table_of(**{n: kinds[n] for n in names})
    dialect = Dialect(delimiter=",", quote_char='"', null_sequence=nulls)
    found = convert_without_second_scan(every, content, table, dialect=dialect)
    # The exact reader is the reference: another order of the columns in the contract keeps DuckDB from guessing.
    with tempfile.TemporaryDirectory() as folder:
        exact = convert_bytes(
            Path(folder), content, table, dialect=Dialect(**{**vars(dialect), "skip_initial_space": False,
                                                             "comment_char": "\x02"}),
        )  # fmt: skip
    assert found.rows == exact.rows and len(found.rows) + len(found.quarantine) == len(rows)
    assert found.quarantine == exact.quarantine


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_in_files_of_many_blocks(run: Convert, monkeypatch: pytest.MonkeyPatch, end: bytes, last: bool) -> None:
    monkeypatch.setattr(faults.Faults, "_scan_again", _no_second_scan)
    chance = random.Random(7)
    table = table_of(n="int64", s="string", x="decimal(9,2)")
    lines, bad = [b"n,s,x"], []
    for i in range(150_000):
        text = b'"%s, line one%sline two"' % (b"y" * chance.randrange(60), end) if i % 3 else b"plain"
        line = b"%d,%s,%d.25" % (i, text, i % 1000)
        if chance.random() < 0.002:
            line = chance.choice([b"x" + line, line + b"9", line + b",9", line.rsplit(b",", 1)[0], line + b"\xff"])
            bad.append((i + 1, line))
        lines.append(line)
    content = end.join(lines) + (end if last else b"")
    found = run(content, table)
    assert [q["raw"] for q in found.quarantine] == [line for _, line in bad]
    before = [content.count(b"\n", 0, q["byte_offset"]) for q in found.quarantine]
    assert [q["line"] for q in found.quarantine] == [n + 1 for n in before]
    assert len(found.rows) == 150_000 - len(bad)


def test_only_quotes_tell_a_bad_row_from_a_good_one(run: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults.Faults, "_scan_again", _no_second_scan)
    content = b"a,b,n\n" + b'NA,"NA",1\n"NA",NA,1\n' + b'NA,"NA",x\n"NA",NA,x\n' * 500
    found = run(content, table_of(a="string", b="string", n="int64"), dialect=Dialect(null_sequence=("", "NA")))
    assert found.rows == [(None, "NA", 1), ("NA", None, 1)]
    assert [q["raw"] for q in found.quarantine] == [b'NA,"NA",x', b'"NA",NA,x'] * 500


@pytest.mark.parametrize("most", ["sluice.adapters.duck.text.capture.LIMIT", "sluice.adapters.duck.text.faults.FEW"])
def test_more_bad_rows_than_are_caught_need_a_second_scan(
    run: Convert, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    monkeypatch.setattr(most, 10)
    lines = [b"%d,a" % i if i % 3 else b"x%d,a" % i for i in range(3000)]
    found = run(b"\n".join([b"n,s", *lines]), table_of(n="int64", s="string"))
    assert [q["raw"] for q in found.quarantine] == lines[::3] and len(found.rows) == 2000


def test_in_many_files_that_hold_the_same_rows(run: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults.Faults, "_scan_again", _no_second_scan)
    contents = [b"n,s\n1,a\nx,b\n2\n", b"s,n\nb,x\nc,3\n", b"n,s\r\nx,b\r\n", b"n,s\n4,d\n"]
    found = run(contents, table_of(n="int64", s="string"))
    assert found.rows == [(1, "a"), (3, "c"), (4, "d")]
    assert [(q["file"], q["line"], q["raw"]) for q in found.quarantine] == [
        ("file-0", 3, b"x,b"), ("file-0", 4, b"2"), ("file-1", 2, b"b,x"), ("file-2", 2, b"x,b"),
    ]  # fmt: skip


@pytest.mark.parametrize("spelling", [Spelling(), Spelling(b"]", b"^"), Spelling(b"|", b"")])
def test_a_field_found_without_parsing_its_record_is_the_one_that_parsing_finds(spelling: Spelling) -> None:
    marks = [spelling.delimiter, spelling.quote or b'"', b"a", b"\n", b"\r"]
    read, found = RecordParser(spelling), 0
    patterns = [rewriting._field_at(n, spelling) for n in range(3)]
    for raw in (b"".join(some) for length in range(6) for some in product(marks, repeat=length)):
        fields = read.parse(raw, 0, last=True)[0].fields
        for position, pattern in enumerate(patterns):
            if plain := pattern.match(raw):
                quoted, bare = plain.groups()
                field = bare if quoted is None else quoted.replace(spelling.quote * 2, spelling.quote)
                assert fields[position] == field
                found += 1
    assert found > 3000
