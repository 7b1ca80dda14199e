"""An irregular file patched gives what the same file read exactly gives: the same rows, the same quarantine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, convert_bytes, table_of
from sluice.adapters.duck import delimited, patching, staging
from sluice.adapters.duck.spelling import Spelling
from sluice.contract.model import Dialect, Table
from sluice.errors import SluiceError

RULES = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

VALUES = st.sampled_from(
    [b"a", b"12", b"", b"", b"NA", b'"q"', b'""', b'"a,b"', b'"x\ny"', b'"x\r\ny"', b'"x\ry"', b'"say ""hi"""', b'"NA"']
)
ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r"])
DAMAGE = st.sampled_from(
    [b'"', b'a"b', b'"a"b', b'"""', b"\0", b"\xff", b",", b",,", b"\n\n", b"\r\r", b"\r\n\r\n", b"# it's", b'# "', b" ",
     b"x" * 90, b'"a\n', b"\n# c\n", b'\n# "c\n']
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn, columns: int) -> bytes:
    """Rows of so many values, most of them whole, a few not."""
    out = []
    for _ in range(draw(st.integers(1, 12))):
        values = [draw(VALUES) for _ in range(columns)]
        if draw(st.integers(0, 3)) == 0:
            values[draw(st.integers(0, columns - 1))] += draw(DAMAGE)
        out.append(b",".join(values) + draw(ENDS))
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
        return read(content, table, dialect)


def in_small_blocks(patch: pytest.MonkeyPatch, size: int) -> None:
    patch.setattr(patching, "_BLOCK", size)
    patch.setattr(patching, "_SMALL", max(1, size // 2))
    patch.setattr(patching, "_LARGE", 4 * size)


def test_the_exact_route_is_another_one(run: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "patch", _not_patched)
    read_exactly(b'a,b\n1,x"y\n', table_of(a="int32", b="string"), Dialect())
    with pytest.raises(AssertionError, match="patched"):
        read(b'a,b\n1,x"y\n', table_of(a="int32", b="string"), Dialect())


def _not_patched(*_: object) -> None:
    raise AssertionError("patched")


@RULES
@given(data=st.data(), columns=st.integers(1, 3), size=st.sampled_from([1, 7, 40, 1 << 20]))
def test_both_routes_agree(data, columns, size) -> None:
    content = data.draw(bodies(columns))
    preamble, footers = data.draw(st.sampled_from([b"", b"", b"made by us\n\n"])), data.draw(st.integers(0, 3))
    names = ["a", "b", "c"][:columns]
    kinds = data.draw(st.sampled_from(["string", "int32"]))
    table = table_of(True, **dict.fromkeys(names[:-1], "string"), **{names[-1]: kinds})
    dialect = Dialect(
        delimiter=",", quote_char='"', header=True, skip_initial_space=False, escape_char="", double_quote=True,
        comment_char=data.draw(st.sampled_from([None, "#"])), null_sequence=data.draw(st.sampled_from([("",), ("NA",)])),
        footer_rows=footers or None, comment_rows=data.draw(st.sampled_from([(), (), (2, 4)])), encoding="utf-8",
        skip_rows=2 if preamble else 0,
    )  # fmt: skip
    content = preamble + ",".join(names).encode() + b"\n" + content
    with pytest.MonkeyPatch.context() as patch:
        in_small_blocks(patch, size)
        patch.setattr(staging.Staging, "_rewrite", _not_rewritten)
        found = read(content, table, dialect)
    assert found == read_exactly(content, table, dialect)


def _not_rewritten(*_: object) -> None:
    raise AssertionError("rewritten")
