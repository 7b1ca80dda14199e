"""What of a rule's result may be read by everybody who reads reports.

The contract's classification is heeded where a result is made; here, on top of it, what else is known to be private:
columns in which personal data was found although the contract does not say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sluice.checks.report import RuleResult
from sluice.checks.rules import SENSITIVE, SQL_KWARGS, Rule, brings_sql, columns_of, withheld
from sluice.contract.model import Table

_COUNTING = frozenset(
    {
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_to_exist",
        "expect_column_unique_value_count_to_be_between",
        "expect_compound_columns_to_be_unique",
        "expect_multicolumn_sum_to_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)
_COUNTING_PREFIXES = (
    "expect_table_", "expect_column_values_to_", "expect_column_value_lengths_", "expect_column_value_z_scores_",
    "expect_column_pair_values_", "expect_column_type_to_be",
)  # fmt: skip
"""Expectations that observe counts, names and types. What any other observes, a custom one too, is made of values."""

ASKED_OF_VALUES = ("pandas", "gx")
"""Engines whose errors may quote the data."""
_UNSAID = "it could not be evaluated; the reason is withheld"
_ABOUT_COLUMNS = {
    "expect_column_to_exist", "expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What a query tells. `counts`: nothing but counted rows; `columns`: those that it reads, in lower case, None when
    it may read any; `tables`: in lower case, None when they are not known."""

    counts: bool = False
    columns: frozenset[str] | None = None
    tables: frozenset[str] | None = None


def observes_values(expectation_type: str | None) -> bool:
    """Whether what the expectation observes, or the details of it, are made of values and not of counting them."""
    kind = expectation_type or ""
    return not (kind in _COUNTING or kind.startswith(_COUNTING_PREFIXES))


@dataclass(frozen=True)
class Discretion:
    """What is private of a table: what it classifies, and the columns `private` (lake names) beside these.

    `tables` are the names of its contract's tables: SQL may read the others too, and what is private there is not
    known here. `reading` says what a query reads.
    """

    table: Table
    private: frozenset[str] = frozenset()
    tables: Collection[str] = ()
    reading: Callable[[str], Reading] = lambda _: Reading()

    @cached_property
    def secret(self) -> frozenset[str]:
        """Lake names of the columns whose values nobody may read."""
        return self.private | {c.field_name for c in self.table.columns if c.classification in SENSITIVE}

    def hides(self, rule: Rule) -> bool:
        """Whether the values that break the rule stay out of every report."""
        if withheld(self.table, rule):
            return True
        named = columns_of(rule)
        if rule.kind == "expectation" and brings_sql(rule):
            return bool(self.secret) or self._reads_others(rule)
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
        counted = rule.kind == "sql" and not self.made_of_values(rule)
        hidden = self.reveals(rule) or (not counted and _is_value(rule, result.observed) and self.hides(rule))
        quoted = result.error is not None and result.engine in ASKED_OF_VALUES and self.hides(rule)
        return replace(
            result,
            examples=examples,
            observed=None if hidden else result.observed,
            error=_UNSAID if quoted else result.error,
        )

    def shown(self, rule: Rule, result: RuleResult) -> frozenset[str]:
        """Lake names of the columns of which this result tells values, at most."""
        if result.error is not None:
            quotes = result.engine in ASKED_OF_VALUES and result.error != _UNSAID
            return self._read_by(rule) if quotes else frozenset()
        observed = self.made_of_values(rule) and not self.reveals(rule)
        tells = result.examples or observed or _is_value(rule, result.observed)
        return self._read_by(rule) if tells else frozenset()

    def made_of_values(self, rule: Rule) -> bool:
        """Whether what is observed, or the details of it, come from the values and not from counting them."""
        if rule.kind == "sql":
            return not (rule.kwargs.get("broken") or self.reading(str(rule.kwargs["query"])).counts)
        return rule.kind == "expectation" and observes_values(rule.expectation_type)

    def _read_by(self, rule: Rule) -> frozenset[str]:
        """The columns that the rule may read: all, unless it says which."""
        named = frozenset(columns_of(rule))
        if rule.kind == "sql":
            read = self.reading(str(rule.kwargs["query"])).columns
            return self._every if read is None else named | {name for name in self._every if name.lower() in read}
        return named if named and not rule.kwargs.get("row_condition") and not brings_sql(rule) else self._every

    @cached_property
    def _every(self) -> frozenset[str]:
        return frozenset(c.field_name for c in self.table.columns)

    def _reads_others(self, rule: Rule) -> bool:
        others = {name.lower() for name in self.tables} - {self.table.name.lower()}
        for key in SQL_KWARGS:
            if isinstance(rule.kwargs.get(key), str):
                # GX's {batch} is this table.
                tables = self.reading(str(rule.kwargs[key]).replace("{batch}", '"' + self.table.name + '"')).tables
                if others if tables is None else others & tables:
                    return True
        return False


def _is_value(rule: Rule, observed: Any) -> bool:
    return observed is not None and not isinstance(observed, (int, float)) and not _harmless(rule)


def _harmless(rule: Rule) -> bool:
    """Whether what is observed are names, types and numbers of columns or rows."""
    kind = rule.expectation_type or ""
    return rule.kind == "relationship" or kind.startswith("expect_table_") or kind in _ABOUT_COLUMNS
