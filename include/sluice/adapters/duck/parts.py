"""The pieces that a conversion is made of: one `Part` for every source file, and what is wrong in it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.casting.values import explain
from sluice.adapters.duck.places import STRUCTURE, Bad, Places
from sluice.adapters.duck.text.encoding import TextFile
from sluice.adapters.duck.text.records import MAX_LINE
from sluice.adapters.duck.text.spans import Shape
from sluice.adapters.duck.text.spelling import Spelling
from sluice.contract.model import Column

Offsets = npt.NDArray[np.int64]

_TOLD, _SHORT = 1 << 12, 40
"""So many reasons are remembered, of values of so many characters."""
_PIECES = 1 << 20
"""So many pieces of a patched part are looked at together."""


@dataclass
class Rewritten:
    """A part written anew so that DuckDB cannot misread it: commas, every value quoted, null an empty field.

    Record n of `path` was bytes `begins[n]` to `ends[n]`; `bad` never got that far.
    """

    path: Path
    begins: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    bad: Places = field(default_factory=Places)
    longest: int = 0


@dataclass
class Patched:
    """A part in whose stead DuckDB reads `part`: the same records in the same order, but for `bad`, all of them regular.

    Each of `pieces` is (target, begin, end): the record at byte `target` of it was bytes `begin` to `end`, and those
    up to the next target follow on one another as they did.
    """

    part: Part
    bad: Places
    pieces: npt.NDArray[np.int64]

    def original(self, found: Places) -> Places:
        """Everything that is bad, where it was: `found` in `part`, and what never got there."""
        begins, ends = self.origins(found.begins, found.ends)
        everything = found.moved(begins, ends)
        everything.add(self.bad)
        return everything

    def origins(self, begins: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
        """Where records of `part` were that are at these bytes of it."""
        order = np.argsort(begins, kind="stable")
        targets = begins[order]
        was = np.empty((2, len(begins)), np.int64)
        for at in range(0, len(self.pieces), _PIECES):
            pieces = np.array(self.pieces[at : at + _PIECES])
            after = self.pieces[at + _PIECES, 0] if at + _PIECES < len(self.pieces) else np.iinfo(np.int64).max
            mine = slice(*np.searchsorted(targets, (pieces[0, 0], after)))
            places = order[mine]
            target, begin, end = pieces[np.searchsorted(pieces[:, 0], targets[mine], side="right") - 1].T
            shift = begins[places] - target
            was[0, places] = begin + shift
            was[1, places] = np.where(shift == 0, end, begin + ends[places] - target)
        return was[0], was[1]


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
    header_line: bytes = b""
    """The header's bytes, where a record like it would pass for a row; else empty."""
    rewritten: Rewritten | None = None
    records: int = 0
    marks: Path | None = None
    """Where the records begin: the bytes from one begin to the next as uint32, the first from `start`."""
    lines: Offsets | None = None
    """How many lines end before every LINES_EVERY'th byte from `start` on (sluice.adapters.duck.text.spans)."""
    _told: dict[tuple[int, str], tuple[str, str]] = field(default_factory=dict)
    """Code and reason of values seen before: what is bad is often bad in the same way."""

    @property
    def shape(self) -> Shape:
        """What a record of this file looks like."""
        return Shape(len(self.order), self.trailing, self.longest)

    def reason(self, bad: Bad, columns: tuple[Column, ...], record: bytes) -> tuple[str, str, str | None]:
        """Reason code, reason and column name for the quarantine."""
        if bad.column is None:
            return bad.code, STRUCTURE[bad.code], None
        column, value = columns[bad.column], self.value_in(record, bad.column)
        told = self._told.get((bad.column, value))
        if told is None:
            told = explain(column, value)
            if len(value) <= _SHORT and len(self._told) < _TOLD:
                self._told[bad.column, value] = told
        return (*told, column.name)
