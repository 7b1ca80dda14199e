"""Reads repaired rows of typed files: JSON objects, one per line, as sluice.adapters.duck.typed.raw writes them.

A bare number or boolean is a value of its own type, as it was in the file; a string is text, proven as the contract
says texts are spelt, and where that column declares a format of its own also as moments are written here (ISO 8601).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.casting.leaves import Number, exactly, write
from sluice.adapters.duck.readable import Field, Readable
from sluice.adapters.duck.typed.forms import Form, Shape
from sluice.adapters.duck.typed.raw import BASE64, ERROR, JSON, MORE
from sluice.contract.model import Column, Table
from sluice.contract.types import INTEGERS, MOMENTS, Kind

_BATCH = 10_000
_WIDEST_EXPONENT = 400
_HALF = re.compile("[\ud800-\udfff]")
_AS_JSON = (Kind.STRING, Kind.JSON)
"""Kinds of which a nested value is the value, as its JSON text."""


@dataclass
class _Cells:
    """A column of a batch: of every row one of these is the value, the others are null."""

    text: list[str | None] = field(default_factory=list)
    typed: list[str | None] = field(default_factory=list)
    nested: list[str | None] = field(default_factory=list)
    binary: list[bytes | None] = field(default_factory=list)

    def add(self, *, text: str | None = None, typed: str | None = None, nested: str | None = None,
            binary: bytes | None = None) -> None:  # fmt: skip
        """One row."""
        self.text.append(text)
        self.typed.append(typed)
        self.nested.append(nested)
        self.binary.append(binary)


def open_rows(display: str, path: Path, table: Table, target: Path) -> Readable:
    """The rows as Parquet at `target`. What is no object of the contract's columns is at fault, row by row."""
    text = pa.large_string()
    columns = [(f"{k}{i}", pa.large_binary() if k == "b" else text) for i in range(len(table.columns)) for k in "ckjb"]
    schema = pa.schema([("line", pa.int64()), ("fault", text), *columns])
    count = 0
    with path.open(encoding="utf-8", newline="\n") as lines, pq.ParquetWriter(target, schema, compression="lz4") as out:
        numbered = ((n, line) for n, line in enumerate(lines, 1) if line.strip())
        while batch := list(islice(numbered, _BATCH)):
            out.write_table(pa.Table.from_arrays(_arrays(batch, table, schema), schema=schema))
            count += len(batch)
    fields = {i: tuple(_fields(i, column)) for i, column in enumerate(table.columns)}
    return Readable(display, target, count, fields, line="line", fault="fault")


def _fields(i: int, column: Column) -> Iterator[Field]:
    either = column.type.kind in MOMENTS and "format" in column.options
    yield Field(f"c{i}", Form(Shape.TEXT, "text", either=either))
    yield Field(f"k{i}", Form(Shape.TEXT, "a value", canonical=True))
    if column.type.kind in _AS_JSON:
        yield Field(f"j{i}", Form(Shape.JSON, "a nested value"))
    yield Field(f"b{i}", Form(Shape.BYTES, "bytes", textual=column.type.kind is not Kind.BINARY))


def _arrays(batch: list[tuple[int, str]], table: Table, schema: pa.Schema) -> list[pa.Array]:
    cells = [_Cells() for _ in table.columns]
    faults: list[str | None] = []
    for _, line in batch:
        values, fault = _members(line, table)
        for i, column in enumerate(table.columns):
            wrong = _add(cells[i], column, values.get(column.name), i)
            fault = fault or wrong
        faults.append(fault)
    lists: list[list[Any]] = [[n for n, _ in batch], faults]
    for each in cells:
        lists += [each.text, each.typed, each.nested, each.binary]
    return [pa.array(values, kind) for values, kind in zip(lists, schema.types, strict=True)]


def _members(line: str, table: Table) -> tuple[dict[str, Any], str | None]:
    """A row's values by name, and its fault."""
    try:
        values = exactly(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return {}, "JSON"
    if MORE in values:
        return values, f"TOO_MANY_COLUMNS:{_written(values[MORE])}"
    unknown = values.keys() - {c.name for c in table.columns}
    return values, f"UNKNOWN_COLUMN:{min(unknown)}" if unknown else None


def _add(cells: _Cells, column: Column, value: Any, position: int) -> str | None:
    """Put a value where it belongs; the fault of one that stands for an error."""
    kind = column.type.kind
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name == ERROR:
            cells.add()
            return f"CELL_ERROR:{position}"
        if name == BASE64 and (content := _decoded(inner)) is not None:
            cells.add(binary=content)
            return None
        if name == JSON:
            cells.add(nested=_written(inner)) if kind in _AS_JSON else cells.add(text=_written(inner))
            return None
    if isinstance(value, (dict, list)):
        cells.add(nested=_written(value)) if kind in _AS_JSON else cells.add(text=_written(value))
    elif isinstance(value, Number):
        cells.add(typed=_number(value, kind))
    elif isinstance(value, bool):
        cells.add(typed="true" if value else "false")
    elif isinstance(value, str) and _HALF.search(value):
        cells.add(binary=value.encode("utf-8", "surrogatepass"))
    else:
        cells.add(text=value)
    return None


def _decoded(text: Any) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (ValueError, TypeError):
        return None


def _number(text: str, kind: Kind) -> str:
    """A number's digits as the kind's rule has them: 5.0 in a column of integers is 5, as in the file."""
    if kind is Kind.BOOLEAN:
        return {"0": "false", "1": "true"}.get(text, text)
    if kind not in INTEGERS and kind is not Kind.DECIMAL:
        return str(text)
    number = Decimal(text)
    if abs(number.adjusted()) > _WIDEST_EXPONENT:
        return str(text)
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _written(value: Any) -> str:
    """JSON text; half of a surrogate pair is spelt out."""
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", write(value))
