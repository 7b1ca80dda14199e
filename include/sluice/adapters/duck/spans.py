"""Finds where the records of an ordinary delimited file begin and end, at memory speed, independently of DuckDB.

It gives the count that DuckDB's is proven against, and the byte offsets that DuckDB does not tell. Whatever is
not perfectly ordinary raises IrregularError: then sluice.adapters.duck.records reads the file exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.records import MAX_LINE
from sluice.adapters.duck.spelling import Spelling

Offsets = npt.NDArray[np.int64]

_LF, _CR = 10, 13
_BLOCK = 4 << 20


class IrregularError(Exception):
    """The file needs the exact reader; never leaves this package."""


def count_records(path: Path, spelling: Spelling, start: int, *, blank_is_record: bool) -> int:
    """How many records follow byte `start`. Raises IrregularError."""
    return sum(len(begins) for begins, _ in find_spans(path, spelling, start, blank_is_record=blank_is_record))


def find_spans(
    path: Path, spelling: Spelling, start: int, *, blank_is_record: bool
) -> Iterator[tuple[Offsets, Offsets]]:
    """Begin and end (line end excluded) of every record from byte `start` on, block by block.

    Raises IrregularError at stray or open quotes, mixed or bare CR line ends, NUL bytes, over-long records.
    """
    scanner = _Scanner(spelling, start, blank_is_record=blank_is_record)
    with path.open("rb") as file:
        file.seek(start)
        while chunk := _whole_chunk(file, spelling.quote):
            yield scanner.feed(chunk)
    yield scanner.finish()


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
    def __init__(self, spelling: Spelling, start: int, *, blank_is_record: bool) -> None:
        self.spelling = spelling
        self.blank_is_record = blank_is_record
        self.position = start
        self.begin = start
        self.inside = 0
        self.previous = _LF
        self.crlf: bool | None = None

    def feed(self, chunk: bytes) -> tuple[Offsets, Offsets]:
        if b"\0" in chunk:
            raise IrregularError("NUL bytes")
        data = np.frombuffer(chunk, np.uint8)
        breaks = np.flatnonzero(data == _LF)
        returns = np.flatnonzero(data == _CR) if b"\r" in chunk else breaks[:0]
        if self.spelling.quote and self.spelling.quote in chunk:
            quotes = np.flatnonzero(data == self.spelling.quote[0])
            self._check_quotes(data, quotes)
            breaks = breaks[(np.searchsorted(quotes, breaks) + self.inside) % 2 == 0]
            returns = returns[(np.searchsorted(quotes, returns) + self.inside) % 2 == 0]
            self.inside = (self.inside + len(quotes)) % 2
        elif self.inside:
            breaks = returns = breaks[:0]
        self._check_returns(data, breaks, returns)
        ends = breaks + self.position
        begins = np.empty_like(ends)
        if len(ends):
            begins[0] = self.begin
            begins[1:] = ends[:-1] + 1
            self.begin = int(ends[-1]) + 1
        self.position += len(chunk)
        self.previous = chunk[-1]
        if self.position - self.begin > MAX_LINE:
            raise IrregularError("a record longer than a line may be")
        return self._keep(begins, ends - 1 if self.crlf else ends)

    def finish(self) -> tuple[Offsets, Offsets]:
        if self.inside:
            raise IrregularError("a quote that never closes")
        rest = [self.begin] if self.position > self.begin else []
        return np.array(rest, np.int64), np.array([self.position] * len(rest), np.int64)

    def _check_quotes(self, data: npt.NDArray[np.uint8], quotes: Offsets) -> None:
        """Every quote opens a field, closes one, or is one of a doubled pair."""
        delimiter, quote = self.spelling.delimiter[0], self.spelling.quote[0]
        opens, closes = quotes[self.inside :: 2], quotes[1 - self.inside :: 2]
        before = data[opens - 1]
        if len(opens) and opens[0] == 0:
            before[0] = self.previous
        after = data[np.minimum(closes + 1, len(data) - 1)]
        if len(closes) and closes[-1] == len(data) - 1:
            after[-1] = _LF
        fine = (before == delimiter) | (before == _LF) | (before == quote)
        closed = (after == delimiter) | (after == _LF) | (after == _CR) | (after == quote)
        if not (fine.all() and closed.all()):
            raise IrregularError("a quote in the middle of a field")

    def _check_returns(self, data: npt.NDArray[np.uint8], breaks: Offsets, returns: Offsets) -> None:
        if not len(breaks) and not len(returns):
            return
        crlf = len(returns) > 0
        if crlf and not np.array_equal(returns + 1, breaks):
            raise IrregularError("mixed line ends")
        if self.crlf is not None and self.crlf != crlf:
            raise IrregularError("mixed line ends")
        self.crlf = crlf

    def _keep(self, begins: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
        lengths = ends - begins
        if (lengths > MAX_LINE).any():
            raise IrregularError("a record longer than a line may be")
        if self.blank_is_record or lengths.all():
            return begins, ends
        if self.crlf:
            # DuckDB 2.0 reports wrong offsets after a blank CRLF line.
            raise IrregularError("blank lines")
        return begins[lengths > 0], ends[lengths > 0]
