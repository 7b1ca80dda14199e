"""Cuts a JSON file into its records, at memory speed: one line each, or one element of an array each.

Every record comes with its very bytes and its place in the file, so that nothing need be searched for later, and
with a hint: how many keys it has at most. The hint spares most records a second parse; it never lets one pass.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sluice.adapters.duck.json.plain import ENDS_A_VALUE, Bytes, Offsets, PlainForm, form_of_record
from sluice.adapters.duck.text.records import MAX_RECORD
from sluice.contract.model import Column
from sluice.errors import SourceError

SCHEMA = pa.schema(
    [
        pa.field("file", pa.int32()), pa.field("begin_at", pa.int64()), pa.field("end_at", pa.int64()),
        pa.field("hint", pa.int32()), pa.field("record", pa.string_view()),
    ]
)  # fmt: skip
"""`file` counts from 0; `begin_at` and `end_at` are bytes of the UTF-8 form, line end excluded."""

DOUBT = -1
"""A hint: the record does not end in `}` right after a value, so a comma may stand there that should not."""

EXACT = -2
"""A hint: only the exact reader may read this record; its text is not handed on."""

PLAIN = -3
"""A hint: if this is JSON, it has the contract's keys and values of their types, as sluice.adapters.duck.json.plain says."""

BLOCK = 1 << 18
"""What numpy makes of a block of this size stays in the processor's cache: larger ones take twice as long."""
_FIRST, _MOST = 1 << 18, 1 << 22
"""Bytes of text in a batch: few at first, so that DuckDB soon has work; then many, so that its vectors are full."""
_VIEW = np.dtype([("size", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("offset", "<i4")])
"""A text as Arrow's string views have it: up to _INLINE bytes stand in it, of longer ones the first four and the place.

Source: Arrow columnar format 1.4, variable-size binary view layout."""
_INLINE = 12
_TRIES = 100
"""Of so many records at the beginning, one is expected to be plain."""
_FEW = 4
"""So many records, or one in a hundred, of a block may be odd ones that are looked at one by one."""
_NONE = np.zeros(0, np.int64)
_LF, _CR, _SPACE, _QUOTE, _COLON, _BACKSLASH, _OPEN, _CLOSE = 10, 13, 32, 34, 58, 92, 123, 125


class Cutter(Protocol):
    """Yields the records of a file, block by block."""

    def cut(self, path: Path) -> Iterator[Cut]: ...


@dataclass(frozen=True)
class Cut:
    """The records of one block. Record n is `data[begins[n]:ends[n]]`, and `at` is the block's place in the file."""

    at: int
    data: bytearray
    begins: Offsets
    ends: Offsets
    exact: tuple[int, ...] = ()
    """Records known to be none."""


@dataclass(frozen=True)
class Lines:
    """One record for every line that is not blank, from byte `start` on. A line ends in LF or CRLF."""

    start: int
    display: str
    block: int = BLOCK

    def cut(self, path: Path) -> Iterator[Cut]:
        """Raises SourceError RECORD_TOO_LONG."""
        at, size = self.start, path.stat().st_size
        with path.open("rb", buffering=0) as file:
            want = self.block
            while at < size:
                data = read_block(file.fileno(), want, at)
                whole = data.rfind(b"\n") + 1 if at + len(data) < size else len(data)
                if not whole:
                    want = grown(want, at, self.display)
                    continue
                want = self.block
                begins, ends = _line_spans(data, whole)
                if len(begins):
                    yield Cut(at, data, begins, ends)
                at += whole


def read_block(descriptor: int, size: int, at: int) -> bytearray:
    """Up to `size` bytes from byte `at` on."""
    data = bytearray(size)
    read = os.preadv(descriptor, [data], at)
    if read < size:
        del data[read:]
    return data


def grown(size: int, at: int, display: str) -> int:
    """The next larger block. Raises SourceError RECORD_TOO_LONG when no record may be that long."""
    if size > MAX_RECORD:
        raise SourceError(
            "RECORD_TOO_LONG", f"the record at byte {at} does not end within {MAX_RECORD} bytes", where=display,
            mend="Deliver one object per line, or an array of objects.",
        )  # fmt: skip
    return size * 4


def _line_spans(data: bytearray, whole: int) -> tuple[Offsets, Offsets]:
    text = np.frombuffer(data, np.uint8, whole)
    ends = np.flatnonzero(text == _LF)
    if not len(ends) or ends[-1] != whole - 1:
        ends = np.append(ends, whole)
    begins = np.empty_like(ends)
    begins[0] = 0
    begins[1:] = ends[:-1] + 1
    ends = ends - ((text[ends - 1] == _CR) & (ends > begins))
    # What begins with white space may hold nothing else.
    odd = np.flatnonzero((ends == begins) | (text[np.minimum(begins, whole - 1)] <= _SPACE))
    blank = [n for n in odd.tolist() if not data[begins[n] : ends[n]].strip(b" \t\r\n")]
    if blank:
        begins, ends = np.delete(begins, blank), np.delete(ends, blank)
    return begins, ends


Sift = Callable[[int, Cut, list[int]], list[int]]
"""Of a file, by its number, and a block: which of these records are not to be handed on."""


def batches(
    cutters: Sequence[tuple[Path, Cutter]],
    *,
    brackets: int,
    longest: int,
    plain: Sequence[Column] = (),
    sift: Sift = lambda number, cut, odd: [],
) -> Iterator[pa.RecordBatch]:
    """The records of every file, as SCHEMA says. Longer records, and those with more brackets, are for the exact reader;
    with 0, brackets are not counted. With the columns in `plain`, plain records are told apart; where the others are
    few, `sift` is asked about them."""
    want = _FIRST
    for number, (path, cutter) in enumerate(cutters):
        hints = _Hints(plain)
        blocks: list[_Block] = []
        size = 0
        for cut in cutter.cut(path):
            blocks.append(_block(cut, hints, brackets, longest))
            size += len(cut.data)
            if size >= want:
                yield from _sifted(number, blocks, hints, sift)
                blocks, size, want = [], 0, min(2 * want, _MOST)
        yield from _sifted(number, blocks, hints, sift)


def _sifted(number: int, blocks: list[_Block], hinted: _Hints, sift: Sift) -> Iterator[pa.RecordBatch]:
    """The batch that blocks make, unless nothing is left of them. Odd records are all looked at in one go: so the code
    that does it is in the processor's cache."""
    if hinted.form is not None:
        odd = [np.flatnonzero(b.hints != PLAIN) for b in blocks]
        few = [0 < len(o) <= max(_FEW, len(b.hints) // 100) for o, b in zip(odd, blocks, strict=True)]
        blocks = [
            b.without(sift(number, b.cut, o.tolist())) if f else b for b, o, f in zip(blocks, odd, few, strict=True)
        ]
    if any(len(b.hints) for b in blocks):
        yield _batch(number, blocks)


@dataclass(frozen=True)
class _Block:
    """A block whose records have their hints; `shown` is what of each is handed on, from its begin on."""

    cut: Cut
    hints: npt.NDArray[np.int32]
    shown: Offsets

    def without(self, records: list[int]) -> _Block:
        """The block but for these records."""
        if not records:
            return self
        kept = np.ones(len(self.hints), bool)
        kept[records] = False
        cut = replace(self.cut, begins=self.cut.begins[kept], ends=self.cut.ends[kept], exact=())
        return _Block(cut, self.hints[kept], self.shown[kept])


def _block(cut: Cut, hinted: _Hints, brackets: int, longest: int) -> _Block:
    begins, ends = cut.begins, cut.ends
    hints = hinted.of(cut.data, begins, ends)
    text = np.frombuffer(cut.data, np.uint8, int(ends[-1]))
    exact = {*cut.exact, *_with_nul(text, ends), *np.flatnonzero(ends - begins > longest).tolist()}
    if brackets:
        places = np.flatnonzero((text | 32) == _OPEN)
        counts = np.searchsorted(places, ends) - np.searchsorted(places, begins)
        exact.update(np.flatnonzero(counts > brackets).tolist())
    shown = ends - begins
    if exact:
        hints[list(exact)] = EXACT
        shown[list(exact)] = 0
    return _Block(cut, hints, shown)


def _batch(number: int, blocks: Sequence[_Block]) -> pa.RecordBatch:
    rows = sum(len(b.hints) for b in blocks)
    views = np.empty(rows, _VIEW)
    at = 0
    for n, block in enumerate(blocks):
        _view(views[at : at + len(block.hints)], n, block)
        at += len(block.hints)
    texts = [pa.py_buffer(b.cut.data) for b in blocks]
    return pa.record_batch(
        [
            pa.array(np.full(rows, number, np.int32)),
            pa.array(np.concatenate([b.cut.begins + b.cut.at for b in blocks])),
            pa.array(np.concatenate([b.cut.ends + b.cut.at for b in blocks])),
            pa.array(np.concatenate([b.hints for b in blocks])),
            pa.StringViewArray.from_buffers(pa.string_view(), rows, [None, pa.py_buffer(views), *texts]),
        ],
        schema=SCHEMA,
    )


def _view(views: npt.NDArray[np.void], buffer: int, block: _Block) -> None:
    """Fill `views` with the block's texts."""
    data, begins, sizes = block.cut.data, block.cut.begins, block.shown
    views["size"], views["buffer"], views["offset"] = sizes, buffer, begins
    short = np.flatnonzero(sizes <= _INLINE)
    if not len(short):
        views["prefix"] = np.ndarray(len(data) - 3, "<u4", data, strides=(1,))[begins]
        return
    text = np.frombuffer(data, np.uint8)
    heads = text[np.minimum(begins[:, None] + np.arange(_INLINE), len(text) - 1)]
    views["prefix"] = np.ascontiguousarray(heads[:, :4]).view("<u4")[:, 0]
    inside = heads[short]
    inside[np.arange(_INLINE) >= sizes[short, None]] = 0
    views.view(np.uint8).reshape(len(views), -1)[short, 4:] = inside


class _Hints:
    """The hints for the records of one file. How plain ones are written is learned from its first records."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.form: PlainForm | None = None
        self.tries = _TRIES if columns else 0

    def of(self, data: bytearray, begins: Offsets, ends: Offsets) -> npt.NDArray[np.int32]:
        """One for each record: PLAIN, DOUBT, or at least as many as it has keys.

        After a key comes a colon, after its quote or white space.
        """
        if self.form is None and self.tries:
            self._learn(data, begins, ends)
        if self.form is not None and len(data) < ends[-1] + self.form.spare:
            data.extend(bytes(self.form.spare))
        text = np.frombuffer(data, np.uint8)
        marks = text[1 : ends[-1]] == _COLON
        marks &= text[: ends[-1] - 1] <= _QUOTE
        colons = np.flatnonzero(marks)
        colons += 1
        keys = self.form.keys if self.form is not None else 0
        grid = colons.reshape(-1, keys) if keys and len(colons) == keys * len(begins) else None
        if grid is not None and (grid[:, 0] > begins).all() and (grid[:, -1] < ends).all():
            hints, rows = np.full(len(begins), keys, np.int32), None
        else:
            firsts = np.searchsorted(colons, begins)
            hints = (np.searchsorted(colons, ends) - firsts).astype(np.int32)
            rows = np.flatnonzero(hints == keys) if keys else _NONE
            grid = colons[firsts[rows, None] + np.arange(keys)]
        tidy = (text[ends - 1] == _CLOSE) & ENDS_A_VALUE.take(text[np.maximum(ends - 2, 0)])
        hints[~tidy] = DOUBT
        if self.form is not None and len(grid):
            words: npt.NDArray[np.uint64] = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))
            by_key = np.ascontiguousarray(grid.T)
            if rows is None:
                hints[self.form.plain(text, words, by_key, begins, ends)] = PLAIN
            else:
                hints[rows[self.form.plain(text, words, by_key, begins[rows], ends[rows])]] = PLAIN
        return hints

    def _learn(self, data: bytearray, begins: Offsets, ends: Offsets) -> None:
        for begin, end in zip(begins[: self.tries].tolist(), ends.tolist(), strict=False):
            self.tries -= 1
            self.form = form_of_record(bytes(data[begin:end]), self.columns)
            if self.form is not None:
                return


def _with_nul(text: Bytes, ends: Offsets) -> set[int]:
    """Records with an escaped NUL, which DuckDB takes for text."""
    coded = text[:-1] == _BACKSLASH
    coded &= text[1:] == ord("u")
    if not coded.any():
        return set()
    escapes = np.flatnonzero(coded[:-4])
    for place, byte in enumerate(b"u0000", 1):
        escapes = escapes[text[escapes + place] == byte]
    return set(np.searchsorted(ends, escapes, side="right").tolist())
