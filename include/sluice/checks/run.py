"""Runs a table's rules over its staged files: expectations through an engine, the rest through queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sluice.checks.failing import Keep
from sluice.checks.report import CheckReport, RuleResult
from sluice.checks.rules import Rule, holds, identifier, select
from sluice.contract.model import Table
from sluice.errors import TerminalError

SQL_ENGINE = "duckdb"


class Queries(Protocol):
    """SQL over views named as the contract's tables (`Table.name`). A bad query raises a TerminalError."""

    def scalar(self, sql: str) -> Any:
        """The first value of the first row; None when there is no row."""

    def count_orphans(
        self, table: str, columns: Sequence[str], to_table: str, to_columns: Sequence[str]
    ) -> tuple[int, int]:
        """Rows checked (no null among `columns`), and those of them without a match."""

    def orphans(self, table: str, columns: Sequence[str], to_table: str, to_columns: Sequence[str]) -> str:
        """A query for the rows without a match."""


class ExpectationEngine(Protocol):
    """Evaluates `expectation` rules over one table's Parquet files: one result per rule, in their order."""

    def __call__(self, rules: Sequence[Rule], files: Sequence[Path], table: Table) -> list[RuleResult]: ...


def run_checks(
    table: Table,
    rules: Sequence[Rule],
    files: Mapping[str, Sequence[Path]],
    queries: Queries,
    engine: ExpectationEngine,
    keep: Keep | None = None,
) -> CheckReport:
    """Evaluate every rule. `files` are the staged files by table name, this table's and its neighbours'.

    `keep` writes the rows that break a rule of SQL or a relationship; the engine has its own.
    """
    expectations = [rule for rule in rules if rule.kind == "expectation"]
    evaluated = iter(engine(expectations, files[table.name], table) if expectations else [])
    results = [
        next(evaluated) if rule.kind == "expectation" else _evaluate(table, rule, files, queries, keep)
        for rule in rules
    ]
    return CheckReport(table.name, tuple(results))


def _evaluate(
    table: Table, rule: Rule, files: Mapping[str, Sequence[Path]], queries: Queries, keep: Keep | None
) -> RuleResult:
    if rule.kind == "text":
        return RuleResult.of(rule, None)
    try:
        if rule.kind == "sql":
            result, broken = _sql(rule, queries), _broken(table, rule)
        else:
            result, broken = _relationship(table, rule, files, queries)
        if result.success is False and not result.error and broken and keep:
            kept = keep(rule, broken)
            return kept.noted(result) if kept else result
        return result
    except TerminalError as error:
        # A rule that cannot run is a finding about the rule; the other rules still have their say.
        return RuleResult.errored(rule, error.message)


def _broken(table: Table, rule: Rule) -> str | None:
    condition = rule.kwargs.get("broken")
    return None if condition is None else select("*", f"{identifier(table.name)} WHERE {condition}")


def _sql(rule: Rule, queries: Queries) -> RuleResult:
    observed = queries.scalar(rule.kwargs["query"])
    if observed is None:
        return RuleResult.errored(rule, "the query returned no value")
    try:
        success = holds(rule.kwargs["operator"], rule.kwargs["value"], observed)
    except TypeError:
        limit = rule.kwargs["value"]
        return RuleResult.errored(
            rule, f"the query returned {type(observed).__name__}, which cannot be compared with {limit!r}"
        )
    counted = {"unexpected_count": observed} if rule.kwargs.get("broken") and isinstance(observed, int) else {}
    return RuleResult.of(rule, success, observed=observed, engine=SQL_ENGINE, **counted)


def _relationship(
    table: Table, rule: Rule, files: Mapping[str, Sequence[Path]], queries: Queries
) -> tuple[RuleResult, str]:
    target = rule.kwargs["to_table"]
    if target not in files:
        return RuleResult.errored(rule, f"the table {target!r} has no staged files"), ""
    reference = (table.name, rule.kwargs["columns"], target, rule.kwargs["to_columns"])
    checked, orphans = queries.count_orphans(*reference)
    percent = 100.0 * orphans / checked if checked else 0.0
    found = RuleResult.of(
        rule,
        orphans == 0,
        engine=SQL_ENGINE,
        observed=orphans,
        unexpected_count=orphans,
        element_count=checked,
        unexpected_percent=percent,
    )
    return found, queries.orphans(*reference) if orphans else ""
