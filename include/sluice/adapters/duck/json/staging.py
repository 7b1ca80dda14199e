"""JSON to typed Parquet in one scan: what is proven is taken from DuckDB, the rest is read exactly on the way.

Every record is cut, counted and given its place before DuckDB sees it (sluice.adapters.duck.json.records). Records
that cannot be proven, and values that do not fit, call back into Python while the scan runs: there they are read
exactly, and either go on as texts or are noted for the quarantine. So bad rows cost what they are, not a second
scan; and records cut = staged + noted, or it is a defect.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import ARROW, NATIVE, SPECIAL

from sluice.adapters.duck.casting.misfits import misfit_of
from sluice.adapters.duck.casting.values import duck_type, explain, register
from sluice.adapters.duck.connection import MIN_THREADS, connect, copy_options, name_sql, text_sql
from sluice.adapters.duck.json.ahead import ahead
from sluice.adapters.duck.json.exact import BadRecordError, ExactReader
from sluice.adapters.duck.json.proof import Proof
from sluice.adapters.duck.json.records import SCHEMA, Cut, Cutter, batches
from sluice.adapters.duck.json.wide import Record, Slabs
from sluice.adapters.duck.places import STRUCTURE, Bad, Places
from sluice.adapters.duck.text.encoding import Locator, TextFile
from sluice.contract.model import Column, Table
from sluice.errors import SourceError, TerminalError
from sluice.limits import Limits

_REREAD = "sluice_reread"
_REFUSE = "sluice_refuse"
_AHEAD = 3
"""Batches that are cut before DuckDB asks for them, of 4 MiB each."""
_MOST_PLAIN, _MOST_AT_ONCE = 500, 1_000
"""Columns for which plain records have a way of their own, and for which one statement is made: what that takes in
planning grows faster than they do."""
_SIFTED = 64
"""After so many odd records it is known whether most of them are bad: if not, looking at them one by one is too dear."""


@dataclass(frozen=True)
class JsonFile:
    """A source file on its way: how it is cut, and how its records are read exactly."""

    text: TextFile
    cutter: Cutter
    exact: ExactReader

    def reason(self, bad: Bad, columns: tuple[Column, ...], record: bytes) -> tuple[str, str, str | None]:
        """Reason code, reason and column name for the quarantine."""
        if bad.column is None:
            return bad.code, STRUCTURE[bad.code], None
        column = columns[bad.column]
        try:
            value = self.exact.value_in(record, bad.column)
        except BadRecordError as e:
            # The value was refused before it was asked whether all that is inside it is JSON.
            return e.code, STRUCTURE[e.code], None
        return (*explain(column, value), column.name)


class JsonStaging:
    """One conversion of JSON files: `write` makes the staged file, `bad_records` then tells what is not in it."""

    def __init__(self, files: Sequence[JsonFile], table: Table, scratch: Path, *, limits: Limits, others: bool) -> None:
        """With `others`, objects may have keys that are no columns."""
        self.files = files
        self.table = table
        self.scratch = scratch
        self.options = copy_options(len(table.columns))
        self.limits = limits
        self.proof = Proof(table, others=others)
        self.provable = Proof.possible(table) and not any(f.exact.shape.positions for f in files)
        self.wide = len(table.columns) > _MOST_AT_ONCE
        self.plain = self.provable and self.proof.plain and len(table.columns) <= _MOST_PLAIN
        self.rules = self.proof.rules()
        self.misfits = [(i, told) for i, c in enumerate(table.columns) if (told := misfit_of(c)) is not None]
        self.records = self.sifted = self.noted = 0
        self.found = [Places() for _ in files]
        self.noting = Lock()
        self.refusal: tuple[int, int, SourceError] | None = None
        self.uncut: SourceError | None = None

    def write(self, out: Path, *, memory_limit: str, threads: int) -> tuple[int, int]:
        """Write the good rows; (rows read, rows staged). Raises SourceError UNKNOWN_COLUMN, those of the cutters;
        TerminalError ROW_COUNT if rows are unaccounted for."""
        descriptors = [os.open(f.text.utf8, os.O_RDONLY) for f in self.files]
        try:
            with (
                ahead(self._batches(), _AHEAD) as cut,
                connect(memory_limit, max(threads, MIN_THREADS), self.scratch, folders=[out.parent]) as connection,
            ):
                if self.wide:
                    staged = self._write_wide(connection, cut, descriptors, out)
                else:
                    self._callbacks(connection, descriptors)
                    connection.register("records", pa.RecordBatchReader.from_batches(SCHEMA, cut))
                    staged = self._copy(connection, out)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if self.refusal is not None:
            raise self._refused(*self.refusal)
        if self.uncut is not None:
            raise self.uncut
        noted = sum(map(len, self.found))
        if self.records != staged + noted:
            raise TerminalError(
                "ROW_COUNT", f"rows are unaccounted for: {self.records} rows were read, {staged} staged and {noted} "
                "quarantined", where=self.table.name, mend="This is a defect of Sluice: keep the file and report it.",
            )  # fmt: skip
        return self.records, staged

    def _refused(self, number: int, begin: int, error: SourceError) -> SourceError:
        text = self.files[number].text
        with closing(Locator(text)) as locator:
            error.where = f"{text.display}, line {locator.place(begin, begin).line}"
        return error

    def bad_records(self) -> Iterator[tuple[JsonFile, Bad]]:
        """Every record that was not staged, file by file, in the order of their bytes."""
        for file, found in zip(self.files, self.found, strict=True):
            for bad in found.in_order():
                yield file, bad

    def _note(self, number: int, begin: int, end: int, column: int | None, code: str = "") -> None:
        with self.noting:  # DuckDB's threads and the one that cuts note them as they come
            self.found[number].note(begin, end, column, code)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        cutters = [(f.text.utf8, f.cutter) for f in self.files]
        brackets = self.limits.json_nesting if self.proof.nested else 0
        try:
            plain = self.table.columns if self.plain else ()
            longest = self.limits.json_record_bytes
            for batch in batches(cutters, brackets=brackets, longest=longest, plain=plain, sift=self._sift):
                self.records += batch.num_rows
                yield batch
        except SourceError as e:
            # DuckDB would make an error of its own of it.
            self.uncut = e

    def _sift(self, number: int, cut: Cut, odd: list[int]) -> list[int]:
        """Of records that are not plain, those that are surely bad: noted here, they cost DuckDB nothing."""
        if self.sifted > _SIFTED and 2 * self.noted < self.sifted:
            return []
        bad = []
        for n in odd:
            begin, record = cut.at + int(cut.begins[n]), bytes(cut.data[cut.begins[n] : cut.ends[n]])
            fault = self._surely_bad(self.files[number], record)
            if fault is not None:
                self._note(number, begin, begin + len(record), *fault)
                bad.append(n)
        self.sifted += len(odd)
        self.noted += len(bad)
        self.records += len(bad)
        return bad

    def _surely_bad(self, file: JsonFile, record: bytes) -> tuple[int | None, str] | None:
        try:
            texts = file.exact.texts(record, file.text.display)
        except BadRecordError as e:
            return e.column, e.code
        except SourceError:
            # DuckDB's turn will come to it, and then the file is refused.
            return None
        return next(((i, "") for i, is_misfit in self.misfits if (t := texts[i]) is not None and is_misfit(t)), None)

    def _copy(self, connection: duckdb.DuckDBPyConnection, out: Path) -> int:
        values = ", ".join(f"v{i} AS {name_sql(c.field_name)}" for i, c in enumerate(self.table.columns))
        typed = ", ".join(f"{self._value(i)} AS v{i}" for i in range(len(self.rules)))
        goods = [(i, good) for i in range(len(self.rules)) if (good := self._good(i)) is not None]
        faults = " ".join(f"WHEN ({good}) IS NOT TRUE THEN {i}" for i, good in goods)
        good = " AND ".join(f"({good})" for _, good in goods) or "true"
        first = f"CASE {faults} ELSE -1 END" if faults else "-1"
        # A comment in place of a name from outside: columns are c0, c1 ... and v0, v1 ... throughout.
        select = (
            f"SELECT {values} FROM (SELECT *, {typed} FROM ({self._texts()}))"
            f" WHERE CASE WHEN NOT known THEN false WHEN {good} THEN true"
            f" ELSE {_REFUSE}(file, begin_at, end_at, {first}) END"
        )
        try:
            (row,) = connection.execute(f"COPY ({select}) TO {text_sql(str(out))} ({self.options})").fetchall()
        finally:
            connection.unregister("records")
        return int(row[0])

    def _write_wide(
        self,
        connection: duckdb.DuckDBPyConnection,
        cut: Iterator[pa.RecordBatch],
        descriptors: Sequence[int],
        out: Path,
    ) -> int:
        register(connection, self.table.columns)
        slabs = Slabs(self.table, self.rules, self.scratch)
        slabs.keep(self._read_exactly(cut, descriptors))
        faults = slabs.cast(connection)
        for n in np.flatnonzero(faults >= 0).tolist():
            number, begin, end = slabs.records[n]
            self._note(number, begin, end, int(faults[n]))
        names = ", ".join(f"v{i} AS {name_sql(c.field_name)}" for i, c in enumerate(self.table.columns))

        def write(values: pa.RecordBatchReader) -> int:
            connection.register("records", values)
            statement = f"COPY (SELECT {names} FROM records) TO {text_sql(str(out))} ({self.options})"
            (row,) = connection.execute(statement).fetchall()
            connection.unregister("records")
            return int(row[0])

        return slabs.copy(faults < 0, write)

    def _read_exactly(
        self, cut: Iterator[pa.RecordBatch], descriptors: Sequence[int]
    ) -> Iterator[tuple[Record, list[str | None]]]:
        for batch in cut:
            for number, begin, end in _rows(*batch.columns[:3]):
                texts = self._reread(number, begin, os.pread(descriptors[number], end - begin, begin))
                if texts is not None:
                    yield (number, begin, end), texts

    def _value(self, position: int) -> str:
        rule, kind = self.rules[position], duck_type(self.table.columns[position].type)
        value = f"CAST({rule.value} AS {kind})"
        plain = self.plain and self.proof.plain_value(position) is not None
        return f"CASE WHEN plain THEN q{position} ELSE {value} END" if plain else value

    def _good(self, position: int) -> str | None:
        good = self.rules[position].good
        if good is None or not self.plain or self.proof.plain_value(position) is None:
            return good
        return f"CASE WHEN plain THEN {self.proof.plain_good(position)} ELSE {good} END"

    def _texts(self) -> str:
        """Records, whether they are `known` by now to be good JSON, and the text of every column.

        Where there can be `plain` records, also whether it is one, and the values that need no text."""
        numbers = range(len(self.rules))
        if not self.plain:
            texts = ", ".join(f"struct_extract_at(t, {i + 2}) AS c{i}" for i in numbers)
            return f"SELECT file, begin_at, end_at, struct_extract_at(t, 1) AS known, {texts} FROM ({self._struct('records')})"
        proof = self.proof
        fields = ", ".join(f"struct_extract_at(p, {i + 1}) AS p{i}" for i in numbers)
        cast = {i: value for i in numbers if (value := proof.plain_value(i)) is not None}
        casts = "".join(f", {value} AS q{i}" for i, value in cast.items())
        source = (
            f"SELECT *, {proof.plain_proven()} AS plain FROM (SELECT *{casts} FROM"
            f" (SELECT *, {fields} FROM (SELECT *, {proof.plain_parsed} AS p FROM records)))"
        )
        texts = ", ".join(
            f"struct_extract_at(t, {i + 2}) AS c{i}" if i in cast
            else f"CASE WHEN plain THEN p{i} ELSE struct_extract_at(t, {i + 2}) END AS c{i}" for i in numbers
        )  # fmt: skip
        kept = "".join(f", q{i}" for i in cast)
        return (
            f"SELECT file, begin_at, end_at, plain{kept}, plain OR struct_extract_at(t, 1) AS known, {texts}"
            f" FROM ({self._struct(f'({source})')})"
        )

    def _struct(self, source: str) -> str:
        """Records with `t`: whether they are known by now to be good JSON, and the text of every column; NULL for plain ones."""
        reread = f"{_REREAD}(file, begin_at, end_at)"
        if not self.provable:
            return f"SELECT *, {reread} AS t FROM {source}"
        proof, count = self.proof, len(self.rules)
        raw = ", ".join(f"CAST(struct_extract_at(s, {i + 1}) AS VARCHAR) AS r{i}" for i in range(count))
        packed = ", ".join(f"c{i} := {proof.text(i, f'r{i}')}" for i in range(count))
        proven = proof.proven([f"r{i}" for i in range(count)])
        parsed = f"CASE WHEN plain THEN NULL ELSE {proof.parsed} END" if self.plain else proof.parsed
        done = "WHEN plain THEN NULL " if self.plain else ""
        return (
            f"SELECT *, CASE {done}WHEN {proven} THEN struct_pack(known := true, {packed}) ELSE {reread} END AS t"
            f" FROM (SELECT *, {raw} FROM (SELECT *, {parsed} AS s FROM {source}))"
        )

    def _callbacks(self, connection: duckdb.DuckDBPyConnection, descriptors: Sequence[int]) -> None:
        fields = [pa.field("known", pa.bool_()), *(pa.field(f"c{i}", pa.string()) for i in range(len(self.rules)))]
        nothing: list[str | None] = [None] * len(self.rules)

        def reread(file: pa.Array, begin: pa.Array, end: pa.Array) -> pa.Array:
            rows = [self._reread(f, b, os.pread(descriptors[f], e - b, b)) for f, b, e in _rows(file, begin, end)]
            known = pa.array([r is not None for r in rows])
            columns = zip(*(r or nothing for r in rows), strict=True)
            return pa.StructArray.from_arrays([known, *(pa.array(c, pa.string()) for c in columns)], fields=fields)

        def refuse(file: int, begin: int, end: int, column: int) -> bool:
            self._note(file, begin, end, column)
            return False

        struct = duckdb.struct_type({f.name: "BOOLEAN" if f.name == "known" else "VARCHAR" for f in fields})
        connection.create_function(
            _REREAD, reread, ["INTEGER", "BIGINT", "BIGINT"], struct,
            type=ARROW, side_effects=True, null_handling=SPECIAL,
        )  # fmt: skip
        connection.create_function(
            _REFUSE, refuse, ["INTEGER", "BIGINT", "BIGINT", "INTEGER"], "BOOLEAN",
            type=NATIVE, side_effects=True, null_handling=SPECIAL,
        )  # fmt: skip
        register(connection, self.table.columns)

    def _reread(self, number: int, begin: int, record: bytes) -> list[str | None] | None:
        """The record's texts; None when it is noted as bad, or belongs to a file that is refused."""
        if self.refusal is not None and (number, begin) > self.refusal[:2]:
            return None
        file = self.files[number]
        try:
            return file.exact.texts(record, file.text.display)
        except BadRecordError as e:
            self._note(number, begin, begin + len(record), e.column, e.code)
        except SourceError as e:
            if self.refusal is None or (number, begin) < self.refusal[:2]:
                self.refusal = (number, begin, e)
        return None


def _rows(*arrays: pa.Array) -> Iterator[tuple[Any, ...]]:
    return zip(*(a.to_pylist() for a in arrays), strict=True)
