"""The rows that break a rule: kept beside the quarantine, up to a number that is stated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from sluice.checks.report import MAX_EXAMPLES, RuleResult
from sluice.checks.rules import Rule, identifier, literal
from sluice.contract.model import Table
from sluice.errors import SluiceError

DEFAULT_LIMIT = 100_000
"""Rows kept for a rule unless the settings say otherwise (SLUICE_FAILED_ROWS)."""

OWN_COLUMNS = 4_000
"""Files of their own get the first rules that break, until so many columns are written: a file costs 0.1 ms a column.
The others share files, each written in one pass."""
OWN_FILES = 200
"""Of so many rules at most whose rows are no condition (repeated values, orphans) the rows are kept."""
SHARED_RULES = 500
SHARED = "several_rules"
RULES_COLUMN = "sluice_rules"
"""In a file of several rules: the names of those that a row breaks."""

_GROUP_VALUES = 8_000_000
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Broken:
    """The rows that break a rule: `sql` gives them, whole and in their order.

    `where` is the condition that they meet, where they are the rows of the table that meet one; `count` how many, where
    it is known.
    """

    rule: Rule
    sql: str
    where: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class FailingRows:
    """A Parquet file with `rows` rows of a rule, at most `limit`; `query` reads them in the connection that wrote it.

    Where the file has the rows of several rules, `column` lists those that a row breaks, and `first` are the places in
    the file, from 0, of a few rows of this one.
    """

    path: Path
    rows: int
    limit: int
    query: str
    column: str | None = None
    first: tuple[int, ...] = ()

    def noted(self, result: RuleResult) -> RuleResult:
        """The result with where its rows are. `complete` is None where the number of all is not known."""
        known = result.unexpected_count
        complete = self.rows < self.limit if known is None or self.rows < self.limit else known <= self.rows
        about: dict[str, Any] = {"file": self.path.name, "rows": self.rows, "complete": complete}
        return replace(result, failed_rows=about | ({"rules_in": self.column} if self.column else {}))


Keep = Callable[[Sequence[Broken]], list[FailingRows | SluiceError | None]]
"""Keeps the rows that break rules, or tells why it could not; None where none are kept."""


class _Saves(Protocol):
    def save(self, sql: str, path: Path, limit: int | None, *, group: int | None = None) -> int: ...
    def rows(self, sql: str) -> list[tuple[Any, ...]]: ...


class Keeper:
    """Writes failing rows below `folder`, at most `limit` rows for a rule: to `<rule>.parquet`, or, where many rules of
    a wide table break, to `several_rules.parquet`, whose last column names the rules that a row breaks.
    """

    def __init__(self, folder: Path, data: _Saves, table: Table, limit: int = DEFAULT_LIMIT) -> None:
        self._folder, self._data, self._table, self._limit = folder, data, table, limit
        self._names: set[str] = set()
        self._columns = 0
        self._files = 0

    def __call__(self, broken: Sequence[Broken]) -> list[FailingRows | SluiceError | None]:
        found: dict[int, FailingRows | SluiceError | None] = {}
        together: list[int] = []
        for i, one in enumerate(broken if self._limit > 0 else ()):
            if one.where is not None and self._columns >= OWN_COLUMNS:
                together.append(i)
            elif self._files < OWN_FILES:
                found[i] = self._own(one)
        for start in range(0, len(together), SHARED_RULES):
            places = together[start : start + SHARED_RULES]
            found |= dict(zip(places, self._shared([broken[i] for i in places]), strict=True))
        return [found.get(i) for i in range(len(broken))]

    def _own(self, broken: Broken) -> FailingRows | SluiceError:
        self._files += 1
        self._columns += len(self._table.columns)
        path = self._folder / self._name(broken.rule.name)
        try:
            rows = self._data.save(broken.sql, path, self._limit, group=self._group(0))
        except SluiceError as error:
            path.unlink(missing_ok=True)
            return error
        return FailingRows(path, rows, self._limit, f"SELECT * FROM {_file(path)}")  # noqa: S608

    def _shared(self, broken: Sequence[Broken]) -> list[FailingRows | SluiceError | None]:
        """All of them in one pass; where that fails, halved until the culprits stand alone."""
        if len(broken) == 1:
            return [self._own(broken[0])]
        path, column = self._folder / self._name(SHARED), self._column()
        try:
            self._data.save(self._together(broken, column), path, None, group=self._group(len(broken)))
            found = {name: (rows, first) for name, rows, first in self._data.rows(_by_rule(path, column))}
        except SluiceError:
            path.unlink(missing_ok=True)
            half = len(broken) // 2
            return [*self._shared(broken[:half]), *self._shared(broken[half:])]
        return [self._of_several(path, column, one.rule.name, *found.get(one.rule.name, (0, ()))) for one in broken]

    def _of_several(self, path: Path, column: str, rule: str, rows: int, first: Sequence[int]) -> FailingRows:
        name = identifier(column)
        query = f"SELECT * EXCLUDE ({name}) FROM {_file(path)} WHERE list_contains({name}, {literal(rule)})"  # noqa: S608
        return FailingRows(path, rows, self._limit, query, column, tuple(first))

    def _together(self, broken: Sequence[Broken], column: str) -> str:
        named = ", ".join(f"CASE WHEN {self._kept(one)} THEN {literal(one.rule.name)} END" for one in broken)
        rules, table = identifier(column), identifier(self._table.name)
        lists = f"SELECT *, list_filter([{named}], lambda sluice_rule: sluice_rule IS NOT NULL) AS {rules} FROM {table}"  # noqa: S608
        return f"SELECT * FROM ({lists}) WHERE len({rules}) > 0"  # noqa: S608

    def _kept(self, broken: Broken) -> str:
        """Whether a row is one of the first that break the rule."""
        breaks = f"({broken.where})"
        if broken.count is not None and broken.count <= self._limit:
            return breaks
        before = f"count(*) FILTER (WHERE {breaks}) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        return f"{breaks} AND {before} <= {self._limit}"

    def _column(self) -> str:
        taken = {column.field_name.lower() for column in self._table.columns}
        return next(name for name in _numbered(RULES_COLUMN, "_") if name not in taken)

    def _group(self, rules: int) -> int | None:
        """Rows in a group, which a writer holds in memory whole; None for as many as usual."""
        values = len(self._table.columns) + rules
        return max(2_048, _GROUP_VALUES // values) if values > 100 else None

    def _name(self, rule: str) -> str:
        plain = _ODD.sub("_", rule).strip("._")[:100] or "rule"
        name = next(name for name in _numbered(plain, "-") if name.lower() not in self._names)
        self._names.add(name.lower())
        return f"{name}.parquet"


def _numbered(name: str, between: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}{between}{number}"
        number += 1


def _file(path: Path) -> str:
    return f"read_parquet({literal(str(path))})"


def _by_rule(path: Path, column: str) -> str:
    """(rule, its rows, the places of a few of them)"""
    numbered = f"read_parquet({literal(str(path))}, file_row_number = true)"
    each = f"SELECT unnest({identifier(column)}) AS name, file_row_number AS place FROM {numbered}"  # noqa: S608
    return f"SELECT name, count(*), min(place, {MAX_EXAMPLES}) FROM ({each}) GROUP BY name"  # noqa: S608
