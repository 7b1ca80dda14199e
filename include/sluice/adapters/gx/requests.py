"""What a metric asks of the engine while it is computed.

A metric is a generator: it yields a list of requests, is sent the list of their answers, and returns its value.
So metrics of many expectations share one scan, and a metric that needs another's value asks in a later round.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.adapters.gx.conditions import condition_sql
from sluice.adapters.gx.fields import Field, both, field_named
from sluice.checks.rules import identifier


@dataclass(frozen=True)
class Scan:
    """One value: an aggregate over all rows. All scans of a round are one query."""

    sql: str


@dataclass(frozen=True)
class Rows:
    """All rows of a query of its own, as tuples; `user` when somebody else wrote it."""

    sql: str
    user: bool = False


Request = Scan | Rows
Metric = Generator[list[Request], list[Any], Any]


@dataclass
class Table:
    """The staged table that metrics are computed on.

    `name` as SQL knows it; `others` the contract's other tables; `python` makes a Python predicate on texts
    callable in SQL; `in_memory` is how many values an exact quantile may hold at once; `seconds` how long a pattern
    that people wrote may take.
    """

    name: str
    fields: Mapping[str, Field]
    others: frozenset[str] = frozenset()
    python: Callable[[Callable[[Sequence[str]], list[bool]]], str] = field(default=lambda _: "")
    in_memory: int = 10_000_000
    seconds: float = 60.0

    @property
    def sql(self) -> str:
        return identifier(self.name)

    def field(self, name: Any) -> Field:
        """The column with this name. Raises BadArgumentError."""
        return field_named(self.fields, name)

    def where(self, domain: Mapping[str, Any], *conditions: str) -> str:
        """The domain's row condition and others, joined; empty for none."""
        return both(
            condition_sql(domain.get("row_condition"), domain.get("condition_parser"), self.fields), *conditions
        )

    def select(self, what: str, where: str = "", rest: str = "") -> str:
        """A query over the table."""
        parts = (f"SELECT {what} FROM {self.sql}", f"WHERE {where}" if where else "", rest)  # noqa: S608
        return " ".join(part for part in parts if part)


def filtered(aggregate: str, where: str) -> str:
    """The aggregate over the rows that meet a condition."""
    return f"{aggregate} FILTER (WHERE {where})" if where else aggregate
