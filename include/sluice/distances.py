"""How far two distributions lie apart: the population stability index, and Kolmogorov and Smirnov's statistic.

Both also have a value that chance alone exceeds in one comparison of a thousand; below it a distance means nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

FLOOR = 1e-4
"""The least share of a bin in the index; an empty bin would make it infinite."""

_Z_OF_A_THOUSAND = 3.0902
"""The standard normal distribution's 99.9% point."""


class Cdf:
    """The cumulative distribution that `quantiles` (not descending, at equal steps of probability from 0 to 1) outline.

    Linear between two quantiles, with a jump where several are equal.
    """

    def __init__(self, quantiles: Sequence[float]) -> None:
        if len(quantiles) < 2 or any(a > b for a, b in pairwise(quantiles)):
            raise ValueError("two quantiles or more, not descending")
        self.quantiles = list(quantiles)

    def at(self, x: float) -> float:
        """The share (0-1) of values up to and including `x`."""
        return self._between(x, bisect_right(self.quantiles, x))

    def below(self, x: float) -> float:
        """The share (0-1) of values less than `x`."""
        return self._between(x, bisect_left(self.quantiles, x))

    def _between(self, x: float, after: int) -> float:
        steps = len(self.quantiles) - 1
        if after == 0:
            return 0.0
        if after > steps:
            return 1.0
        low, high = self.quantiles[after - 1], self.quantiles[after]
        if x in (low, high):
            return (after if x == high else after - 1) / steps
        if math.isinf(high - low):
            x, low, high = x / 2, low / 2, high / 2
        return (after - 1 + (x - low) / (high - low)) / steps


def ks(one: Cdf, other: Cdf) -> float:
    """sup |F(x) - G(x)|, from 0 to 1 and the same both ways (Kolmogorov 1933; Smirnov 1939).

    Two lines are farthest apart at an end, so the quantiles of both are looked at, from both sides.
    """
    ends = {*one.quantiles, *other.quantiles}
    return max(max(abs(one.at(x) - other.at(x)), abs(one.below(x) - other.below(x))) for x in ends)


def ks_by_chance(n: int, m: int) -> float:
    """What the statistic of `n` and `m` values of one continuous distribution exceeds once in a thousand.

    c sqrt((n + m) / (n m)) with c = sqrt(-ln(alpha / 2) / 2), alpha = 0.001 (Smirnov 1948).
    """
    return min(1.0, math.sqrt(-math.log(0.0005) / 2) * math.sqrt(1 / n + 1 / m))


def psi(before: Sequence[float], after: Sequence[float]) -> float:
    """The population stability index of the shares of the same bins: sum of (a - b) ln(a / b), 0 or more.

    Below 0.1 nothing moved, from 0.25 on a population is another one (Lewis 1994; Siddiqi, Credit Risk
    Scorecards, 2006). Shares below FLOOR count as FLOOR.
    """
    pairs = ((max(b, FLOOR), max(a, FLOOR)) for b, a in zip(before, after, strict=True))
    return math.fsum((a - b) * math.log(a / b) for b, a in pairs)


def psi_by_chance(bins: int, n: int, m: int) -> float:
    """What the index of `n` and `m` values of one distribution in `bins` exceeds once in a thousand.

    (1/n + 1/m) times a chi-squared variable of bins - 1 degrees of freedom (Yurdakul, Statistical Properties of
    Population Stability Index, 2018), its quantile by Wilson and Hilferty (1931).
    """
    degrees = max(1, bins - 1)
    spread = 2 / (9 * degrees)
    return (1 / n + 1 / m) * degrees * (1 - spread + _Z_OF_A_THOUSAND * math.sqrt(spread)) ** 3


def shares_of_categories(before: Mapping[Any, int], after: Mapping[Any, int]) -> tuple[list[float], list[float]]:
    """The shares (0-1) of every value that either has; both count something."""
    values = sorted({*before, *after}, key=lambda v: (str(type(v)), str(v)))
    return _shares([before.get(v, 0) for v in values]), _shares([after.get(v, 0) for v in values])


def shares_of_deciles(before: Cdf, after: Cdf) -> tuple[list[float], list[float]]:
    """The shares (0-1) between the deciles of `before`; equal deciles make one bin."""
    steps = len(before.quantiles) - 1
    edges = sorted({before.quantiles[round(i * steps / 10)] for i in range(1, 10)})
    return _between(before, edges), _between(after, edges)


def _between(cdf: Cdf, edges: Sequence[float]) -> list[float]:
    ends = [0.0, *map(cdf.at, edges), 1.0]
    return [high - low for low, high in pairwise(ends)]


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts]
