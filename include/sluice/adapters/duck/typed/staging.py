"""Stages files that have types of their own: one scan writes the rows that prove to fit, and only where rows are
missing a second finds the others, for the quarantine.

How many rows there are, the file says itself (its footer, its blocks): that is how rows_read is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from sluice.adapters.duck.casting.values import Rule, duck_type, register
from sluice.adapters.duck.connection import MIN_THREADS, connect, copy_options, name_sql, parquet_sql, text_sql
from sluice.adapters.duck.packed.partitions import constant_sql
from sluice.adapters.duck.quarantine import Row
from sluice.adapters.duck.readable import Field, Readable, corrupt
from sluice.adapters.duck.typed.arrow import open_source
from sluice.adapters.duck.typed.forms import Form, Shape
from sluice.adapters.duck.typed.proofs import explain_value, proof
from sluice.adapters.duck.typed.raw import CELL_ERROR, MORE, raw_value
from sluice.adapters.duck.typed.rows import to_json
from sluice.contract.model import Table
from sluice.contract.types import NUMBERS
from sluice.errors import SourceError, TerminalError

_GROUPS = 200
"""Selects of one COPY; beyond that another staged file is begun."""

_NUMBER_OF_PATH = Form(Shape.TEXT, "text of the path", canonical=True)
_CONSTANT = Form(Shape.TEXT, "text of the path")
_ROW_FAULTS = {
    "CELL_ERROR": "the cell holds an error of Excel's, or a formula without its result, not a value",
    "TOO_MANY_COLUMNS": "the row has values beyond the last column",
    "UNKNOWN_COLUMN": "the row names a column {detail!r}, which the contract does not have",
    "JSON": "the row is not one JSON object",
}


_ONE_VALUE = (
    "Invalid string encoding", "not valid UTF8", "Invalid TIME value", "Could not convert Timestamp",
    "Unable to convert TIMESTAMPTZ", "out of range in timestamp", "threw an execution error",
)  # fmt: skip
"""What DuckDB says when it gives up on a whole file because of one value."""


class OddValueError(Exception):
    """DuckDB will not read a value of a file; written plainly it will. Never leaves this package."""


class TypedStaging:
    """One conversion: `write` makes the staged files, `bad_rows` then gives what is not in them."""

    def __init__(self, files: Sequence[Readable], table: Table, nulls: Sequence[str], scratch: Path) -> None:
        self.files = files
        self.table = table
        self.nulls = tuple(nulls)
        self.scratch = scratch
        self.short = False

    def write(self, out: Path, *, memory_limit: str, threads: int) -> list[tuple[Path, int]]:
        """Write the good rows to the folder `out`; the files and their rows.

        Raises OddValueError, SourceError CORRUPT_PARQUET, CORRUPT_ORC ..., and PARTITION where a file contradicts its path.
        """
        groups = [list(g) for _, g in groupby(self.files, key=self._alike)]
        staged = []
        with self._connect(memory_limit, threads, out) as connection:
            for file in self.files:
                self._check_constants(connection, file)
            for number, start in enumerate(range(0, max(len(groups), 1), _GROUPS)):
                path = out / f"part-{number}.parquet"
                staged.append((path, self._copy(connection, groups[start : start + _GROUPS], path)))
        self.short = sum(rows for _, rows in staged) < sum(f.rows for f in self.files)
        return staged

    def bad_rows(self, *, memory_limit: str, threads: int) -> Iterator[Row]:
        """The rows for the quarantine, file by file in their order. Raises as `write` does."""
        if not self.short:
            return
        with self._connect(memory_limit, threads, None) as connection:
            for file in self.files:
                yield from self._bad_rows_of(connection, file)

    @contextmanager
    def _connect(self, memory_limit: str, threads: int, out: Path | None) -> Iterator[duckdb.DuckDBPyConnection]:
        paths, folders = [f.path for f in self.files], [] if out is None else [out]
        with connect(memory_limit, max(threads, MIN_THREADS), self.scratch, paths=paths, folders=folders) as connection:
            register(connection, self.table.columns)
            yield connection

    def _copy(self, connection: duckdb.DuckDBPyConnection, groups: list[list[Readable]], path: Path) -> int:
        selects = []
        for group in groups:
            values = ", ".join(f"v{i} AS {name_sql(c.field_name)}" for i, c in enumerate(self.table.columns))
            where = " AND ".join(["true", *self._goods(group[0])])
            selects.append(f"SELECT {values} FROM {self._typed(group)} WHERE {where}")
        if not selects:
            nothing = ", ".join(
                f"CAST(NULL AS {duck_type(c.type)}) AS {name_sql(c.field_name)}" for c in self.table.columns
            )
            selects = [f"SELECT {nothing} WHERE false"]
        options = copy_options(len(self.table.columns))
        try:
            (row,) = connection.execute(
                f"COPY ({' UNION ALL '.join(selects)}) TO {text_sql(str(path))} ({options})"
            ).fetchall()
        except duckdb.Error as e:
            raise self._blame([f for g in groups for f in g], e) from e
        return int(row[0])

    def _blame(self, files: Sequence[Readable], error: duckdb.Error) -> Exception:
        """The error of the file that a second library cannot read either, or of the first; `error` if it is another's fault;
        OddValueError where it is the fault of one value."""
        if any(words in str(error) for words in _ONE_VALUE):
            return OddValueError()
        if isinstance(error, (duckdb.OutOfMemoryException, duckdb.InterruptException)):
            return error
        for file in files:
            try:
                with open_source(file.display, file.path, "parquet") as source:
                    for _ in source.batches():
                        pass
            except SourceError as e:
                return e
        return error if isinstance(error, duckdb.IOException) else corrupt(files[0].display, "parquet", error)

    def _alike(self, file: Readable) -> tuple[str, Mapping[int, tuple[Field, ...]]]:
        """What files of one group have in common: their select, and the very types, for DuckDB reads all as the first."""
        return self._typed([replace(file, path=Path("x"))]), file.fields

    def _typed(self, files: Sequence[Readable], extra: str = "") -> str:
        """The files with, beside the values they hold (s0_0, s0_1 ...), the contract's values v0, v1 ..."""
        file = files[0]
        sources = [f"{name_sql(f.name)} AS s{i}_{n}" for i, fields in file.fields.items() for n, f in enumerate(fields)]
        sources += [
            f"CAST({'NULL' if value is None else text_sql(value)} AS VARCHAR) AS s{i}_0"
            for i, value in file.constants.items()
            if i not in file.fields
        ]
        sources += [f"{name_sql(file.fault)} AS fault" if file.fault else "NULL::VARCHAR AS fault"]
        values = [
            f"CAST({r.value} AS {duck_type(self.table.columns[i].type)}) AS v{i}" for i, r in self._rules(file).items()
        ]
        scan = parquet_sql(f.path for f in files)
        return f"(SELECT *, {', '.join(values)} FROM (SELECT {', '.join(sources)}{extra} FROM {scan}))"

    def _rules(self, file: Readable) -> dict[int, Rule]:
        rules = {}
        for i, column in enumerate(self.table.columns):
            fields = file.fields.get(i) or (Field("", _CONSTANT),)
            each = [proof(column, f.form, f"s{i}_{n}", f"v{i}", self.nulls) for n, f in enumerate(fields)]
            rules[i] = each[0] if len(each) == 1 else _first_of(each, i)
        return rules

    def _goods(self, file: Readable) -> list[str]:
        goods = [r.good for r in self._rules(file).values() if r.good is not None]
        return [*(["fault IS NULL"] if file.fault else []), *goods]

    def _check_constants(self, connection: duckdb.DuckDBPyConnection, file: Readable) -> None:
        """A file in `year=2024/` whose own `year` says otherwise cannot be believed."""
        for i, text in file.constants.items():
            column = self.table.columns[i]
            value = constant_sql(connection, column, text, self.nulls, file.display)
            if i not in file.fields:
                continue
            (row,) = connection.execute(
                f"SELECT count(*) FROM {self._typed([file])} WHERE v{i} IS DISTINCT FROM {value}"
            ).fetchall()
            if row[0]:
                raise SourceError(
                    "PARTITION", f"the path says {column.name!r} is {text!r}, {row[0]:,} rows say otherwise",
                    where=file.display, mend="Deliver the file in the partition it belongs to.",
                )  # fmt: skip

    def _bad_rows_of(self, connection: duckdb.DuckDBPyConnection, file: Readable) -> Iterator[Row]:
        rules = self._rules(file)
        cases = ["WHEN fault IS NOT NULL THEN 0"] if file.fault else []
        cases += [f"WHEN ({r.good}) IS NOT TRUE THEN {i + 1}" for i, r in rules.items() if r.good is not None]
        if not cases:
            return
        shown = [
            f"{_readable(f.form, f's{i}_{n}')} AS s{i}_{n}"
            for i, fields in self._all_fields(file).items()
            for n, f in enumerate(fields)
        ]
        line = name_sql(file.line) if file.line else "file_row_number + 1"
        query = (
            f"SELECT line, wrong, fault, {', '.join(shown)} FROM (SELECT *, CASE {' '.join(cases)} ELSE -1 END AS wrong"
            f" FROM {self._typed([file], f', {line} AS line')}) WHERE wrong >= 0"
        )
        try:
            found: Any = connection.sql(query)
            for batch in found.to_arrow_reader(10_000):
                for row in batch.to_pylist():
                    yield self._quarantined(file, row)
        except duckdb.Error as e:
            raise self._blame([file], e) from e

    def _all_fields(self, file: Readable) -> dict[int, tuple[Field, ...]]:
        return {i: file.fields.get(i) or (Field("", _CONSTANT),) for i in range(len(self.table.columns))}

    def _quarantined(self, file: Readable, row: dict[str, Any]) -> Row:
        raw: dict[str, Any] = {}
        at: dict[int, tuple[Form, Any]] = {}
        for i, fields in self._all_fields(file).items():
            column = self.table.columns[i]
            n = next((n for n in range(len(fields)) if row[f"s{i}_{n}"] is not None), 0)
            form, value = fields[n].form, row[f"s{i}_{n}"]
            at[i] = form, value
            # What the path says is part of the row too: a repaired row is replayed without its folder.
            said = i in file.fields or column.type.kind not in NUMBERS or column.options
            raw[column.name] = raw_value(column, form if said else _NUMBER_OF_PATH, value)
        if row["fault"] is not None:
            code, _, detail = str(row["fault"]).partition(":")
            reason, name = _ROW_FAULTS[code].format(detail=detail), None
            if code == "CELL_ERROR":
                name = self.table.columns[int(detail)].name
                raw[name] = CELL_ERROR
            elif code == "TOO_MANY_COLUMNS":
                raw[MORE] = detail
        else:
            column = self.table.columns[row["wrong"] - 1]
            code, reason = explain_value(column, *at[row["wrong"] - 1])
            name = column.name
        text = "{" + ",".join(f"{to_json(k)}:{v}" for k, v in raw.items()) + "}"
        return Row(file.display, row["line"], 0, name, code, reason, text.encode())

    def check(self, staged: int, quarantined: int) -> None:
        """Raises TerminalError ROW_COUNT unless every row of every file is in one place."""
        rows = sum(f.rows for f in self.files)
        if rows != staged + quarantined:
            raise TerminalError(
                "ROW_COUNT", f"the files say {rows} rows, {staged} were staged and {quarantined} quarantined",
                where=self.table.name, mend="This is a defect of Sluice: keep the files and report it.",
            )  # fmt: skip


def _first_of(each: Sequence[Rule], i: int) -> Rule:
    """The rule of the first field that is not null."""
    values = " ".join(f"WHEN s{i}_{n} IS NOT NULL THEN {r.value}" for n, r in enumerate(each))
    goods = " ".join(f"WHEN s{i}_{n} IS NOT NULL THEN {r.good or 'true'}" for n, r in enumerate(each))
    return Rule(f"CASE {values} END", f"(CASE {goods} ELSE true END)")


def _readable(form: Form, source: str) -> str:
    """What Python can hold without loss: moments and UUIDs as text."""
    if form.tick:
        return source
    if form.shape in (Shape.DATE, Shape.TIME, Shape.TIMESTAMP, Shape.UUID):
        return f"CAST({source} AS VARCHAR)"
    return source
