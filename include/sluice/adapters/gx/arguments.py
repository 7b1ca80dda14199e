"""An expectation's kwargs turned into the types of the columns that they are compared with.

A suite is JSON: dates, times and decimals in it are texts and doubles. GX compares them as they come, which
fails for a date against timestamps and is wrong at the limit for decimals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sluice.checks.rules import Rule

if TYPE_CHECKING:
    import pyarrow as pa

_VALUE_LIMITS = {
    "expect_column_values_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_median_to_be_between",
}
"""Whose min_value and max_value are values of the column, not counts, lengths or shares."""


def typed_kwargs(rule: Rule, types: Mapping[str, pa.DataType], wide: Callable[[str], bool]) -> dict[str, Any]:
    """The rule's kwargs, typed. `wide` tells of a decimal column whether its values are too long for doubles.

    Raises ValueError when a text cannot be a value of its column.
    """
    kwargs = dict(rule.kwargs)
    column = kwargs.get("column")
    if isinstance(column, str) and column in types:
        read = _reader(types[column], column, wide)
        if read and isinstance(kwargs.get("value_set"), list):
            kwargs["value_set"] = [None if value is None else read(value) for value in kwargs["value_set"]]
        if read and rule.expectation_type in _VALUE_LIMITS:
            for key, strict in (("min_value", "strict_min"), ("max_value", "strict_max")):
                if kwargs.get(key) is not None:
                    down = (key == "min_value") is not bool(kwargs.get(strict))
                    kwargs[key] = _limit(read(kwargs[key]), down=down)
    pair = [kwargs.get("column_A"), kwargs.get("column_B")]
    if isinstance(kwargs.get("value_pairs_set"), list) and all(name in types for name in pair):
        readers = [_reader(types[str(name)], str(name), wide) for name in pair]
        kwargs["value_pairs_set"] = [
            tuple(
                read(value) if read and value is not None else value
                for read, value in zip(readers, values, strict=True)
            )
            for values in kwargs["value_pairs_set"]
        ]
    return kwargs


def _reader(kind: pa.DataType, column: str, wide: Callable[[str], bool]) -> Callable[[Any], Any] | None:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return lambda value: _moment(value, zoned=kind.tz is not None)
    if pa.types.is_date(kind):
        return lambda value: _moment(value, zoned=False)
    if pa.types.is_time(kind):
        return _time
    if pa.types.is_decimal(kind) and wide(column):
        return _decimal
    return None


def _moment(value: Any, *, zoned: bool) -> Any:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a zone is added below, if any
    if isinstance(value, datetime) and zoned and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    if isinstance(value, datetime) and not zoned and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _time(value: Any) -> Any:
    moment = time.fromisoformat(value) if isinstance(value, str) else value
    return moment.isoformat("microseconds") if isinstance(moment, time) else moment


def _decimal(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Decimal(str(value)) if number else value


def _limit(value: Any, *, down: bool) -> Any:
    """A decimal limit as the nearest double on the side where the limit itself is judged rightly."""
    if not isinstance(value, Decimal):
        return value
    double = float(value)
    if down and Decimal(double) > value:
        return math.nextafter(double, -math.inf)
    return math.nextafter(double, math.inf) if not down and Decimal(double) < value else double
