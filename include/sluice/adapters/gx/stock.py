"""Great Expectations' own pandas engine, on the columns that a rule needs: for what is not compiled, and the oracle.

No data context is built and nothing is written or sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.adapters.gx.admission import admit
from sluice.adapters.gx.arguments import typed_kwargs
from sluice.adapters.gx.expectations import UnusableError, expectation_of
from sluice.adapters.gx.fields import BadArgumentError
from sluice.adapters.gx.frames import View, frame, schema_of, wide_decimal
from sluice.checks.rules import Rule, columns_of

if TYPE_CHECKING:
    import pandas as pd

_WRITTEN = ("regex", "like_pattern", "value_lengths", "strftime", "parseable", "json_schema", "type_list", "of_type",
            "type_to_be")  # fmt: skip
_STATISTICS = ("_mean_", "_median_", "_sum_", "_stdev_", "_quantile_", "_z_scores_", "_outliers", "_p_value_")
_COUNTS_ROWS = {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}

BYTES_PER_VALUE = 64
"""What a value takes in pandas while it is evaluated: an object and the masks over it."""


class StockError(Exception):
    """GX could not evaluate an expectation; the message is GX's own, and may quote the data."""


def evaluate(rule: Rule, files: Sequence[Path], *, memory: int | None = None, result_format: Mapping[str, Any]) -> Any:
    """GX's ExpectationValidationResult. `memory`: bytes that the columns may take.

    Raises UnusableError (GX does not take the rule, or it would not fit) and StockError.
    """
    schema = schema_of(files)
    try:
        rule = replace(rule, kwargs=admit(rule.kwargs, schema.names))
    except BadArgumentError as error:
        raise UnusableError(f"bad kwargs: {error}") from error
    columns = needed(rule, schema.names)
    if memory is not None:
        _within(memory, rule, files, columns)
    types = {field.name: field.type for field in schema}
    wide: Callable[[str], bool] = cache(lambda column: wide_decimal(files, column))
    try:
        kwargs = typed_kwargs(rule, types, wide)
    except ValueError as error:
        raise UnusableError(str(error)) from error
    expectation = expectation_of(rule, kwargs)
    return judged(expectation, engine_on(frame(files, columns, view_of(rule), columns_of(rule))), result_format)


def engine_on(data: pd.DataFrame) -> Any:
    """GX's PandasExecutionEngine with the frame as its only batch."""
    from great_expectations.execution_engine import PandasExecutionEngine

    return PandasExecutionEngine(batch_data_dict={"staged": data})


def judged(expectation: Any, engine: Any, result_format: Mapping[str, Any]) -> Any:
    """The expectation's own verdict on the engine's batch. Raises StockError."""
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    runtime = {"result_format": dict(result_format)}
    try:
        dependencies = expectation.get_validation_dependencies(engine, dict(runtime))
        calculator = MetricsCalculator(engine, show_progress_bars=False)
        resolved, aborted = calculator.compute_metrics(dependencies.get_metric_configurations(), dict(runtime))
        if not aborted:
            return expectation.metrics_validate(resolved, dict(runtime), engine)
    except Exception as error:  # whatever GX or a custom expectation raises is this rule's result
        raise StockError(str(error).strip().split("\n")[0] or type(error).__name__) from error
    raise StockError(_said(next(iter(aborted.values()))))


def _said(failed: Mapping[str, Any]) -> str:
    found: Any = failed["exception_info"]
    if isinstance(found, Mapping):
        found = [found] if "exception_message" in found else found.values()
    for info in found:
        message = info.get("exception_message") if isinstance(info, Mapping) else getattr(info, "exception_message", "")
        if message:
            return str(message).strip().splitlines()[0]
    return "it could not be evaluated"


def view_of(rule: Rule) -> View:
    """What the rule's columns are read for."""
    kind = str(rule.expectation_type)
    if any(word in kind for word in _WRITTEN):
        return View.WRITTEN
    if any(word in kind for word in _STATISTICS):
        return View.STATISTICS
    return View.VALUES if "column" in rule.kwargs or kind.startswith("expect_table_") else View.ROWS


def needed(rule: Rule, names: Sequence[str]) -> list[str]:
    """The columns that the rule looks at, in the table's order; all where it does not say."""
    about_all = rule.kwargs.get("column_index") is not None or (
        not columns_of(rule) and rule.expectation_type not in _COUNTS_ROWS
    )
    if about_all or rule.kwargs.get("row_condition"):
        return list(names)
    wanted = set(columns_of(rule))
    return [name for name in names if name in wanted]


def _within(memory: int, rule: Rule, files: Sequence[Path], columns: Sequence[str]) -> None:
    import pyarrow.parquet as pq

    rows = sum(pq.read_metadata(file).num_rows for file in files)
    needs = rows * len(columns) * BYTES_PER_VALUE
    if needs > memory:
        raise UnusableError(
            f"{rule.expectation_type} runs on pandas, where {rows:,} rows of {len(columns)} columns take about "
            f"{needs >> 20:,} MB; the memory limit is {memory >> 20:,} MB. Raise SLUICE_MEMORY_LIMIT, or write the rule in SQL"
        )
