"""A first look at a workbook: each visible sheet with rows is a table."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from sluice.adapters.duck.looks.series import is_series
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
    width = max((sum(c != "" for c in row) for row in rows), default=0)
    least = width if width < 4 else width - 1
    at = next((i for i, row in enumerate(rows) if width and sum(c != "" for c in row) >= least), None)
    if at is None:
        return None
    cells = rows[at]
    terms: dict[str, Any] = {"sheetName": name}
    below = rows[at + 1 :]
    headed = bool(below) and (all(isinstance(c, str) for c in cells) or _is_series(cells, below))
    names = [cell_name(c) for c in cells] if headed else []
    usable = headed and all(names) and len(set(names)) == len(names)
    skipped = at if usable or not headed else at + 1
    terms |= {"skipRows": skipped} if skipped else {}
    terms["header"] = usable
    if usable:
        return Look("excel", tuple(names), terms)
    found: dict[str, None] = {}
    for i in range(len(cells)):
        plain = names[i] if headed and names[i] else f"column_{i + 1}"
        found[plain if plain not in found else f"{plain}_{i + 1}"] = None
    return Look("excel", tuple(found), terms, remarks=("TODO: these names are not the sheet's own. Name its columns.",))


def _is_series(cells: list[Any], below: list[list[Any]]) -> bool:
    """Whether a first row with cells that are no text holds names: years, days or numbers that count."""
    columns = [[cell_name(row[i]).encode() for row in below if i < len(row)] for i in range(len(cells))]
    return is_series([cell_name(c).encode() for c in cells], columns)
