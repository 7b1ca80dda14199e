"""Texts that are surely no value of their column, told without DuckDB. Whatever is not sure, the column's rule decides.

So a record that is bad for all to see need not go the way of the good ones. Nothing here may say yes to a text that
the rule (sluice.adapters.duck.casting.values) takes.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from sluice.adapters.duck.casting.marks import INTEGER, decimal_pattern, marks_of, words_of
from sluice.adapters.duck.casting.moments import DAY
from sluice.contract.model import Column
from sluice.contract.types import INTEGERS, Kind

_BITS = {Kind.INT32: 31, Kind.INT64: 63}


def is_misfit(column: Column, text: str) -> bool:
    """Whether `text` is surely no value of `column`."""
    kind = column.type.kind
    if words_of(column, "nullSequence") or marks_of(column) is not None:
        return False
    if kind in INTEGERS:
        whole = _whole(INTEGER).fullmatch(text)
        return whole is None or not -(2 ** _BITS[kind]) <= int(whole[1].split(".")[0]) < 2 ** _BITS[kind]
    if kind is Kind.DECIMAL:
        return _whole(decimal_pattern(column.type.scale)).fullmatch(text) is None
    if kind is Kind.DATE and not column.options.get("format"):
        return _is_no_day(text)
    return False


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
