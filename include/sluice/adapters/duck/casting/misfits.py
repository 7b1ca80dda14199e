"""Texts that are surely no value of their column, told without DuckDB. Whatever is not sure, the column's rule decides.

So a record that is bad for all to see need not go the way of the good ones. Nothing here may say yes to a text that
the rule (sluice.adapters.duck.casting.values) takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial

from sluice.adapters.duck.casting.marks import INTEGER, decimal_pattern, marks_of, words_of
from sluice.adapters.duck.casting.moments import DAY
from sluice.contract.model import Column
from sluice.contract.types import INTEGERS, Kind

_BITS = {Kind.INT32: 31, Kind.INT64: 63}

Misfit = Callable[[str], bool]


def misfit_of(column: Column) -> Misfit | None:
    """What tells whether a text is surely no value of `column`; None where only its rule can."""
    kind = column.type.kind
    if words_of(column, "nullSequence") or marks_of(column) is not None:
        return None
    if kind in INTEGERS:
        return partial(_is_no_integer, 2 ** _BITS[kind])
    if kind is Kind.DECIMAL:
        return partial(_is_not, decimal_pattern(column.type.scale))
    return _is_no_day if kind is Kind.DATE and not column.options.get("format") else None


def _is_not(pattern: str, text: str) -> bool:
    return _whole(pattern).fullmatch(text) is None


def _is_no_integer(limit: int, text: str) -> bool:
    whole = _whole(INTEGER).fullmatch(text)
    return whole is None or not -limit <= int(whole[1].split(".")[0]) < limit


def _is_no_day(text: str) -> bool:
    found = _whole(DAY).fullmatch(text)
    try:
        date.fromisoformat(found[1] if found else "")
    except ValueError:
        return True
    return False


@lru_cache(64)
def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\s*({pattern})\s*", re.ASCII)
