"""Finds where the records of an ordinary delimited file begin and end, at memory speed, independently of DuckDB.

It gives the count that DuckDB's is proven against, and the byte offsets that DuckDB does not tell. Whatever is
not perfectly ordinary raises IrregularError: then sluice.adapters.duck.text.records reads the file exactly.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.text.records import MAX_LINE, RecordParser
from sluice.adapters.duck.text.spelling import Spelling

Offsets = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_NONE: Offsets = np.empty(0, np.int64)

_LF, _CR = 10, 13
_BLOCK = 1 << 18
"""Small enough for what is made of it to stay in the processor's cache, and for the allocator to keep its pages."""

LINES_EVERY = 1 << 12
"""Before so many bytes each, the lines are counted that have ended."""


class IrregularError(Exception):
    """The file needs the exact reader; never leaves this package."""


@dataclass(frozen=True)
class Shape:
    """What a record must look like: so many values, and whether a delimiter may follow the last of them.

    A blank line is a null where there is one column, and nothing where there are more.
    """

    columns: int
    trailing: bool = False
    longest: int = MAX_LINE
    """Bytes that it may have."""


class Counted(NamedTuple):
    """How many records there are; and how many lines end before every LINES_EVERY'th byte, from the first on."""

    records: int
    lines: Offsets


def count_records(path: Path, spelling: Spelling, shape: Shape, start: int, marks: Path) -> Counted:
    """What follows byte `start`; where the records begin goes to `marks` (see Part.marks). Raises IrregularError."""
    records, at = 0, start
    lines = array("q")
    with marks.open("wb") as file:
        for begins, _ in find_spans(path, spelling, shape, start, lines):
            if len(begins):
                lengths = np.empty(len(begins), np.uint32)
                lengths[0] = begins[0] - at
                np.subtract(begins[1:], begins[:-1], out=lengths[1:], casting="unsafe")
                file.write(lengths.data)
                records, at = records + len(begins), int(begins[-1])
    return Counted(records, np.array(lines, np.int64))


def find_spans(
    path: Path, spelling: Spelling, shape: Shape, start: int, lines: array[int] | None = None
) -> Iterator[tuple[Offsets, Offsets]]:
    """Begin and end (line end excluded) of every record from byte `start` on, block by block.

    To `lines` is appended what Counted tells of lines.
    Raises IrregularError at stray or open quotes, mixed or bare CR line ends, NUL bytes, over-long records,
    and empty values after the last column, which DuckDB would drop without a word.
    """
    scanner = _Scanner(spelling, shape, start, lines)
    with path.open("rb") as file:
        file.seek(start)
        while chunk := _whole_chunk(file, spelling.quote):
            yield scanner.feed(chunk)
        last = scanner.finish()
        yield last
        for begin, end in scanner.doubtful:
            file.seek(begin)
            if scanner.ends_in_surplus(file.read(end - begin)):
                raise IrregularError("empty values after the last column")


def _whole_chunk(file: BinaryIO, quote: bytes) -> bytes:
    """A block that ends neither in a quote nor in a CR, so that what follows them is in sight."""
    chunk = file.read(_BLOCK)
    while chunk and (chunk[-1] == _CR or (quote and chunk.endswith(quote))):
        more = file.read(1 << 12)
        if not more:
            break
        chunk += more
    return chunk


class _Scanner:
    def __init__(self, spelling: Spelling, shape: Shape, start: int, lines: array[int] | None) -> None:
        self.spelling = spelling
        self.shape = shape
        self.lines = lines
        self.ended = 0
        self.start = start
        # By the byte: whether it may stand before a quote that opens, and after one that closes.
        self.before, self.after = np.zeros(256, bool), np.zeros(256, bool)
        self.before[[*spelling.delimiter, _LF, *spelling.quote]] = True
        self.after[[*spelling.delimiter, _LF, _CR, *spelling.quote]] = True
        self.parser = RecordParser(spelling)
        self.doubtful: list[tuple[int, int]] = []
        """Records that lie in two chunks, to be counted at the end."""
        self.position = start
        self.begin = start
        self.inside = 0
        self.previous = _LF
        self.crlf: bool | None = None

    def feed(self, chunk: bytes) -> tuple[Offsets, Offsets]:
        if b"\0" in chunk:
            raise IrregularError("NUL bytes")
        data = np.frombuffer(chunk, np.uint8)
        inside, quotes = self.inside, _NONE
        returns = np.flatnonzero(data == _CR) if b"\r" in chunk else _NONE
        if self.spelling.quote and self.spelling.quote in chunk:
            quotes, feeds, breaks = self._quotes_and_breaks(data)
            self._check_quotes(data, quotes)
        else:
            feeds = np.flatnonzero(data == _LF)
            breaks = _NONE if inside else feeds
        self._count_lines(data, feeds, returns)
        # Before what is out of quotes stands an even number of them.
        returns = returns[(np.searchsorted(quotes, returns) + inside) % 2 == 0]
        self.inside = (inside + len(quotes)) % 2
        self._check_returns(data, breaks, returns)
        ends = breaks + self.position
        begins = np.empty_like(ends)
        if len(ends):
            begins[0] = self.begin
            begins[1:] = ends[:-1] + 1
            self.begin = int(ends[-1]) + 1
        self._check_ends(data, begins, ends - 1 if self.crlf else ends, quotes, inside)
        self.position += len(chunk)
        self.previous = chunk[-1]
        if self.position - self.begin > self.shape.longest:
            raise IrregularError("a record longer than a line may be")
        return self._keep(begins, ends - 1 if self.crlf else ends)

    def finish(self) -> tuple[Offsets, Offsets]:
        if self.inside:
            raise IrregularError("a quote that never closes")
        rest = [self.begin] if self.position > self.begin else []
        self.doubtful += [(begin, self.position) for begin in rest]
        return np.array(rest, np.int64), np.array([self.position] * len(rest), np.int64)

    def _count_lines(self, data: Bytes, feeds: Offsets, returns: Offsets) -> None:
        """Lines end in LF, CRLF, or, within quotes, CR."""
        if self.lines is None:
            return
        if len(returns):
            alone = returns[data[np.minimum(returns + 1, len(data) - 1)] != _LF]
            if len(alone):
                feeds = np.sort(np.concatenate((feeds, alone)))
        places = np.arange((self.start - self.position) % LINES_EVERY, len(data), LINES_EVERY)
        self.lines.frombytes((np.searchsorted(feeds, places) + self.ended).tobytes())
        self.ended += len(feeds)

    def _quotes_and_breaks(self, data: Bytes) -> tuple[Offsets, Offsets, Offsets]:
        """Where the quotes are, the line feeds, and those out of quotes: before them are quotes of an even number."""
        quote = self.spelling.quote[0]
        flags = data == quote
        flags |= data == _LF
        both = np.flatnonzero(flags)
        is_break = data[both] == _LF
        at = np.flatnonzero(is_break)
        breaks = both[at]
        # Before the n-th break, as many of both are quotes as it stands further on than n.
        odd = (at - np.arange(-self.inside, len(at) - self.inside)) & 1
        return both[~is_break], breaks, breaks[odd == 0] if odd.any() else breaks

    def _check_quotes(self, data: Bytes, quotes: Offsets) -> None:
        """Every quote opens a field, closes one, or is one of a doubled pair."""
        opens, closes = quotes[self.inside :: 2], quotes[1 - self.inside :: 2]
        before = data[opens - 1]
        if len(opens) and opens[0] == 0:
            before[0] = self.previous
        after = data[np.minimum(closes + 1, len(data) - 1)]
        if len(closes) and closes[-1] == len(data) - 1:
            after[-1] = _LF
        if not (self.before[before].all() and self.after[after].all()):
            raise IrregularError("a quote in the middle of a field")

    def _check_returns(self, data: Bytes, breaks: Offsets, returns: Offsets) -> None:
        if not len(breaks) and not len(returns):
            return
        crlf = len(returns) > 0
        if crlf and not np.array_equal(returns + 1, breaks):
            raise IrregularError("mixed line ends")
        if self.crlf is not None and self.crlf != crlf:
            raise IrregularError("mixed line ends")
        self.crlf = crlf

    def _check_ends(self, data: Bytes, begins: Offsets, ends: Offsets, quotes: Offsets, inside: int) -> None:
        """No record ends in more empty values than it has columns: DuckDB would drop them, shifted or not."""
        begins, ends = begins - self.position, ends - self.position
        delimiter, last = self.spelling.delimiter[0], data[np.maximum(ends - 1, 0)]
        empty = last == delimiter
        if len(quotes):
            quoted = np.flatnonzero(last == self.spelling.quote[0])
            empty[quoted] = data[np.maximum(ends[quoted] - 3, 0)] == delimiter
        if len(begins) and begins[0] < 0:
            self.doubtful.append((int(begins[0]) + self.position, int(ends[0]) + self.position))
            empty[0] = False
        if not empty.any():
            return
        empty &= ends > begins
        commas = np.flatnonzero(data == delimiter)
        if len(quotes):
            commas = commas[(np.searchsorted(quotes, commas) + inside) % 2 == 0]
        values = np.searchsorted(commas, ends[empty]) - np.searchsorted(commas, begins[empty]) + 1
        if (values > self.shape.columns + self.shape.trailing).any():
            raise IrregularError("empty values after the last column")

    def ends_in_surplus(self, record: bytes) -> bool:
        """Whether a record ends in an empty value that is more than it may have."""
        delimiter, quote = self.spelling.delimiter, self.spelling.quote
        if not record.rstrip(b"\r\n").endswith((delimiter, delimiter + quote + quote)):
            return False
        found = self.parser.parse(record, 0, last=True)
        fields = found[0].fields if found is not None and found[0] is not None else []
        return len(fields) > self.shape.columns + self.shape.trailing and not fields[-1]

    def _keep(self, begins: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
        lengths = ends - begins
        if (lengths > self.shape.longest).any():
            raise IrregularError("a record longer than a line may be")
        if self.shape.columns == 1 or lengths.all():
            return begins, ends
        if self.crlf:
            # DuckDB 2.0 reports wrong offsets after a blank CRLF line.
            raise IrregularError("blank lines")
        return begins[lengths > 0], ends[lengths > 0]
