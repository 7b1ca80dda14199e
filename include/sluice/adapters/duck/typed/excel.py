"""Reads a sheet of a workbook (.xlsx, .xlsm, .xlsb, .xls, .ods): text cells as text, typed cells as what they are.

A text cell is proven like any text, null sequences and date formats of the contract included. A number, date, time
or boolean is written down canonically first, and its text proven: 5.0, which is how Excel keeps a 5, is an integer;
a serial number in a date column is none, unless its cell is formatted as a date. Of merged cells the first has the
value, the others are null. Blank rows are no rows. A cell with an error (#N/A, #DIV/0!), or a formula that nothing has computed, costs its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from sluice.adapters.duck.packed.partitions import match_columns, partition_values
from sluice.adapters.duck.readable import Field, Readable, corrupt
from sluice.adapters.duck.typed.cell_errors import error_cells
from sluice.adapters.duck.typed.forms import Form, Shape
from sluice.adapters.duck.typed.rows import to_json
from sluice.contract.model import Dialect, Table
from sluice.contract.types import Kind
from sluice.errors import SourceError
from sluice.limits import Limits

_BATCH = 10_000
_HEADER_WITHIN = 50
"""How many rows may stand before the header when nothing is declared."""

_TEXT = Form(Shape.TEXT, "text cells")
_TYPED = Form(Shape.TEXT, "typed cells", canonical=True)

Row = tuple[int, list[Any]]
"""A row's number in the sheet, from 1, and its cells."""


@dataclass(frozen=True)
class _Layout:
    """Where in a row the contract's columns are; `columns` of the contract by the position of the cell."""

    columns: dict[int, int]
    absent: dict[int, str | None]
    rows: tuple[int, ...]
    """The rows of the header."""


def open_sheet(
    display: str, path: Path, table: Table, dialect: Dialect, limits: Limits, target: Path
) -> tuple[Readable, dict[str, Any]]:
    """The table's sheet as Parquet at `target`, and what was detected.

    Which sheet: the declared one; else the one named like the table; else the first that is visible.

    Raises SourceError CORRUPT_EXCEL, SHEET (there is none of that name or number), EMPTY_FILE, BAD_HEADER,
    ARCHIVE_LIMIT, TOO_MANY_COLUMNS and those of `match_names`.
    """
    try:
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as workbook:
            # The library takes the whole sheet into memory: it may not be larger than it looks.
            errors = error_cells(path, display, limits)
            name, detected = _choose(workbook, table, dialect, display)
            sheet = workbook.get_sheet_by_name(name)
            wrong = errors(workbook.sheet_names.index(name), name)
            return _write(
                sheet, wrong, display, table, dialect, limits, target, {"sheetName": name, "detected": detected}
            )
    except (CalamineError, ValueError, OverflowError) as e:
        raise corrupt(display, "Excel", e) from e


def _choose(workbook: CalamineWorkbook, table: Table, dialect: Dialect, display: str) -> tuple[str, list[str]]:
    sheets = [m for m in workbook.sheets_metadata if m.typ == SheetTypeEnum.WorkSheet]
    names = [m.name for m in sheets]
    if dialect.sheet_name is not None:
        if dialect.sheet_name not in names:
            raise _no_sheet(f"there is no sheet {dialect.sheet_name!r}", names, display)
        return dialect.sheet_name, []
    if dialect.sheet_number is not None:
        if not 1 <= dialect.sheet_number <= len(names):
            raise _no_sheet(f"there is no sheet number {dialect.sheet_number}", names, display)
        return names[dialect.sheet_number - 1], []
    if not names:
        raise _no_sheet("there is no sheet", names, display)
    wanted = {table.name.casefold(), table.table_name.casefold()}
    visible = [m.name for m in sheets if m.visible == SheetVisibleEnum.Visible] or names
    return next((n for n in names if n.casefold() in wanted), visible[0]), ["sheetName"]


def _no_sheet(what: str, names: Sequence[str], display: str) -> SourceError:
    return SourceError(
        "SHEET", what, where=display, mend=f"Correct sheetName or sheetNumber; there is {', '.join(map(repr, names[:20]))}."
    )  # fmt: skip


def _write(
    sheet: CalamineSheet,
    errors: set[tuple[int, int]],
    display: str,
    table: Table,
    dialect: Dialect,
    limits: Limits,
    target: Path,
    used: dict[str, Any],
) -> tuple[Readable, dict[str, Any]]:
    first = sheet.start[1] if sheet.start else 0
    skipped = dialect.skip_rows
    rows: Iterator[Row] = ((n, cells) for n, cells in enumerate(sheet.iter_rows(), 1) if n > skipped)
    rows = ((n, cells) for n, cells in rows if n - skipped not in dialect.comment_rows)
    head = list(islice(rows, max(_HEADER_WITHIN, *(dialect.header_rows or (0,)))))
    if sheet.width > limits.columns:
        raise SourceError(
            "TOO_MANY_COLUMNS", f"the sheet has {sheet.width:,} columns, {limits.columns:,} are allowed", where=display,
            mend="Split the table, or raise SLUICE_MAX_COLUMNS.",
        )  # fmt: skip
    layout = _layout(head, table, dialect, display)
    used = {**used, "header": bool(layout.rows), "headerRows": [n - skipped for n in layout.rows]}
    after = max(layout.rows, default=skipped)
    body = ((n, cells) for part in (head, rows) for n, cells in part if n > after)
    with_errors = {line for line, _ in errors}
    kept = _without_footer((r for r in body if any(c != "" for c in r[1]) or r[0] in with_errors), dialect)
    wrong = {(line, column - first) for line, column in errors}
    count = _write_rows(kept, wrong, layout, table, dialect, target)
    fields = {i: (Field(f"c{i}", _TEXT), Field(f"k{i}", _TYPED)) for i in layout.columns.values()}
    return Readable(display, target, count, fields, layout.absent, line="line", fault="fault"), used


def _without_footer(rows: Iterable[Row], dialect: Dialect) -> Iterator[Row]:
    held: list[Row] = []
    for row in rows:
        held.append(row)
        if len(held) > (dialect.footer_rows or 0):
            yield held.pop(0)


def _layout(head: list[Row], table: Table, dialect: Dialect, display: str) -> _Layout:
    if dialect.header is False:
        values = partition_values(display, table)
        width = max((len(cells) for _, cells in head), default=0)
        # Without names a column is in the file when there is room for all of them.
        absent = values if width <= len(table.columns) - len(values) else {}
        kept = [i for i in range(len(table.columns)) if i not in absent]
        return _Layout(dict(enumerate(kept)), absent, ())
    if dialect.header_rows:
        wanted = [dialect.skip_rows + n for n in dialect.header_rows]
        chosen = [r for r in head if r[0] in wanted]
    else:
        expected = {c.name for c in table.columns}
        filled = [r for r in head if any(c != "" for c in r[1])]
        chosen = [r for r in filled if expected <= {cell_name(c) for c in r[1]}][:1] or filled[:1]
    if not chosen:
        if table.allow_empty:
            return _Layout({}, dict.fromkeys(range(len(table.columns))), ())
        raise SourceError("EMPTY_FILE", "the sheet has no rows and no header", where=display, mend="Deliver it again.")
    width = max(len(cells) for _, cells in chosen)
    parts = [[cell_name(cells[at]) if at < len(cells) else "" for _, cells in chosen] for at in range(width)]
    names = [dialect.header_join.join(p for p in column if p) for column in parts]
    named = [at for at, name in enumerate(names) if name]
    order, absent = match_columns(
        [names[at] for at in named], table, display, case_blind=dialect.case_sensitive_header is False
    )
    return _Layout(dict(zip(named, order, strict=True)), absent, tuple(n for n, _ in chosen))


def cell_name(cell: Any) -> str:
    """A cell as the name of a column."""
    return (cell if isinstance(cell, str) else _typed(cell, Kind.STRING)).strip()


def _write_rows(
    rows: Iterable[Row], errors: set[tuple[int, int]], layout: _Layout, table: Table, dialect: Dialect, target: Path
) -> int:
    text, wide = pa.large_string(), pa.int64()
    names = [f"{kind}{i}" for i in layout.columns.values() for kind in "ck"]
    schema = pa.schema([("line", wide), ("fault", text), *((n, text) for n in names)])
    nulls = set(dialect.null_sequence)
    count = 0
    source = iter(rows)
    with pq.ParquetWriter(target, schema, compression="lz4") as writer:
        while batch := list(islice(source, _BATCH)):
            arrays: list[pa.Array] = [
                pa.array([n for n, _ in batch], wide),
                pa.array([_fault(n, cells, errors, layout) for n, cells in batch], text),
            ]
            for at, position in layout.columns.items():
                column = table.columns[position]
                cells = [cells[at] if at < len(cells) else "" for _, cells in batch]
                if column.options.get("format") == "excel":  # days are declared to be numbers
                    cells = [_typed(c, column.type.kind) if isinstance(c, (int, float)) else c for c in cells]
                textual = column.type.kind is Kind.STRING  # elsewhere the rule for the column's texts knows the nulls
                arrays.append(pa.array([_text(c, nulls if textual else ()) for c in cells], text))
                arrays.append(
                    pa.array([None if isinstance(c, str) else _typed(c, column.type.kind) for c in cells], text)
                )
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count


def _text(cell: Any, nulls: Iterable[str]) -> str | None:
    return cell if isinstance(cell, str) and cell != "" and cell not in nulls else None


def _fault(line: int, cells: list[Any], errors: set[tuple[int, int]], layout: _Layout) -> str | None:
    if errors:
        for at, position in layout.columns.items():
            if (line, at) in errors:
                return f"CELL_ERROR:{position}"
    beyond = [cell for at, cell in enumerate(cells) if at not in layout.columns and cell != ""]
    return f"TOO_MANY_COLUMNS:{to_json(beyond)}" if beyond else None


def _typed(cell: Any, kind: Kind) -> str:
    """A cell's value as text in the one spelling that means it in a column of this kind."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        # The digits that are in the file: beyond 2^53 a float has others besides, which nobody wrote.
        return f"{Decimal(repr(cell + 0)):f}".removesuffix(".0")
    if isinstance(cell, datetime):
        midnight = cell.time() == time()
        return cell.date().isoformat() if midnight and kind is Kind.DATE else cell.isoformat(" ")
    if isinstance(cell, date):
        return f"{cell.isoformat()} 00:00:00" if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ) else cell.isoformat()
    if isinstance(cell, timedelta):
        inside = timedelta() <= cell < timedelta(days=1)
        return (datetime(1, 1, 1) + cell).time().isoformat() if inside else str(cell)  # noqa: DTZ001 (a time has no zone)
    return str(cell.isoformat()) if isinstance(cell, time) else str(cell)
