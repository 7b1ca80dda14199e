"""The library metrics of ODCS v3.1.0: an expectation where GX means exactly the same, else SQL of ours.

`duplicateValues` counts the values beyond the first of each kind; a null duplicates nothing. Percent is of
all rows, and 0 of an empty table.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from sluice.checks.rules import (
    BadRuleError,
    Rule,
    RuleKind,
    check_pattern,
    field_of,
    identifier,
    is_number,
    limit_words,
    literal,
    make_rule,
    operator_of,
    search,
    select,
)
from sluice.contract.model import Column, Table
from sluice.contract.terms import did_you_mean
from sluice.contract.types import FLOATS, NUMBERS, Kind

METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
    "rowCount": (),
}

AT_MOST = ("mustBe", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween")

Expectation = tuple[str, dict[str, Any]]


class LibraryMetric:
    """One library metric: the same measure as an expectation when zero is asked for, or as a query."""

    def __init__(self, table: Table, column: Column | None, quality: Mapping[str, Any]) -> None:
        self.table, self.column, self.quality = table, column, quality
        self.metric = quality.get("metric") or quality.get("rule")
        if self.metric not in METRICS:
            raise BadRuleError(f"has the metric {self.metric!r}", did_you_mean(str(self.metric), METRICS))
        self.unit = quality.get("unit") or "rows"
        if self.unit not in ("rows", "percent"):
            raise BadRuleError(f"has the unit {self.unit!r}", "Use rows or percent.")
        self.arguments: Mapping[str, Any] = quality.get("arguments") or {}
        self.operator, self.limit = operator_of(quality)
        self.broken: str | None = None
        if isinstance(self.limit, (str, bool)):
            raise BadRuleError(f"compares a count with {self.limit!r}", "Write a number.")
        self._require_possible()
        self._require_known_arguments()

    def _require_possible(self) -> None:
        """Raises BadRuleError for a limit that no count, or no share, can meet."""
        low, high = self.limit if isinstance(self.limit, tuple) else (self.limit, self.limit)
        most = 100 if self.unit == "percent" else math.inf
        possible = {
            "mustBe": 0 <= low <= most,
            "mustBeLessThan": high > 0,
            "mustBeLessOrEqualTo": high >= 0,
            "mustBeGreaterThan": low < most,
            "mustBeGreaterOrEqualTo": low <= most,
            "mustBeBetween": high >= 0 and low <= most,
        }
        if not possible.get(self.operator, True):
            what = "a share of rows" if self.unit == "percent" else "a count"
            said = list(self.limit) if isinstance(self.limit, tuple) else self.limit
            raise BadRuleError(f"asks that {what} {self.operator} {said}: it never can", "Correct the limit.")

    def _require_known_arguments(self) -> None:
        """Raises BadRuleError for arguments that this metric would not look at."""
        known = _ARGUMENTS[str(self.metric)] if self.column is None or self.metric != "duplicateValues" else ()
        if strangers := sorted(set(self.arguments) - set(known)):
            mend = did_you_mean(strangers[0], known) if known else "Take it out."
            if self.metric == "duplicateValues" and strangers[0] == "properties":
                mend = "Move the rule to the table: at a column it looks at that column alone."
            raise BadRuleError(f"({self.metric}) has the argument {strangers[0]!r}, which it does not know", mend)

    @property
    def zero(self) -> bool:
        """Whether the rule allows none at all."""
        at_most = self.operator in ("mustBe", "mustBeLessOrEqualTo") and self.limit == 0
        return at_most or (self.operator == "mustBeLessThan" and self.limit == 1 and self.unit == "rows")

    def rule(self) -> Rule:
        if self.metric == "rowCount":
            return self.row_count()
        if self.column is None:
            if self.metric != "duplicateValues":
                raise BadRuleError(f"measures {self.metric} of a table", "Move the rule to a column.")
            return self.duplicate_rows()
        column = self.column
        match self.metric:
            case "nullValues":
                expectation: Expectation | None = ("expect_column_values_to_not_be_null", {})
                query = self.count_where(absent(column))
            case "missingValues":
                expectation, query = self.missing(column)
            case "invalidValues":
                expectation, query = self.invalid(column)
            case _:
                name = identifier(column.field_name)
                expectation = ("expect_column_values_to_be_unique", {})
                there = f"FILTER (WHERE NOT ({absent(column)}))"
                surplus = f"count({name}) {there} - count(DISTINCT {name}) {there}"
                query = self.measure(surplus, "count(*)", identifier(self.table.name))
        if self.zero and expectation:
            kind, kwargs = expectation
            return self.made("expectation", kind, {"column": column.field_name, **kwargs})
        return self.made("sql", None, self.judged(query))

    def row_count(self) -> Rule:
        if self.unit == "percent":
            raise BadRuleError("counts rows in percent", "Use the unit rows.")
        ends = self.limit if isinstance(self.limit, tuple) else (self.limit,)
        between = {
            "mustBe": (ends[0], ends[0]),
            "mustBeGreaterThan": (ends[0] + 1, None),
            "mustBeGreaterOrEqualTo": (ends[0], None),
            "mustBeLessThan": (None, ends[0] - 1),
            "mustBeLessOrEqualTo": (None, ends[0]),
            "mustBeBetween": ends,
        }.get(self.operator)
        if between is None or not all(isinstance(end, int) for end in ends):
            return self.made("sql", None, self.judged(select("count(*)", identifier(self.table.name))))
        kwargs = {"min_value": between[0], "max_value": between[1]}
        given = {key: value for key, value in kwargs.items() if value is not None}
        return self.made("expectation", "expect_table_row_count_to_be_between", given)

    def duplicate_rows(self) -> Rule:
        written = self.arguments.get("properties")
        if not isinstance(written, list) or not written:
            raise BadRuleError(
                "does not say which columns must be unique together", "Add `arguments: {properties: [a, b]}`."
            )
        fields = [field_of(self.table, name) for name in written]
        if self.zero and len(fields) == 1:
            return self.made("expectation", "expect_column_values_to_be_unique", {"column": fields[0]})
        if self.zero:
            kwargs = {"column_list": fields, "ignore_row_if": "any_value_is_missing"}
            return self.made("expectation", "expect_compound_columns_to_be_unique", kwargs)
        names = [identifier(name) for name in fields]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
        counted = f"count(*) AS sluice_n, ({whole}) AS sluice_whole"
        groups = f"({select(counted, identifier(self.table.name))} GROUP BY {', '.join(names)})"
        surplus = "coalesce(sum(sluice_n - 1) FILTER (WHERE sluice_whole), 0)"
        return self.made("sql", None, self.judged(self.measure(surplus, "sum(sluice_n)", groups)))

    def missing(self, column: Column) -> tuple[Expectation | None, str]:
        values = self.arguments.get("missingValues")
        if not isinstance(values, list) or not values:
            raise BadRuleError(
                "does not say which values count as missing",
                "Add `arguments: {missingValues: [null, '', 'N/A']}`.",
            )
        name = identifier(column.field_name)
        given = [value for value in values if value is not None]
        texts = [value for value in given if column.type.kind is Kind.STRING or not is_number(value)]
        numbers = [value for value in given if value not in texts]
        # A value of another type than the column's cannot be in it; as text it can be asked for anyway.
        as_text = name if column.type.kind is Kind.STRING else f"CAST({name} AS VARCHAR)"
        parts = [absent(column)] if None in values else []
        parts += [f"{as_text} IN ({', '.join(literal(str(v)) for v in texts)})"] if texts else []
        if numbers:
            number = name if column.type.kind in NUMBERS else f"CAST({name} AS VARCHAR)"
            parts.append(f"{number} IN ({', '.join(literal(v if number == name else str(v)) for v in numbers)})")
        same = None not in values and column.type.kind is Kind.STRING
        expectation = (
            ("expect_column_values_to_not_be_in_set", {"value_set": [str(v) for v in texts]}) if same else None
        )
        return expectation, self.count_where(" OR ".join(parts))

    def invalid(self, column: Column) -> tuple[Expectation | None, str]:
        values, pattern = self.arguments.get("validValues"), self.arguments.get("pattern")
        if not (isinstance(values, list) and values) and not isinstance(pattern, str):
            raise BadRuleError(
                "does not say which values are valid",
                "Add `arguments: {validValues: […]}` or `{pattern: …}`.",
            )
        name, kind = identifier(column.field_name), column.type.kind
        parts: list[str] = []
        expectation: Expectation | None = None
        if isinstance(values, list):
            typed = [typed_value(column, value) for value in values if value is not None]
            parts.append(f"{name} IN ({', '.join(map(literal, typed))})")
            if kind not in (Kind.TIME, Kind.BINARY, Kind.JSON):
                expectation = ("expect_column_values_to_be_in_set", {"value_set": typed})
        if isinstance(pattern, str):
            check_pattern(pattern)
            text = name if kind is Kind.STRING else f"CAST({name} AS VARCHAR)"
            parts.append(search(text, pattern))
            expectation = ("expect_column_values_to_match_regex", {"regex": pattern}) if kind is Kind.STRING else None
        return (expectation if len(parts) == 1 else None), self.count_where(
            f"NOT ({absent(column)}) AND NOT ({' AND '.join(parts)})"
        )

    def count_where(self, condition: str) -> str:
        self.broken = condition
        return self.measure(f"count(*) FILTER (WHERE {condition})", "count(*)", identifier(self.table.name))

    def measure(self, amount: str, rows: str, source: str) -> str:
        if self.unit == "percent":
            amount = f"coalesce(100.0 * ({amount}) / nullif({rows}, 0), 0)"
        return select(amount, source)

    def judged(self, query: str) -> dict[str, Any]:
        judged = {"query": query, "operator": self.operator, "value": self.limit}
        # Rows that are counted stand against a rule only where fewer of them are better.
        return judged | {"broken": self.broken} if self.broken and self.operator in AT_MOST else judged

    def made(self, kind: RuleKind, expectation_type: str | None, kwargs: Mapping[str, Any]) -> Rule:
        said = self.quality.get("description") or (self._said() if kind == "sql" else None)
        return make_rule(
            self.column,
            {**self.quality, "description": said},
            kind=kind,
            what=str(self.metric),
            expectation_type=expectation_type,
            kwargs=kwargs,
        )

    def _said(self) -> str:
        """`email: invalid values (pattern ^a) must be less than 10 percent`"""
        measure = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(self.metric)).lower()
        given = ", ".join(
            f"{key} {self.arguments[key]}" for key in _ARGUMENTS[str(self.metric)] if key in self.arguments
        )
        about = f"{self.column.field_name}: {measure}" if self.column else measure
        return f"{about}{f' ({given})' if given else ''} {limit_words(self.operator, self.limit)} {self.unit}"


def absent(column: Column) -> str:
    """SQL for "there is no value": NULL, and NaN among doubles, which Great Expectations takes for the same."""
    name = identifier(column.field_name)
    return f"{name} IS NULL OR isnan({name})" if column.type.kind in FLOATS else f"{name} IS NULL"


def typed_value(column: Column, value: Any) -> Any:
    """A value as the column would hold it. Raises BadRuleError when it cannot be one of the column's."""
    if column.type.kind is Kind.STRING:
        return value if isinstance(value, str) else json.dumps(value) if isinstance(value, bool) else str(value)
    if column.type.kind not in NUMBERS or is_number(value):
        return value
    for read in (int, float):
        try:
            number = read(str(value))
        except ValueError:
            continue
        if is_number(number) and not isinstance(value, bool):
            return number
    raise BadRuleError(f"lists {value!r} for a column of type {column.type}", "List numbers.")
