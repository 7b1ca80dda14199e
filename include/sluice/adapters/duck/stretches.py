"""Finds, in a block of an irregular file, the records that are perfectly regular, and the first that is not.

It agrees with sluice.adapters.duck.records about every record it finds: a block begins where a record begins, and
up to the first quote that is out of place both readers see the same quotes, and so the same records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.spans import Shape
from sluice.adapters.duck.spelling import Spelling

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_LF, _CR = 10, 13
_NONE: Offsets = np.empty(0, np.int64)


@dataclass(frozen=True)
class Stretch:
    """Regular records of a block, all places counted from its begin."""

    begins: Offsets
    ends: Offsets
    """Line ends excluded."""
    after: int
    """Where the next record begins."""
    broken: bool
    """Whether that record has a quote out of place: only the exact reader can tell where it ends."""
    odd: Flags
    """Records that DuckDB would misread, or that are too long."""
    returns: Offsets
    """CRs that end a line."""


class Finder:
    """Finds regular records of one file that is spelled in an ordinary way, but for comments and line ends."""

    def __init__(self, spelling: Spelling, shape: Shape) -> None:
        self.spelling = spelling
        self.shape = shape

    def find(self, block: bytes, *, last: bool) -> Stretch:
        """The regular records at the begin of `block`, which begins where a record does and does not end in a CR.

        `last` tells that the file ends with it.
        """
        data = np.frombuffer(block, np.uint8)
        quotes, breaks = self._quotes_and_breaks(block, data)
        returns, ends, starts = self._lines(block, data, breaks)
        inside = len(quotes) % 2
        if last and not inside and starts[-1] < len(block):
            ends, starts = np.append(ends, len(block)), np.append(starts, len(block))
        wrong = min(self._first_wrong(data, quotes), self._first_quoted_comment(block, starts, quotes))
        if last and inside:
            wrong = min(wrong, int(quotes[-1]))
        broken = wrong < len(block)
        kept = int(np.searchsorted(starts, wrong, side="right")) - 1 if broken else len(ends)
        begins, ends, after = starts[:kept], ends[:kept], int(starts[kept])
        odd = self._odd(block, data, begins, ends, quotes)
        return Stretch(begins, ends, after, broken, odd, returns[: int(np.searchsorted(returns, after))])

    def _quotes_and_breaks(self, block: bytes, data: Bytes) -> tuple[Offsets, Offsets]:
        """Where the quotes are, and the LFs and CRs out of quotes: before them stands an even number of quotes."""
        is_break = data == _LF
        if b"\r" in block:
            is_break |= data == _CR
        if not self.spelling.quote or self.spelling.quote not in block:
            return _NONE, np.flatnonzero(is_break)
        is_quote = data == self.spelling.quote[0]
        both = np.flatnonzero(is_quote | is_break)
        quote = is_quote[both]
        odd = np.bitwise_xor.accumulate(quote.view(np.uint8))
        return both[quote], both[(quote.view(np.uint8) | odd) == 0]

    def _lines(self, block: bytes, data: Bytes, breaks: Offsets) -> tuple[Offsets, Offsets, Offsets]:
        """CRs that end lines; where lines end; and where they begin, with one more that may not be whole."""
        returns, ends, widths = _NONE, breaks, np.ones(1, np.int64)
        if b"\r" in block and len(breaks):
            is_return = data[breaks] == _CR
            returns = breaks[is_return]
            # The LF of a CRLF ends no line of its own.
            second = np.zeros(len(breaks), bool)
            second[1:] = is_return[:-1] & ~is_return[1:] & (np.diff(breaks) == 1)
            ends = breaks[~second]
            widths = 1 + np.append(second[1:], False)[~second]
        return returns, ends, np.append(0, ends + widths)

    def _first_wrong(self, data: Bytes, quotes: Offsets) -> int:
        """The first quote that neither opens a field, nor closes one, nor is one of a doubled pair."""
        if not len(quotes):
            return len(data)
        delimiter, quote = self.spelling.delimiter[0], self.spelling.quote[0]
        fine = np.zeros(256, bool)
        fine[[delimiter, quote, _LF, _CR]] = True
        opens, closes = quotes[::2], quotes[1::2]
        opened = fine[data[opens - 1]]
        opened[0] |= opens[0] == 0
        closed = fine[data[np.minimum(closes + 1, len(data) - 1)]]
        if len(closes) and closes[-1] == len(data) - 1:
            closed[-1] = True  # the file's end, or else the next block will tell
        firsts = [int(places[at[0]]) for places, good in ((opens, opened), (closes, closed))
                  if len(at := np.flatnonzero(~good))]  # fmt: skip
        return min(firsts, default=len(data))

    def _first_quoted_comment(self, block: bytes, starts: Offsets, quotes: Offsets) -> int:
        """The first comment with a quote in it: such a quote opens and closes nothing."""
        comment = self.spelling.comment
        if comment and len(quotes):
            stops = np.append(starts[1:], len(block))
            quoted = starts[np.searchsorted(quotes, stops) > np.searchsorted(quotes, starts)]
            for start in quoted[np.frombuffer(block, np.uint8)[quoted] == comment[0]].tolist():
                if block.startswith(comment, start):
                    return int(start)
        return len(block)

    def _odd(self, block: bytes, data: Bytes, begins: Offsets, ends: Offsets, quotes: Offsets) -> Flags:
        odd: Flags = ends - begins > self.shape.longest
        if b"\0" in block:
            nul = np.searchsorted(ends, np.flatnonzero(data == 0))
            odd[nul[nul < len(odd)]] = True
        return odd | self._overfull(data, begins, ends, quotes)

    def _overfull(self, data: Bytes, begins: Offsets, ends: Offsets, quotes: Offsets) -> Flags:
        """Records that end in more empty values than there are columns: DuckDB would drop them, shifted or not."""
        delimiter, last = self.spelling.delimiter[0], data[np.maximum(ends - 1, 0)]
        empty: Flags = last == delimiter
        if len(quotes):
            quoted = np.flatnonzero(last == self.spelling.quote[0])
            empty[quoted] = data[np.maximum(ends[quoted] - 3, 0)] == delimiter
        empty &= ends > begins
        if not empty.any():
            return empty
        marks = np.flatnonzero(data == delimiter)
        if len(quotes):
            marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
        values = np.searchsorted(marks, ends[empty]) - np.searchsorted(marks, begins[empty]) + 1
        empty[empty] = values > self.shape.columns + self.shape.trailing
        return empty
