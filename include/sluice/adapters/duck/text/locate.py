"""Finds rows in an ordinary file by what they look like: the bytes at the begin and the end of their records.

What it finds are candidates: DuckDB then reads these alone, and what is bad among them is bad, because the same text
always gets the same verdict. That all were found is proven by their number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.text.capture import REACH, Caught
from sluice.adapters.duck.text.encoding import line_ends
from sluice.adapters.duck.text.spans import LINES_EVERY

Offsets = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_SPELLINGS = 64
"""So many ways to write one side of a record are tried: all, unless short fields may be null in many ways."""
_BLOCK = 1 << 21
_BATCH = 1 << 16
_SLOT_BITS = 22
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_NONE = np.empty(0, np.int64)
_LF = 10


class Found(NamedTuple):
    """Records in the file's order: where they begin, and on which lines (0: unknown); their bytes, line ends excluded."""

    begins: Offsets
    lines: Offsets
    raws: list[bytes]


class Keys:
    """What records look like: the key of each one's first and last REACH bytes, and slots that tell most others apart.

    The slots are sparse, so that few records are looked up among the keys, and small, so that they stay in the
    processor's cache.
    """

    def __init__(self, words: Iterable[array[int]]) -> None:
        """`words` are pairs of first and last bytes."""
        pairs = [np.array(some, np.uint64).reshape(-1, 2) for some in words]
        self.both = np.unique(np.concatenate([_key(p[:, 0], p[:, 1]) for p in pairs]))
        self.bits = min(len(self.both).bit_length() + 6, _SLOT_BITS)
        self.starts, self.slots = np.zeros(1 << self.bits, bool), np.zeros(1 << self.bits, bool)
        for some in pairs:
            self.starts[self._slot(some[:, 0] * _SPREAD)] = True
        self.slots[self._slot(self.both)] = True

    def among(self, data: npt.NDArray[np.uint8], begins: Offsets, ends: Offsets) -> Offsets:
        """The numbers of the records with one of the keys; `data` goes on for REACH bytes after the last of them."""
        if not len(self.both):
            return _NONE
        words: Words = np.ndarray(len(data) - REACH + 1, "<u8", data, strides=(1,))
        lengths = ends - begins
        if lengths.min() < REACH:
            likely = np.arange(len(begins))
        else:
            # Most begin as none does that is looked for.
            likely = np.flatnonzero(self.starts[self._slot(words[begins] * _SPREAD)])
        begins, ends, lengths = begins[likely], ends[likely], np.clip(lengths[likely], 0, REACH)
        masks = np.uint64(2**64 - 1) >> ((REACH - np.maximum(lengths, 1)) * 8).astype(np.uint64)
        masks[lengths == 0] = 0
        key = _key(words[begins] & masks, words[ends - lengths] & masks)
        found = np.flatnonzero(self.slots[self._slot(key)])
        chosen: Offsets = likely[found[_among(key[found], self.both)]]
        return chosen

    def _slot(self, mixed: Words) -> Words:
        return mixed >> np.uint64(64 - self.bits)


def keys_of(caught: Iterable[Caught], part: Part, nulls: Iterable[str]) -> Keys:
    """The keys of all records of `part` that could hold the rows caught."""
    return Keys(_words(caught, _Speller(part, nulls)))


def _words(caught: Iterable[Caught], speller: _Speller) -> Iterator[array[int]]:
    words: array[int] = array("Q")
    for row in caught:
        speller.spell(row, words)
        if len(words) >= _BATCH:
            yield words
            words = array("Q")
    yield words


def candidates(part: Part, keys: Keys, offsets: Offsets) -> Iterator[Found]:
    """The records of `part` that have one of `keys`, or begin at one of `offsets` or right after it."""
    buffer = bytearray()
    with part.text.utf8.open("rb", buffering=0) as file:
        file.seek(part.text.start)
        above = file.read(part.start - part.text.start)
        line = part.text.line + line_ends(above, 0, len(above))
        for edges in _edges(part):
            # From a byte on before which lines were counted.
            counted = int(edges[0] - part.start) // LINES_EVERY
            first = part.start + counted * LINES_EVERY
            size = int(edges[-1]) - first
            file.seek(first)
            # Room behind, so that a word can be read from every place.
            if len(buffer) < size + REACH:
                buffer = bytearray(size + _BLOCK)
            file.readinto(memoryview(buffer)[:size])
            begins = edges[:-1] - first
            ends = edges[1:] - first - (2 if part.crlf else 1)
            if buffer[size - 1] != _LF:
                ends[-1] = size
            chosen = np.zeros(len(begins), bool)
            for at in (offsets, offsets + 1):
                near = at[(at >= edges[0]) & (at < edges[-1])]
                chosen[np.searchsorted(edges, near[_among(near, edges[:-1])])] = True
            chosen[keys.among(np.frombuffer(buffer, np.uint8, size + REACH), begins, ends)] = True
            places = np.flatnonzero(chosen)
            if not len(places):
                continue
            spans = zip(begins[places].tolist(), (edges[places + 1] - first).tolist(), strict=True)
            lines = np.zeros(len(places), np.int64)
            if part.lines is not None:
                lines = line + _lines_before(buffer, begins[places], part.lines[counted:])
            yield Found(edges[places], lines, [bytes(buffer[a:b]).rstrip(b"\r\n") for a, b in spans])


def _lines_before(block: bytearray, places: Offsets, counted: Offsets) -> Offsets:
    """How many lines end before each of `places`; `counted` are those before every LINES_EVERY'th byte of `block`."""
    near = places // LINES_EVERY
    more = [line_ends(block, a * LINES_EVERY, b) for a, b in zip(near.tolist(), places.tolist(), strict=True)]
    return counted[near] + np.array(more, np.int64)


def _among(values: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """np.isin for few values; `known` is ascending, and not empty."""
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values
    return found


def _edges(part: Part) -> Iterator[Offsets]:
    """Where the records of `part` begin, and last where they stop, some _BLOCK bytes of file at a time."""
    if part.marks is None:
        return
    at, left = part.start, part.records
    carried: Offsets = np.empty(0, np.int64)
    with part.marks.open("rb") as marks:
        while left:
            lengths = np.fromfile(marks, np.uint32, min(left, _BATCH))
            left -= len(lengths)
            edges = np.concatenate((carried, at + np.cumsum(lengths, dtype=np.int64)))
            at = int(edges[-1])
            if not left:
                edges = np.append(edges, part.text.utf8.stat().st_size)
            carried = edges[-1:]
            blocks = np.flatnonzero(np.diff(edges[:-1] // _BLOCK)) + 1
            for a, b in pairwise([0, *blocks.tolist(), len(edges) - 1]):
                if b > a:
                    yield edges[a : b + 1]


def _key(begins: Words, ends: Words) -> Words:
    """Fibonacci hashing of both words, so that the upper bits depend on every bit."""
    mixed = (begins ^ (begins >> np.uint64(32))) * _SPREAD
    mixed ^= (ends ^ (ends >> np.uint64(32))) * np.uint64(0xC2B2AE3D27D4EB4F)
    return (mixed ^ (mixed >> np.uint64(29))) * _SPREAD


class _Speller:
    """How a row can stand in a file: each field in quotes or not, each null as any of its sequences."""

    def __init__(self, part: Part, nulls: Iterable[str]) -> None:
        self.delimiter, self.quote = part.spelling.delimiter, part.spelling.quote
        self.columns = len(part.order)
        self.nulls = {n.encode() for n in nulls}
        self.tails: list[list[set[bytes]]] = [[], [{b""}]] if part.trailing else [[]]
        """What may follow the last field: nothing, or one more delimiter."""

    def spell(self, row: Caught, words: array[int]) -> None:
        """Append, pair by pair, a record's first and last bytes, each as a number."""
        for tail in self.tails:
            columns = self.columns + len(tail)
            # Field by field, and only as many as REACH bytes are made of.
            firsts = chain(map(self._forms, row.first), tail)
            lasts = chain(tail, ({form[::-1] for form in self._forms(field)} for field in reversed(row.last)))
            starts = [(_number(start), len(start)) for start in self._beginnings(firsts, columns)]
            ends = [_number(end[::-1]) for end in self._beginnings(lasts, columns)]
            for start, length in starts:
                for end in ends:
                    words.extend((start, end))
                # A record shorter than REACH begins and ends with all its bytes.
                if length < REACH:
                    words.extend((start, start))

    def _beginnings(self, forms: Iterable[set[bytes]], columns: int) -> set[bytes]:
        whole: set[bytes] = set()
        partial = {b""}
        for n, field in enumerate(islice(forms, REACH)):
            delimiter = self.delimiter if n + 1 < columns else b""
            grown = {(text + form + delimiter)[:REACH] for text in partial for form in field}
            partial = {text for text in grown if len(text) < REACH}
            whole |= grown - partial
            if len(partial) > _SPELLINGS:
                partial = set(sorted(partial)[:_SPELLINGS])
            if not partial:
                break
        return whole | partial

    def _forms(self, field: str | None) -> set[bytes]:
        if field is None:
            return self.nulls
        text = field.encode()
        return {text, self.quote + text.replace(self.quote, self.quote * 2) + self.quote} if self.quote else {text}


def _number(text: bytes) -> int:
    return int.from_bytes(text.ljust(REACH, b"\0"), "little")
