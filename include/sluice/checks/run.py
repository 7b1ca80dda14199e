"""Runs a table's rules over its staged files: expectations through an engine, the rest through queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sluice.checks.failing import Broken, FailingRows, Keep
from sluice.checks.report import CheckReport, RuleResult
from sluice.checks.rules import Rule, holds, identifier, select
from sluice.contract.model import Table
from sluice.errors import SluiceError, TerminalError

SQL_ENGINE = "duckdb"


class Queries(Protocol):
    """SQL over views named as the contract's tables (`Table.name`). A bad query raises a TerminalError."""

    def scalar(self, sql: str) -> Any:
        """The first value of the first row; None when there is no row."""

    def counts(self, table: str, conditions: Sequence[str]) -> list[int]:
        """How many of the table's rows meet each condition of Sluice's own, in one scan."""

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
    counted = _counted(table, rules, queries)
    evaluated = iter(engine(expectations, files[table.name], table) if expectations else [])
    results: list[RuleResult] = []
    breaking: dict[int, Broken] = {}
    for i, rule in enumerate(rules):
        if rule.kind == "expectation":
            results.append(next(evaluated))
            continue
        result, broken = _evaluate(table, rule, files, queries, counted.get(i))
        results.append(result)
        if broken and result.success is False and not result.error:
            breaking[i] = replace(broken, count=result.unexpected_count)
    for i, kept in zip(breaking, keep(list(breaking.values())) if keep else (), strict=False):
        if isinstance(kept, FailingRows):
            results[i] = kept.noted(results[i])
        elif kept:
            results[i] = _failed(rules[i], kept)
    return CheckReport(table.name, tuple(results))


def _counted(table: Table, rules: Sequence[Rule], queries: Queries) -> dict[int, int]:
    """The answers of the rules that count the rows of a condition of Sluice's own, by place: one scan for all."""
    conditions = {i: rule.kwargs["broken"] for i, rule in enumerate(rules) if _counts_rows(table, rule)}
    if len(conditions) < 2:
        return {}
    try:
        return dict(zip(conditions, queries.counts(table.name, list(conditions.values())), strict=True))
    except TerminalError:
        return {}  # each is asked alone, and says what is wrong


def _counts_rows(table: Table, rule: Rule) -> bool:
    broken, name = rule.kwargs.get("broken"), identifier(table.name)
    whole = (select("count(*)", f"{name} WHERE {broken}"), select(f"count(*) FILTER (WHERE {broken})", name))
    return rule.kind == "sql" and bool(broken) and rule.kwargs["query"] in whole


def _evaluate(
    table: Table, rule: Rule, files: Mapping[str, Sequence[Path]], queries: Queries, counted: int | None
) -> tuple[RuleResult, Broken | None]:
    if rule.kind == "text":
        return RuleResult.of(rule, None), None
    try:
        if rule.kind == "sql":
            return _sql(rule, queries, counted), _broken(table, rule)
        return _relationship(table, rule, files, queries)
    except TerminalError as error:
        return _failed(rule, error), None


def _failed(rule: Rule, error: SluiceError) -> RuleResult:
    """A rule that cannot run is a finding about the rule; the other rules still have their say."""
    if not isinstance(error, TerminalError):
        raise error
    return RuleResult.errored(rule, error.message)


def _broken(table: Table, rule: Rule) -> Broken | None:
    condition = rule.kwargs.get("broken")
    if condition is None:
        return None
    return Broken(rule, select("*", f"{identifier(table.name)} WHERE {condition}"), where=condition)


def _sql(rule: Rule, queries: Queries, counted: int | None) -> RuleResult:
    observed = queries.scalar(rule.kwargs["query"]) if counted is None else counted
    if observed is None:
        return RuleResult.errored(rule, "the query returned no value")
    try:
        success = holds(rule.kwargs["operator"], rule.kwargs["value"], observed)
    except TypeError:
        limit = rule.kwargs["value"]
        return RuleResult.errored(
            rule, f"the query returned {type(observed).__name__}, which cannot be compared with {limit!r}"
        )
    unexpected = observed if rule.kwargs.get("broken") and isinstance(observed, int) else None
    return RuleResult.of(rule, success, observed=observed, engine=SQL_ENGINE, unexpected_count=unexpected)


def _relationship(
    table: Table, rule: Rule, files: Mapping[str, Sequence[Path]], queries: Queries
) -> tuple[RuleResult, Broken | None]:
    target = rule.kwargs["to_table"]
    if target not in files:
        return RuleResult.errored(rule, f"the table {target!r} has no staged files"), None
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
    return found, Broken(rule, queries.orphans(*reference)) if orphans else None
