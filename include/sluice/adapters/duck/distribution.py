"""How the numbers, days and times of columns are spread: quantiles, standard deviation, histogram.

Quantiles are exact up to EXACT_ROWS; they do not spill to disk, so beyond that they are read
from counts in bins that grow with the value (DDSketch with a relative error of 1%: Masson, Rim, Lee, VLDB 2019), or in 65,536 equal bins for time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from sluice.adapters.duck.connection import name_sql
from sluice.contract.model import Column
from sluice.contract.types import NUMBERS, Kind
from sluice.profiles import BINS, QUANTILES, Histogram, Scalar

EXACT_ROWS = 20_000_000
_COLUMNS_TOGETHER = 100

_TEMPORAL = {
    Kind.DATE: "CAST(epoch_us(CAST({} AS TIMESTAMP)) AS DOUBLE)",
    Kind.TIMESTAMP: "CAST(epoch_us({}) AS DOUBLE)",
    Kind.TIMESTAMPTZ: "CAST(epoch_us({}) AS DOUBLE)",
    Kind.TIME: "CAST(epoch_us(DATE '1970-01-01' + {}) AS DOUBLE)",
}
_GROWTH = 1.02
_SMALLEST = 1e-9
_TIME_BINS = 65_535
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Distribution:
    """The quantiles at QUANTILES, whether they are exact, the standard deviation (numbers only) and a histogram."""

    quantiles: tuple[Scalar, ...]
    exact: bool
    stddev: float | None
    histogram: Histogram


def distributions(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    basic: Sequence[Mapping[str, Any]],
    *,
    exact_rows: int = EXACT_ROWS,
) -> dict[int, Distribution]:
    """The distribution of every column of the view `staged` that has one, by its position.

    `basic` tells what is known of each: `present` (values that are not null) and `mean`.
    """
    spread = {
        i: _Spread(c, basic[i])
        for i, c in enumerate(columns)
        if (c.type.kind in NUMBERS or c.type.kind in _TEMPORAL) and basic[i].get("min") is not None
    }
    if not spread:
        return {}
    found: dict[int, Distribution] = {}
    waiting = list(spread.items())
    while waiting:
        some, waiting = waiting[:_COLUMNS_TOGETHER], waiting[_COLUMNS_TOGETHER:]
        _bound(connection, [s for _, s in some])
        expressions = [e for _, s in some for e in s.expressions(exact=s.present <= exact_rows)]
        (row,) = connection.execute(f"SELECT {', '.join(expressions)} FROM staged").fetchall()
        values = iter(row)
        found |= {i: s.distribution(next(values), next(values), next(values)) for i, s in some}
    return found


def _bound(connection: duckdb.DuckDBPyConnection, spread: Sequence[_Spread]) -> None:
    bounds = [f"min({s.number}){s.finite}, max({s.number}){s.finite}" for s in spread]
    (row,) = connection.execute(f"SELECT {', '.join(bounds)} FROM staged").fetchall()
    for s, low, high in zip(spread, row[::2], row[1::2], strict=True):
        s.low, s.high = float(low), float(high)


class _Spread:
    """One column, its values as doubles: `number` is SQL for that."""

    def __init__(self, column: Column, basic: Mapping[str, Any]) -> None:
        name = name_sql(column.field_name)
        self.kind = column.type.kind
        self.number = _TEMPORAL[self.kind].format(name) if self.kind in _TEMPORAL else f"CAST({name} AS DOUBLE)"
        self.finite = f" FILTER (isfinite({name}))" if self.kind in (Kind.FLOAT32, Kind.FLOAT64) else ""
        self.present = int(basic["present"])
        self.mean = basic.get("mean")
        self.low = self.high = 0.0
        self.exact = True

    @property
    def width(self) -> float:
        return (self.high - self.low) / BINS

    def expressions(self, *, exact: bool) -> tuple[str, str, str]:
        """SQL for the quantiles (or the counts they are read from), the variance and the histogram."""
        self.exact = exact
        asked = f"quantile_disc({self.number}, {list(QUANTILES)}){self.finite}"
        variance = "NULL"
        if self.kind in NUMBERS and self.mean is not None and math.isfinite(self.high - self.low):
            variance = f"favg(({self.number} - {self.mean!r}) * ({self.number} - {self.mean!r})){self.finite}"
        bins = "NULL"
        if 0 < self.width < math.inf:
            edges = [self.low + self.width * k for k in range(1, BINS)]
            bins = f"map_values(histogram({self.number}, {[*edges, self.high]}){self.finite})"
        return (asked if exact else f"histogram({self._sketch()}){self.finite}"), variance, bins

    def distribution(self, asked: Any, variance: float | None, bins: Sequence[int] | None) -> Distribution:
        quantiles = list(asked) if self.exact else self._read(asked)
        counts = [0] * (BINS - 1) + [self.present] if bins is None else list(map(int, bins))[:BINS]
        stddev = math.sqrt(variance) if variance is not None and math.isfinite(variance) else None
        histogram = Histogram(self._shown(self.low), self._shown(self.high), tuple(counts))
        return Distribution(tuple(self._shown(q) for q in quantiles), self.exact, stddev, histogram)

    def _sketch(self) -> str:
        if self.kind in _TEMPORAL:
            width = (self.high - self.low) / _TIME_BINS or 1.0
            return f"TRY_CAST(floor(({self.number} - {self.low!r}) / {width!r}) AS INTEGER)"
        size = f"TRY_CAST(ceil(ln(greatest(abs({self.number}), {_SMALLEST})) / {math.log(_GROWTH)!r}) AS INTEGER)"
        # Negative numbers lie below, the more so the larger they are; 30,000 bins reach from 1e-9 to 1e249.
        offset = 1 - math.ceil(math.log(_SMALLEST) / math.log(_GROWTH))
        bin_ = f"least({size} + {offset}, 60000)"
        return (
            f"CASE WHEN abs({self.number}) <= {_SMALLEST} THEN 0 WHEN {self.number} < 0 THEN -({bin_}) ELSE {bin_} END"
        )

    def _read(self, counts: Mapping[int, int]) -> list[float]:
        """The quantiles from the counts of the sketch's bins, kept within what was really seen."""
        ordered = sorted((int(b), int(n)) for b, n in counts.items())
        total = sum(n for _, n in ordered)
        found, seen, at = [], 0, 0
        for q in QUANTILES:
            while seen + ordered[at][1] < max(1, math.ceil(q * total)):
                seen += ordered[at][1]
                at += 1
            found.append(min(max(self._middle(ordered[at][0]), self.low), self.high))
        return found

    def _middle(self, bin_: int) -> float:
        if self.kind in _TEMPORAL:
            return self.low + (bin_ + 0.5) * ((self.high - self.low) / _TIME_BINS or 1.0)
        if not bin_:
            return 0.0
        offset = 1 - math.ceil(math.log(_SMALLEST) / math.log(_GROWTH))
        size = 2 * math.exp((abs(bin_) - offset) * math.log(_GROWTH)) / (1 + _GROWTH)
        return math.copysign(size, bin_)

    def _shown(self, number: float) -> Scalar:
        if self.kind not in _TEMPORAL:
            return float(f"{number:.12g}")
        moment = _EPOCH + timedelta(microseconds=round(number))
        if self.kind is Kind.DATE:
            return moment.date().isoformat()
        if self.kind is Kind.TIME:
            return moment.time().isoformat()
        text = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{text}Z" if self.kind is Kind.TIMESTAMPTZ else text
