"""Turns source files into typed Parquet files of the contract's columns, and a quarantine of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from sluice.adapters.duck.connection import DISK_FULL, disk_full
from sluice.adapters.duck.json.files import JSON_FORMATS, json_file
from sluice.adapters.duck.json.staging import JsonStaging
from sluice.adapters.duck.outcome import Converted, StagedPart, dialects_of
from sluice.adapters.duck.packed.partitioned import convert_partitions, is_partitioned
from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.quarantine import write_quarantine
from sluice.adapters.duck.text.delimited import delimited_part
from sluice.adapters.duck.text.staging import Staging
from sluice.contract.dialect import apply_to_columns
from sluice.contract.model import Dialect, Table
from sluice.contract.server import FORMATS
from sluice.errors import SourceError
from sluice.limits import DEFAULT_LIMITS, Limits

DELIMITED = ("csv", "tsv", "psv")
WORKBOOKS = ("excel", "xlsx", "xls", "xlsb", "ods")
_NOT_TEXT = {
    b"PAR1": "Parquet", b"ORC": "ORC", b"ARROW1": "Arrow", b"Obj\x01": "Avro", b"PK\x03\x04": "an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}  # fmt: skip
"""How files that are no text begin; there are NUL bytes in them too."""
ROWS, SHEET_ROWS = "rows", "sheet-rows"
"""Repaired rows of typed files, and of workbooks, whose texts have the contract's marks."""


@dataclass(frozen=True)
class _Engine:
    memory_limit: str
    threads: int
    scratch: Path
    limits: Limits
    in_passing: bool = False


def convert(
    files: Sequence[tuple[str, Path]],
    table: Table,
    server_format: str,
    dialect: Dialect,
    *,
    out: Path,
    quarantine: Path,
    memory_limit: str,
    threads: int,
    scratch: Path,
    limits: Limits = DEFAULT_LIMITS,
    in_passing: bool = False,
) -> Converted:
    """Convert `files` (display name, local plain file) to Parquet files in the folder `out`, which is made anew.

    Rows that are no rows of the contract go to the file `quarantine`, which is written only for such rows.
    Nothing is left behind at either path when this raises. `in_passing`: what is staged is looked at and thrown
    away; of delimited files very many columns of text are then staged in lists (sluice.adapters.duck.text.lists).

    Raises SourceError when a file as a whole cannot be used (EMPTY_FILE, EMPTY_TABLE, UNKNOWN_FORMAT,
    MISSING_COLUMN, UNKNOWN_COLUMN, DUPLICATE_COLUMN, BAD_HEADER, RECORD_TOO_LONG, JSON_ARRAY, JSON_PROPERTY,
    CORRUPT_PARQUET and its like, WRONG_FORMAT, TYPE_MISMATCH, PARTITION, SHEET, TOO_MANY_COLUMNS, NO_FILES), BadInputError when
    the contract asks for what cannot be done (DIALECT, UNKNOWN_ENCODING, DATE_FORMAT, TIMEZONE), TerminalError ROW_COUNT when rows would be unaccounted for,
    OUT_OF_MEMORY, DISK_FULL, DISK.
    """
    server_format = server_format.lower()
    table = apply_to_columns(table, dialect, marks=server_format in (*DELIMITED, *WORKBOOKS, SHEET_ROWS))
    if server_format not in (*FORMATS, ROWS, SHEET_ROWS):
        raise SourceError(
            "UNKNOWN_FORMAT", f"format {server_format!r} is not known", where=table.name,
            mend=f"Use one of {', '.join(FORMATS)}.",
        )  # fmt: skip
    if not files:
        raise SourceError("NO_FILES", "there is no file to convert", where=table.name, mend="Check the location.")
    scratch.mkdir(parents=True, exist_ok=True)
    quarantine.unlink(missing_ok=True)
    rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    try:
        with TemporaryDirectory(dir=scratch, prefix="convert-") as folder:
            engine = _Engine(memory_limit, threads, Path(folder), limits, in_passing)
            if server_format not in (*DELIMITED, *JSON_FORMATS):
                converted = _typed(files, table, server_format, dialect, out=out, quarantine=quarantine, engine=engine)
            elif is_partitioned(files, table):
                engine = replace(engine, in_passing=False)
                converted = _partitions(
                    files, table, server_format, dialect, out=out, quarantine=quarantine, engine=engine
                )
            else:
                converted = _text(files, table, server_format, dialect, out=out, quarantine=quarantine, engine=engine)
    except BaseException as e:
        rmtree(out, ignore_errors=True)
        quarantine.unlink(missing_ok=True)
        if isinstance(e, OSError) and e.errno in DISK_FULL:
            raise disk_full(e.strerror or "", where=table.name) from e
        raise
    return converted


def rows_format(server_format: str) -> str | None:
    """The format in which `convert` reads the quarantined rows of files of a format; None: in text of that format."""
    if server_format.lower() in (*DELIMITED, *JSON_FORMATS):
        return None
    return SHEET_ROWS if server_format.lower() in WORKBOOKS else ROWS


def _typed(
    files: Sequence[tuple[str, Path]],
    table: Table,
    server_format: str,
    dialect: Dialect,
    *,
    out: Path,
    quarantine: Path,
    engine: _Engine,
) -> Converted:
    from sluice.adapters.duck.typed.columnar import stage_typed

    found = stage_typed(
        files, table, server_format, dialect, engine.limits, out=out, quarantine=quarantine,
        memory_limit=engine.memory_limit, threads=engine.threads, scratch=engine.scratch,
    )  # fmt: skip
    refuse_empty(found.read, files, table)
    staged = tuple(StagedPart(path, rows) for path, rows in found.staged)
    rows, bad = sum(part.rows for part in staged), sum(found.reasons.values())
    return Converted(
        staged, quarantine if bad else None, found.read, rows, bad, found.reasons, dialects_of(found.dialects)
    )


def _partitions(
    files: Sequence[tuple[str, Path]],
    table: Table,
    server_format: str,
    dialect: Dialect,
    *,
    out: Path,
    quarantine: Path,
    engine: _Engine,
) -> Converted:
    for display, path in files:
        _refuse_no_bytes(display, path, table)

    def convert_text(chosen: Sequence[tuple[str, Path]], narrow: Table, folder: Path, bad: Path) -> Converted:
        return _text(chosen, narrow, server_format, dialect, out=folder, quarantine=bad, engine=engine)

    converted = convert_partitions(
        files, table, dialect, convert_text, out=out, quarantine=quarantine,
        memory_limit=engine.memory_limit, threads=engine.threads, scratch=engine.scratch,
    )  # fmt: skip
    refuse_empty(converted.rows_read, files, table)
    return converted


def _text(
    files: Sequence[tuple[str, Path]],
    table: Table,
    server_format: str,
    dialect: Dialect,
    *,
    out: Path,
    quarantine: Path,
    engine: _Engine,
) -> Converted:
    for display, path in files:
        _refuse_no_bytes(display, path, table)
        _refuse_other_format(display, path, server_format)
    prepare = _json if server_format in JSON_FORMATS else _delimited
    staging, dialects = prepare(files, table, server_format, dialect, engine)
    read, staged = staging.write(out / "part-0.parquet", memory_limit=engine.memory_limit, threads=engine.threads)
    refuse_empty(read, files, table)
    reasons = write_quarantine(staging.bad_records(), table, quarantine)
    return Converted(
        staged=(StagedPart(out / "part-0.parquet", staged),),
        quarantine=quarantine if reasons else None,
        rows_read=read,
        rows_staged=staged,
        rows_quarantined=sum(reasons.values()),
        reasons=reasons,
        dialect=dialects_of(dialects),
    )


def _delimited(
    files: Sequence[tuple[str, Path]], table: Table, server_format: str, dialect: Dialect, engine: _Engine
) -> tuple[Staging | JsonStaging, dict[str, dict[str, Any]]]:
    parts: list[Part] = []
    dialects: dict[str, dict[str, Any]] = {}
    for number, (display, path) in enumerate(files):
        utf8 = engine.scratch / f"utf8-{number}"
        part, dialects[display] = delimited_part(
            display, path, table, server_format=server_format, dialect=dialect, utf8=utf8, limits=engine.limits
        )
        if part is not None:
            parts.append(part)
    return Staging(parts, table, dialect.null_sequence, engine.scratch, in_passing=engine.in_passing), dialects


def _json(
    files: Sequence[tuple[str, Path]], table: Table, server_format: str, dialect: Dialect, engine: _Engine
) -> tuple[Staging | JsonStaging, dict[str, dict[str, Any]]]:
    found = [
        json_file(display, path, table, server_format, dialect, utf8=engine.scratch / f"utf8-{n}", limits=engine.limits)
        for n, (display, path) in enumerate(files)
    ]
    others = dialect.item_keys is not None and dialect.item_type != "array"
    staging = JsonStaging([f for f, _ in found], table, engine.scratch, limits=engine.limits, others=others)
    return staging, {f.text.display: used for f, used in found}


def _refuse_no_bytes(display: str, path: Path, table: Table) -> None:
    if not path.stat().st_size and not table.allow_empty:
        raise SourceError("EMPTY_FILE", "the file has no bytes", where=display, mend="Deliver the file again.")


def _refuse_other_format(display: str, path: Path, server_format: str) -> None:
    with path.open("rb") as file:
        head = file.read(4096)
    found = next((kind for magic, kind in _NOT_TEXT.items() if head.startswith(magic)), None)
    if found is not None and b"\0" in head:
        raise SourceError(
            "WRONG_FORMAT", f"the contract says {server_format}, the file is {found}", where=display,
            mend="Correct the `format` in the contract, or deliver the right file.",
        )  # fmt: skip


def refuse_empty(rows: int, files: Sequence[tuple[str, Path]], table: Table) -> None:
    if not rows and not table.allow_empty:
        raise SourceError(
            "EMPTY_TABLE", "there are no rows", where=", ".join(display for display, _ in files[:5]),
            mend="Deliver the rows, or let the contract allow an empty table.",
        )  # fmt: skip
