"""What is wrong with an expectation for the columns of its contract, found before any data is there."""

from __future__ import annotations

import warnings
from typing import Any

from sluice.adapters.gx.admission import admit
from sluice.adapters.gx.compiled import Compiler
from sluice.adapters.gx.expectations import contained, expectation_of
from sluice.adapters.gx.fields import BadArgumentError, Family, Field, NotCompiledError
from sluice.adapters.gx.requests import Table as StagedTable
from sluice.checks.rules import BadRuleError, Rule
from sluice.contract.model import Table
from sluice.contract.types import Kind

_FAMILIES = {
    Kind.STRING: Family.TEXT, Kind.JSON: Family.TEXT, Kind.BOOLEAN: Family.BOOLEAN, Kind.INT32: Family.INTEGER,
    Kind.INT64: Family.INTEGER, Kind.FLOAT32: Family.FLOAT, Kind.FLOAT64: Family.FLOAT, Kind.DECIMAL: Family.DECIMAL,
    Kind.DATE: Family.DATE, Kind.TIMESTAMP: Family.TIMESTAMP, Kind.TIMESTAMPTZ: Family.TIMESTAMPTZ,
}  # fmt: skip
_OF_COLUMNS = ("column", "compound_columns", "multicolumn", "select_column")


def try_out(rule: Rule, table: Table) -> None:
    """Compile the rule's metrics for the contract's types. Raises BadRuleError for arguments that fit no column."""
    fields = {
        c.field_name: Field(c.field_name, _FAMILIES.get(c.type.kind, Family.OTHER), c.type.precision, c.type.scale)
        for c in table.columns
    }
    try:
        admit(rule.kwargs, fields)
    except BadArgumentError as error:
        raise BadRuleError(f"({rule.expectation_type}) has bad kwargs: {error}", "Correct the kwargs.") from error
    compiler = Compiler(StagedTable(table.name, fields, python=lambda _: "sluice_python"))
    for name, domain, values in _metrics(rule):
        try:
            next(compiler.metric(name, domain, values))
        except BadArgumentError as error:
            raise BadRuleError(f"({rule.expectation_type}) has bad kwargs: {error}", "Correct the kwargs.") from error
        except (NotCompiledError, StopIteration):
            pass  # GX's own engine has its say, with the data


def _metrics(rule: Rule) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The metrics over columns that the expectation asks for, with the rule's own arguments."""
    try:
        with warnings.catch_warnings(), contained():
            warnings.simplefilter("ignore")
            asked = expectation_of(rule).get_validation_dependencies(None, {"result_format": "BASIC"})
    except Exception:  # some ask an engine, and a custom class may do anything: the check stage tells what is wrong
        return []
    found = []
    for configuration in asked.metric_configurations.values():
        if configuration.metric_name.startswith(_OF_COLUMNS):
            values = dict(configuration.metric_value_kwargs or {})
            values |= {key: rule.kwargs[key] for key in values if rule.kwargs.get(key) is not None}
            found.append((configuration.metric_name, dict(configuration.metric_domain_kwargs), values))
    return found
