"""The rows that break a rule: kept beside the quarantine, up to a number that is stated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sluice.checks.report import RuleResult
from sluice.checks.rules import Rule

DEFAULT_LIMIT = 100_000
"""Rows kept for a rule unless the settings say otherwise (SLUICE_FAILED_ROWS)."""

_ODD = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class FailingRows:
    """A Parquet file of rows, at most `limit`; `query` reads it in the connection that wrote it."""

    path: Path
    rows: int
    limit: int
    query: str

    def noted(self, result: RuleResult) -> RuleResult:
        """The result with where its rows are. `complete` is None where the number of all is not known."""
        known = result.unexpected_count
        complete = self.rows < self.limit if known is None or self.rows < self.limit else known <= self.rows
        return replace(result, failed_rows={"file": self.path.name, "rows": self.rows, "complete": complete})


Keep = Callable[[Rule, str], FailingRows | None]
"""Keeps the rows that a query gives as those that break the rule."""


class _Saves(Protocol):
    def save(self, sql: str, path: Path, limit: int) -> int: ...


class Keeper:
    """Writes failing rows to `<folder>/<rule>.parquet`, at most `limit` rows for a rule."""

    def __init__(self, folder: Path, data: _Saves, limit: int = DEFAULT_LIMIT) -> None:
        self._folder, self._data, self._limit = folder, data, limit
        self._names: set[str] = set()

    def __call__(self, rule: Rule, sql: str) -> FailingRows | None:
        if self._limit < 1:
            return None
        path = self._folder / self._name(rule.name)
        rows = self._data.save(sql, path, self._limit)
        quoted = str(path).replace("'", "''")
        return FailingRows(path, rows, self._limit, f"SELECT * FROM read_parquet('{quoted}')")  # noqa: S608

    def _name(self, rule: str) -> str:
        plain = _ODD.sub("_", rule).strip("._")[:100] or "rule"
        name, i = plain, 1
        while name.lower() in self._names:
            i += 1
            name = f"{plain}-{i}"
        self._names.add(name.lower())
        return f"{name}.parquet"
