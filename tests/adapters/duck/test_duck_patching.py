"""An irregular file patched gives what the same file read exactly gives: the same rows, the same quarantine."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, convert_bytes, table_of
from sluice.adapters.duck import parts
from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.places import Bad, Places
from sluice.adapters.duck.text import delimited, patching, rewriting, staging
from sluice.adapters.duck.text.spans import IrregularError, find_spans
from sluice.adapters.duck.text.spelling import Spelling
from sluice.contract.model import Dialect, Table
from sluice.errors import SluiceError
from sluice.limits import Limits

RULES = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])

VALUES = st.sampled_from(
    [b"a", b"12", b"", b"", b"NA", b'"q"', b'""', b'"a,b"', b'"x\ny"', b'"x\r\ny"', b'"x\ry"', b'"say ""hi"""', b'"NA"']
)
ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r"])
DAMAGE = st.sampled_from(
    [b'"', b'a"b', b'"a"b', b'"""', b"\0", b"\xff", b",", b",,", b"\n\n", b"\r\r", b"\r\n\r\n", b"# it's", b'# "', b" ",
     b"x" * 90, b'"a\n', b"\n# c\n", b'\n# "c\n', b'\n# "c', b"|", b"||", b"|||", b"\x1f", b"  ", b', "', b"\n  \n",
     b"\\", b"\\\\", b'\\"', b"\\N", b"\\,", b"\\\n", b"\\ ", b"\\|", b"\n#\\\n"]
)  # fmt: skip


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Spellings that can be patched, and what is no data."""
    escape = draw(st.sampled_from(["", "", "\\"]))
    return Dialect(
        delimiter=draw(st.sampled_from([",", ",", "||", "|a|", ", "])), quote_char=draw(st.sampled_from(['"', '"', ""])),
        header=True, escape_char=escape, double_quote=draw(st.booleans()) if escape else draw(st.sampled_from([True, True, False])),
        skip_initial_space=draw(st.booleans()), comment_char=draw(st.sampled_from([None, "#"])),
        null_sequence=draw(st.sampled_from([("",), ("NA",), ("", "N")])), footer_rows=draw(st.integers(0, 3)) or None,
        comment_rows=draw(st.sampled_from([(), (), (2, 4)])), encoding="utf-8",
    )  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn, columns: int, delimiter: bytes = b",") -> bytes:
    """Rows of so many values, most of them whole, a few not."""
    out = []
    for _ in range(draw(st.integers(1, 12))):
        values = [draw(VALUES) for _ in range(columns)]
        if draw(st.integers(0, 3)) == 0:
            at = draw(st.integers(0, columns - 1))
            values[at] = (
                draw(st.sampled_from([b"", values[at]])) + draw(DAMAGE) + draw(st.sampled_from([b"", values[at]]))
            )
        gap = delimiter + draw(st.sampled_from([b"", b"", b" "]))
        out.append(gap.join(values) + draw(ENDS))
    return b"".join(out).removesuffix(draw(st.sampled_from([b"", b"\n"])))


def read(content: bytes, table: Table, dialect: Dialect) -> tuple[Any, ...]:
    """What comes out, or the error's code."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = convert_bytes(Path(folder), content, table, dialect=dialect)
        except SluiceError as e:
            return (e.code,)
    return found.rows, found.quarantine, found.converted.rows_read


def read_exactly(content: bytes, table: Table, dialect: Dialect) -> tuple[Any, ...]:
    """The same by the exact reader alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spelling, "ordinary", False)
        patch.setattr(delimited, "patchable", lambda _: False)
        return read(content, table, dialect)


def in_small_blocks(patch: pytest.MonkeyPatch, size: int) -> None:
    patch.setattr(patching, "_BLOCK", size)
    patch.setattr(patching, "_SMALL", max(1, size // 2))
    patch.setattr(patching, "_LARGE", 4 * size)
    patch.setattr(parts, "_PIECES", size)


def test_the_exact_route_is_another_one(run: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "patch", _not_patched)
    read_exactly(b'a,b\n1,x"y\n', table_of(a="int32", b="string"), Dialect())
    with pytest.raises(AssertionError, match="patched"):
        read(b'a,b\n1,x"y\n', table_of(a="int32", b="string"), Dialect())


def _not_patched(*_: object) -> None:
    raise AssertionError("patched")


@MANY
@given(data=st.data(), columns=st.integers(1, 3), size=st.sampled_from([1, 7, 40, 1 << 20]), dialect=dialects())
def test_the_regular_form_has_the_same_records(data, columns, size, dialect) -> None:
    delimiter = str(dialect.delimiter).encode()
    names = ["a", "b", "c"][:columns]
    table = table_of(True, **dict.fromkeys(names, "string"))
    content = delimiter.join(n.encode() for n in names) + b"\n" + data.draw(bodies(columns, delimiter))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        in_small_blocks(patch, size)
        path = Path(folder) / "x"
        path.write_bytes(content)
        part, _ = delimited.delimited_part(
            "x", path, table, server_format="csv", dialect=dialect, utf8=Path(folder) / "utf8",
            limits=Limits(line_bytes=80),
        )  # fmt: skip
        if part is None or part.patch is None:
            return
        part = replace(part, longest=80)
        expected, bad = exact_records(part, dialect)
        try:
            patched = part.patch(part, Path(folder) / "patched.csv")
        except IrregularError:
            assert not dialect.quote_char or len(delimiter) > 1 or "NA" in dialect.null_sequence
            return
        regular = patched.part
        spans = find_spans(regular.text.utf8, regular.spelling, regular.shape, 0)
        begins = np.concatenate([begins for begins, _ in spans])
        assert regular.records == len(begins)
        assert np.array_equal(np.cumsum(np.fromfile(regular.marks, np.uint32)), begins)
        good, short = exact_records(regular, Dialect(null_sequence=dialect.null_sequence))
        assert list(patched.original(places_of(short)).in_order()) == bad
        begins, ends = patched.origins(*np.array([row[:2] for row in good], np.int64).reshape(-1, 2).T)
        assert [(b, e, row[2]) for b, e, row in zip(begins, ends, good, strict=True)] == expected


def places_of(bad: list[Bad]) -> Places:
    places = Places()
    for record in bad:
        places.note(record.begin, record.end, record.column, record.code)
    return places


def exact_records(part: Part, dialect: Dialect) -> tuple[list[Any], list[Bad]]:
    """Begin, end and values of each record, a null as None; and those that are broken."""
    nulls = {n.encode() for n in dialect.null_sequence}
    comments = frozenset(delimited._comments(part.text, part.spelling, dialect, part.text.start))
    good, bad = [], []
    for r in rewriting._data(part, dialect, frozenset(c for c in comments if c >= part.start)):
        begin, end = r.offset, r.offset + len(r.raw)
        if not r.raw and part.shape.columns > 1:
            continue
        if code := rewriting.fault(r, part.shape, part.spelling.quote):
            bad.append(Bad(begin, end, None, code))
            continue
        fields = r.fields[: part.shape.columns]
        good.append((begin, end, [None if f in nulls and not r.is_quoted(i) else f for i, f in enumerate(fields)]))
    return good, bad


@RULES
@given(data=st.data(), columns=st.integers(1, 3), size=st.sampled_from([1, 7, 40, 1 << 20]), dialect=dialects())
def test_both_routes_agree(data, columns, size, dialect) -> None:
    delimiter = str(dialect.delimiter).encode()
    names = ["a", "b", "c"][:columns]
    kind = data.draw(st.sampled_from(["string", "int32"]))
    table = table_of(True, **dict.fromkeys(names[:-1], "string"), **{names[-1]: kind})
    preamble = data.draw(st.sampled_from([b"", b"made by us\n\n"]))
    dialect = replace(dialect, skip_rows=preamble.count(b"\n"))
    content = preamble + delimiter.join(n.encode() for n in names) + b"\n" + data.draw(bodies(columns, delimiter))
    with pytest.MonkeyPatch.context() as patch:
        in_small_blocks(patch, size)
        found = read(content, table, dialect)
    assert found == read_exactly(content, table, dialect)


def test_what_can_be_patched_is_not_written_anew(run: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging.Staging, "_rewrite", _not_rewritten)
    table = table_of(a="int32", b="string", c="string")
    rows = [b"%d,text %d,end" % (n, n) for n in range(40_000)]
    good = [(n, f"text {n}", "end") for n in range(40_000)]

    def check(content: bytes, at: int | None = None, **terms: Any) -> None:
        found = run(content, table, dialect=Dialect(**terms))
        assert found.rows == [row for row in good if row[0] != at]
        assert [q["line"] for q in found.quarantine] == ([] if at is None else [at + 2])

    def damaged(at: int, line: bytes) -> bytes:
        return b"\n".join([b"a,b,c", *rows[:at], line, *rows[at + 1 :]])

    plain = b"\n".join([b"a,b,c", *rows])
    check(b"Report\n\n" + plain)
    check(plain + b"\nTotal\n", footer_rows=1)
    check(plain.replace(b"\n", b"\r"))
    check(b"".join(line + (b"\n", b"\r\n")[n % 2] for n, line in enumerate([b"a,b,c", *rows])))
    check(b"\n# some, 'or' \"other\n".join([b"a,b,c", *rows[:50]]) + b"\n" + b"\n".join(rows[50:]), comment_char="#")
    check(plain.replace(b",", b"||"), delimiter="||")
    check(plain.replace(b",", b",  "), skip_initial_space=True)
    check(plain.replace(b"text", b"te\\xt"), escape_char="\\")
    check(damaged(30_000, b'30000,"text 30000,end'), 30_000)
    check(damaged(39_999, b"39999,text,end,,"), 39_999)
    check(damaged(3, b"3,te\0xt,end"), 3)
    check(damaged(3, b"3," + b"x" * 2_100_000 + b",end"), 3)


def _not_rewritten(*_: object) -> None:
    raise AssertionError("rewritten")
