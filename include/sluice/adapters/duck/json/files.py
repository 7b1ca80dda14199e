"""Decides how a JSON file is to be cut: lines, an array, an array under a property, or values that follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sluice.adapters.duck.json.elements import Elements
from sluice.adapters.duck.json.envelope import Envelope, array_of, find_rows
from sluice.adapters.duck.json.exact import ExactReader, RecordShape, array_values, is_record
from sluice.adapters.duck.json.records import BLOCK, Cut, Cutter, Lines
from sluice.adapters.duck.json.staging import JsonFile
from sluice.adapters.duck.text.encoding import TextFile, open_text
from sluice.adapters.duck.text.header import match_names
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError
from sluice.limits import Limits

JSON_FORMATS = ("json", "jsonl", "ndjson")

_SAMPLE = 1 << 18
_SAMPLE_LINES = 20


def json_file(
    display: str, path: Path, table: Table, server_format: str, dialect: Dialect, *, utf8: Path, limits: Limits
) -> tuple[JsonFile, dict[str, Any]]:
    """The file, ready to be staged, and what was used to read it.

    `jsonl` and `ndjson` are lines; `json` is what its content says, or what `dialect.property` names. Rows that are
    arrays must be declared (`item_type`): then `item_keys` names their values, or else the first row does, unless
    `header` is false, which means the contract's order.

    Raises SourceError COLUMN_LIMIT, JSON_ARRAY, JSON_PROPERTY, BAD_HEADER, and those of `match_names`; BadInputError.
    """
    if len(table.columns) > limits.columns:
        raise SourceError(
            "COLUMN_LIMIT", f"there are {len(table.columns):,} columns, and the limit is {limits.columns:,}", where=display,
            mend="Declare one column of type json in place of many, or raise SLUICE_MAX_COLUMNS.",
        )  # fmt: skip
    text = open_text(display, path, dialect.encoding, utf8)
    cutter, layout = _cutter(text, server_format, dialect)
    used: dict[str, Any] = {"encoding": text.encoding, "layout": layout}
    used["detected"] = [
        k for k, known in (("encoding", dialect.encoding), ("layout", server_format != "json")) if not known
    ]
    if dialect.property:
        used["property"] = dialect.property
    only = frozenset(dialect.item_keys) if dialect.item_keys is not None else None
    shape = RecordShape(only=only)
    if dialect.item_type == "array":
        cutter, positions = _positions(cutter, text, table, dialect)
        shape = RecordShape(positions=positions)
        used["itemKeys"] = list(positions)
    elif only is not None:
        match_names(list(dict.fromkeys(dialect.item_keys or ())), table, display)
    exact = ExactReader(table, shape, limits.json_nesting, limits.json_record_bytes)
    return JsonFile(text, cutter, exact), used


def cut_in_lines(file: JsonFile) -> bool:
    """Whether its records are lines, so that it can be read in pieces."""
    cutter = file.cutter
    return isinstance(cutter.cutter if isinstance(cutter, _WithoutFirst) else cutter, Lines)


def continued(file: JsonFile, text: TextFile) -> JsonFile:
    """A later piece of the same file, whose records are lines."""
    return replace(file, text=text, cutter=Lines(text.start, text.display, BLOCK))


def _cutter(text: TextFile, server_format: str, dialect: Dialect) -> tuple[Cutter, str]:
    display, rows_are_arrays = text.display, dialect.item_type == "array"
    if server_format == "json" and dialect.property:
        return Elements(find_rows(text.utf8, text.start, dialect.property, display), display, BLOCK), "array"
    array = array_of(text.utf8, text.start)
    if server_format != "json":
        if array is not None and not rows_are_arrays:
            raise SourceError(
                "JSON_ARRAY", "the file is one JSON array, not JSON lines", where=display,
                mend="Declare the server's format as json.",
            )  # fmt: skip
        return Lines(text.start, display, BLOCK), "lines"
    lines = in_lines(text)
    if array is not None and not (rows_are_arrays and lines):
        return Elements(array, display, BLOCK), "array"
    if lines:
        return Lines(text.start, display, BLOCK), "lines"
    return Elements(Envelope(text.start, array=False), display, BLOCK), "values"


def in_lines(text: TextFile) -> bool:
    """Whether lines are records. Of a value that is written over several lines, the first is no whole value."""
    with text.utf8.open("rb") as file:
        file.seek(text.start)
        sample = file.read(_SAMPLE)
        whole = not file.read(1)
    lines = sample.split(b"\n")
    lines = [line for line in (lines if whole or len(lines) == 1 else lines[:-1]) if line.strip()][:_SAMPLE_LINES]
    if len(lines) < 2:
        return not lines or (lines[0].lstrip()[:1] != b"[" and (whole or is_record(lines[0])))
    # The first line may be a bad one; then most of the others are whole.
    records = [line.lstrip()[:1] in (b"{", b"[") and is_record(line) for line in lines]
    return records[0] or sum(records) > len(lines) / 2


def _positions(cutter: Cutter, text: TextFile, table: Table, dialect: Dialect) -> tuple[Cutter, tuple[str, ...]]:
    """The names of an array row's values, and a cutter that leaves out the row which names them."""
    if dialect.item_keys is not None:
        names = list(dialect.item_keys)
    elif dialect.header is False:
        names = [c.name for c in table.columns]
    else:
        first = next(cutter.cut(text.utf8), None)
        header = bytes(first.data[first.begins[0] : first.ends[0]]) if first is not None else b""
        found = array_values(header)
        if found is None:
            raise SourceError(
                "BAD_HEADER", "the first row is no array of names", where=text.display,
                mend="Declare `itemKeys`, or `header: false` where rows come in the contract's order.",
            )  # fmt: skip
        names, cutter = found, _WithoutFirst(cutter)
    match_names(names, table, text.display)
    return cutter, tuple(names)


class _WithoutFirst:
    """A cutter that leaves out the first record: it is a header."""

    def __init__(self, cutter: Cutter) -> None:
        self.cutter = cutter

    def cut(self, path: Path) -> Iterator[Cut]:
        for number, cut in enumerate(self.cutter.cut(path)):
            if number:
                yield cut
            elif len(cut.ends) > 1:
                rest = tuple(n - 1 for n in cut.exact if n)
                yield replace(cut, begins=cut.begins[1:], ends=cut.ends[1:], exact=rest)
