"""GX's aggregate metrics over one column, exact where the type is.

Sums, means and deviations of doubles depend on the order of addition, which differs between engines and between
runs: they are added with compensation (`fsum`, `favg`) and rounded to 15 significant digits, so that the same data
always gives the same verdict. Quantiles are exact: held in memory up to a size, sorted with spilling above it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, time
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from sluice.adapters.gx.fields import (
    MOMENTS,
    NUMERIC,
    BadArgumentError,
    Family,
    Field,
    NotCompiledError,
    as_number,
    both,
)
from sluice.adapters.gx.requests import Metric, Rows, Scan, Table, filtered

Domain = Mapping[str, Any]
Kwargs = Mapping[str, Any]

SIGNIFICANT_DIGITS = 15


def row_count(table: Table, domain: Domain, _: Kwargs) -> Metric:
    """Rows of the table, or of another of the contract's."""
    other = domain.get("table")
    if other and other != table.name:
        if other not in table.others:
            raise BadArgumentError(f"names the table {other!r}; the contract has {', '.join(sorted(table.others))}")
        ((count,),) = yield [Rows(Table(other, {}).select("count(*)"))]
        return count[0]
    (count,) = yield [Scan(filtered("count(*)", table.where(domain)))]
    return count


def count_values(table: Table, domain: Domain, field: Field) -> Metric:
    """Values that are not missing."""
    (count,) = yield [Scan(filtered(f"count({field.sql})", table.where(domain)))]
    return count


def extreme(function: str) -> Any:
    """The least (`min`) or greatest (`max`) value; None without values."""

    def metric(table: Table, domain: Domain, _: Kwargs) -> Metric:
        field = table.field(domain["column"])
        field.need(NUMERIC | MOMENTS | {Family.TEXT})
        (value,) = yield [Scan(filtered(f"{function}({field.sql})", table.where(domain)))]
        return _moment(field, value)

    return metric


def _moment(field: Field, value: Any) -> Any:
    """GX compares moments with moments: a date stands for its midnight."""
    return datetime.combine(value, time()) if field.family is Family.DATE and value is not None else value


def total(table: Table, domain: Domain, _: Kwargs) -> Metric:
    """The sum; 0 without values, as in pandas."""
    field = table.field(domain["column"])
    value = yield from added(table, field, domain)
    return 0 if value is None else steady(value)


def _sum(field: Field) -> str:
    return f"{'fsum' if field.family is Family.FLOAT else 'sum'}({field.number})"


def added(table: Table, field: Field, domain: Domain) -> Generator[Any, Any, Any]:
    """The sum; None without values."""
    (value,) = yield [Scan(filtered(_sum(field), table.where(domain)))]
    if isinstance(value, float) and not math.isfinite(value):
        # Compensation turns a sum of infinities into no number.
        (value,) = yield [Scan(filtered(f"sum({field.number})", table.where(domain)))]
    return value


def mean(table: Table, field: Field, domain: Domain) -> Generator[Any, Any, float | None]:
    """The arithmetic mean as a double; None without values."""
    where = table.where(domain)
    # Asked for together, so that a sum and a mean are of one scan.
    count, _ = yield [Scan(filtered(f"count({field.sql})", where)), Scan(filtered(_sum(field), where))]
    whole = yield from added(table, field, domain)
    if not count:
        return None
    if isinstance(whole, float):
        return steady(whole / count)  # type: ignore[no-any-return]
    with localcontext(prec=60, rounding=ROUND_HALF_EVEN):
        return float(Decimal(whole) / count)


def standard_deviation(table: Table, field: Field, domain: Domain) -> Generator[Any, Any, float | None]:
    """The sample standard deviation (n - 1); None for fewer than two values, NaN beside infinity."""
    (value,) = yield [Scan(filtered(f"stddev_samp(CAST({field.number} AS DOUBLE))", table.where(domain)))]
    return None if value is None else steady(value)


class Steady(float):
    """A double rounded to SIGNIFICANT_DIGITS. A limit is compared with it as rounded likewise: what was rounded away
    puts it neither above nor below."""

    def _same(self, other: Any) -> bool:
        return isinstance(other, (int, float)) and _rounded(float(other)) == float(self)

    def __lt__(self, other: float) -> bool:
        return float(self) < other and not self._same(other)

    def __le__(self, other: float) -> bool:
        return float(self) <= other or self._same(other)

    def __gt__(self, other: float) -> bool:
        return float(self) > other and not self._same(other)

    def __ge__(self, other: float) -> bool:
        return float(self) >= other or self._same(other)


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else value


def steady(value: Any) -> Any:
    """A double without the digits in which orders of addition differ."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    if value.is_integer() and abs(value) < 2**53:
        return value
    return Steady(_rounded(value))


def constant(table: Table, field: Field, domain: Domain) -> Generator[Any, Any, bool]:
    """Whether all values are the same: a deviation computed in parts may not be quite 0 then."""
    where = table.where(domain)
    low, high = yield [Scan(filtered(f"{function}({field.sql})", where)) for function in ("min", "max")]
    return bool(low == high)


def mean_metric(table: Table, domain: Domain, _: Kwargs) -> Metric:
    return (yield from mean(table, table.field(domain["column"]), domain))


def deviation_metric(table: Table, domain: Domain, _: Kwargs) -> Metric:
    return (yield from standard_deviation(table, table.field(domain["column"]), domain))


def order_statistics(
    table: Table, field: Field, domain: Domain, ranks: Sequence[int], count: int
) -> Generator[Any, Any, list[Any]]:
    """The values at these places, counted from 0, of the `count` sorted values."""
    wanted = sorted(set(ranks))
    where = table.where(domain, f"{field.sql} IS NOT NULL")
    if count <= table.in_memory:
        # quantile_disc(q) is the value at ceil(q * n) - 1: the middle between two places is safe from rounding.
        shares = ", ".join(repr((rank + 0.5) / count) for rank in wanted)
        ((rows,),) = yield [Rows(table.select(f"quantile_disc({field.sql}, [{shares}])", where))]
        found = dict(zip(wanted, rows[0], strict=True))
    else:
        ordered = table.select(f"{field.sql} AS v", where, "ORDER BY v")
        places = ", ".join(map(str, wanted))
        numbered = f"SELECT v, row_number() OVER () - 1 AS place FROM ({ordered})"  # noqa: S608
        (rows,) = yield [Rows(f"SELECT place, v FROM ({numbered}) WHERE place IN ({places})")]  # noqa: S608
        found = dict(rows)
    return [found[rank] for rank in ranks]


def linear_quantiles(
    table: Table, field: Field, domain: Domain, shares: Sequence[float], interpolation: str = "linear"
) -> Generator[Any, Any, list[Any]]:
    """Quantiles as numpy interpolates them (linear, lower, higher, midpoint, nearest); None without values."""
    count = yield from count_values(table, domain, field)
    if not count:
        return [None for _ in shares]
    if any(not 0 <= share <= 1 for share in shares):
        raise BadArgumentError("quantiles lie between 0 and 1")
    places = [(count - 1) * share for share in shares]
    ranks = [rank for place in places for rank in (math.floor(place), math.ceil(place))]
    values = yield from order_statistics(table, field, domain, ranks, count)
    return [_interpolated(place, values[2 * i], values[2 * i + 1], interpolation) for i, place in enumerate(places)]


def _interpolated(place: float, low: Any, high: Any, interpolation: str) -> Any:
    share = place - math.floor(place)
    match interpolation:
        case "lower":
            return low
        case "higher":
            return high
        case "nearest":
            # numpy rounds a half to the even place.
            return low if round(place) == math.floor(place) else high
    if share == 0:
        return low
    low, high = float(low), float(high)
    step = 0.5 if interpolation == "midpoint" else share
    if math.isinf(low) and low == high:
        return low
    return high - (high - low) * (1 - step) if step >= 0.5 else low + (high - low) * step


def median(table: Table, domain: Domain, _: Kwargs) -> Metric:
    """The median, halfway between the middle two; None without values."""
    field = table.field(domain["column"])
    if field.family in (Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ):
        count = yield from count_values(table, domain, field)
        if not count:
            return None
        middle = yield from order_statistics(table, field, domain, [(count - 1) // 2, count // 2], count)
        low, high = (_moment(field, value) for value in middle)
        return low if low == high else low + (high - low) / 2
    field.need(NUMERIC)
    (value,) = yield from linear_quantiles(table, field, domain, (0.5,))
    return value


def quantile_values(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    """A value per quantile; the nearest one unless `allow_relative_error` names another interpolation."""
    field = table.field(domain["column"])
    field.need(NUMERIC - {Family.BOOLEAN})
    interpolation = kwargs.get("allow_relative_error") or "nearest"
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise BadArgumentError(
            f"allow_relative_error is {interpolation!r}; use linear, lower, higher, midpoint or nearest"
        )
    values = yield from linear_quantiles(table, field, domain, kwargs["quantiles"], interpolation)
    return [math.nan if value is None else float(value) for value in values]


def non_null_proportion(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    rows = yield from row_count(table, domain, kwargs)
    values = yield from count_values(table, domain, table.field(domain["column"]))
    return values / rows if rows else 0


def non_null_count(table: Table, domain: Domain, _: Kwargs) -> Metric:
    return (yield from count_values(table, domain, table.field(domain["column"])))


def histogram(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    """Values per bin, half-open but for the last (numpy.histogram)."""
    field, bins = table.field(domain["column"]), list(kwargs["bins"])
    field.need(NUMERIC - {Family.BOOLEAN})
    if len(bins) < 2 or any(as_number(edge) is None for edge in bins) or bins != sorted(bins):
        raise NotCompiledError("bins that do not increase")
    where = [
        both(field.compare(">=", low), field.compare("<=" if i == len(bins) - 2 else "<", high))
        for i, (low, high) in enumerate(itertools.pairwise(bins))
    ]
    return (yield [Scan(filtered("count(*)", table.where(domain, condition))) for condition in where])


def histogram_total(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    """Values that are not missing, as numpy counts: GX divides by it, and by 0 as numpy does."""
    import numpy as np

    return np.int64((yield from non_null_count(table, domain, kwargs)))


def between_count(table: Table, domain: Domain, kwargs: Kwargs) -> Metric:
    """Values beyond a limit, the tails of a histogram, as numpy counts."""
    import numpy as np

    field, low, high = table.field(domain["column"]), kwargs.get("min_value"), kwargs.get("max_value")
    field.need(NUMERIC - {Family.BOOLEAN})
    parts = [field.compare(">" if kwargs.get("strict_min") else ">=", low)] if low is not None else []
    parts += [field.compare("<" if kwargs.get("strict_max") else "<=", high)] if high is not None else []
    (count,) = yield [Scan(filtered("count(*)", table.where(domain, *parts)))]
    return np.int64(count)
