"""Finds where the data of a delimited file begins: which records name its columns, and what before them is none.

What is declared is looked up. What is not is found by the contract's names: a record is a header only if it names
every column. Nothing that could be a row is ever passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from mmap import ACCESS_READ, mmap
from pathlib import Path

from sluice.adapters.duck.casting.values import duck_type, register, rule
from sluice.adapters.duck.connection import MIN_THREADS, connect
from sluice.adapters.duck.text.encoding import TextFile
from sluice.adapters.duck.text.header import find_names, match_names
from sluice.adapters.duck.text.records import Record, RecordParser, read_records
from sluice.adapters.duck.text.spelling import Spelling, gap_between
from sluice.contract.model import Dialect, Table
from sluice.contract.types import Kind
from sluice.errors import SourceError

_LOOK = 100
"""A header is looked for among so many records."""
_TALL = 3
"""So many rows may make a header that nobody declared."""


@dataclass(frozen=True)
class Heading:
    """`names` as the file has them (None: it has no header); data begins at byte `start`.

    `rows` are the header's record numbers, from 1, blank lines counted; `order` gives the contract's column for
    every field; `trailing` tells whether a delimiter follows the last.
    """

    names: list[str] | None
    order: tuple[int, ...]
    rows: tuple[int, ...]
    start: int
    plain: bool
    """Whether the header is nothing but the first line, or there is none."""
    trailing: bool
    line: bytes
    """The header's last record as it stands in the file; empty when there is none, or it is broken."""


def find_heading(text: TextFile, spelling: Spelling, dialect: Dialect, table: Table, begin: int) -> Heading | None:
    """The heading of the file from byte `begin` on; None when nothing is there.

    Raises SourceError (BAD_HEADER, MISSING_COLUMN, UNKNOWN_COLUMN, DUPLICATE_COLUMN).
    """
    wanted = max([_LOOK, *(dialect.header_rows or ())])
    reading = read_records(text.utf8, spelling, begin, columns=len(table.columns))
    records = list(islice(reading, wanted + 1))
    if not any(r.raw for r in records):
        return None
    search = _Search(text, spelling, dialect, table, records, begin)
    found = search.find()
    last = records[found[2][-1] - 1] if found[2] else None
    return Heading(*found, search.trailing(found), b"" if last is None or last.error else last.raw)


def repeats(text: TextFile, line: bytes, start: int) -> frozenset[int]:
    """The bytes from `start` on at which the line `line` begins once more."""
    found: set[int] = set()
    if not line or start >= (size := text.utf8.stat().st_size):
        return frozenset()
    with text.utf8.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        at = data.find(line, start)
        while at >= 0:
            end = at + len(line)
            if (at == start or data[at - 1] in b"\r\n") and (end == size or data[end] in b"\r\n"):
                found.add(at)
            at = data.find(line, end)
    return frozenset(found)


_Found = tuple[list[str] | None, tuple[int, ...], tuple[int, ...], int, bool]


class _Search:
    """Names, order, rows, start and plainness of one file's heading."""

    def __init__(
        self, text: TextFile, spelling: Spelling, dialect: Dialect, table: Table, records: list[Record], begin: int
    ) -> None:
        self.text, self.spelling, self.dialect, self.table = text, spelling, dialect, table
        self.records = records
        self.begin = begin
        self.case_blind = dialect.case_sensitive_header is False
        self.filled = [i for i, r in enumerate(records) if r.raw]

    def find(self) -> _Found:
        if self.dialect.header is False or self.dialect.header_rows == ():
            return None, tuple(range(len(self.table.columns))), (), self.begin, True
        if self.dialect.header_rows is not None:
            return self._declared(self.dialect.header_rows)
        found = self._named() or self._repaired() or self._headless()
        if found is None:
            # The names that are known best tell what is wrong with the others.
            known = {c.name for c in self.table.columns}
            row = max(self.filled[:_LOOK], key=lambda r: len(known.intersection(self._cells(r))))
            if any(self._are_rows(self.filled[: self.filled.index(row)])):
                row = self.filled[0]
            found = self._answer([row], self._cells(row))
        return found

    def trailing(self, found: _Found) -> bool:
        """Whether records end in a delimiter: as the header does, or as every record in sight does."""
        names, order, _, start, _ = found
        if names is not None and len(names) == len(order) + 1:
            return True
        rows = [r for r in self.records if r.raw and r.offset >= start]
        return bool(rows) and all(len(r.fields) == len(order) + 1 and not r.fields[-1] and not r.error for r in rows)

    def _declared(self, rows: Sequence[int]) -> _Found:
        """Row numbers count blank lines; where that finds no names and not counting them does, that is meant."""
        ways = [[n - 1 for n in rows], [self.filled[n - 1] for n in rows if n <= len(self.filled)]]
        ways = [way for way in ways if len(way) == len(rows) and way[-1] < len(self.records)]
        for way in ways:
            for names in self._joined(way):
                if find_names(names, self.table, case_blind=self.case_blind) is not None:
                    return self._answer(way, names)
        if not ways:
            raise SourceError(
                "BAD_HEADER", f"the file ends before row {max(rows)}, which headerRows names", where=self.text.display,
                mend="Correct headerRows in the dialect.",
            )  # fmt: skip
        return self._answer(ways[-1], next(iter(self._joined(ways[-1]))))

    def _named(self) -> _Found | None:
        """The first record, or up to three together, with the name of every column."""
        for tall in range(1, _TALL + 1):
            for first in self.filled:
                rows = list(range(first, first + tall))
                if rows[-1] >= len(self.records) or any(self.records[r].error for r in rows):
                    continue
                for names in self._joined(rows)[: 1 if tall == 1 else -1]:
                    if find_names(names, self.table, case_blind=self.case_blind) is None:
                        continue
                    if any(self._are_rows(self.filled[: self.filled.index(first)])):
                        return None
                    return self._answer(self._repeated(rows), names)
        return None

    def _repeated(self, rows: list[int]) -> list[int]:
        """A header's lines, with those that follow and say the same again."""
        fields = self.records[rows[-1]].fields
        after = rows[-1] + 1
        while len(fields) > 1 and after < len(self.records) and self.records[after].fields == fields:
            rows = [*rows, after]
            after += 1
        return rows

    def _repaired(self) -> _Found | None:
        """The first line as a header with a stray quote, or with a delimiter of its own."""
        raw = self.records[self.filled[0]].raw
        line = raw[: (RecordParser(self.spelling).next_line(raw, 0) or len(raw))].rstrip(b"\r\n")
        gap = gap_between(line, self.spelling.quote, [c.name for c in self.table.columns])
        for delimiter in filter(None, (self.spelling.delimiter, gap)):
            cells = [c.decode("utf-8", "replace") for c in line.split(delimiter)]
            stripped = [c.replace(self.spelling.quote.decode(), "") for c in cells] if self.spelling.quote else cells
            for names in (cells, stripped):
                order = find_names(names, self.table, case_blind=self.case_blind)
                if order is not None:
                    record = self.records[self.filled[0]]
                    after = RecordParser(self.spelling).next_line(record.raw, 0)
                    end = record.offset + after if after else self._after(self.filled[0])
                    return names, tuple(order), (self.filled[0] + 1,), end, False
        return None

    def _headless(self) -> _Found | None:
        """No header at all, if the first record is certainly a row: no text in it is a name, and one is no text."""
        first = self.filled[0]
        cells = self._cells(first)
        names = {c.name.strip().casefold() for c in self.table.columns}
        if self.dialect.header or names & {c.strip().casefold() for c in cells}:
            return None
        telling = [
            cell
            for cell, column in zip(cells, self.table.columns, strict=False)
            if column.type.kind not in (Kind.STRING, Kind.BINARY) and cell not in self.dialect.null_sequence
        ]
        if not telling or not all(self._are_rows([first])):
            return None
        return None, tuple(range(len(self.table.columns))), (), self.begin, True

    def _answer(self, rows: Sequence[int], names: list[str]) -> _Found:
        self._check(rows)
        trailing = len(names) > 1 and not names[-1]
        order = match_names(
            names[:-1] if trailing else names, self.table, self.text.display, case_blind=self.case_blind
        )
        return names, tuple(order), tuple(r + 1 for r in rows), self._after(rows[-1]), tuple(rows) == (0,)

    def _after(self, row: int) -> int:
        return self.records[row + 1].offset if row + 1 < len(self.records) else self.text.utf8.stat().st_size

    def _check(self, rows: Sequence[int]) -> None:
        if any(self.records[r].error for r in rows):
            raise SourceError(
                "BAD_HEADER", "a quote in the header does not close", where=self.text.display,
                mend="Correct the header.",
            )  # fmt: skip
        try:
            for r in rows:
                self.records[r].raw.decode("utf-8")
        except UnicodeDecodeError as e:
            raise SourceError(
                "BAD_HEADER", f"the header is not {self.text.encoding.upper()}", where=self.text.display,
                mend="Declare the file's encoding in the dialect.",
            ) from e  # fmt: skip

    def _joined(self, rows: Sequence[int]) -> list[list[str]]:
        """The names that header rows give: all joined, with merged cells spread to the right, or the last row's."""
        if len(rows) == 1:
            return [self._cells(rows[0])]
        cells = [[c.strip() for c in self._cells(r)] for r in rows]
        spread = [_spread(row) for row in cells[:-1]] + [cells[-1]]
        join = self.dialect.header_join
        return [
            *([join.join(filter(None, parts)) for parts in zip_longest(*way, fillvalue="")] for way in (cells, spread)),
            self._cells(rows[-1]),
        ]

    def _cells(self, row: int) -> list[str]:
        return [f.decode("utf-8", "replace") for f in self.records[row].fields]

    def _are_rows(self, numbers: Sequence[int]) -> list[bool]:
        """Which of the records could be rows of the contract."""
        shaped = [n for n in numbers if not self.records[n].error and self._has_width(self.records[n])]
        fit = dict(
            zip(shaped, rows_fit(self._texts(shaped), self.table, self.dialect, self.text.utf8.parent), strict=True)
        )
        return [fit.get(n, False) for n in numbers]

    def _has_width(self, record: Record) -> bool:
        width = len(self.table.columns)
        return len(record.fields) == width or (len(record.fields) == width + 1 and not record.fields[-1])

    def _texts(self, numbers: Sequence[int]) -> list[list[str | None]]:
        nulls = self.dialect.null_sequence
        return [
            [
                None if cell in nulls and not self.records[n].is_quoted(i) else cell
                for i, cell in enumerate(self._cells(n)[: len(self.table.columns)])
            ]
            for n in numbers
        ]


def _spread(cells: list[str]) -> list[str]:
    """Empty cells take the text to their left: that is how merged cells are written."""
    spread: list[str] = []
    for cell in cells:
        spread.append(cell or (spread[-1] if spread else ""))
    return spread


def rows_fit(rows: list[list[str | None]], table: Table, dialect: Dialect, scratch: Path) -> list[bool]:
    """Whether each row's texts are values of the contract's columns, in its order, and at least two are there."""
    filled = [sum(bool(cell) for cell in row) >= min(2, len(table.columns)) for row in rows]
    telling = [i for i, c in enumerate(table.columns) if c.type.kind not in (Kind.STRING, Kind.BINARY)]
    if not rows or not telling:
        return filled
    rules = {i: rule(table.columns[i], f"c{i}", f"v{i}", dialect.null_sequence) for i in telling}
    texts = ", ".join(f"unnest(${n + 1}::VARCHAR[]) AS c{i}" for n, i in enumerate(telling))
    values = ", ".join(f"CAST({r.value} AS {duck_type(table.columns[i].type)}) AS v{i}" for i, r in rules.items())
    good = " AND ".join(f"({r.good})" for r in rules.values() if r.good is not None)
    with connect("256MB", MIN_THREADS, scratch) as connection:
        register(connection, (table.columns[i] for i in telling))
        fits = connection.execute(
            f"SELECT {good} FROM (SELECT *, {values} FROM (SELECT {texts}))",
            [[row[i] for row in rows] for i in telling],
        ).fetchall()
    return [bool(fit) and full for (fit,), full in zip(fits, filled, strict=True)]
