"""Finds the plain records: those that are written as most programs write them, all alike.

A plain record has the keys of the first record, in its order and spacing, and no others; every value begins as its
column's type begins; a number is written in so few digits, and without an exponent, that nothing of it is lost on
the way through a double. All this is seen in the bytes, for a block of records at once: so DuckDB need not be asked
again what it has read (see sluice.adapters.duck.json.proof). It must still find the record to be valid JSON.

Why the bytes prove it: a quote that no backslash precedes and a name follows opens a string, and what stands in
quotes before a colon is a key. Every key ends in a quote, white space perhaps, and a colon; there are no more such
places than keys that were recognised. Nothing is nested: no value begins with a bracket.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.casting.marks import marks_of, words_of
from sluice.contract.model import Column
from sluice.contract.types import MOMENTS, Kind

Offsets = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

_TEXT, _NUMBER, _BOOLEAN, _NULL = 1, 2, 4, 8
_SPACE, _ZERO, _POINT, _MINUS, _COMMA = b" 0.-,"
_CLASS = np.zeros(256, np.uint8)
"""What kind of value begins with a byte."""
for _bytes, _class in ((b'"', _TEXT), (b"-0123456789", _NUMBER), (b"tf", _BOOLEAN), (b"n", _NULL)):
    _CLASS[list(_bytes)] = _class

_SPARE = 64
"""Bytes behind the last record that are looked at for a value."""
_LONGEST_GAP = 16
"""More white space than that does not stand before a value."""

_KEEP = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
"""Of a word, its first n bytes."""
_EVERY = 0x0101010101010101
_WHOLE = (0xFF * _EVERY, 0x10 * _EVERY)
"""Of what JSON numbers are made of, only the digits have this bit: inverted, none may be left."""
_FIXED = (0, 0x40 * _EVERY)
"""Only the E of an exponent has this bit."""

DECIMAL_DIGITS = 15
"""So many digits a double always keeps."""
_MOST_SCALE = 10
TEXTS = MOMENTS | {Kind.STRING, Kind.BINARY}


class _Form(NamedTuple):
    """What a value may begin with besides null; of a number the most bytes, sign excluded, and the bits that these,
    inverted by others, may not have.
    """

    begins: int
    longest: int = 0
    inverted: int = 0
    forbidden: int = 0


_FORMS = {
    Kind.INT32: _Form(_NUMBER, 9, *_WHOLE), Kind.INT64: _Form(_NUMBER, 18, *_WHOLE),
    Kind.FLOAT64: _Form(_NUMBER, 24, *_FIXED), Kind.DECIMAL: _Form(_NUMBER, DECIMAL_DIGITS, *_FIXED),
    Kind.BOOLEAN: _Form(_BOOLEAN), **dict.fromkeys(TEXTS, _Form(_TEXT)),
}  # fmt: skip

_MEMBER = re.compile(r'("(\w[^"\\]*)":[ \t\r\n]*)("(?:[^"\\]|\\.)*"|[^\s,"{}\[\]:]+)')
_BETWEEN = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_OPEN = re.compile(r"\{[ \t\r\n]*")
_CLOSE = re.compile(r"[ \t\r\n]*\}")


def can_be_plain(columns: Sequence[Column]) -> bool:
    """Whether all columns are of types that this module knows."""
    return all(_form(c) is not None for c in columns)


def _form(column: Column) -> _Form | None:
    found = _FORMS.get(column.type.kind)
    if found is None or found.begins != _NUMBER:
        return found
    own = marks_of(column) is not None or bool(words_of(column, "nullSequence"))
    return None if own or (column.type.kind is Kind.DECIMAL and column.type.scale > _MOST_SCALE) else found


@dataclass(frozen=True)
class _Literal:
    """What stands between two values: `before` ends with the key's quote, `after` begins with its colon."""

    before: bytes
    after: bytes

    @property
    def text(self) -> bytes:
        return self.before + self.after


class PlainForm:
    """How the plain records of one file are written."""

    def __init__(self, columns: Sequence[Column], literals: Sequence[_Literal], tail: bytes) -> None:
        """`columns` in the order of their keys."""
        self.keys = len(literals)
        self.tail = tail
        self.before = np.array([len(x.before) for x in literals])
        self.after = np.array([len(x.after) for x in literals])
        forms = [form for c in columns if (form := _form(c)) is not None]
        self.allowed = np.array([f.begins | _NULL for f in forms], np.uint8)
        self.numbers = np.array([i for i, f in enumerate(forms) if f.begins == _NUMBER], int)
        self.longest = np.array([forms[i].longest for i in self.numbers])
        self.inverted = np.array([forms[i].inverted for i in self.numbers], np.uint64)
        self.forbidden = np.array([forms[i].forbidden for i in self.numbers], np.uint64)
        self.words = [
            _literal_words([x.text for x in literals], place)
            for place in range(0, max(len(x.text) for x in literals), 8)
        ]
        self.spare = max(_SPARE, 8 * (len(self.words) + 1))
        """Bytes behind the last record that may be looked at: a key may be longer than what stands in its place."""

    def plain(self, text: Bytes, words: Words, colons: Offsets, begins: Offsets, ends: Offsets) -> Flags:
        """Which records are plain. `colons` has a row for each: where its keys may end. `words` are the eight bytes
        from every place in the text on; both go on for `spare` bytes behind the last record."""
        before = colons - self.before
        values = colons + self.after
        limits = np.empty_like(values)
        limits[:, :-1] = before[:, 1:]
        limits[:, -1] = ends - len(self.tail)
        # One flag for each value, its key's among them: whether all of a record's are set is dear to ask, so asked once.
        first = text[values]
        classes = _CLASS[first]
        fine = (classes & self.allowed) != 0
        fine &= limits > values
        starts = np.maximum(before, 0)
        for place, (which, mask, want) in enumerate(self.words):
            if which is None:
                fine &= (words[starts + 8 * place] & mask) == want
            else:
                fine[:, which] &= (words[starts[:, which] + 8 * place] & mask) == want
        self._clear_odd(fine, text, values, classes, first)
        if len(self.numbers):
            kept = self._kept(words, values[:, self.numbers], limits[:, self.numbers], first[:, self.numbers])
            fine[:, self.numbers] &= kept | (classes[:, self.numbers] == _NULL)
        good: Flags = fine.all(axis=1) & (before[:, 0] == begins)
        last = text[limits[:, -1] - 1]
        good &= (last > _SPACE) & (last != _COMMA)
        for n, byte in enumerate(self.tail):
            good &= text[ends - len(self.tail) + n] == byte
        return good

    def _clear_odd(self, fine: Flags, text: Bytes, values: Offsets, classes: Bytes, first: Bytes) -> None:
        """Of values that begin like null, or with a minus, only null and ordinary numbers are fine."""
        places = np.nonzero((classes == _NULL) | (first == _MINUS))
        at, minus = values[places], first[places] == _MINUS
        second, third = text[at + 1], text[at + 2]
        number = (second > _ZERO) & (second <= ord("9")) | (second == _ZERO) & (third == _POINT)
        fine[places] &= np.where(minus, number, second == ord("u"))

    def _kept(self, words: Words, begins: Offsets, ends: Offsets, first: Bytes) -> Flags:
        """Which numbers come through a double unchanged."""
        begins = begins + (first == _MINUS)
        sizes = ends - begins
        kept: Flags = sizes <= self.longest
        for place in range(0, int(self.longest.max()), 8):
            left = np.clip(sizes - place, 0, 8)
            which = np.flatnonzero(left.any(axis=0))
            odd = (
                (words[begins[:, which] + place] ^ self.inverted[which]) & self.forbidden[which] & _KEEP[left[:, which]]
            )
            kept[:, which] &= odd == 0
        return kept


def _literal_words(texts: Sequence[bytes], place: int) -> tuple[Offsets | None, Words, Words]:
    """Of texts, the eight bytes from `place` on: which texts have any (None: all), how much counts, what it must be."""
    which = [i for i, text in enumerate(texts) if len(text) > place]
    parts = [texts[i][place : place + 8] for i in which]
    mask = np.array([_KEEP[len(part)] for part in parts], np.uint64)
    want = np.array([int.from_bytes(part, "little") for part in parts], np.uint64)
    return (None if len(which) == len(texts) else np.array(which)), mask, want


def form_of_record(record: bytes, columns: Sequence[Column]) -> PlainForm | None:
    """How this record is written, if that is plain: all its keys are columns, each there once."""
    try:
        text = record.decode("utf-8")
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = _members(text)
    if found is None:
        return None
    names, literals, tail = found
    known = {c.name: c for c in columns}
    if len(set(names)) < len(names) or not known.keys() >= set(names):
        return None
    return PlainForm([known[n] for n in names], literals, tail)


def _members(text: str) -> tuple[list[str], list[_Literal], bytes] | None:
    """The names, what stands before each value, and what stands after the last."""
    opened = _OPEN.match(text)
    if opened is None:
        return None
    names, literals, head, at = [], [], opened.group(), opened.end()
    while member := _MEMBER.match(text, at):
        key, after = member[1][: len(member[2]) + 2], member[1][len(member[2]) + 2 :]
        names.append(member[2])
        literals.append(_Literal((head + key).encode(), after.encode()))
        if len(after) > _LONGEST_GAP:
            return None
        comma = _BETWEEN.match(text, member.end())
        if comma is None:
            tail = _CLOSE.fullmatch(text, member.end())
            return (names, literals, tail.group().encode()) if tail else None
        head, at = comma.group(), comma.end()
    return None
