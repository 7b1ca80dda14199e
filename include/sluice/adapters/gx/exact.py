"""Numbers that compare with an expectation's limits as these were written, not as the doubles GX makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sluice.adapters.gx.fields import as_number, written


class Exact(Decimal):
    """A measured number. GX's models turn limits into doubles: `limits` gives back what was written."""

    limits: Mapping[float, Decimal]

    def __lt__(self, other: Any) -> bool:
        return Decimal(self) < self._limit(other)

    def __le__(self, other: Any) -> bool:
        return Decimal(self) <= self._limit(other)

    def __gt__(self, other: Any) -> bool:
        return Decimal(self) > self._limit(other)

    def __ge__(self, other: Any) -> bool:
        return Decimal(self) >= self._limit(other)

    def _limit(self, other: Any) -> Decimal:
        if isinstance(other, float):
            return self.limits.get(other, Decimal(repr(other)))
        return Decimal(other)


def exact(value: Any, kwargs: Mapping[str, Any]) -> Any:
    """An integer or a decimal as an Exact number, with the limits of these kwargs; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return value
    number = Exact(value)
    number.limits = {
        float(limit): limit for end in ("min_value", "max_value") if (limit := _limit(kwargs.get(end))) is not None
    }
    return number


def _limit(value: Any) -> Decimal | None:
    return written(value) if isinstance(value, str) else as_number(value)
