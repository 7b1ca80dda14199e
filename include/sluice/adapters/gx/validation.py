"""Rules of the kind `expectation` judged by Great Expectations on pandas DataFrames."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.adapters.gx.arguments import typed_kwargs
from sluice.adapters.gx.frames import View, frame, schema_of, wide_decimal
from sluice.adapters.gx.suites import readable
from sluice.checks.report import MAX_EXAMPLES, RuleResult, jsonable
from sluice.checks.rules import Rule, columns_of, withheld
from sluice.contract.model import Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# More than are shown, so that a few distinct ones can be shown.
_EXAMPLES_ASKED = 20

_WRITTEN = (
    "regex",
    "like_pattern",
    "value_lengths",
    "strftime",
    "parseable",
    "json_schema",
    "type_list",
    "of_type",
    "type_to_be",
)
_STATISTICS = ("_mean_", "_median_", "_sum_", "_stdev_", "_quantile_", "_z_scores_", "_outliers", "_p_value_")
_COUNTS_ROWS = {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}
_REVEALING = (
    "_max_",
    "_min_",
    "_median_",
    "_quantile_",
    "_most_common_",
    "_distinct_values_",
    "_sum_",
    "_mean_",
)
"""Expectations whose observed value is made of the column's values."""


def validate(
    rules: Sequence[Rule], files: Sequence[Path], table: Table, *, scratch: Path | None = None
) -> list[RuleResult]:
    """One result per rule, in their order; one that GX cannot take or evaluate gets a result that says why.

    Nothing is written and nothing is sent: the data context lives in memory. Columns that no rule looks at
    are not loaded. `scratch` is where an engine may spill; this one keeps everything in memory.
    """
    if not rules:
        return []
    # GX and pandas warn of groups in patterns, old kwargs, empty slices: nobody can act on that here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _validate(rules, files, table)


def _validate(rules: Sequence[Rule], files: Sequence[Path], table: Table) -> list[RuleResult]:
    schema = schema_of(files)
    types = {field.name: field.type for field in schema}
    wide = cache(lambda column: wide_decimal(files, column))
    results: dict[int, RuleResult] = {}
    suites: dict[View, dict[int, Any]] = {view: {} for view in View}
    for i, rule in enumerate(rules):
        try:
            suites[_view(rule)][i] = _expectation(i, rule, typed_kwargs(rule, types, wide))
        except (_UnusableError, ValueError) as error:
            results[i] = RuleResult.errored(rule, f"bad kwargs: {error}")
    for view, expectations in suites.items():
        if expectations:
            data = frame(files, _columns([rules[i] for i in expectations], schema), view)
            for i, found in _judge(data, expectations):
                results[i] = _result(rules[i], found, table, types)
    return [results[i] for i in range(len(rules))]


class _UnusableError(Exception):
    """GX does not take an expectation as it is."""


def _view(rule: Rule) -> View:
    kind = str(rule.expectation_type)
    if any(word in kind for word in _WRITTEN):
        return View.WRITTEN
    if any(word in kind for word in _STATISTICS):
        return View.STATISTICS
    return View.VALUES if "column" in rule.kwargs or kind.startswith("expect_table_") else View.ROWS


def _columns(rules: Sequence[Rule], schema: pa.Schema) -> list[str]:
    for rule in rules:
        about_all = not columns_of(rule) and rule.expectation_type not in _COUNTS_ROWS
        if about_all or rule.kwargs.get("row_condition"):
            return list(schema.names)
    wanted = {name for rule in rules for name in columns_of(rule)}
    return [name for name in schema.names if name in wanted]


def _expectation(i: int, rule: Rule, kwargs: Mapping[str, Any]) -> Any:
    import great_expectations  # noqa: F401  # fills the registry
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    # GX gives results back in an order of its own; the number in `meta` says whose they are.
    meta = {"rule": i}
    try:
        return ExpectationConfiguration(str(rule.expectation_type), dict(kwargs), meta).to_domain_obj()
    except ValidationError as error:
        raise _UnusableError(readable(error.errors())) from error
    except (GreatExpectationsError, TypeError, ValueError) as error:
        raise _UnusableError(str(error)) from error


def _judge(data: pd.DataFrame, expectations: Mapping[int, Any]) -> list[tuple[int, Any]]:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("staged").add_dataframe_asset("staged")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": data})
    try:
        return _run(batch, expectations)
    except Exception:  # GX builds the graph outside its own guard: one bad rule ends the suite
        return [found for i, expectation in expectations.items() for found in _alone(batch, i, expectation)]


def _alone(batch: Any, i: int, expectation: Any) -> list[tuple[int, Any]]:
    try:
        return _run(batch, {i: expectation})
    except Exception as error:  # whatever GX raises is this rule's result
        return [(i, error)]


def _run(batch: Any, expectations: Mapping[int, Any]) -> list[tuple[int, Any]]:
    from great_expectations import ExpectationSuite

    suite = ExpectationSuite(name="staged", expectations=list(expectations.values()))
    result_format = {"result_format": "BASIC", "partial_unexpected_count": _EXAMPLES_ASKED}
    return [(r.expectation_config.meta["rule"], r) for r in batch.validate(suite, result_format=result_format).results]


def _result(rule: Rule, found: Any, table: Table, types: Mapping[str, pa.DataType]) -> RuleResult:
    hidden = withheld(table, rule)
    raised = str(found) or type(found).__name__ if isinstance(found, Exception) else _raised(found.exception_info)
    if raised is not None:
        # What GX raises may quote the data.
        return RuleResult.errored(rule, "it could not be evaluated; the reason is withheld" if hidden else raised)
    detail: Mapping[str, Any] = found.result
    observed = detail.get("observed_value")
    if hidden and any(word in str(rule.expectation_type) for word in _REVEALING):
        observed = None
    examples = [] if hidden else _examples(detail.get("partial_unexpected_list") or (), columns_of(rule), types)
    return RuleResult.of(
        rule,
        bool(found.success),
        observed=_plain(observed, types.get(str(rule.kwargs.get("column")))),
        unexpected_count=_count(detail.get("unexpected_count")),
        element_count=_count(detail.get("element_count")),
        unexpected_percent=detail.get("unexpected_percent"),
        examples=tuple(examples),
    )


def _examples(values: Iterable[Any], columns: Sequence[str], types: Mapping[str, pa.DataType]) -> list[Any]:
    """A few distinct values, as their columns hold them; of several columns, as an object by column."""
    kinds = [types.get(name) for name in columns]
    shown: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            example: Any = {name: _plain(item, types.get(name)) for name, item in value.items()}
        elif isinstance(value, tuple):
            named = zip(columns, value, kinds, strict=False)
            example = {name: _plain(item, kind) for name, item, kind in named}
        else:
            example = _plain(value, kinds[0] if kinds else None)
        if example not in shown:
            shown.append(example)
    return shown[:MAX_EXAMPLES]


def _plain(value: Any, kind: pa.DataType | None) -> Any:
    import pandas as pd
    import pyarrow as pa

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    plain = jsonable(value)
    # Integers beside nulls were read as doubles, dates as timestamps.
    if isinstance(plain, str) and kind is not None and pa.types.is_date(kind):
        return plain[:10]
    if isinstance(plain, float) and plain.is_integer() and kind is not None and pa.types.is_integer(kind):
        return int(plain)
    return plain


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _raised(info: Any) -> str | None:
    """What was raised, in one line: GX keeps it flat, or one per metric that could not be computed."""
    if not isinstance(info, Mapping) or info.get("raised_exception") is False:
        return None
    for entry in (info, *info.values()):
        message = (
            entry.get("exception_message") if isinstance(entry, Mapping) else getattr(entry, "exception_message", None)
        )
        if message:
            return str(message).strip().splitlines()[0]
    return "it could not be evaluated"
