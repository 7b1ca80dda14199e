"""Finds the cells of a workbook that hold an error (#N/A, #DIV/0!) or a formula without its result, as programs write
them that do not compute: its reader gives both as empty ones.

Sources: ECMA-376 part 1, 18.3.1.4 (`c`, `t="e"`); [MS-XLSB] 2.4.32 BrtCellError, 2.4.672 BrtFmlaError, 2.1.4 records.
"""

from __future__ import annotations

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from sluice.adapters.duck.readable import corrupt
from sluice.adapters.duck.typed.binary_workbook import MAGIC, xls_errors
from sluice.errors import SourceError
from sluice.limits import Limits

Cells = set[tuple[int, int]]
"""Row from 1, column from 0."""

_BLOCK = 1 << 20
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*\bt=[\"']e[\"'][^>]*)>")
_NO_RESULT = re.compile(
    rb"<(?:\w+:)?c\b([^>]*)>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_TEXT_RESULT = re.compile(rb"\bt=[\"']str[\"']")
"""An empty text is a result."""
_PLACE = re.compile(rb"\br=[\"']([A-Z]{1,3})([0-9]+)[\"']")
_RATIO_GRACE = 50 << 20
_SMALL = 16 << 20


def error_cells(path: Path, display: str, limits: Limits) -> Callable[[int, str], Cells]:
    """A function that gives the cells with errors of a sheet (by its position and name).

    Raises SourceError CORRUPT_EXCEL, ARCHIVE_LIMIT (the workbook unfolds beyond the limits).
    """
    with path.open("rb") as file:
        magic = file.read(len(MAGIC))
    if magic[:2] != b"PK":
        return _of_xls(path, display)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(archive, path.stat().st_size, display, limits)
            if "content.xml" in archive.namelist():
                sheets = _in_open_document(archive)
                return lambda position, name: sheets[position] if position < len(sheets) else set()
            found = {
                name: cells
                for name in archive.namelist()
                if name.startswith("xl/worksheets/") and name.endswith((".xml", ".bin"))
                if (cells := _in_sheet(archive, name))
            }
            paths = _sheet_paths(archive) if found else {}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError,
            ElementTree.ParseError) as e:  # fmt: skip
        raise corrupt(display, "Excel", e) from e
    return lambda position, name: found.get(paths.get(name, ""), set())


def _of_xls(path: Path, display: str) -> Callable[[int, str], Cells]:
    try:
        sheets = xls_errors(path.read_bytes())
    except (ValueError, struct.error) as e:
        raise corrupt(display, "Excel", e) from e
    return lambda position, name: sheets[position] if position < len(sheets) else set()


def _check_size(archive: zipfile.ZipFile, packed: int, display: str, limits: Limits) -> None:
    """What the zip says its parts unfold to; that it is so, the reader's checksums tell."""
    size = sum(i.file_size for i in archive.infolist())
    if size > limits.unpacked_bytes or (size > _RATIO_GRACE and size > limits.unpack_ratio * packed):
        raise SourceError(
            "ARCHIVE_LIMIT", f"the workbook unfolds to {size} bytes", where=display,
            mend="Deliver it in smaller files, or raise SLUICE_MAX_UNPACKED_BYTES or SLUICE_MAX_UNPACK_RATIO.",
        )  # fmt: skip


def _in_sheet(archive: zipfile.ZipFile, name: str) -> Cells:
    with archive.open(name) as file:
        return set(_in_xml(file) if name.endswith(".xml") else _in_binary(file))


def _in_xml(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    rest = b""
    while block := file.read(_BLOCK):
        text = rest + block
        end = max(text.rfind(b"</c>") + 4, text.rfind(b":c>") + 3)  # behind the last whole cell
        end = end if end > 4 else text.rfind(b">") + 1
        found = [cell.group(1) for cell in _CELL.finditer(text, 0, end)]
        if b"<f" in text or b":f" in text:
            cells = (cell.group(1) for cell in _NO_RESULT.finditer(text, 0, end))
            found += [said for said in cells if not _TEXT_RESULT.search(said)]
        for said in found:
            place = _PLACE.search(said)
            if place is None:
                raise ValueError("a cell with an error does not say where it is")
            letters, row = place.groups()
            column = 0
            for letter in letters:
                column = column * 26 + letter - 64
            yield int(row), column - 1
        rest = text[end:]


def _in_open_document(archive: zipfile.ZipFile) -> list[Cells]:
    """For every sheet of an .ods in its order; LibreOffice marks errors, and gives them an empty text as value."""
    sheets: list[Cells] = []
    row = column = 0
    with archive.open("content.xml") as file:
        for event, item in ElementTree.iterparse(file, ("start", "end")):  # noqa: S314 (bounded, and nothing is fetched)
            kind = item.tag.rpartition("}")[2]
            said = {key.rpartition("}")[2]: value for key, value in item.attrib.items()} if event == "start" else {}
            if kind == "table" and event == "start":
                sheets.append(set())
                row = 0
            elif kind == "table-row" and event == "start":
                row, column = row + 1, 0
                repeated = int(said.get("number-rows-repeated", 1))
            elif kind == "table-row":
                row += repeated - 1
                item.clear()
            elif kind in ("table-cell", "covered-table-cell") and event == "start":
                wrong = any(k.endswith("}value-type") and v == "error" for k, v in item.attrib.items())
                wrong = wrong or ("formula" in said and "value-type" not in said)
                if wrong and sheets:
                    sheets[-1].add((row, column))
                column += int(said.get("number-columns-repeated", 1))
    return sheets


def _in_binary(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    row = 0
    for kind, content in _records(file.read()):
        if kind == 0:  # BrtRowHdr
            row = int.from_bytes(content[:4], "little") + 1
        elif kind in (3, 11):  # BrtCellError, BrtFmlaError
            yield row, int.from_bytes(content[:4], "little")


def _records(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Records of .xlsb: a type of one or two bytes, a length of up to four, seven bits each, and the content."""
    view = memoryview(data)
    at = 0
    while at + 1 < len(data):
        kind = data[at]
        at += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | (data[at] & 0x7F) << 7
            at += 1
        length = shift = 0
        more = True
        while more and shift < 28:
            length |= (data[at] & 0x7F) << shift
            more, shift, at = bool(data[at] & 0x80), shift + 7, at + 1
        yield kind, view[at : at + length]
        at += length


def _sheet_paths(archive: zipfile.ZipFile) -> dict[str, str]:
    """Name of a sheet → its part in the package; .xlsb says it in binary, where sheets are numbered in order."""
    relations = next((n for n in archive.namelist() if n.startswith("xl/_rels/workbook.")), "")
    targets = {
        item.get("Id", ""): posixpath.normpath(posixpath.join("xl", item.get("Target", "")).replace("xl//xl/", "xl/"))
        for item in _xml(archive, relations)
    }
    if "xl/workbook.bin" in archive.namelist():
        return _binary_sheet_paths(archive.read("xl/workbook.bin"), targets)
    relation = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
    strict = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
    paths = {}
    for item in _xml(archive, "xl/workbook.xml").iter():
        if item.tag.rpartition("}")[2] == "sheet":
            identity = item.get(relation) or item.get(strict) or ""
            paths[item.get("name", "")] = targets.get(identity, "").lstrip("/")
    return paths


def _binary_sheet_paths(workbook: bytes, targets: dict[str, str]) -> dict[str, str]:
    paths = {}
    for kind, content in _records(workbook):
        if kind == 156:  # BrtBundleSh: state, id, relation, name
            relation, at = _wide_string(content, 8)
            name, _ = _wide_string(content, at)
            paths[name] = targets.get(relation, "").lstrip("/")
    return paths


def _wide_string(content: memoryview, at: int) -> tuple[str, int]:
    count = int.from_bytes(content[at : at + 4], "little")
    if count == 0xFFFFFFFF:
        return "", at + 4
    end = at + 4 + 2 * count
    return bytes(content[at + 4 : end]).decode("utf-16-le"), end


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    """A small part of the package. Entities are refused by what expands them: it keeps a limit."""
    if archive.getinfo(name).file_size > _SMALL:
        raise ValueError(f"{name} is larger than any such part")
    return ElementTree.fromstring(archive.read(name))  # noqa: S314 (bounded, and nothing is fetched)
