"""Reads one JSON record exactly, as RFC 8259 has it: numbers keep their digits, repeated keys and NaN are refused.

DuckDB and pyarrow pass decimals through doubles and accept "5" as an integer, repeated keys, NaN and trailing
commas. This is the reference for what a record is; sluice.adapters.duck.json.proof spares most records the way here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sluice.adapters.duck.casting.leaves import exactly, text_fault, text_of, write
from sluice.adapters.duck.text.header import unknown_columns
from sluice.contract.model import Column, Table

_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]]', re.DOTALL)


class BadRecordError(ValueError):
    """The record is none of the table's; never leaves this package. With `column`, its value is at fault."""

    def __init__(self, code: str, column: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.column = column


@dataclass(frozen=True)
class RecordShape:
    """What a record must look like: an object, or an array of values whose columns `positions` names.

    `only` are the keys to take from an object when others may be there; None: there may be no others.
    """

    positions: tuple[str, ...] | None = None
    only: frozenset[str] | None = None


class ExactReader:
    """Makes texts, for the columns' rules to read, out of a record's bytes."""

    def __init__(self, table: Table, shape: RecordShape, nesting: int, longest: int) -> None:
        self.table = table
        self.columns = table.columns
        self.names = {c.name for c in table.columns}
        self.shape = shape
        self.nesting = nesting
        self.longest = longest

    def texts(self, record: bytes, where: str) -> list[str | None]:
        """The text of every column, None for null or absent. Raises BadRecordError, SourceError UNKNOWN_COLUMN."""
        content = self._content(record)
        if not self.names.issuperset(content) and self.shape.only is None:
            raise unknown_columns([k for k in content if k not in self.names], self.table, where,
                                  f"expected {', '.join(map(repr, sorted(self.names)))}")  # fmt: skip
        return [self._column_text(i, column, content.get(column.name)) for i, column in enumerate(self.columns)]

    def value_in(self, record: bytes, column: int) -> str:
        """What a column holds, to be shown: text where no text belongs stands in its quotes."""
        value = self._content(record).get(self.columns[column].name)
        text = text_of(value, self.columns[column].type.kind)
        return write(value) if text is None else text

    def _content(self, record: bytes) -> dict[str, Any]:
        if len(record) > self.longest:
            raise BadRecordError("LINE_TOO_LONG")
        if record.count(b"[") + record.count(b"{") > self.nesting and _depth(record) > self.nesting:
            raise BadRecordError("JSON_DEPTH")
        try:
            content = exactly(record.decode("utf-8"))
        except UnicodeDecodeError:
            raise BadRecordError("INVALID_ENCODING") from None
        except (ValueError, RecursionError):
            raise BadRecordError("JSON") from None
        if self.shape.positions is not None and isinstance(content, list):
            if len(content) != len(self.shape.positions):
                short = len(content) < len(self.shape.positions)
                raise BadRecordError("MISSING_COLUMNS" if short else "TOO_MANY_COLUMNS")
            return dict(zip(self.shape.positions, content, strict=True))
        if self.shape.positions is not None or not isinstance(content, dict):
            raise BadRecordError("JSON")
        return content if self.shape.only is None else {k: v for k, v in content.items() if k in self.shape.only}

    def _column_text(self, position: int, column: Column, value: Any) -> str | None:
        if value is None:
            return None
        text = text_of(value, column.type.kind)
        if text is None:
            raise BadRecordError("", position)
        if fault := text_fault(text):
            raise BadRecordError(fault)
        return text


def array_values(record: bytes) -> list[str] | None:
    """The texts of an array of texts, such as a header is; None when it is something else."""
    try:
        values = json.loads(record)
    except ValueError:
        return None
    return values if isinstance(values, list) and all(isinstance(v, str) for v in values) else None


def is_record(record: bytes) -> bool:
    """Whether these bytes are one whole JSON value: what a line of JSON lines is."""
    try:
        json.loads(record)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _depth(record: bytes) -> int:
    deepest = depth = 0
    for mark in _MARK.finditer(record):
        if mark.group() in (b"{", b"["):
            depth += 1
            deepest = max(deepest, depth)
        elif mark.group() in (b"}", b"]"):
            depth -= 1
    return deepest
