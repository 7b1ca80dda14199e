"""The pieces that a conversion is made of: one `Part` for every source file, and what is wrong in it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.casting.values import explain
from sluice.adapters.duck.text.encoding import TextFile
from sluice.adapters.duck.text.records import MAX_LINE
from sluice.adapters.duck.text.spans import Shape
from sluice.adapters.duck.text.spelling import Spelling
from sluice.contract.model import Column

STRUCTURE = {
    "MISSING_COLUMNS": "the record has fewer values than there are columns",
    "TOO_MANY_COLUMNS": "the record has more values than there are columns",
    "UNQUOTED_VALUE": "a quoted value does not end where its field ends",
    "LINE_TOO_LONG": "the record is longer than a record may be",
    "INVALID_ENCODING": "the record has bytes that its encoding does not know",
    "NUL_BYTE": "the record contains a NUL byte",
    "JSON": "the record is not one JSON object, or not strictly JSON: keys are unique, NaN and trailing commas are none",
    "JSON_DEPTH": "objects and arrays lie deeper inside each other than the limit",
}


@dataclass(frozen=True)
class Bad:
    """A record that cannot be staged: bytes `begin` to `end` of the part's UTF-8 form.

    With a `column` (position in the contract) its value is at fault, and `code` is found out from the value;
    without, `code` says what is wrong with the record.
    """

    begin: int
    end: int
    column: int | None
    code: str = ""


@dataclass
class Rewritten:
    """A part written anew so that DuckDB cannot misread it: commas, every value quoted, null an empty field.

    Record n of `path` was bytes `begins[n]` to `ends[n]`; `bad` never got that far.
    """

    path: Path
    begins: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    bad: list[Bad] = field(default_factory=list)
    longest: int = 0


@dataclass
class Patched:
    """A part in whose stead DuckDB reads `part`: the same records in the same order, but for `bad`, all of them regular.

    Each of `pieces` is (target, begin, end): the record at byte `target` of it was bytes `begin` to `end`, and those
    up to the next target follow on one another as they did.
    """

    part: Part
    bad: list[Bad]
    pieces: npt.NDArray[np.int64]

    def original(self, found: list[Bad]) -> list[Bad]:
        """Everything that is bad, where it was: `found` in `part`, and what never got there."""
        return sorted([*self.bad, *map(self._original, found)], key=lambda b: b.begin)

    def _original(self, bad: Bad) -> Bad:
        target, begin, end = map(int, self.pieces[bisect_right(self.pieces[:, 0], bad.begin) - 1])
        if target != bad.begin:
            begin, end = begin + bad.begin - target, begin + bad.end - target
        return Bad(begin, end, bad.column, bad.code)


@dataclass
class Part:
    """One source file on its way. `order` gives the contract's column for every field, in the file's order."""

    text: TextFile
    spelling: Spelling
    order: tuple[int, ...]
    start: int
    header: bool
    trailing: bool
    """Whether the header, and so every record, may end in a delimiter."""
    crlf: bool
    """Whether the first record ends in CRLF. DuckDB is told: left alone it takes a CR inside quotes for a line end."""
    ordinary: bool
    value_in: Callable[[bytes, int], str]
    """The text of a column (by its position in the contract) in a record's bytes."""
    rewrite: Callable[[Part, Path], Rewritten]
    patch: Callable[[Part, Path], Patched] | None = None
    """Makes it regular, at `Path` and beside it. Raises IrregularError where only rewriting does."""
    longest: int = MAX_LINE
    """Bytes that a record may have."""
    rewritten: Rewritten | None = None
    records: int = 0
    marks: Path | None = None
    """Where the records begin: the bytes from one begin to the next as uint32, the first from `start`."""

    @property
    def shape(self) -> Shape:
        """What a record of this file looks like."""
        return Shape(len(self.order), self.trailing, self.longest)

    def reason(self, bad: Bad, columns: tuple[Column, ...], record: bytes) -> tuple[str, str, str | None]:
        """Reason code, reason and column name for the quarantine."""
        if bad.column is None:
            return bad.code, STRUCTURE[bad.code], None
        column = columns[bad.column]
        return (*explain(column, self.value_in(record, bad.column)), column.name)
