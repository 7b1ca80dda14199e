"""A chart, the table that says the same, and its CSV: one set of rows for the three."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["text", "number", "share", "seconds", "moment", "day", "request"]
_RIGHT = ("number", "share", "seconds")


@dataclass(frozen=True)
class Column:
    """A column: what stands above it and how its values are said. Durations are seconds, instants UTC."""

    title: str
    kind: Kind = "text"

    @property
    def right(self) -> bool:
        return self.kind in _RIGHT


@dataclass(frozen=True)
class Table:
    """Rows under columns; None where there is no value."""

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    total: int = -1
    """How many rows there would be, where a page asks for fewer; the CSV has all."""

    @property
    def length(self) -> int:
        return max(self.total, len(self.rows))


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification, its table, and one sentence that says what is to be seen."""

    name: str
    table: Table
    sentence: str = ""
    spec: dict[str, Any] | None = field(default=None, repr=False)
    empty: str = "Nothing to show for this choice yet."


def as_csv(table: Table) -> str:
    """The table as CSV (RFC 4180) for a spreadsheet: instants in ISO 8601, durations in seconds, and nothing in it
    that a spreadsheet would run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_title(c) for c in table.columns])
    writer.writerows([[_cell(v) for v in row] for row in table.rows])
    return out.getvalue()


def _title(column: Column) -> str:
    unit = {"seconds": " (seconds)", "share": " (share)"}.get(column.kind, "")
    return harmless(f"{column.title}{unit}")


def _cell(value: Any) -> str | float | int:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return round(value, 6)
    return value.isoformat() if isinstance(value, datetime) else harmless(str(value))


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: what could begin one gets an apostrophe before it (OWASP, "CSV
    Injection"). Blanks before it do not hide it, and neither do full-width forms of the signs."""
    begins = text.lstrip(" \u00a0\u200b\ufeff")
    return f"'{text}" if begins[:1] in _FORMULA or text.startswith(("\t", "\r", "\n")) else text


_FORMULA = set("=+-@\t\r\n|%＝＋－＠")


def vega(**spec: Any) -> dict[str, Any]:
    """A Vega-Lite specification as wide as the page lets it be; colours are names of the style sheet: "var(--work)"."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        **spec,
    }
