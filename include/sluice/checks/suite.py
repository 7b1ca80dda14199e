"""A table of a contract compiled to the rules that its data must keep, all under the lake's column names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from typing import Any

from sluice.checks.constraints import CONSTRAINTS, not_null, unique
from sluice.checks.inside import inside
from sluice.checks.quality import quality_rules
from sluice.checks.rules import BadRuleError, Rule, field_of
from sluice.contract.model import Relationship, Table
from sluice.errors import BadInputError

Place = tuple[str | int, ...]
"""Where a declaration stands in its table: ("properties", 3, "quality", 0)."""


@dataclass(frozen=True)
class Problem:
    """A declaration that cannot be understood: where (table.column.rule, and its place), what is wrong, how to mend it."""

    where: str
    place: Place
    message: str
    mend: str


def compile_rules(table: Table, tables: Iterable[Table]) -> list[Rule]:
    """The rules of one table; `tables` are all of its contract's, for the columns that relationships lead to.

    Raises BadInputError (BAD_QUALITY_RULE) naming every rule that cannot be understood.
    """
    found, problems = _compile(table, {t.name: t for t in tables} | {table.name: table})
    if problems:
        lines = [f"{p.where}: {p.message}. {p.mend}" for p in problems]
        raise BadInputError(
            "BAD_QUALITY_RULE",
            lines[0]
            if len(lines) == 1
            else f"{len(lines)} rules cannot be understood:\n" + "\n".join(f"  {line}" for line in lines),
            where=problems[0].where,
            mend="Correct the contract, then run `sluice lint`.",
        )
    return named_apart(found)


def problems_of(table: Table) -> list[Problem]:
    """Everything in the table's rules that cannot be understood, but not whether an expectation exists."""
    return _compile(replace(table, relationships=()), {table.name: table})[1]


def _compile(table: Table, tables: Mapping[str, Table]) -> tuple[list[Rule], list[Problem]]:
    found: list[Rule] = []
    problems: list[Problem] = []
    for where, place, make in _makers(table, tables):
        try:
            found += [replace(rule, place=place) for rule in make()]
        except BadRuleError as error:
            problems.append(Problem(where, place, error.message, error.mend))
    return _distinct(found), problems


def _makers(table: Table, tables: Mapping[str, Table]) -> Iterator[tuple[str, Place, Callable[[], list[Rule]]]]:
    """Where each of the table's declarations stands, and what compiles it."""
    yield table.name, (), partial(_key, table)
    for i, column in enumerate(table.columns):
        here, place = f"{table.name}.{column.name}", ("properties", i)
        for constraint in (*CONSTRAINTS, inside):
            yield here, (*place, "logicalTypeOptions"), partial(constraint, table, column)
        for j, label, quality in _labelled(column.quality):
            yield f"{here}.{label}", (*place, "quality", j), partial(quality_rules, table, column, quality)
    for j, label, quality in _labelled(table.quality):
        yield f"{table.name}.{label}", ("quality", j), partial(quality_rules, table, None, quality)
    for relationship in table.relationships:
        where = f"{table.name}.relationships.{relationship.to_table}"
        yield where, ("relationships",), partial(_reference, table, relationship, tables)


def _labelled(quality: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    return ((i, str(item.get("name") or f"quality[{i}]"), item) for i, item in enumerate(quality))


def _distinct(found: list[Rule]) -> list[Rule]:
    """The rules without those that ask the same twice."""
    kept: list[Rule] = []
    asked: dict[tuple[str, ...], int] = {}
    for rule in found:
        question = (rule.kind, str(rule.expectation_type), rule.severity, repr(sorted(rule.kwargs.items())))
        if rule.kind != "text" and question in asked:
            # What people wrote about it stays, under the name that the constraint gave it.
            first = kept[asked[question]]
            also = {"also": [*first.meta.get("also", ()), rule.name]} if rule.name != first.name else {}
            said = rule.description or first.description
            meta = {**first.meta, **rule.meta, **also}
            kept[asked[question]] = replace(first, description=said, meta=meta, kept={**first.kept, **rule.kept})
            continue
        asked[question] = len(kept)
        kept.append(rule)
    return kept


def named_apart(rules: Iterable[Rule]) -> list[Rule]:
    """The rules, each under a name of its own."""
    taken: set[str] = set()
    apart: list[Rule] = []
    for rule in rules:
        names = chain([rule.name], (f"{rule.name}#{number}" for number in count(2)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        apart.append(rule if name == rule.name else replace(rule, name=name))
    return apart


def _key(table: Table) -> list[Rule]:
    key = table.key
    rules = [not_null(column, "part of the primary key") for column in key]
    if len(key) == 1:
        return [*rules, unique(key[0], "the primary key")]
    if not key:
        return []
    fields = [column.field_name for column in key]
    # Engines disagree on whether nulls in a key repeat each other; the not-null rules report those rows.
    kwargs = {"column_list": fields, "ignore_row_if": "any_value_is_missing"}
    kind, said = "expect_compound_columns_to_be_unique", f"{', '.join(fields)} are the primary key"
    return [*rules, Rule("primary_key", "expectation", kind, kwargs, "error", "uniqueness", None, said)]


def _reference(table: Table, relationship: Relationship, tables: Mapping[str, Table]) -> list[Rule]:
    target = tables.get(relationship.to_table)
    if target is None:
        raise BadRuleError(
            f"leads to the table {relationship.to_table!r}, which the contract does not have",
            f"Tables: {', '.join(tables)}.",
        )
    columns = [field_of(table, name) for name in relationship.columns]
    to_columns = [field_of(target, name) for name in relationship.to_columns]
    said = relationship.description or f"{', '.join(columns)} exists in {target.name} as {', '.join(to_columns)}"
    rule = Rule(
        name=f"{'_'.join(columns)}.in.{target.name}",
        kind="relationship",
        kwargs={"columns": columns, "to_table": target.name, "to_columns": to_columns},
        severity=relationship.severity,
        dimension="consistency",
        column=columns[0] if len(columns) == 1 else None,
        description=said,
    )
    return [rule]
