"""What GX found, as Sluice reports it: plain data, a few examples, and nothing that a classification forbids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sluice.adapters.gx.exact import Exact
from sluice.checks.discreet import observes_values
from sluice.checks.report import MAX_EXAMPLES, RuleResult, jsonable
from sluice.checks.rules import Rule, columns_of, withheld
from sluice.contract.model import Table

if TYPE_CHECKING:
    import pyarrow as pa


def result_of(rule: Rule, found: Any, table: Table, types: Mapping[str, pa.DataType], engine: str) -> RuleResult:
    """The rule's result from GX's ExpectationValidationResult."""
    hidden = withheld(table, rule)
    detail: Mapping[str, Any] = found.result or {}
    observed = detail.get("observed_value")
    if hidden and observes_values(rule.expectation_type):
        observed = None
    examples = [] if hidden else _examples(_unexpected(detail), columns_of(rule), types)
    return RuleResult.of(
        rule,
        bool(found.success),
        engine=engine,
        observed=_plain(observed, types.get(str(rule.kwargs.get("column")))),
        unexpected_count=_count(detail.get("unexpected_count", detail.get("missing_count"))),
        element_count=_count(detail.get("element_count")),
        unexpected_percent=detail.get("unexpected_percent"),
        examples=tuple(examples),
    )


def errored(rule: Rule, why: str, table: Table, engine: str | None, *, quotes_data: bool) -> RuleResult:
    """The result of a rule that could not be evaluated. `quotes_data`: the reason may give values away."""
    if quotes_data and withheld(table, rule):
        why = "it could not be evaluated; the reason is withheld"
    return RuleResult.errored(rule, why, engine=engine)


def _unexpected(detail: Mapping[str, Any]) -> Iterable[Any]:
    return detail.get("partial_unexpected_list") or detail.get("partial_missing_list") or ()


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

    if isinstance(value, Exact):
        value = Decimal(value)
        # A number that a double holds is shown as a number.
        value = (
            int(value) if value == value.to_integral_value() and (kind is None or pa.types.is_integer(kind)) else value
        )
        value = float(value) if isinstance(value, Decimal) and Decimal(repr(float(value))) == value else value
    if isinstance(value, list) and kind is not None and pa.types.is_date(kind):
        return [_plain(item, kind) for item in value]
    if isinstance(value, (list, dict)):
        return jsonable(value)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    plain = jsonable(value)
    # Integers beside nulls were read as doubles, dates as timestamps; halfway between two days it is noon.
    if isinstance(plain, str) and kind is not None and pa.types.is_date(kind):
        return plain.removesuffix("T00:00:00")
    if isinstance(plain, float) and plain.is_integer() and kind is not None and pa.types.is_integer(kind):
        return int(plain)
    return plain


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
