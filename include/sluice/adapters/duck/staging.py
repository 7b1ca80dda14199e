"""Stages parts: one scan that writes the good rows, and only where rows are missing a second that finds the bad.

The number of records is counted independently of DuckDB (sluice.adapters.duck.spans) while DuckDB works; a file
for which the two could disagree is rewritten exactly first. That is how rows_read is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from sluice.adapters.duck.connection import COPY_OPTIONS, MIN_THREADS, connect, list_sql, name_sql, text_sql
from sluice.adapters.duck.parts import Bad, Part
from sluice.adapters.duck.records import MAX_LINE
from sluice.adapters.duck.spans import IrregularError, count_records, find_spans
from sluice.adapters.duck.values import STRICT_JSON, Rule, duck_type, is_strict_json, rule
from sluice.contract.model import Table
from sluice.contract.types import Kind
from sluice.errors import TerminalError

Codes = npt.NDArray[np.uint16]

_NO_NULL = "\x01sluice:null\x01"
_SAMPLE = 500
_REJECT_CODES = {
    "MISSING COLUMNS": "MISSING_COLUMNS",
    "TOO MANY COLUMNS": "TOO_MANY_COLUMNS",
    "UNQUOTED VALUE": "UNQUOTED_VALUE",
    "LINE SIZE OVER MAXIMUM": "LINE_TOO_LONG",
    "INVALID ENCODING": "INVALID_ENCODING",
}


class Staging:
    """One conversion of text files: `write` makes the staged file, `bad_records` then tells what is not in it."""

    def __init__(self, parts: Sequence[Part], table: Table, nulls: Sequence[str], scratch: Path) -> None:
        self.parts = parts
        self.table = table
        self.nulls = list(nulls)
        self.scratch = scratch
        self.rules: list[Rule] = [rule(c, f"c{i}", f"v{i}", nulls) for i, c in enumerate(table.columns)]
        self.found: list[list[Bad]] = []

    def write(self, out: Path, *, memory_limit: str, threads: int) -> tuple[int, int]:
        """Write the good rows; (rows read, rows staged). Raises TerminalError ROW_COUNT if rows are unaccounted for."""
        sources = [p.text.utf8 for p in self.parts]
        for part in self.parts:
            if not part.ordinary:
                self._rewrite(part)
        with connect(
            memory_limit, max(threads, MIN_THREADS), self.scratch, paths=sources, folders=[out.parent]
        ) as connection:
            if any(c.type.kind is Kind.JSON for c in self.table.columns):
                connection.create_function(STRICT_JSON, is_strict_json, ["VARCHAR"], "BOOLEAN")
            staged = self._copy(connection, out)
            try:
                self._find_bad(connection, staged)
            except IrregularError:
                for part in self.parts:
                    if part.rewritten is None:
                        self._rewrite(part)
                staged = self._copy(connection, out)
                try:
                    self._find_bad(connection, staged)
                except IrregularError as e:
                    raise self._defect(str(e)) from e
        read = sum(p.records for p in self.parts)
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
            for bad in found:
                yield part, bad

    def _rewrite(self, part: Part) -> None:
        number = self.parts.index(part)
        part.rewritten = part.rewrite(part, self.scratch / f"rewritten-{number}.csv")
        part.records = len(part.rewritten.begins) + len(part.rewritten.bad)

    def _copy(self, connection: duckdb.DuckDBPyConnection, out: Path) -> int:
        """Write the good rows while the records are counted; files that turn out irregular are rewritten first."""
        while True:
            with ThreadPoolExecutor(1) as counter:
                irregular = counter.submit(self._count)
                staged = self._copy_once(connection, out)
                again = irregular.result()
            if staged is not None and not again:
                return staged
            for part in again or [p for p in self.parts if p.rewritten is None]:
                self._rewrite(part)

    def _copy_once(self, connection: duckdb.DuckDBPyConnection, out: Path) -> int | None:
        values = ", ".join(f"v{i} AS {name_sql(c.field_name)}" for i, c in enumerate(self.table.columns))
        checks = [r.good for r in self.rules if r.good is not None]
        where = f" WHERE {' AND '.join(checks)}" if checks else ""
        groups = groupby(self.parts, key=self._group)
        selects = [
            f"SELECT {values} FROM {self._typed(self._scan(list(group), 'ignore_errors=true'))}{where}"
            for _, group in groups
        ]
        if not selects:
            nothing = ", ".join(f"NULL::VARCHAR AS c{i}" for i in range(len(self.rules)))
            selects = [f"SELECT {values} FROM {self._typed(f'(SELECT {nothing})')} WHERE false"]
        try:
            (row,) = connection.execute(
                f"COPY ({' UNION ALL '.join(selects)}) TO {text_sql(str(out))} ({COPY_OPTIONS})"
            ).fetchall()
        except duckdb.InvalidInputException:
            if all(p.rewritten is not None for p in self.parts):
                raise
            return None
        return int(row[0])

    def _typed(self, source: str) -> str:
        """`source` with, beside its texts c0, c1 ..., their values v0, v1 ..."""
        values = ", ".join(
            f"CAST({r.value} AS {duck_type(c.type)}) AS v{i}"
            for i, (r, c) in enumerate(zip(self.rules, self.table.columns, strict=True))
        )
        return f"(SELECT *, {values} FROM {source})"

    def _count(self) -> list[Part]:
        """Count every part's records; the parts that turned out irregular."""
        irregular = []
        for part in self.parts:
            if part.rewritten is None:
                try:
                    part.records = count_records(part.text.utf8, part.spelling, part.shape, part.start)
                except IrregularError:
                    irregular.append(part)
        return irregular

    def _group(self, part: Part) -> tuple[object, ...]:
        return part.order, part.spelling, part.header, part.crlf, part.rewritten is not None

    def _scan(self, parts: Sequence[Part], errors: str) -> str:
        """read_csv over parts of one group. Columns are c0, c1 ...: no name from outside is in it."""
        part = parts[0]
        columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in part.order)
        options = [f"columns={{{columns}}}", "auto_detect=false", "allow_quoted_nulls=false", errors]
        if part.rewritten is not None:
            paths = [p.rewritten.path for p in parts if p.rewritten is not None]
            longest = max(p.rewritten.longest for p in parts if p.rewritten is not None)
            options += ["header=false", "delim=','", "quote='\"'", "escape='\"'", "nullstr=['']", r"new_line='\n'"]
            if longest >= MAX_LINE:
                options += [f"max_line_size={longest + 16}", f"buffer_size={4 * (longest + 16)}"]
        else:
            paths = [p.text.utf8 for p in parts]
            quote = text_sql(part.spelling.quote.decode())
            options += [f"header={str(part.header).lower()}", f"delim={text_sql(part.spelling.delimiter.decode())}"]
            options += [f"quote={quote}", f"escape={quote}", f"nullstr={list_sql(self.nulls or [_NO_NULL])}"]
            options.append(r"new_line='\r\n'" if part.crlf else r"new_line='\n'")
        return f"read_csv({list_sql(map(str, paths))}, {', '.join(options)})"

    def _find_bad(self, connection: duckdb.DuckDBPyConnection, staged: int) -> None:
        self.found = [p.rewritten.bad if p.rewritten is not None else [] for p in self.parts]
        if sum(p.records for p in self.parts) == staged + sum(map(len, self.found)):
            return
        self.found = [
            self._in_rewritten(part, self._codes(connection, part)[0])
            if part.rewritten is not None
            else self._in_ordinary(part, *self._codes(connection, part))
            for part in self.parts
        ]
        for part, found in zip(self.parts, self.found, strict=True):
            self._check_place(connection, part, found)

    def _check_place(self, connection: duckdb.DuckDBPyConnection, part: Part, found: list[Bad]) -> None:
        """Read a sample of the values at fault from where they are said to be, and ask again whether they are."""
        written = set() if part.rewritten is None else {b.begin for b in part.rewritten.bad}
        suspects = [b for b in found if b.column is not None and b.begin not in written]
        values: dict[int, list[str]] = {}
        with part.text.utf8.open("rb") as file:
            for bad in suspects[:: 1 + len(suspects) // _SAMPLE]:
                file.seek(bad.begin)
                if bad.column is not None:
                    record = file.read(bad.end - bad.begin)
                    values.setdefault(bad.column, []).append(part.value_in(record, bad.column))
        for column, texts in values.items():
            asked = self.rules[column]
            (row,) = connection.execute(
                f"SELECT count(*) FROM (SELECT *, {asked.value} AS v{column} FROM"
                f" (SELECT unnest($1::VARCHAR[]) AS c{column})) WHERE {asked.good}",
                [texts],
            ).fetchall()
            if row[0]:
                raise IrregularError(f"{row[0]} values at fault are not where DuckDB's order puts them")

    def _codes(self, connection: duckdb.DuckDBPyConnection, part: Part) -> tuple[Codes, dict[int, str]]:
        """0 or 1 + the first column at fault, for every row that DuckDB parses; and the records it rejects, by offset."""
        faults = " ".join(
            f"WHEN ({r.good}) IS NOT TRUE THEN {i + 1}" if r.good is not None else f"WHEN c{i} < '' THEN 65535"
            # No text is below '': without a use DuckDB would not parse the column, nor reject its bad encoding.
            for i, r in enumerate(self.rules)
        )
        flags = self.scratch / "flags.parquet"
        rejects = "store_rejects=true, rejects_table='sluice_rejects', rejects_scan='sluice_scans'"
        connection.execute("DROP TABLE IF EXISTS sluice_rejects; DROP TABLE IF EXISTS sluice_scans")
        try:
            connection.execute(
                f"COPY (SELECT CAST(CASE {faults} ELSE 0 END AS USMALLINT) AS code"
                f" FROM {self._typed(self._scan([part], rejects))})"
                f" TO {text_sql(str(flags))} (FORMAT parquet)"
            )
        except duckdb.InvalidInputException as e:
            raise IrregularError("DuckDB cannot tell what it rejects") from e
        rows = connection.execute(
            "SELECT line_byte_position - 1, CAST(error_type AS VARCHAR) FROM sluice_rejects"
            " ORDER BY line_byte_position, byte_position, error_type"
        ).fetchall()
        rejected: dict[int, str] = {}
        for offset, error in rows:
            rejected.setdefault(int(offset), _REJECT_CODES.get(str(error), "UNQUOTED_VALUE"))
        return pq.read_table(flags)["code"].to_numpy(), rejected

    def _in_rewritten(self, part: Part, codes: Codes) -> list[Bad]:
        rewritten = part.rewritten
        if rewritten is None or len(codes) != len(rewritten.begins):
            raise self._defect(f"{len(codes)} came out of {part.records} records of {part.text.display}")
        found = [Bad(rewritten.begins[n], rewritten.ends[n], int(codes[n]) - 1) for n in np.flatnonzero(codes).tolist()]
        return sorted([*rewritten.bad, *found], key=lambda b: b.begin)

    def _in_ordinary(self, part: Part, codes: Codes, rejected: dict[int, str]) -> list[Bad]:
        """Give DuckDB's rows their bytes. Raises IrregularError when the two do not tell the same story."""
        if len(codes) + len(rejected) != part.records:
            raise IrregularError("DuckDB counts other records")
        offsets = np.fromiter(rejected, np.int64, len(rejected))
        found: list[Bad] = []
        row = 0
        for begins, ends in find_spans(part.text.utf8, part.spelling, part.shape, part.start):
            # In files with CRLF, DuckDB 2.0 sometimes points at the LF before the record.
            is_rejected = np.isin(begins, offsets) | np.isin(begins - 1, offsets)
            parsed = np.flatnonzero(~is_rejected)
            faulty = np.flatnonzero(codes[row : row + len(parsed)])
            column = dict(zip(parsed[faulty].tolist(), codes[row + faulty].tolist(), strict=True))
            row += len(parsed)
            for n in np.union1d(parsed[faulty], np.flatnonzero(is_rejected)).tolist():
                begin = int(begins[n])
                found.append(
                    Bad(begin, int(ends[n]), column[n] - 1)
                    if n in column
                    else Bad(begin, int(ends[n]), None, rejected.get(begin) or rejected[begin - 1])
                )
        if row != len(codes) or sum(b.column is None for b in found) != len(rejected):
            raise IrregularError("DuckDB's offsets are not where records begin")
        return found
