"""Stages parts: one scan that writes the good rows, and remembers of the others what is needed to find them.

The number of records is counted independently of DuckDB (sluice.adapters.duck.text.spans) while DuckDB works; a file
for which the two could disagree is rewritten exactly first. That is how rows_read is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import mul
from pathlib import Path
from threading import Event

import duckdb

from sluice.adapters.duck.casting.values import register
from sluice.adapters.duck.connection import MIN_THREADS, connect, copy_options, name_sql, text_sql
from sluice.adapters.duck.parts import Part, Patched
from sluice.adapters.duck.places import Bad, Places
from sluice.adapters.duck.text.capture import catching, prepare
from sluice.adapters.duck.text.encoding import line_ends
from sluice.adapters.duck.text.faults import WITH_REJECTS, Faults, forget_rejects
from sluice.adapters.duck.text.lists import in_lists, is_listed, lists_sql
from sluice.adapters.duck.text.reading import Reading
from sluice.adapters.duck.text.spans import IrregularError, count_records
from sluice.contract.model import Table
from sluice.errors import TerminalError

_SAMPLE = 1 << 18
_PATIENCE = 0.02
"""Seconds between two requests to stop copying: one that comes before the statement begins is not heard."""


class Staging:
    """One conversion of text files: `write` makes the staged file, `bad_records` then tells what is not in it.

    `in_passing`: the file is looked at and thrown away, so it is packed lightly, and many columns stand in lists.
    """

    def __init__(
        self, parts: Sequence[Part], table: Table, nulls: Sequence[str], scratch: Path, *, in_passing: bool = False
    ) -> None:
        self.parts = parts
        self.table = table
        self.reading = Reading.of(table, nulls)
        self.scratch = scratch
        self.in_passing = in_passing
        self.found: list[Places] = []
        self.read = list(parts)
        """What DuckDB reads: the parts, or in their stead what is regular."""
        self.patched: dict[int, Patched] = {}

    def write(self, out: Path, *, memory_limit: str, threads: int) -> tuple[int, int]:
        """Write the good rows; (rows read, rows staged). Raises TerminalError ROW_COUNT if rows are unaccounted for."""
        sources = [p.text.utf8 for p in self.parts]
        for number, part in enumerate(self.parts):
            if not part.ordinary:
                self._patch(number)
        with connect(
            memory_limit, max(threads, MIN_THREADS), self.scratch, paths=sources, folders=[out.parent]
        ) as connection:
            register(connection, self.table.columns)
            faults = Faults(connection, self.reading, self.scratch)
            staged = self._copy(connection, out)
            try:
                found = faults.find(self.read, staged)
            except IrregularError:
                for number, part in enumerate(self.read):
                    if part.rewritten is None:
                        self._rewrite(number)
                staged = self._copy(connection, out)
                try:
                    found = faults.find(self.read, staged)
                except IrregularError as e:
                    raise self._defect(str(e)) from e
        self.found = [self.patched[n].original(bad) if n in self.patched else bad for n, bad in enumerate(found)]
        read = sum(p.records for p in self.read) + sum(len(p.bad) for p in self.patched.values())
        quarantined = sum(map(len, self.found))
        if read != staged + quarantined:
            raise self._defect(f"{read} rows were read, {staged} staged and {quarantined} quarantined")
        return read, staged

    def _defect(self, what: str) -> TerminalError:
        return TerminalError(
            "ROW_COUNT", f"rows are unaccounted for: {what}", where=self.table.name,
            mend="This is a defect of Sluice: keep the file and report it.",
        )  # fmt: skip

    def bad_records(self) -> Iterator[tuple[Part, Bad]]:
        """Every record that was not staged, file by file, in the order of their bytes."""
        for part, found in zip(self.parts, self.found, strict=True):
            for bad in found.in_order():
                yield part, bad

    def _patch(self, number: int) -> None:
        """Let DuckDB read a regular form of a part, or one written anew where there is none."""
        part = self.read[number]
        if part.patch is None:
            return self._rewrite(number)
        try:
            self.patched[number] = part.patch(part, self.scratch / f"patched-{number}.csv")
        except IrregularError:
            return self._rewrite(number)
        self.read[number] = self.patched[number].part

    def _rewrite(self, number: int) -> None:
        self.patched.pop(number, None)
        part = self.read[number] = self.parts[number]
        part.rewritten = part.rewrite(part, self.scratch / f"rewritten-{number}.csv")
        part.records = len(part.rewritten.begins) + len(part.rewritten.bad)

    def _copy(self, connection: duckdb.DuckDBPyConnection, out: Path) -> int:
        """Write the good rows while the records are counted; files that turn out irregular are patched first."""
        while True:
            copied = Event()
            with ThreadPoolExecutor(1) as counter:
                counted = counter.submit(self._count, connection, copied)
                try:
                    staged = self._copy_once(connection, out)
                    interrupted = None
                except duckdb.InterruptException as error:
                    staged, interrupted = None, error
                finally:
                    copied.set()
                again = counted.result()
            if interrupted is not None and not again:
                raise interrupted  # somebody else stopped it, and means it
            if staged is not None and not again:
                return staged
            for number in again:
                self._patch(number)
            if not again:
                for number, part in enumerate(self.read):
                    if part.rewritten is None:
                        self._rewrite(number)

    def _copy_once(self, connection: duckdb.DuckDBPyConnection, out: Path) -> int | None:
        prepare(connection)
        forget_rejects(connection)
        values = self._values()
        selects = []
        for _, group in groupby(self.read, key=self._group):
            parts = list(group)
            if parts[0].rewritten is not None:
                source = self.reading.rewritten(parts, WITH_REJECTS)
            else:
                paths = [p.text.utf8 for p in parts]
                source = self.reading.ordinary(paths, parts[0], WITH_REJECTS, header=parts[0].header)
            good = self.reading.good
            where = f" WHERE {catching(good, parts[0].order)}" if good else ""
            selects.append(f"SELECT {values} FROM {self.reading.typed(source)}{where}")
        if not selects:
            nothing = ", ".join(f"NULL::VARCHAR AS c{i}" for i in range(len(self.table.columns)))
            selects = [f"SELECT {values} FROM {self.reading.typed(f'(SELECT {nothing})')} WHERE false"]
        options = copy_options(len(self.table.columns), _row_bytes(self.parts), passing=self.in_passing)
        try:
            (row,) = connection.execute(
                f"COPY ({' UNION ALL '.join(selects)}) TO {text_sql(str(out))} ({options})"
            ).fetchall()
        except duckdb.InvalidInputException:
            if all(p.rewritten is not None for p in self.read):
                raise
            return None
        return int(row[0])

    def _values(self) -> str:
        columns = self.table.columns
        listed = in_lists(columns) if self.in_passing and is_listed(len(columns)) else []
        lists = [lists_sql([f"v{i}" for i in listed])] if listed else []
        alone = set(range(len(columns))) - set(listed)
        return ", ".join([*lists, *(f"v{i} AS {name_sql(columns[i].field_name)}" for i in sorted(alone))])

    def _count(self, connection: duckdb.DuckDBPyConnection, copied: Event) -> list[int]:
        """Count every part's records; the numbers of those that turned out irregular, for which copying is stopped."""
        irregular = []
        for number, part in enumerate(self.read):
            if part.rewritten is None and part.marks is None:
                marks = self.scratch / f"marks-{number}"
                try:
                    counted = count_records(part.text.utf8, part.spelling, part.shape, part.start, marks)
                    part.records, part.lines, part.marks = counted.records, counted.lines, marks
                except IrregularError:
                    irregular.append(number)
        while irregular and not copied.wait(_PATIENCE):
            connection.interrupt()
        return irregular

    def _group(self, part: Part) -> tuple[object, ...]:
        return part.order, part.spelling, part.header, part.crlf, part.longest, part.rewritten is not None


def _row_bytes(parts: Sequence[Part]) -> float:
    """How long the records are at the begins of parts, by their lines; a large part counts for more."""
    lengths: list[float] = []
    sizes: list[int] = []
    for part in parts:
        with part.text.utf8.open("rb") as file:
            file.seek(part.start)
            block = file.read(_SAMPLE)
        end = part.spelling.terminator
        lengths.append(len(block) / max(1, block.count(end) if end else line_ends(block, 0, len(block))))
        sizes.append(part.text.utf8.stat().st_size)
    return float(sum(map(mul, lengths, sizes))) / max(1, sum(sizes))
