"""SQL that reads files with every field as text, c0, c1 ..., and beside the texts their values v0, v1 ...

Columns are numbered as the contract has them: no name from outside is in the SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sluice.adapters.duck.casting.values import Rule, duck_type, rule
from sluice.adapters.duck.connection import list_sql, text_sql
from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.text.records import MAX_LINE
from sluice.adapters.duck.text.spelling import Spelling
from sluice.contract.model import Table

_BUFFER = 32_000_000
"""DuckDB's own; it must hold the longest record."""

_NO_NULL = "\x01sluice:null\x01"


@dataclass(frozen=True)
class Reading:
    """How files become values of `table`; `nulls` are the texts that, out of quotes, are none."""

    table: Table
    nulls: tuple[str, ...]
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, table: Table, nulls: Sequence[str]) -> Reading:
        """The reading of a contract's table."""
        rules = tuple(rule(c, f"c{i}", f"v{i}", nulls) for i, c in enumerate(table.columns))
        return cls(table, tuple(nulls), rules)

    @property
    def good(self) -> str | None:
        """Whether a row's values are all values of their columns; None: they always are."""
        return " AND ".join(r.good for r in self.rules if r.good is not None) or None

    def typed(self, source: str) -> str:
        """`source` with, beside its texts, their values."""
        values = ", ".join(
            f"CAST({r.value} AS {duck_type(c.type)}) AS v{i}"
            for i, (r, c) in enumerate(zip(self.rules, self.table.columns, strict=True))
        )
        return f"(SELECT *, {values} FROM {source})"

    def ordinary(self, paths: Sequence[Path], part: Part, errors: str, *, header: bool) -> str:
        """read_csv over files that are spelled as `part` is."""
        quote = text_sql(part.spelling.quote.decode())
        options = [f"header={str(header).lower()}", f"delim={text_sql(part.spelling.delimiter.decode())}"]
        options += [
            f"quote={quote}",
            f"escape={quote}",
            f"nullstr={list_sql(self._nulls_among(part.spelling) or [_NO_NULL])}",
        ]
        options.append(r"new_line='\r\n'" if part.crlf else r"new_line='\n'")
        if part.longest != MAX_LINE:
            options += [f"max_line_size={part.longest}", f"buffer_size={max(_BUFFER, 4 * part.longest)}"]
        return self._read_csv(paths, part, [errors, *options])

    def _nulls_among(self, spelling: Spelling) -> list[str]:
        """The texts that mean null and can stand out of quotes; DuckDB refuses the others."""
        marks = [mark.decode() for mark in (spelling.delimiter, spelling.quote) if mark]
        return [null for null in self.nulls if not any(mark in null for mark in marks)]

    def rewritten(self, parts: Sequence[Part], errors: str) -> str:
        """read_csv over the rewritten form of `parts`, which have their columns in one order."""
        forms = [p.rewritten for p in parts if p.rewritten is not None]
        longest = max(r.longest for r in forms)
        options = ["header=false", "delim=','", "quote='\"'", "escape='\"'", "nullstr=['']", r"new_line='\n'"]
        if longest >= MAX_LINE:
            options += [f"max_line_size={longest + 16}", f"buffer_size={4 * (longest + 16)}"]
        return self._read_csv([r.path for r in forms], parts[0], [errors, *options])

    def _read_csv(self, paths: Sequence[Path], part: Part, options: list[str]) -> str:
        columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in part.order)
        options = [f"columns={{{columns}}}", "auto_detect=false", "allow_quoted_nulls=false", *options]
        return f"read_csv({list_sql(map(str, paths))}, {', '.join(options)})"
