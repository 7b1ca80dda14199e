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
_ZERO, _POINT, _MINUS = b"0.-"
_CLASS = np.zeros(256, np.uint8)
"""What kind of value begins with a byte."""
for _bytes, _class in ((b'"', _TEXT), (b"-0123456789", _NUMBER), (b"tf", _BOOLEAN), (b"n", _NULL)):
    _CLASS[list(_bytes)] = _class

ENDS_A_VALUE = np.arange(256) > ord(" ")
"""Whether an object may end after a byte."""
ENDS_A_VALUE[ord(",")] = False

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

_DAY_SIZE, _MONTH_AT = len('"YYYY-MM-DD"'), len('"YYYY')
_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0], np.uint64)
"""The days that a month may have; none before January and after December."""

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
        self.before = np.array([[len(x.before)] for x in literals])
        self.after = np.array([[len(x.after)] for x in literals])
        forms = [form for c in columns if (form := _form(c)) is not None]
        self.allowed = np.array([[f.begins | _NULL] for f in forms], np.uint8)
        self.numbers = np.array([i for i, f in enumerate(forms) if f.begins == _NUMBER], int)
        numbers = [forms[i] for i in self.numbers]
        self.longest = np.array([[f.longest] for f in numbers])
        self.inverted = np.array([[f.inverted] for f in numbers], np.uint64)
        self.forbidden = np.array([[f.forbidden] for f in numbers], np.uint64)
        self.days = [i for i, c in enumerate(columns) if c.type.kind is Kind.DATE and not c.options.get("format")]
        self.words = [
            _literal_words([x.text for x in literals], place)
            for place in range(0, max(len(x.text) for x in literals), 8)
        ]
        self.spare = max(_SPARE, 8 * (len(self.words) + 1))
        """Bytes behind the last record that may be looked at: a key may be longer than what stands in its place."""

    def plain(self, text: Bytes, words: Words, colons: Offsets, begins: Offsets, ends: Offsets) -> Flags:
        """Which records are plain. `colons` has a row for each key: where it may end, record by record. `words` are the
        eight bytes from every place in the text on; both go on for `spare` bytes behind the last record."""
        before = colons - self.before
        values = colons + self.after
        limits = ends - len(self.tail)
        sizes = np.empty_like(values)
        np.subtract(before[1:], values[:-1], out=sizes[:-1])
        np.subtract(limits, values[-1], out=sizes[-1])
        # One flag for each value, its key's among them.
        first = text.take(values)
        classes = _CLASS.take(first)
        fine: Flags = np.not_equal(classes & self.allowed, 0)
        fine &= sizes > 0
        starts = np.maximum(before, 0)
        for place, (which, mask, want) in enumerate(self.words):
            if which is None:
                fine &= (words[starts + 8 * place if place else starts] & mask) == want
            else:
                fine[which] &= (words[starts.take(which, axis=0) + 8 * place] & mask) == want
        self._clear_odd(fine.ravel(), text, values, classes, first)
        self._clear_long(fine, words, values, sizes, classes, first)
        for day in self.days:
            fine[day] &= (sizes[day] != _DAY_SIZE) | _is_day(words[values[day] + _MONTH_AT])
        good: Flags = np.logical_and.reduce(fine, axis=0)
        good &= before[0] == begins
        good &= ENDS_A_VALUE.take(text.take(limits - 1))
        for n, byte in enumerate(self.tail):
            good &= text.take(limits + n) == byte
        return good

    def _clear_odd(self, fine: Flags, text: Bytes, values: Offsets, classes: Bytes, first: Bytes) -> None:
        """Of values that begin like null, or with a minus, only null and ordinary numbers are fine."""
        places = np.flatnonzero((classes == _NULL) | (first == _MINUS))
        at, minus = values.take(places), first.take(places) == _MINUS
        second, third = text.take(at + 1), text.take(at + 2)
        number = (second > _ZERO) & (second <= ord("9")) | (second == _ZERO) & (third == _POINT)
        fine[places] &= np.where(minus, number, second == ord("u"))

    def _clear_long(
        self, fine: Flags, words: Words, values: Offsets, sizes: Offsets, classes: Bytes, first: Bytes
    ) -> None:
        """Of numbers, only those are fine that come through a double unchanged."""
        if not len(self.numbers):
            return
        minus = first.take(self.numbers, axis=0) == _MINUS
        begins, left = values.take(self.numbers, axis=0) + minus, sizes.take(self.numbers, axis=0) - minus
        kept: Flags = left <= self.longest
        most = np.minimum(left.max(axis=1), self.longest[:, 0])
        rows: slice | Offsets = slice(None)
        for place in range(0, int(most.max()), 8):
            if place:
                rows = np.flatnonzero(most > place)
            odd = words[begins[rows] + place] ^ self.inverted[rows]
            odd &= self.forbidden[rows]
            odd &= _KEEP.take(left[rows] - place, mode="clip")
            kept[rows] &= odd == 0
        kept |= classes.take(self.numbers, axis=0) == _NULL
        fine[self.numbers] &= kept


def _is_day(words: Words) -> Flags:
    """Whether there is such a day in some year, of words that begin with `-MM-DD`. Of other texts: perhaps."""
    month = ((words >> 8) & 15) * 10 + ((words >> 16) & 15)
    day = ((words >> 32) & 15) * 10 + ((words >> 40) & 15)
    found: Flags = (day > 0) & (day <= _DAYS.take(month.astype(np.intp), mode="clip"))
    return found


def _literal_words(texts: Sequence[bytes], place: int) -> tuple[Offsets | None, Words, Words]:
    """Of texts, the eight bytes from `place` on: which texts have any (None: all), how much counts, what it must be."""
    which = [i for i, text in enumerate(texts) if len(text) > place]
    parts = [texts[i][place : place + 8] for i in which]
    mask = np.array([[_KEEP[len(part)]] for part in parts], np.uint64)
    want = np.array([[int.from_bytes(part, "little")] for part in parts], np.uint64)
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
