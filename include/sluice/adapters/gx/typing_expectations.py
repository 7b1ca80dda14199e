"""Expectations about types. GX on pandas judges dtypes and, for objects, each value's Python type; all values of a
staged column have one type, so a frame of one row stands for the column, and counts are scaled to it."""

from __future__ import annotations

from typing import Any, Protocol

from sluice.adapters.gx.aggregates import count_values
from sluice.adapters.gx.requests import Metric, Table
from sluice.checks.rules import Rule, identifier

TYPE_EXPECTATIONS = {
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
    "expect_column_type_to_be",
}


class Data(Protocol):
    """Rows of the staged tables as Arrow tables."""

    def arrow_rows(self, sql: str) -> Any: ...


def engine_for(rule: Rule, table: Table, data: Any) -> Any:
    """GX's pandas engine over a stand-in for the rule's column; None for rules about anything else."""
    name = rule.kwargs.get("column")
    if rule.expectation_type not in TYPE_EXPECTATIONS or name not in table.fields:
        return None
    import pandas as pd
    import pyarrow as pa

    from sluice.adapters.gx.frames import View, series
    from sluice.adapters.gx.stock import engine_on

    column = identifier(str(name))
    given = data.arrow_rows(table.select(column, f"{column} IS NOT NULL", "LIMIT 1"))
    missing = data.arrow_rows(table.select(column, f"{column} IS NULL", "LIMIT 1"))
    stand_in = pa.concat_tables([given, missing]).column(0).combine_chunks()
    return engine_on(pd.DataFrame({name: series(stand_in, View.WRITTEN)}))


def metric(engine: Any, configuration: Any, table: Table) -> Metric | None:
    """The metric from the stand-in: types as they are, counts for the whole column. None for other metrics."""
    if engine is None:
        return None
    name, domain = configuration.metric_name, dict(configuration.metric_domain_kwargs)
    if name == "table.column_types":
        return _same(engine.resolve_metrics([configuration])[configuration.id])
    if name.endswith((".of_type.unexpected_count", ".in_type_list.unexpected_count")):
        return _scaled(engine, configuration, table, domain)
    return None


def _same(value: Any) -> Metric:
    yield []
    return value


def _scaled(engine: Any, configuration: Any, table: Table, domain: dict[str, Any]) -> Metric:
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    yield []
    resolved, aborted = MetricsCalculator(engine, show_progress_bars=False).compute_metrics([configuration])
    if aborted:
        from sluice.adapters.gx.fields import NotCompiledError

        raise NotCompiledError("its types")
    if not resolved[configuration.id]:
        return 0
    return (yield from count_values(table, domain, table.field(domain["column"])))
