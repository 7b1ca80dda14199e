"""What Python's csv module writes, whatever the dialect, comes back as it was: no row lost, none made up."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from decimal import Context, Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Outcome, convert_bytes, table_of
from sluice.adapters.duck.text.records import read_records
from sluice.adapters.duck.text.spans import IrregularError, Shape, find_spans
from sluice.adapters.duck.text.spelling import Spelling
from sluice.contract.model import Dialect

RULES = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(
    st.sampled_from(list(",;|\t'\"\\\n\r# ab1é\U0001f600"))
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=12,
)  # fmt: skip
rows_of_text = st.lists(st.tuples(texts, texts), min_size=1, max_size=30)


def convert_once(content: bytes, *args, **options) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return convert_bytes(Path(folder), content, *args, **options)


@RULES
@given(
    rows=rows_of_text,
    delimiter=st.sampled_from([",", ";", "\t", "|", "~"]),
    quote=st.sampled_from(['"', "'"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    doubled=st.booleans(),
    last=st.booleans(),
)
def test_text_comes_back(rows, delimiter, quote, end, quoting, doubled, last) -> None:
    if end == "\n" and any("\r" in text for row in rows for text in row):
        quoting = csv.QUOTE_ALL  # Left to itself the writer leaves a bare CR unquoted, which nobody can read back.
    written = io.StringIO(newline="")
    escape = None if doubled else "\\"
    writer = csv.writer(
        written, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=quoting, doublequote=doubled,
        escapechar=escape,
    )  # fmt: skip
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    content = written.getvalue() if last else written.getvalue().removesuffix(end)
    dialect = Dialect(delimiter=delimiter, quote_char=quote, double_quote=doubled, escape_char=escape, null_sequence=())
    found = convert_once(content.encode(), table_of(a="string", b="string"), dialect=dialect)
    assert found.rows == rows and not found.quarantine


@RULES
@given(rows=st.lists(texts, min_size=1, max_size=30))
def test_a_single_column_comes_back(rows) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["a"], *([r] for r in rows)])
    assert convert_once(written.getvalue().encode(), table_of(a="string")).values == rows


@RULES
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**65), 2**65),
            st.none() | st.decimals(allow_nan=True, allow_infinity=True, places=None),
            st.none() | st.floats(),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_number_comes_back_exactly_or_goes_to_quarantine(rows) -> None:
    def text(value: object) -> str:
        return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else repr(value)

    content = "i,d,f\n" + "".join(f"{text(i)},{text(d)},{text(f)}\n" for i, d, f in rows)
    found = convert_once(content.encode(), table_of(i="int64", d="decimal(30,10)", f="float64"))

    wide = Context(prec=2000)

    def fits(i: int | None, d: Decimal | None) -> bool:
        if i is not None and not -(2**63) <= i < 2**63:
            return False
        if d is None:
            return True
        return d.is_finite() and abs(d) < 10**20 and d == d.quantize(Decimal("1e-10"), context=wide)

    expected = [r for r in rows if fits(r[0], r[1])]
    assert len(found.rows) == len(expected) and len(found.quarantine) == len(rows) - len(expected)
    for got, (i, d, f) in zip(found.rows, expected, strict=True):
        assert got[0] == i and (got[1] is None) == (d is None) and (d is None or got[1] == d)
        assert (got[2] is None) == (f is None) and (f is None or repr(got[2]) == repr(f))


@RULES
@given(
    content=st.lists(
        st.sampled_from([b"a", b"1", b",", b'"', b"\n", b"\r\n", b"\r", b'""', b" ", b"\xff"]), max_size=40
    )
)
def test_any_bytes_are_accounted_for_and_both_readers_agree(content) -> None:
    body = b"".join(content)
    assume(not re.search(rb'(^|[,\r\n]) +"', body))  # see below
    found = convert_once(b"a,b\nx,y\n" + body, table_of(a="string", b="string"))
    assert found.rows[:1] == [("x", "y")]
    read = [r for r in read_bytes(body) if r.raw]
    assert found.converted.rows_read == 1 + len(read)
    good = [r for r in read if not r.error and b"\xff" not in r.raw and len(r.fields) == 2]
    assert found.rows[1:] == [
        tuple(None if not text and not r.is_quoted(i) else text.decode() for i, text in enumerate(r.fields))
        for r in good
    ]


def test_a_quote_after_blanks_opens_a_value_and_one_that_does_not_close_is_set_aside() -> None:
    found = convert_once(b'a,b\nx,y\na, "b\nc,d\n', table_of(a="string", b="string"))
    assert found.rows == [("x", "y"), ("c", "d")]
    assert [(q["line"], q["reason_code"], q["raw"]) for q in found.quarantine] == [(3, "UNQUOTED_VALUE", b'a, "b')]


def read_bytes(body: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(body)
        return list(read_records(path, Spelling(), columns=2))


@RULES
@given(rows=rows_of_text, end=st.sampled_from(["\n", "\r\n"]), block=st.integers(1, 40))
def test_the_fast_and_the_exact_reader_find_the_same_records(rows, end, block) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end).writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(written.getvalue().encode())
        exact = [(r.offset, r.offset + len(r.raw)) for r in read_records(path, Spelling(), block=block) if r.raw]
        assert exact == [(r.offset, r.offset + len(r.raw)) for r in read_records(path, Spelling()) if r.raw]
        try:
            spans = [
                (int(b), int(e))
                for begins, ends in find_spans(path, Spelling(), Shape(2), 0)
                for b, e in zip(begins, ends, strict=True)
            ]
        except IrregularError:
            return
        assert spans == exact


def test_one_value_too_many_is_ordinary_wherever_a_block_ends_and_an_empty_one_is_not(tmp_path: Path) -> None:
    records = [b"aaaa,bbbb,c\n"] * 60_000
    across = (1 << 18) // len(records[0])  # lies in two blocks
    path = tmp_path / "x"
    path.write_bytes(b"".join(records))
    assert sum(len(begins) for begins, _ in find_spans(path, Spelling(), Shape(2), 0)) == len(records)
    for empty in (b"aaaa,bbbbb,\n", b'aaaa,bbb,""\n'):
        path.write_bytes(b"".join([*records[:across], empty, *records[across + 1 :]]))
        with pytest.raises(IrregularError, match="empty values"):
            list(find_spans(path, Spelling(), Shape(2), 0))
