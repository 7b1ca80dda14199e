"""Finds, in a block of an irregular file, the records that are perfectly regular, and the first that is not.

It agrees with sluice.adapters.duck.text.records about every record it finds: a block begins where a record begins, and
up to the first quote that is out of place both readers see the same quotes, and so the same records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.text.spans import Shape
from sluice.adapters.duck.text.spelling import Spelling

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_LF, _CR, _SPACE = 10, 13, 32
_NONE: Offsets = np.empty(0, np.int64)


@dataclass(frozen=True)
class Stretch:
    """Regular records of a block, all places counted from its begin.

    DuckDB reads them as they are meant once `replaced` bytes are others, and `removed` ones are gone.
    """

    begins: Offsets
    ends: Offsets
    """Line ends excluded."""
    after: int
    """Where the next record begins."""
    broken: bool
    """Whether that record has a quote or an escape out of place: only the exact reader can tell where it ends."""
    odd: Flags
    """Records that are too long, have a NUL or too many values, or of which nothing would be left."""
    replaced: list[tuple[Offsets, int]]
    removed: Offsets


class Finder:
    """Finds the regular records of one file; `delimiter` is the byte that replaces the file's, if it has several."""

    def __init__(self, spelling: Spelling, shape: Shape, delimiter: bytes) -> None:
        self.spelling = spelling
        self.shape = shape
        self.delimiter = delimiter[0]

    def find(self, block: bytes, *, last: bool) -> Stretch:
        """The regular records at the begin of `block`, which begins where a record does and does not end in a CR.

        `last` tells that the file ends with it.
        """
        data = np.frombuffer(block, np.uint8)
        escapes = self._escapes(block, data)
        quotes, breaks = self._quotes_and_breaks(block, data, escapes)
        returns, ends, starts = self._lines(block, data, breaks)
        inside = len(quotes) % 2
        if last and not inside and starts[-1] < len(block):
            ends, starts = np.append(ends, len(block)), np.append(starts, len(block))
        marks = self._delimiters(data, escapes, quotes)
        spaces, bodies = self._spaces(data, marks, starts)
        wrong = min(
            self._first_wrong_quote(data, quotes, marks, breaks, bodies),
            self._first_wrong_escape(data, escapes, quotes),
            self._first_wrong_mark(data, marks, quotes),
            self._first_wrong_comment(block, starts, quotes, escapes),
            int(quotes[-1]) if last and inside else len(block),
        )
        broken = wrong < len(block)
        kept = int(np.searchsorted(starts, wrong, side="right")) - 1 if broken else len(ends)
        begins, ends, after = starts[:kept], ends[:kept], int(starts[kept])
        odd = self._odd(block, data, begins, ends, marks)
        replaced, removed = [(returns, _LF)], [spaces]
        if len(self.spelling.delimiter) > 1:
            replaced.append((marks, self.delimiter))
            removed += [marks + n for n in range(1, len(self.spelling.delimiter))]
        if len(escapes):
            doubling = np.isin(data[np.minimum(escapes + 1, len(data) - 1)], list(self.spelling.quote))
            replaced.append((escapes[doubling], self.spelling.quote[0] if self.spelling.quote else 0))
            removed.append(escapes[~doubling])
        gone = np.sort(np.concatenate(removed)) if len(removed) > 1 else spaces
        gone = gone[: int(np.searchsorted(gone, after))]
        replaced = [(places[: int(np.searchsorted(places, after))], byte) for places, byte in replaced]
        if len(gone):
            left = ends - begins - (np.searchsorted(gone, ends) - np.searchsorted(gone, begins))
            odd |= (left == 0) & (ends > begins) & (self.shape.columns > 1)
        return Stretch(begins, ends, after, broken, odd, [r for r in replaced if len(r[0])], gone)

    def _escapes(self, block: bytes, data: Bytes) -> Offsets:
        """Where escapes stand that are not escaped themselves."""
        if not self.spelling.escape or self.spelling.escape not in block:
            return _NONE
        return _every(np.flatnonzero(data == self.spelling.escape[0]), 2)

    def _quotes_and_breaks(self, block: bytes, data: Bytes, escapes: Offsets) -> tuple[Offsets, Offsets]:
        """Where the quotes are, and the LFs and CRs out of quotes: before them stands an even number of quotes."""
        is_break = data == _LF
        if b"\r" in block:
            is_break |= data == _CR
        escaped = escapes[escapes + 1 < len(data)] + 1
        is_break[escaped] = False
        if not self.spelling.quote or self.spelling.quote not in block:
            return _NONE, np.flatnonzero(is_break)
        is_quote = data == self.spelling.quote[0]
        is_quote[escaped] = False
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

    def _delimiters(self, data: Bytes, escapes: Offsets, quotes: Offsets) -> Offsets:
        """Where the delimiters out of quotes begin."""
        mark = self.spelling.delimiter
        found = np.flatnonzero(data[: max(0, len(data) - len(mark) + 1)] == mark[0])
        for n in range(1, len(mark)):
            found = found[data[found + n] == mark[n]]
        if len(escapes):
            found = found[~np.isin(found, escapes + 1)]
        if len(quotes):
            found = found[np.searchsorted(quotes, found) % 2 == 0]
        return _every(found, len(mark)) if len(mark) > 1 else found

    def _spaces(self, data: Bytes, marks: Offsets, starts: Offsets) -> tuple[Offsets, Offsets]:
        """Spaces that begin a field and do not count; and where the fields go on after them."""
        if not self.spelling.skip_initial_space:
            return _NONE, _NONE
        at = np.sort(np.concatenate((marks + len(self.spelling.delimiter), starts)))
        at = at[at < len(data)]
        at = at[data[at] == _SPACE]
        if not len(at):
            return _NONE, _NONE
        others = np.flatnonzero(data != _SPACE)
        bodies = np.append(others, len(data))[np.searchsorted(others, at)]
        lengths = bodies - at
        shifts = np.repeat(at - np.cumsum(lengths) + lengths, lengths)
        return shifts + np.arange(len(shifts)), bodies

    def _first_wrong_quote(self, data: Bytes, quotes: Offsets, marks: Offsets, breaks: Offsets, bodies: Offsets) -> int:
        """The first quote that neither opens a field, nor closes one, nor is one of a doubled pair."""
        if not len(quotes):
            return len(data)
        opening, closing = np.zeros(len(data) + 1, bool), np.zeros(len(data) + 1, bool)
        opening[0] = opening[marks + len(self.spelling.delimiter)] = opening[breaks + 1] = opening[bodies] = True
        # At the block's end the file ends, or the next block will tell.
        closing[-1] = closing[marks] = closing[breaks] = True
        opens, closes = quotes[::2], quotes[1::2]
        opened, closed = opening[opens], closing[closes + 1]
        if self.spelling.doubled:
            pairs = min(len(opens) - 1, len(closes))
            doubled = opens[1 : pairs + 1] == closes[:pairs] + 1
            opened[1 : pairs + 1] |= doubled
            closed[:pairs] |= doubled
        firsts = [int(places[at[0]]) for places, good in ((opens, opened), (closes, closed))
                  if len(at := np.flatnonzero(~good))]  # fmt: skip
        return min(firsts, default=len(data))

    def _first_wrong_escape(self, data: Bytes, escapes: Offsets, quotes: Offsets) -> int:
        """The first escape that ends the block, or makes a structural byte out of quotes a plain one."""
        if not len(escapes):
            return len(data)
        structural = np.zeros(256, bool)
        structural[[_LF, _CR, self.delimiter, *self.spelling.delimiter, *self.spelling.quote, _SPACE]] = True
        wrong = (np.searchsorted(quotes, escapes) % 2 == 0) & structural[data[np.minimum(escapes + 1, len(data) - 1)]]
        wrong |= escapes == len(data) - 1
        return int(escapes[np.argmax(wrong)]) if wrong.any() else len(data)

    def _first_wrong_mark(self, data: Bytes, marks: Offsets, quotes: Offsets) -> int:
        """The first byte out of quotes that would be taken for a delimiter, or of which two delimiters could begin."""
        mark = self.spelling.delimiter
        if len(mark) == 1:
            return len(data)
        others = np.flatnonzero(data == self.delimiter)
        others = others[np.searchsorted(quotes, others) % 2 == 0]
        near = marks[:-1][np.diff(marks) < len(mark)]
        return int(min([len(data), *others[:1], *near[:1]]))

    def _first_wrong_comment(self, block: bytes, starts: Offsets, quotes: Offsets, escapes: Offsets) -> int:
        """The first comment with a quote or an escape in it: these mean nothing there."""
        comment = self.spelling.comment
        marks = np.sort(np.concatenate((quotes, escapes))) if len(escapes) else quotes
        if comment and len(marks):
            stops = np.append(starts[1:], len(block))
            marked = starts[np.searchsorted(marks, stops) > np.searchsorted(marks, starts)]
            for start in marked[np.frombuffer(block, np.uint8)[marked] == comment[0]].tolist():
                if block.startswith(comment, start):
                    return int(start)
        return len(block)

    def _odd(self, block: bytes, data: Bytes, begins: Offsets, ends: Offsets, marks: Offsets) -> Flags:
        odd: Flags = ends - begins > self.shape.longest
        # Where the values that are too many are empty, DuckDB would drop them without a word.
        values = np.searchsorted(marks, ends) - np.searchsorted(marks, begins) + 1
        odd |= values > self.shape.columns + self.shape.trailing
        if b"\0" in block:
            nul = np.searchsorted(ends, np.flatnonzero(data == 0))
            odd[nul[nul < len(odd)]] = True
        return odd


def _every(found: Offsets, nth: int) -> Offsets:
    """The first, and then every nth, of places that follow on one another."""
    if not len(found) or (np.diff(found) > 1).all():
        return found
    place = np.arange(len(found))
    first = np.append(True, np.diff(found) > 1)
    chosen: Offsets = found[(place - np.maximum.accumulate(np.where(first, place, 0))) % nth == 0]
    return chosen
