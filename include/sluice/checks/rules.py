"""What a quality rule is, how a measured value is judged, how names and values are written in SQL."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Literal

from sluice.contract.model import OPERATORS, SEVERITIES, Column, Table
from sluice.contract.terms import did_you_mean

RuleKind = Literal["expectation", "relationship", "sql", "text"]

SENSITIVE = frozenset({"confidential", "restricted"})
"""Classifications whose values must not appear in a report."""

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "mustBe": eq,
    "mustNotBe": ne,
    "mustBeGreaterThan": gt,
    "mustBeGreaterOrEqualTo": ge,
    "mustBeLessThan": lt,
    "mustBeLessOrEqualTo": le,
}
_DIMENSIONS = {
    "ac": "accuracy", "cp": "completeness", "cf": "conformity", "cs": "consistency", "cv": "coverage",
    "tm": "timeliness", "uq": "uniqueness",
}  # fmt: skip
"""ODCS v3.1.0's short names."""

_NOTES = ("id", "businessImpact", "method", "tags", "customProperties", "authoritativeDefinitions", "scheduler",
          "schedule")  # fmt: skip
"""What an ODCS quality entry says to people and to other tools; kept with the rule, and not acted upon."""


SQL_KWARGS = ("query", "unexpected_rows_query", "base_query", "comparison_query")
"""Arguments of rules that are SQL."""


class BadRuleError(ValueError):
    """A rule that cannot be understood; caught where all of a table's problems are collected."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


@dataclass(frozen=True)
class Rule:
    """One thing that is asked of a table. `column` is the lake's name; `kwargs` depend on `kind`:

    expectation: those of the Great Expectations type; relationship: columns, to_table, to_columns;
    sql: query, operator, value, and `broken`, a condition that the rows that count against it meet, where there is
    one; text: nothing, it is listed for people and never evaluated.

    `origin` is where it was written: `contract`, or the suite's file; `place` the path below its table in the contract,
    such as ("properties", 3, "quality", 0); `meta` what people wrote about it, `kept` the `id` and `notes` that GX keeps
    with an expectation.
    """

    name: str
    kind: RuleKind
    expectation_type: str | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "error"
    dimension: str | None = None
    column: str | None = None
    description: str = ""
    origin: str = "contract"
    meta: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    place: tuple[str | int, ...] = field(default=(), compare=False)

    @property
    def words(self) -> str:
        """What is asked, for people: the description, or else the query or the expectation's own name with arguments."""
        if not self.description and self.kwargs.get("query"):
            return f"{limit_words(self.kwargs['operator'], self.kwargs['value'])}: {self.kwargs['query']}"
        if self.description or self.expectation_type is None:
            return self.description
        said = self.expectation_type.removeprefix("expect_").replace("_", " ")
        arguments = ", ".join(f"{key} {value}" for key, value in self.kwargs.items() if key != "column")
        return f"{said} ({arguments})" if arguments else said


def holds(operator: str, limit: Any, observed: Any) -> bool:
    """Whether the observed value satisfies an ODCS operator. A missing value (None, NaN) satisfies none."""
    value = _comparable(observed)
    if value is None:
        return False
    if operator in _COMPARE:
        return bool(_COMPARE[operator](value, _comparable(limit)))
    low, high = (_comparable(end) for end in limit)
    return bool(low <= value <= high) is (operator == "mustBeBetween")


def limit_words(operator: str, limit: Any) -> str:
    """An ODCS operator and its limit, for people: `must be between 1 and 10`."""
    said = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", operator).lower()
    return f"{said} {' and '.join(map(str, limit)) if isinstance(limit, tuple) else limit}"


def _comparable(value: Any) -> Any:
    # 0.1 in a contract must equal DECIMAL '0.10' from a query, hence Decimal by way of the shortest text.
    if isinstance(value, (bool, int)):
        return Decimal(int(value))
    if isinstance(value, (float, Decimal)):
        return None if math.isnan(value) else Decimal(str(value))
    return value.isoformat() if isinstance(value, (date, datetime, time)) else value


def make_rule(
    column: Column | None,
    quality: Mapping[str, Any],
    *,
    kind: RuleKind,
    what: str,
    expectation_type: str | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Rule:
    """A rule with the name, severity and description of an ODCS quality entry. Raises BadRuleError."""
    severity = quality.get("severity") or "error"
    if severity not in SEVERITIES:
        raise BadRuleError(f"has the severity {severity!r}", f"Use one of {', '.join(SEVERITIES)}.")
    dimension = quality.get("dimension")
    name = quality.get("name") or (f"{column.field_name}.{what}" if column else what)
    return Rule(
        name=str(name),
        kind=kind,
        expectation_type=expectation_type,
        kwargs=kwargs or {},
        severity=severity,
        dimension=None if dimension is None else _DIMENSIONS.get(str(dimension), str(dimension)),
        column=column.field_name if column else None,
        description=str(quality.get("description") or ""),
        meta={key: quality[key] for key in _NOTES if quality.get(key) is not None},
    )


def operator_of(quality: Mapping[str, Any]) -> tuple[str, Any]:
    """The one operator of an ODCS quality rule and its limit. Raises BadRuleError."""
    found = [name for name in OPERATORS if quality.get(name) is not None]
    if len(found) != 1:
        what = f"has {len(found)} operators ({', '.join(found)})" if found else "has no operator"
        raise BadRuleError(what, f"Give it exactly one of {', '.join(OPERATORS)}.")
    operator, limit = found[0], quality[found[0]]
    if operator.endswith("Between"):
        if not (isinstance(limit, list) and len(limit) == 2 and all(map(is_number, limit)) and limit[0] <= limit[1]):
            raise BadRuleError(f"{operator} is {limit!r}", "Write two numbers, the smaller first: [1, 10].")
        return operator, tuple(limit)
    if operator in ("mustBe", "mustNotBe") and isinstance(limit, (str, bool)):
        return operator, limit
    if not is_number(limit):
        raise BadRuleError(f"{operator} is {limit!r}", "Write a number.")
    return operator, limit


def is_number(value: Any) -> bool:
    """A finite number; True and False are none."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and math.isfinite(value)


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A value as a SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if is_number(value):
        return str(value)
    text = value.isoformat() if isinstance(value, (date, datetime, time)) else str(value)
    return "'" + text.replace("'", "''") + "'"


def bind_columns(table: Table, expectation_type: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The kwargs with every column under its lake name, whichever name was written. Raises BadRuleError."""
    bound = dict(kwargs)
    for key in ("column", "column_A", "column_B"):
        # expect_column_to_exist asks whether the name is there; an unknown one is an answer, not a mistake.
        if isinstance(bound.get(key), str) and expectation_type != "expect_column_to_exist":
            bound[key] = field_of(table, bound[key])
    if isinstance(bound.get("column_list"), list) and not expectation_type.startswith("expect_table_"):
        bound["column_list"] = [field_of(table, name) for name in bound["column_list"]]
    return bound


def columns_of(rule: Rule) -> tuple[str, ...]:
    """The lake's names of the columns that a rule looks at; empty for a rule about the table."""
    if rule.kind == "relationship":
        return tuple(rule.kwargs["columns"])
    named = [rule.kwargs.get(key) for key in ("column", "column_A", "column_B")]
    if not (rule.expectation_type or "").startswith("expect_table_"):
        named += rule.kwargs.get("column_list") or []
    return tuple(dict.fromkeys(name for name in [*named, rule.column] if isinstance(name, str)))


def brings_sql(rule: Rule) -> bool:
    """Whether the rule is, or brings, SQL that somebody wrote."""
    return any(isinstance(rule.kwargs.get(key), str) for key in SQL_KWARGS)


def withheld(table: Table, rule: Rule) -> bool:
    """Whether values that this rule meets must stay out of the report."""
    named = columns_of(rule)
    looked_at = [table.classifications.get(name, table.classification) for name in named] or [table.classification]
    if named and (rule.kwargs.get("row_condition") or (rule.kind == "expectation" and brings_sql(rule))):
        looked_at.append(table.classification)
    return not SENSITIVE.isdisjoint(looked_at)


def check_pattern(pattern: str) -> None:
    """Raises BadRuleError when this is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadRuleError(f"has the pattern {pattern!r}: {error}", "Write a regular expression.") from error


PYTHONS = "/* python */"
"""Marks a search in SQL of ours whose pattern means what it means to Python's `re`, as in every other rule."""


def search(text: str, pattern: Any) -> str:
    """SQL for whether the pattern is found; `text` is a column or its cast to VARCHAR. The engine that runs it puts
    Python's meaning in the place of DuckDB's (sluice.adapters.gx.pythonic)."""
    return f"regexp_matches({text}, {literal(str(pattern))} {PYTHONS})"


def field_of(table: Table, name: Any) -> str:
    """The lake's name of a column given by that name or by its name in the source. Raises BadRuleError."""
    if not isinstance(name, str) or name not in table.fields:
        raise BadRuleError(
            f"names the column {name!r}, which {table.name!r} does not have", did_you_mean(str(name), table.fields)
        )
    return table.fields[name]


def select(amount: str, source: str) -> str:
    """A query for one value. `source` is SQL already: an identifier or a subquery of ours."""
    return f"SELECT {amount} FROM {source}"  # noqa: S608
