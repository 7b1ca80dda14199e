"""Cuts the elements of a JSON array, or JSON values that follow each other, wherever their lines end.

Brackets outside of strings tell where an element begins and ends; numpy finds them block by block. What stands
between two elements must be one comma (in an array) or nothing; anything else is read byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sluice.adapters.duck.json.envelope import Envelope
from sluice.adapters.duck.json.plain import Bytes, Offsets
from sluice.adapters.duck.json.records import BLOCK, Cut, grown, read_block
from sluice.errors import SourceError

_OPEN, _SHUT, _QUOTE, _BACKSLASH, _COMMA = 123, 125, 34, 92, 44
_SPACES = np.zeros(256, bool)
_SPACES[[9, 10, 13, 32]] = True
_SCALAR = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,"{}\[\]]+', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")


@dataclass(frozen=True)
class Elements:
    """One record for every element of the array in `envelope`; for every value in the file where there is no array.

    Raises SourceError JSON_ARRAY when the array does not end, or its elements are not set apart by one comma.
    """

    envelope: Envelope
    display: str
    block: int = BLOCK

    def cut(self, path: Path) -> Iterator[Cut]:
        at, size, first, want = self.envelope.start, path.stat().st_size, True, self.block
        with path.open("rb", buffering=0) as file:
            while at < size:
                data = read_block(file.fileno(), want, at)
                last = at + len(data) >= size
                found = _Block(data, array=self.envelope.array, first=first, last=last)
                if found.fault is not None:
                    place, what = found.fault
                    raise broken(path, at + place, what, self.display)
                if len(found.ends):
                    yield Cut(at, data, found.begins, found.ends, found.scalars)
                    first, want = False, self.block
                if found.close is not None:
                    self.envelope.check_rest(path, at + found.close + 1, self.display)
                    return
                at += found.passed
                if last:
                    break
                if not found.passed:
                    want = grown(want, at, self.display)
        if self.envelope.array:
            raise broken(path, at, "the array does not end: the file is cut off, or a bracket is missing", self.display)


def broken(path: Path, at: int, what: str, display: str) -> SourceError:
    """The error for a file whose array cannot be cut, with the line it is in."""
    line, left = 1, at
    with path.open("rb") as file:
        while left and (block := file.read(min(left, 1 << 20))):
            line += block.count(b"\n")
            left -= len(block)
    return SourceError(
        "JSON_ARRAY", f"{what} (line {line}, byte {at})", where=display,
        mend="Deliver the file again; as JSON lines, where a bad row costs no other.",
    )  # fmt: skip


class _Block:
    """What a block, which begins between two elements, holds: `begins` and `ends` of whole elements.

    `close` is where the array ends; `passed` how many bytes are dealt with; `fault` where it is no array, and why.
    """

    def __init__(self, data: bytearray, *, array: bool, first: bool, last: bool) -> None:
        self.data = data
        self.array = array
        self.first = first
        self.close: int | None = None
        self.fault: tuple[int, str] | None = None
        self.scalars: tuple[int, ...] = ()
        text = np.frombuffer(data, np.uint8)
        begins, ends, edge = self._brackets(text, last=last)
        self.begins, self.ends = begins, ends
        if self.fault is None and not self._regular(text, begins, ends):
            self._read_gaps(edge, last=last)
        self.passed = int(self.ends[-1]) if len(self.ends) else 0

    def _brackets(self, text: Bytes, *, last: bool) -> tuple[Offsets, Offsets, int]:
        """The elements in brackets, and where the last of what is certain ends."""
        quotes = _quotes(text)
        folded = text | 32
        brackets = np.flatnonzero((folded == _OPEN) | (folded == _SHUT))
        brackets = brackets[np.searchsorted(quotes, brackets) % 2 == 0]
        steps = np.where(folded[brackets] == _OPEN, 1, -1)
        depth = np.cumsum(steps)
        out = np.flatnonzero(depth < 0)
        if len(out):
            self.close = int(brackets[out[0]])
            brackets, steps, depth = brackets[: out[0]], steps[: out[0]], depth[: out[0]]
            if not self.array or text[self.close] != ord("]"):
                self.fault = (self.close, "a bracket is closed that was not opened")
        begins = brackets[(steps == 1) & (depth == 1)]
        ends = brackets[(steps == -1) & (depth == 0)] + 1
        whole = begins[: len(ends)]
        if len(begins) > len(ends):
            edge = int(begins[-1])
            if last and not self.array:
                # A value that does not end is a record that is none.
                return begins, np.append(ends, len(text)), len(text)
        else:
            edge = len(text) if self.close is None else self.close
        return whole, ends, edge

    def _regular(self, text: Bytes, begins: Offsets, ends: Offsets) -> bool:
        """Whether there is nothing but elements in brackets, white space, and one comma between two."""
        if not len(begins) or (self.close is not None and not _SPACES[text[ends[-1] : self.close]].all()):
            return False
        gaps = begins[1:] - ends[:-1]
        inner = text[_between(begins, ends)]
        commas = inner == _COMMA
        if not (commas | _SPACES[inner]).all():
            return False
        head = text[: begins[0]]
        if not self.array:
            return not commas.any() and bool(_SPACES[head].all())
        if len(gaps) and (not gaps.all() or (np.add.reduceat(commas, np.cumsum(gaps) - gaps, dtype=int) != 1).any()):
            return False
        return bool((_SPACES[head] | (head == _COMMA)).all() and (head == _COMMA).sum() == (0 if self.first else 1))

    def _read_gaps(self, edge: int, *, last: bool) -> None:
        """Read what stands between elements in brackets: elements that are none, commas missing or too many."""
        elements = dict(zip(self.begins.tolist(), self.ends.tolist(), strict=True))
        edges = iter([*elements, edge])
        border, at, follows = next(edges), 0, not self.first
        found: list[tuple[int, int, bool]] = []
        whole = last or self.close is not None
        while (at := _after_spaces(self.data, at)) < edge:
            if self.array and follows:
                if self.data[at] != _COMMA:
                    self.fault = (at, "two elements without a comma between them")
                    break
                at = _after_spaces(self.data, at + 1)
                if at >= edge:
                    if self.close is not None:
                        self.fault = (at, "a comma without an element behind it")
                    break
            while border < at:
                border = next(edges)
            if at == border:
                found.append((at, elements[at], False))
                at = elements[at]
            else:
                scalar = _SCALAR.match(self.data, at, border)
                if not whole and (scalar.end() == len(self.data) if scalar else self.data[at] == _QUOTE):
                    break
                if scalar is None:
                    comma = self.data[at] == _COMMA
                    self.fault = (at, "a comma without an element before it" if comma else "something that is no value")
                    break
                found.append((at, scalar.end(), True))
                at = scalar.end()
            follows = True
        self.begins = np.array([begin for begin, _, _ in found], np.int64)
        self.ends = np.array([end for _, end, _ in found], np.int64)
        self.scalars = tuple(n for n, (_, _, scalar) in enumerate(found) if scalar)


def _after_spaces(data: bytearray, at: int) -> int:
    spaces = _SPACE.match(data, at)
    return spaces.end() if spaces else at


def _quotes(text: Bytes) -> Offsets:
    """The quotes that open or close a string: those that no backslash escapes."""
    quotes = np.flatnonzero(text == _QUOTE)
    slashes = np.flatnonzero(text == _BACKSLASH)
    if not len(slashes) or not len(quotes):
        return quotes
    starts = slashes[np.diff(slashes, prepend=-2) != 1]
    after = np.flatnonzero(text[np.maximum(quotes - 1, 0)] == _BACKSLASH)
    after = after[quotes[after] > 0]
    run = quotes[after] - starts[np.searchsorted(starts, quotes[after]) - 1]
    return np.delete(quotes, after[run % 2 == 1])


def _between(begins: Offsets, ends: Offsets) -> Offsets:
    """The place of every byte that stands between two records."""
    gaps = begins[1:] - ends[:-1]
    steps = np.arange(int(gaps.sum())) - np.repeat(np.cumsum(gaps) - gaps, gaps)
    places: Offsets = np.repeat(ends[:-1], gaps) + steps
    return places
