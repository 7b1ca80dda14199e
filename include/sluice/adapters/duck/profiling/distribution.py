"""How the numbers, days and times of columns are spread: quantiles, standard deviation, histogram.

Quantiles are exact up to EXACT_ROWS. Beyond, sorting every column would cost more than all else together: there they
are those of about SAMPLE rows, chosen by the hash of the columns that tell rows apart best, so that the same rows give
the same sample in whatever order they come. The share of rows below such a quantile is then off by a standard error of
sqrt(p (1 - p) / SAMPLE), at most 0.1%.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from sluice.adapters.duck.connection import name_sql
from sluice.adapters.duck.profiling.source import Source, together
from sluice.contract.model import Column
from sluice.contract.types import NUMBERS, Kind
from sluice.profiles import BINS, QUANTILES, Histogram, Scalar

EXACT_ROWS = 500_000
SAMPLE = 250_000
_HASHES = 2**64

_TELLING = 3
"""So many columns choose the sample: one that is often null, or zero, must not decide alone."""
_REPEATED = 10
"""The best of them has a tenth as many distinct values as there are rows, or there is no sample."""
_SIGMAS = 6
_NONE = "any_value(NULL)"
"""Null as an aggregate: of a table with nothing else to ask, a bare NULL would come once for every row."""

_TEMPORAL = {
    Kind.DATE: "CAST(epoch_us(CAST({} AS TIMESTAMP)) AS DOUBLE)",
    Kind.TIMESTAMP: "CAST(epoch_us({}) AS DOUBLE)",
    Kind.TIMESTAMPTZ: "CAST(epoch_us({}) AS DOUBLE)",
    Kind.TIME: "CAST(epoch_us(DATE '1970-01-01' + {}) AS DOUBLE)",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = (
    (end - _EPOCH) // timedelta(microseconds=1)
    for end in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
)
"""Microseconds that Python can name; 9999-12-31T23:59:59.999999, as "no end", rounds past it in a double."""


@dataclass(frozen=True)
class Distribution:
    """The quantiles at QUANTILES, whether they are exact, the standard deviation (numbers only) and a histogram."""

    quantiles: tuple[Scalar, ...]
    exact: bool
    stddev: float | None
    histogram: Histogram


def number_sql(value: str, kind: Kind) -> str | None:
    """SQL for the value as a double, days and times as microseconds; None for a kind that has no distribution."""
    if kind in _TEMPORAL:
        return _TEMPORAL[kind].format(value)
    return f"CAST({value} AS DOUBLE)" if kind in NUMBERS else None


def distributions(
    source: Source,
    columns: Sequence[Column],
    basic: Sequence[Mapping[str, Any]],
    rows: int,
    *,
    exact_rows: int = EXACT_ROWS,
    sample: int = SAMPLE,
) -> dict[int, Distribution]:
    """The distribution of every column of `source` (of `rows` rows) that has one, by its position.

    `basic` tells what is known of each: `present` (values that are not null), `about` how many distinct ones, `mean`,
    and the bounds `low` and `high` as `number_sql` has them.
    """
    spread = {i: _Spread(c, basic[i]) for i, c in enumerate(columns) if basic[i].get("low") is not None}
    sampled = [i for i, s in spread.items() if s.present > exact_rows]
    quantiles = (
        _quantiles_of_sample(source, {i: spread[i] for i in sampled}, _telling(columns, basic, rows), rows, sample)
        if sampled
        else {}
    )
    exact = [i for i in spread if i not in quantiles]
    for some, there in source.groups(exact):
        row = _one_row(source.connection, there, [spread[i].quantiles() for i in some])
        quantiles |= dict(zip(some, row, strict=True))
    found: dict[int, Distribution] = {}
    for some, there in source.groups(list(spread)):
        row = _one_row(source.connection, there, [e for i in some for e in spread[i].shape()])
        for i, bins, variance in zip(some, row[::2], row[1::2], strict=True):
            found[i] = spread[i].distribution(quantiles[i], i in exact, bins or {}, variance)
    return found


def _telling(columns: Sequence[Column], basic: Sequence[Mapping[str, Any]], rows: int) -> list[str]:
    """The columns of fixed width with the most distinct values: together they tell most rows apart, or there are none."""
    fixed = [i for i, c in enumerate(columns) if number_sql("", c.type.kind)]
    fixed.sort(key=lambda i: (-int(basic[i]["about"]), i))
    if not fixed or int(basic[fixed[0]]["about"]) * _REPEATED < rows:
        return []
    return [name_sql(columns[i].field_name) for i in fixed[:_TELLING]]


def _quantiles_of_sample(
    source: Source,
    spread: Mapping[int, _Spread],
    telling: Sequence[str],
    rows: int,
    sample: int,
) -> dict[int, Any]:
    """The quantiles in a sample of rows, by column; none when the rows are too much alike for one."""
    if not telling:
        return {}
    condition = f"hash({', '.join(telling)}) < {int(min(1.0, sample / rows) * (_HASHES - 1))}"
    found: dict[int, Any] = {}
    for some in together(list(spread)):
        count, *row = _one_row(
            source.connection, source.whole, ["count(*)", *(spread[i].quantiles() for i in some)], condition
        )
        # Rows that agree in the telling columns come together or not at all; many of them would show here.
        if abs(count - sample) > _SIGMAS * math.sqrt(sample) or None in row:
            return {}
        found |= {i: spread[i].within_bounds(q) for i, q in zip(some, row, strict=True)}
    return found


def _one_row(
    connection: duckdb.DuckDBPyConnection, staged: str, expressions: Sequence[str], condition: str = "true"
) -> Sequence[Any]:
    (row,) = connection.execute(f"SELECT {', '.join(expressions)} FROM {staged} WHERE {condition}").fetchall()
    return row


class _Spread:
    """One column, its values as doubles: `number` is SQL for that."""

    def __init__(self, column: Column, basic: Mapping[str, Any]) -> None:
        name = name_sql(column.field_name)
        self.kind = column.type.kind
        self.number = number_sql(name, self.kind)
        self.finite = f" FILTER (isfinite({name}))" if self.kind in (Kind.FLOAT32, Kind.FLOAT64) else ""
        self.present = int(basic["present"]) - int(basic.get("not_finite") or 0)
        self.mean = basic.get("mean")
        self.low, self.high = float(basic["low"]), float(basic["high"])

    @property
    def width(self) -> float:
        return (self.high - self.low) / BINS

    def quantiles(self) -> str:
        """SQL for the quantiles."""
        return f"quantile_disc({self.number}, {list(QUANTILES)}){self.finite}"

    def within_bounds(self, quantiles: Sequence[float]) -> list[float]:
        """The quantiles of a sample, with the ends as they are in the whole."""
        return [self.low, *quantiles[1:-1], self.high]

    def shape(self) -> tuple[str, str]:
        """SQL for the histogram, as bin (from 1) → count, and for the variance."""
        bins = variance = _NONE
        if 0 < self.width < math.inf:
            # By arithmetic on the value: comparing with every edge takes three times as long.
            bins = f"histogram(TRY_CAST(ceil(({self.number} - {self.low!r}) / {self.width!r}) AS TINYINT)){self.finite}"
        if self.kind in NUMBERS and self.mean is not None and math.isfinite(self.high - self.low):
            variance = f"favg(({self.number} - {self.mean!r}) * ({self.number} - {self.mean!r})){self.finite}"
        return bins, variance

    def distribution(
        self, quantiles: Sequence[float], exact: bool, bins: Mapping[int, int], variance: float | None
    ) -> Distribution:
        counts = [0] * BINS
        for bin_, count in bins.items():
            counts[min(max(int(bin_), 1), BINS) - 1] += int(count)  # the lowest value is in the first, on its lower end
        if not bins:
            counts[-1] = self.present
        stddev = math.sqrt(variance) if variance is not None and math.isfinite(variance) else None
        histogram = Histogram(self._shown(self.low), self._shown(self.high), tuple(counts))
        return Distribution(tuple(map(self._shown, quantiles)), exact, stddev, histogram)

    def _shown(self, number: float) -> Scalar:
        if self.kind not in _TEMPORAL:
            return float(f"{number:.12g}")
        moment = _EPOCH + timedelta(microseconds=min(max(round(number), _FIRST), _LAST))
        if self.kind is Kind.DATE:
            return moment.date().isoformat()
        if self.kind is Kind.TIME:
            return moment.time().isoformat()
        text = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{text}Z" if self.kind is Kind.TIMESTAMPTZ else text
