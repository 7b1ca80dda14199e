"""Makes an irregular delimited file regular: what is regular is copied as it stands, the rest read exactly.

Preambles, comments, footers and blank lines are left out, every line ends in LF, and a record with a quote out of
place is written anew or noted as bad. DuckDB then reads the copy as it reads any file.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Set
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.parts import Part, Patched
from sluice.adapters.duck.places import Places
from sluice.adapters.duck.text.records import Record, RecordParser, RecordReader
from sluice.adapters.duck.text.rewriting import REPEATED, fault, value_in
from sluice.adapters.duck.text.spans import IrregularError
from sluice.adapters.duck.text.spelling import Spelling
from sluice.adapters.duck.text.stretches import Finder, Stretch
from sluice.contract.model import Dialect

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_LF = 10
_SMALL, _BLOCK, _LARGE = 1 << 14, 1 << 20, 8 << 20
"""Bytes looked at together: after a broken record, in the long run, and at most, if a record is long."""
_DENSE, _MANY = 16, 1 << 10
"""Fewer regular records than this between two broken ones: then more are read exactly at a time, at most so many."""

_UNKNOWN = -(1 << 62)
_MARKS = (b"\x1f", b"\x1e", b"\x1d", b"\x1c")


def patchable(spelling: Spelling) -> bool:
    """Whether files of this spelling can be patched."""
    marks = spelling.quote + spelling.escape + (b" " if spelling.skip_initial_space else b"")
    return (
        spelling.terminator is None
        and len(spelling.quote) <= 1
        and len(spelling.escape) <= 1
        and not set(marks) & set(spelling.delimiter)
    )


def patch(part: Part, dialect: Dialect, comments: Set[int], headers: Set[int], target: Path) -> Patched:
    """Write the regular form of `part` to `target`. `comments` are offsets of records that are no data, `headers` of
    those that repeat the header.

    Raises IrregularError when a record cannot be written in the file's own spelling.
    """
    marks, pieces = target.with_suffix(".marks"), target.with_suffix(".pieces")
    with ExitStack() as stack:
        source = stack.enter_context(part.text.utf8.open("rb"))
        files = [stack.enter_context(path.open("wb")) for path in (target, marks, pieces)]
        patcher = _Patcher(part, dialect, comments, headers, source, *files)
        patcher.run()
    with target.open("rb") as regular:
        if regular.read(len(BOM_UTF8)) == BOM_UTF8:
            raise IrregularError("DuckDB would take the begin of the first value for a byte order mark")
    plain = Spelling(patcher.delimiter, part.spelling.quote)
    stand_in = replace(
        part, text=replace(part.text, utf8=target, start=0), spelling=plain, start=0, header=False, crlf=False,
        ordinary=True, value_in=value_in(plain, part.order), longest=max(part.longest, patcher.longest),
        records=patcher.records, marks=marks, patch=None,
    )  # fmt: skip
    moved = np.memmap(pieces, np.int64, "r") if patcher.records else np.empty(0, np.int64)
    return Patched(stand_in, patcher.bad, moved.reshape(-1, 3))


class _Patcher:
    def __init__(
        self,
        part: Part,
        dialect: Dialect,
        comments: Set[int],
        headers: Set[int],
        source: BinaryIO,
        out: BinaryIO,
        marks: BinaryIO,
        pieces: BinaryIO,
    ) -> None:
        self.shape = part.shape
        self.spelling = part.spelling
        self.nulls = {n.encode() for n in dialect.null_sequence}
        self.comments = np.array(sorted(comments), np.int64)
        self.headers = np.array(sorted(headers), np.int64)
        self.source, self.out, self.marks, self.pieces = source, out, marks, pieces
        self.start, self.size = part.start, part.text.utf8.stat().st_size
        self.delimiter = _delimiter(part.spelling, self.nulls)
        self.finder = Finder(part.spelling, part.shape, self.delimiter)
        self.parser = RecordParser(part.spelling)
        self.reader = RecordReader(source, part.text.display, part.spelling, _SMALL, columns=part.shape.columns)
        self.bad = Places()
        self.records = self.longest = self.position = self.mark = 0
        self.shift = _UNKNOWN
        self.footers = dialect.footer_rows or 0
        self.lasts: npt.NDArray[np.int64] = np.empty((0, 3), np.int64)
        """Of the last records, which may be footers: where each begins, in both files, and how many are before it."""

    def run(self) -> None:
        at, length, many = self.start, _BLOCK, 1
        while at < self.size:
            self.source.seek(at)
            block = self._block(length)
            last = at + len(block) >= self.size
            stretch = self.finder.find(block, last=last)
            self._copy(block, stretch, at)
            at += stretch.after
            if stretch.broken or (not stretch.after and length >= _LARGE):
                many = min(2 * many, _MANY) if len(stretch.begins) < _DENSE else 1
                at, length = self._read(at, many), _SMALL
            else:
                length = min(2 * length, _BLOCK if stretch.after else _LARGE)
        if self.footers:
            self._cut_footers()

    def _block(self, length: int) -> bytes:
        block = self.source.read(length)
        while block.endswith(b"\r") and (more := self.source.read(1)):
            block += more
        return block

    def _copy(self, block: bytes, stretch: Stretch, at: int) -> None:
        begins, ends = stretch.begins, stretch.ends
        if not len(begins):
            return
        comment = self._comments(block, begins + at, begins)
        repeated = np.isin(begins + at, self.headers) if len(self.headers) else np.zeros(len(begins), bool)
        kept = ~(comment | repeated | stretch.odd)
        if self.shape.columns > 1:
            kept &= ends > begins
        for n in np.flatnonzero(repeated & ~comment).tolist():
            self.bad.note(at + int(begins[n]), at + int(ends[n]), None, REPEATED)
        for n in np.flatnonzero(stretch.odd & ~(comment | repeated)).tolist():
            self._note(block[begins[n] : ends[n]], at + int(begins[n]))
        gone = stretch.removed
        fewer = np.searchsorted(gone, ends) - np.searchsorted(gone, begins) if len(gone) else 0
        lengths = np.where(kept, ends - begins + 1 - fewer, 0)
        targets = self.position + np.cumsum(lengths) - lengths
        if self.footers:
            before = self.records + np.cumsum(kept) - kept
            self._hold(np.column_stack((begins + at, targets, before))[~comment])
        self.out.write(_regular_bytes(block, stretch, kept))
        self._add(targets[kept], begins[kept] + at, ends[kept] + at, changed=len(gone) > 0)
        self.position += int(lengths.sum())

    def _comments(self, block: bytes, places: Offsets, begins: Offsets) -> Flags:
        """Which records are no data, because the dialect says so."""
        found: Flags = np.isin(places, self.comments) if len(self.comments) else np.zeros(len(begins), bool)
        if comment := self.spelling.comment:
            data = np.frombuffer(block, np.uint8)
            for n in np.flatnonzero(data[np.minimum(begins, len(data) - 1)] == comment[0]).tolist():
                found[n] |= block.startswith(comment, int(begins[n]))
        return found

    def _note(self, raw: bytes, begin: int) -> None:
        found = self.parser.parse(raw, 0, last=True)
        code = fault(found[0], self.shape, self.spelling.quote) if found is not None and found[0] is not None else ""
        if not code:
            raise IrregularError(f"the record at byte {begin} is read in two ways")
        self.bad.note(begin, begin + len(raw), None, code)

    def _read(self, at: int, many: int) -> int:
        """Read so many records exactly; where the next begins."""
        records = self.reader.records(at)
        for record in islice(records, many):
            self._take(record)
        following = next(records, None)
        return self.size if following is None else following.offset

    def _take(self, record: Record) -> None:
        begin, end = record.offset, record.offset + len(record.raw)
        if len(self.comments) and begin in self.comments:
            return
        if self.footers:
            self._hold(np.array([[begin, self.position, self.records]]))
        if not record.raw and self.shape.columns > 1:
            return
        repeated = len(self.headers) and begin in self.headers
        if code := REPEATED if repeated else fault(record, self.shape, self.spelling.quote):
            self.bad.note(begin, end, None, code)
            return
        fields = record.fields[: self.shape.columns]
        line = self.delimiter.join(self._field(f, quoted=record.is_quoted(i)) for i, f in enumerate(fields))
        self.out.write(line + b"\n")
        self.longest = max(self.longest, len(line) + 16)
        self._add(np.array([self.position]), np.array([begin]), np.array([end]), changed=True)
        self.position += len(line) + 1

    def _field(self, field: bytes, *, quoted: bool) -> bytes:
        quote = self.spelling.quote
        if quote and (quoted or field not in self.nulls):
            return quote + field.replace(quote, quote + quote) + quote
        if any(mark and mark in field for mark in (self.delimiter, quote, b"\n", b"\r")):
            raise IrregularError("a value that cannot be written without quotes")
        return field

    def _add(self, targets: Offsets, begins: Offsets, ends: Offsets, *, changed: bool = False) -> None:
        """Note where records are now, and where they were if they were `changed` or moved another way than the one before."""
        if not len(targets):
            return
        np.diff(targets, prepend=self.mark).astype(np.uint32).tofile(self.marks)
        self.mark = int(targets[-1])
        self.records += len(targets)
        shifts = begins - targets
        moved = np.arange(len(shifts)) if changed else np.flatnonzero(np.diff(shifts, prepend=self.shift))
        np.column_stack((targets[moved], begins[moved], ends[moved])).tofile(self.pieces)
        self.shift = _UNKNOWN if changed else int(shifts[-1])

    def _hold(self, records: npt.NDArray[np.int64]) -> None:
        self.lasts = np.concatenate((self.lasts, records[-self.footers :]))[-self.footers :]

    def _cut_footers(self) -> None:
        if not len(self.lasts):
            return
        begin, target, self.records = map(int, self.lasts[0])
        self.out.truncate(target)
        self.marks.truncate(self.records * 4)
        self.bad = self.bad.before(begin)


def _delimiter(spelling: Spelling, nulls: Set[bytes]) -> bytes:
    """The delimiter of the regular form: the file's own, or, where that has several bytes, one that no text has."""
    if len(spelling.delimiter) == 1:
        return spelling.delimiter
    taken = b"".join((spelling.delimiter, spelling.quote, spelling.escape, *nulls))
    for mark in _MARKS:
        if mark not in taken:
            return mark
    raise IrregularError("no delimiter of one byte is left")


def _regular_bytes(block: bytes, stretch: Stretch, kept: Flags) -> bytes:
    """The records `kept` of a stretch, each with an LF."""
    begins, ends = stretch.begins[kept], stretch.ends[kept]
    body = block[: stretch.after] + (b"\n" if stretch.ends[-1] == stretch.after else b"")
    if kept.all() and not len(stretch.removed):
        returns = sum(len(places) for places, byte in stretch.replaced if byte == _LF)
        if not stretch.replaced:
            return body
        if returns == sum(len(places) for places, _ in stretch.replaced) == body.count(b"\r"):
            return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = np.frombuffer(body, np.uint8).copy()
    for places, byte in stretch.replaced:
        data[places] = byte
    steps = np.zeros(len(data) + 1, np.int8)
    steps[begins] += 1
    steps[ends + 1] -= 1
    inside: Flags = np.cumsum(steps[:-1], dtype=np.int8).view(bool)
    inside[stretch.removed] = False
    return bytes(data[inside])
