"""What of a rule's result may be read by everybody who reads reports.

The contract's classification is heeded where a result is made; here, on top of it, what else is known to be private:
columns in which personal data was found although the contract does not say so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sluice.checks.report import RuleResult
from sluice.checks.rules import SENSITIVE, Rule, columns_of, withheld
from sluice.contract.model import Table

REVEALING = (
    "_max_", "_min_", "_median_", "_quantile_", "_most_common_", "_distinct_values_", "_sum_", "_mean_",
    "_kl_divergence_",
)  # fmt: skip
"""Parts of the names of expectations whose observed value is made of the column's values."""

_ABOUT_COLUMNS = {
    "expect_column_to_exist", "expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list",
}  # fmt: skip
_COUNTS = re.compile(r"\s*select\s+count\s*\([^()]*\)\s+from\b", re.IGNORECASE)
_COUNT_OF_ALL = re.compile(r"count\s*\(\s*\*\s*\)", re.IGNORECASE)
_ANY_COLUMN = re.compile(r"\*|#\d|\bcolumns\s*\(", re.IGNORECASE)
"""SQL that may read a column without naming it."""


@dataclass(frozen=True)
class Discretion:
    """What is private of a table: what it classifies, and the columns `private` (lake names) beside these.

    `tables` are the names of its contract's tables: SQL may read the others too, and what is private there is not
    known here.
    """

    table: Table
    private: frozenset[str] = frozenset()
    tables: Collection[str] = ()

    @cached_property
    def secret(self) -> frozenset[str]:
        """Lake names of the columns whose values nobody may read."""
        return self.private | {c.field_name for c in self.table.columns if c.classification in SENSITIVE}

    def hides(self, rule: Rule) -> bool:
        """Whether the values that break the rule stay out of every report."""
        if withheld(self.table, rule):
            return True
        named = columns_of(rule)
        return bool(self.private if not named or rule.kwargs.get("row_condition") else self.private & set(named))

    def reveals(self, rule: Rule) -> bool:
        """Whether what the rule observes is made of values that nobody may read."""
        if rule.kind == "sql":
            return self.made_of_values(rule) and bool(self._read_by(rule) & self.secret or self._reads_others(rule))
        return self.made_of_values(rule) and self.hides(rule)

    def of(self, rule: Rule, result: RuleResult) -> RuleResult:
        """The result without what nobody may read."""
        keys = {name for example in result.examples if isinstance(example, Mapping) for name in example}
        examples = () if self.hides(rule) or keys & self.secret else result.examples
        hidden = self.reveals(rule) or (_is_value(rule, result.observed) and self.hides(rule))
        return replace(result, examples=examples, observed=None if hidden else result.observed)

    def shown(self, rule: Rule, result: RuleResult) -> frozenset[str]:
        """Lake names of the columns of which this result tells values, at most."""
        if result.error is not None:
            return frozenset()
        observed = self.made_of_values(rule) and not self.reveals(rule)
        tells = result.examples or observed or _is_value(rule, result.observed)
        return self._read_by(rule) if tells else frozenset()

    def made_of_values(self, rule: Rule) -> bool:
        """Whether what is observed, or the details of it, come from the values and not from counting them."""
        if rule.kind == "sql":
            return not (rule.kwargs.get("broken") or _COUNTS.match(str(rule.kwargs["query"])))
        return any(part in str(rule.expectation_type) for part in REVEALING)

    def _read_by(self, rule: Rule) -> frozenset[str]:
        """The columns that the rule may read: all, unless it says which."""
        every = frozenset(c.field_name for c in self.table.columns)
        named = frozenset(columns_of(rule))
        if rule.kind == "sql":
            query = _COUNT_OF_ALL.sub("count", str(rule.kwargs["query"]))
            return every if _ANY_COLUMN.search(query) else named | {name for name in every if _names(query, name)}
        return named if named and not rule.kwargs.get("row_condition") else every

    def _reads_others(self, rule: Rule) -> bool:
        query = str(rule.kwargs["query"])
        return any(_names(query, name) for name in self.tables if name != self.table.name)


def _is_value(rule: Rule, observed: Any) -> bool:
    return observed is not None and not isinstance(observed, (int, float)) and not _harmless(rule)


def _harmless(rule: Rule) -> bool:
    """Whether what is observed are names, types and numbers of columns or rows."""
    kind = rule.expectation_type or ""
    return rule.kind == "relationship" or kind.startswith("expect_table_") or kind in _ABOUT_COLUMNS


def _names(query: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", query, re.IGNORECASE) is not None
