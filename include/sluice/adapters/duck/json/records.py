"""Cuts a JSON file into its records, at memory speed: one line each, or one element of an array each.

Every record comes with its very bytes and its place in the file, so that nothing need be searched for later, and
with a hint: how many keys it has at most. The hint spares most records a second parse; it never lets one pass.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sluice.adapters.duck.json.plain import Bytes, Offsets, PlainForm, form_of_record
from sluice.adapters.duck.text.records import MAX_RECORD
from sluice.contract.model import Column
from sluice.errors import SourceError

SCHEMA = pa.schema(
    [
        pa.field("file", pa.int32()), pa.field("begin_at", pa.int64()), pa.field("end_at", pa.int64()),
        pa.field("hint", pa.int32()), pa.field("record", pa.string()),
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
_TRIES = 100
"""Of so many records at the beginning, one is expected to be plain."""
_NONE = np.zeros(0, np.int64)
_LF, _CR, _SPACE, _QUOTE, _COMMA, _COLON, _BACKSLASH, _OPEN, _CLOSE = 10, 13, 32, 34, 44, 58, 92, 123, 125


class Cutter(Protocol):
    """Yields the records of a file, block by block."""

    def cut(self, path: Path) -> Iterator[Cut]: ...


@dataclass(frozen=True)
class Cut:
    """The records of one block. Record n is `data[begins[n]:ends[n]]`, and `at` is the block's place in the file.

    Between two records there is nothing but white space, and with `commas` one comma.
    """

    at: int
    data: bytearray
    begins: Offsets
    ends: Offsets
    commas: bool = False
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


def batches(
    cutters: Sequence[tuple[Path, Cutter]], *, brackets: int, longest: int, plain: Sequence[Column] = ()
) -> Iterator[pa.RecordBatch]:
    """The records of every file, as SCHEMA says. Longer records, and those with more brackets, are for the exact reader;
    with 0, brackets are not counted. With the columns in `plain`, plain records are told apart."""
    for number, (path, cutter) in enumerate(cutters):
        hints = _Hints(plain)
        for cut in cutter.cut(path):
            yield _batch(number, cut, hints, brackets, longest)


def _batch(number: int, cut: Cut, hinted: _Hints, brackets: int, longest: int) -> pa.RecordBatch:
    begins, ends, data = cut.begins, cut.ends, cut.data
    hints = hinted.of(data, begins, ends)
    text = np.frombuffer(data, np.uint8, int(ends[-1]))
    exact = {*cut.exact, *_with_nul(text, ends), *np.flatnonzero(ends - begins > longest).tolist()}
    if brackets:
        places = np.flatnonzero((text | 32) == _OPEN)
        counts = np.searchsorted(places, ends) - np.searchsorted(places, begins)
        exact.update(np.flatnonzero(counts > brackets).tolist())
    # A record's text begins where the one before it ends: what stands between must not be part of it.
    starts = np.empty(len(ends) + 1, np.int32)
    starts[0] = begins[0]
    starts[1:] = ends
    if cut.commas:
        text[between(begins, ends)] = _SPACE
    for n in exact:
        hints[n] = EXACT
        text[begins[n] : ends[n]] = _SPACE
    return pa.record_batch(
        [
            pa.array(np.full(len(ends), number, np.int32)), pa.array(begins + cut.at), pa.array(ends + cut.at),
            pa.array(hints), pa.StringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(data)),
        ],
        schema=SCHEMA,
    )  # fmt: skip


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
        colons = np.flatnonzero(marks) + 1
        firsts = np.searchsorted(colons, begins)
        hints = (np.searchsorted(colons, ends) - firsts).astype(np.int32)
        plain = _NONE
        if self.form is not None and len(rows := np.flatnonzero(hints == self.form.keys)):
            grid = colons[firsts[rows, None] + np.arange(self.form.keys)]
            words: npt.NDArray[np.uint64] = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))
            plain = rows[self.form.plain(text, words, grid, begins[rows], ends[rows])]
        before = text[np.maximum(ends - 2, 0)]
        tidy = (text[ends - 1] == _CLOSE) & (before > _SPACE) & (before != _COMMA)
        hints[~tidy] = DOUBT
        hints[plain] = PLAIN
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


def between(begins: Offsets, ends: Offsets) -> Offsets:
    """The place of every byte that stands between two records."""
    gaps = begins[1:] - ends[:-1]
    steps = np.arange(int(gaps.sum())) - np.repeat(np.cumsum(gaps) - gaps, gaps)
    places: Offsets = np.repeat(ends[:-1], gaps) + steps
    return places
