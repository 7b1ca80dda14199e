"""A first look at a workbook: each visible sheet with rows is a table."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from sluice.adapters.duck.looks.layout import header_rows, joined_names
from sluice.adapters.duck.looks.series import is_series
from sluice.adapters.duck.text.records import Record
from sluice.adapters.duck.typed.excel import cell_name
from sluice.draft.look import Look
from sluice.errors import SourceError

_LOOK = 60
_BEGINNINGS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def is_workbook(path: Path) -> bool:
    """Whether an unpacked file begins like a workbook: the new ones are zip archives, the old ones compound files."""
    with path.open("rb") as file:
        return file.read(4) in _BEGINNINGS


def sheet_looks(display: str, path: Path) -> list[Look]:
    """A look for every sheet that holds a table, in the workbook's order. Raises SourceError CORRUPT_EXCEL."""
    found = []
    try:
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as workbook:
            for sheet in workbook.sheets_metadata:
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible:
                    rows = list(islice(workbook.get_sheet_by_name(sheet.name).iter_rows(), _LOOK))
                    if (look := _sheet(sheet.name, rows)) is not None:
                        found.append(look)
    except (CalamineError, ValueError, OverflowError) as e:
        raise SourceError(
            "CORRUPT_EXCEL", f"the workbook cannot be read: {e}", where=display, mend="Deliver the file again."
        ) from e
    return found


def _sheet(name: str, rows: list[list[Any]]) -> Look | None:
    width = max(map(_filled, rows), default=0)
    least = width if width < 4 else width - 1
    full = next((i for i, row in enumerate(rows) if width and _filled(row) >= least), None)
    if full is None:
        return None
    at = _first(rows, full)
    body = [Record(i, b"", [cell_name(c).encode() for c in row], None, "") for i, row in enumerate(rows[at:], at)]
    wide = max(len(row) for row in rows[at : full + 1])
    header = _names(rows[at:], body, wide)
    terms: dict[str, Any] = {"sheetName": name}
    names, by_position = joined_names([r.fields for r in body[:header]], wide, trailing=False)
    skipped = at + header if by_position else at
    terms |= {"skipRows": skipped} if skipped else {}
    terms["header"] = not by_position
    if header > 1 and not by_position:
        terms["headerRows"] = list(range(1, header + 1))
    return Look("excel", names, terms, remarks=_remarks(at, by_position=by_position))


def _remarks(at: int, *, by_position: bool) -> tuple[str, ...]:
    passed = "the first row" if at == 1 else f"the first {at} rows"
    above = (f"Passed over as no part of the table (skipRows): {passed}.",) if at else ()
    own = ("TODO: these names are not the sheet's own. Name its columns.",) if by_position else ()
    return above + own


def _filled(row: list[Any]) -> int:
    return sum(c != "" for c in row)


def _first(rows: list[list[Any]], full: int) -> int:
    """The first row of the table whose first full one is `full`: rows that lack values may stand above it, and their
    names."""
    if all(isinstance(c, str) for c in rows[full]):
        return full
    first = full
    for i in range(full - 1, -1, -1):
        row = rows[i]
        if _filled(row) > 1 and not isinstance(row[0], str) and type(row[0]) is type(rows[full][0]):
            first = i
        elif _filled(row):
            named = _filled(row) > 1 and all(isinstance(c, str) for c in row)
            return i if named and i == first - 1 else first
    return first


def _names(rows: list[list[Any]], body: list[Record], width: int) -> int:
    """How many rows hold names."""
    if len(rows) < 2:
        return 0
    columns = [[r.fields[i] for r in body[1:] if i < len(r.fields)] for i in range(len(body[0].fields))]
    if not all(isinstance(c, str) for c in rows[0]) and not is_series(body[0].fields, columns):
        return 0
    return max(1, header_rows(body, width, titled=False))
