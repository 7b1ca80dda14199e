"""Where bad records stand and what is wrong with them, in few bytes each: all the records of a large file may be bad."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STRUCTURE = {
    "REPEATED_HEADER": "the record is the header once more, as in files joined one after another",
    "MISSING_COLUMNS": "the record has fewer values than there are columns",
    "TOO_MANY_COLUMNS": "the record has more values than there are columns",
    "UNQUOTED_VALUE": "a quoted value does not end where its field ends",
    "LINE_TOO_LONG": "the record is longer than a record may be",
    "INVALID_ENCODING": "the record has bytes that its encoding does not know",
    "NUL_BYTE": "the record contains a NUL byte",
    "JSON": "the record is not one JSON object, or not strictly JSON: keys are unique, NaN and trailing commas are none",
    "JSON_DEPTH": "objects and arrays lie deeper inside each other than the limit",
}
CODES = ("", *STRUCTURE)
"""Codes by their number; number 0 is for a value at fault, whose code is found out from the value."""

Offsets = npt.NDArray[np.int64]
Columns = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint8]

_SOME = 1 << 14


class Bad(NamedTuple):
    """A record that cannot be staged: bytes `begin` to `end` of the part's UTF-8 form.

    With a `column` (position in the contract) its value is at fault, and `code` is found out from the value;
    without, `code` says what is wrong with the record. `line` is 0 where nobody has counted lines yet.
    """

    begin: int
    end: int
    column: int | None
    code: str = ""
    line: int = 0


class Places:
    """The bad records of a file, in 29 bytes each, noted in any order."""

    def __init__(self) -> None:
        self._begins, self._ends, self._lines = array("q"), array("q"), array("q")
        self._columns, self._codes = array("i"), array("B")

    def __len__(self) -> int:
        return len(self._begins)

    def note(self, begin: int, end: int, column: int | None, code: str = "") -> None:
        """Note one record."""
        self._begins.append(begin)
        self._ends.append(end)
        self._lines.append(0)
        self._columns.append(-1 if column is None else column)
        self._codes.append(CODES.index(code))

    def extend(
        self,
        begins: Offsets,
        ends: Offsets,
        columns: Columns | None = None,
        codes: Codes | None = None,
        lines: Offsets | None = None,
    ) -> None:
        """Note many; column -1 and code 0 stand for none, line 0 for an unknown one."""
        nothing = np.zeros(len(begins), np.int64)
        for noted, more in (
            (self._begins, begins),
            (self._ends, ends),
            (self._lines, nothing if lines is None else lines),
            (self._columns, nothing - 1 if columns is None else columns),
            (self._codes, nothing if codes is None else codes),
        ):
            noted.frombytes(np.ascontiguousarray(more, noted.typecode).tobytes())

    @property
    def begins(self) -> Offsets:
        """A copy: where the records begin."""
        return np.array(self._begins, np.int64)

    @property
    def ends(self) -> Offsets:
        """A copy: where the records end."""
        return np.array(self._ends, np.int64)

    @property
    def lines(self) -> Offsets:
        """A copy: the lines on which the records begin."""
        return np.array(self._lines, np.int64)

    def moved(self, begins: Offsets, ends: Offsets) -> Places:
        """The same faults elsewhere."""
        places = Places()
        places.extend(begins, ends, np.array(self._columns, np.int32), np.array(self._codes, np.uint8))
        return places

    def before(self, begin: int) -> Places:
        """Those that begin before a byte."""
        chosen = np.flatnonzero(self.begins < begin)
        places = Places()
        places.extend(
            self.begins[chosen], self.ends[chosen], np.array(self._columns, np.int32)[chosen],
            np.array(self._codes, np.uint8)[chosen], self.lines[chosen],
        )  # fmt: skip
        return places

    def add(self, other: Places) -> None:
        """Note what another has noted."""
        self._begins += other._begins
        self._ends += other._ends
        self._lines += other._lines
        self._columns += other._columns
        self._codes += other._codes

    def in_order(self, every: int = 1) -> Iterator[Bad]:
        """By their bytes; of so many one."""
        if not len(self):
            return
        order = np.argsort(np.frombuffer(self._begins, np.int64), kind="stable")[::every]
        for at in range(0, len(order), _SOME):
            some = order[at : at + _SOME]
            noted = (self._begins, self._ends, self._columns, self._codes, self._lines)
            picked = [np.frombuffer(numbers, numbers.typecode)[some].tolist() for numbers in noted]
            for begin, end, column, code, line in zip(*picked, strict=True):
                yield Bad(begin, end, None if column < 0 else column, CODES[code], line)
