"""Opens files with types: Parquet as it lies where DuckDB reads it right, everything else written plainly first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.packed.partitions import match_columns, partition_values
from sluice.adapters.duck.quarantine import write_rows
from sluice.adapters.duck.readable import Field, Readable, corrupt
from sluice.adapters.duck.typed.arrow import has_int96, open_source
from sluice.adapters.duck.typed.avro import open_avro
from sluice.adapters.duck.typed.excel import open_sheet
from sluice.adapters.duck.typed.forms import Form, Shape, form_of, mismatch
from sluice.adapters.duck.typed.plain import plain_form, write_plain
from sluice.adapters.duck.typed.repaired import open_rows
from sluice.adapters.duck.typed.staging import OddValueError, TypedStaging
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError
from sluice.limits import Limits

PARQUET, ORC, ARROW, AVRO, EXCEL, ROWS = "parquet", "orc", "arrow", "avro", "excel", "rows"
FAMILIES = {
    "parquet": PARQUET, "orc": ORC, "arrow": ARROW, "feather": ARROW, "avro": AVRO, "excel": EXCEL, "xlsx": EXCEL,
    "xls": EXCEL, "xlsb": EXCEL, "ods": EXCEL, "rows": ROWS, "sheet-rows": ROWS,
}  # fmt: skip
"""Format → the family that reads it."""


@dataclass(frozen=True)
class Staged:
    """What became of typed files: staged files with their rows, quarantined rows by reason, what was used to read each."""

    read: int
    staged: list[tuple[Path, int]]
    reasons: dict[str, int]
    dialects: dict[str, dict[str, Any]]


def stage_typed(
    files: Sequence[tuple[str, Path]],
    table: Table,
    server_format: str,
    dialect: Dialect,
    limits: Limits,
    *,
    out: Path,
    quarantine: Path,
    memory_limit: str,
    threads: int,
    scratch: Path,
) -> Staged:
    """Stage the files into the folder `out`, and what does not fit into the file `quarantine`.

    Raises SourceError EMPTY_FILE, those of `open_typed` and of TypedStaging.
    """
    family = FAMILIES[server_format]
    for plainly in (False, True):
        readables, dialects = [], {}
        for number, (display, path) in enumerate(files):
            if not path.stat().st_size:
                if not table.allow_empty:
                    raise SourceError("EMPTY_FILE", "the file has no bytes", where=display, mend="Deliver it again.")
                dialects[display] = dict[str, Any]()
                continue
            target = scratch / f"plain-{number}.parquet"
            readable, dialects[display] = open_typed(
                display, path, table, family, dialect, limits, target=target, plainly=plainly
            )
            readables.append(readable)
        staging = TypedStaging(readables, table, dialect.null_sequence, scratch)
        try:
            staged = staging.write(out, memory_limit=memory_limit, threads=threads)
            reasons = write_rows(staging.bad_rows(memory_limit=memory_limit, threads=threads), quarantine)
        except OddValueError as e:
            if plainly:
                raise corrupt(files[0][0], family, e.__cause__) from e
            continue  # DuckDB gives up on the whole file; written plainly, only the rows are lost that it meant
        break
    staging.check(sum(rows for _, rows in staged), sum(reasons.values()))
    return Staged(sum(r.rows for r in readables), staged, reasons, dialects)


def open_typed(
    display: str,
    path: Path,
    table: Table,
    family: str,
    dialect: Dialect,
    limits: Limits,
    *,
    target: Path,
    plainly: bool = False,
) -> tuple[Readable, dict[str, Any]]:
    """The file, readable by DuckDB (at `target` where it had to be written anew), and what was detected on the way.

    `plainly`: write it anew in any case. Raises SourceError CORRUPT_PARQUET, CORRUPT_ORC ..., TOO_MANY_COLUMNS, TYPE_MISMATCH, SHEET,
    and those of `match_names`.
    """
    used: dict[str, Any] = {}
    case_blind = dialect.case_sensitive_header is False
    if family == EXCEL:
        readable, used = open_sheet(display, path, table, dialect, limits, target)
    elif family == ROWS:
        return open_rows(display, path, table, target), used
    elif family == AVRO:
        readable = open_avro(display, path, table, limits, target, case_blind=case_blind)
    else:
        readable = _columnar(display, path, table, family, limits, target, case_blind=case_blind, plainly=plainly)
    _check_types(readable, table)
    both = {i: v for i, v in partition_values(display, table).items() if i in readable.fields}
    return replace(readable, constants={**readable.constants, **both}), used


def _columnar(
    display: str,
    path: Path,
    table: Table,
    family: str,
    limits: Limits,
    target: Path,
    *,
    case_blind: bool,
    plainly: bool,
) -> Readable:
    with open_source(display, path, family) as source:
        names = source.schema.names
        check_columns(len(names), display, limits)
        order, absent = match_columns(names, table, display, case_blind=case_blind)
        if family == PARQUET and not plainly and _is_direct(path, source.schema):
            fields: dict[int, tuple[Field, ...]] = {
                p: (Field(n, form_of(source.schema.field(i).type)),)
                for i, (n, p) in enumerate(zip(names, order, strict=True))
            }
            return Readable(display, path, source.rows or 0, fields, absent)
        for i, position in enumerate(order):
            _, form = plain_form(source.schema.field(i).type, table.columns[position].type)
            if why := _mismatch(table, position, form):
                raise _type_mismatch(table, position, form.name, display, why)
        types = [c.type for c in table.columns]
        rows, fields = write_plain(source.schema, source.batches(), order, target, set(order), types)
        if source.rows is not None and rows != source.rows:
            raise corrupt(display, family, f"it says {source.rows} rows and has {rows}")
    return Readable(display, target, rows, fields, absent)


def _is_direct(path: Path, schema: pa.Schema) -> bool:
    """Whether DuckDB reads every column as what it is: of names that differ in case only, it takes one for both, and what
    is an INTERVAL to it is bytes to us."""
    if len({n.casefold() for n in schema.names}) < len(schema.names):
        return False
    if any(form_of(f.type).shape is Shape.OTHER for f in schema) or "file_row_number" in schema.names:
        return False
    with pq.ParquetFile(path) as file:
        intervals = any(file.schema.column(i).converted_type == "INTERVAL" for i in range(len(file.schema)))
        return not intervals and not has_int96(file)


def check_columns(count: int, display: str, limits: Limits) -> None:
    """Raises SourceError TOO_MANY_COLUMNS beyond the limit."""
    if count > limits.columns:
        raise SourceError(
            "TOO_MANY_COLUMNS", f"the file has {count:,} columns, {limits.columns:,} are allowed", where=display,
            mend="Split the table, or raise SLUICE_MAX_COLUMNS.",
        )  # fmt: skip


def _check_types(readable: Readable, table: Table) -> None:
    for position, fields in readable.fields.items():
        for field in fields:
            if why := _mismatch(table, position, field.form):
                raise _type_mismatch(table, position, field.form.name, readable.display, why)


def _mismatch(table: Table, position: int, form: Form) -> str | None:
    column = table.columns[position]
    return mismatch(form, column.type, zone_declared=bool(column.options.get("defaultTimezone")))


def _type_mismatch(table: Table, position: int, found: str, display: str, why: str) -> SourceError:
    column = table.columns[position]
    return SourceError(
        "TYPE_MISMATCH", f"column {column.name!r} is {found} in the file and {column.type} in the contract",
        where=display, mend=why,
    )  # fmt: skip
