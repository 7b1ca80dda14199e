"""Nested Arrow values as Python's, losing none: moments that Python's types cannot hold come as text.

Python knows the years 1 to 9999 and microseconds: pyarrow raises an error for other days, and cuts or wraps other
times of day without one. As text such a value costs its own row, or none in a column of JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_FIRST_DAY, _LAST_DAY = -719_161, 2_932_895
"""The second day of year 1 and the last but one of year 9999, since 1970: in any zone they are still in these years."""


def python_values(array: pa.Array) -> list[Any]:
    """The values as `to_pylist` gives them, but for rows with moments that it cannot give: these moments are text."""
    if not _is_odd(array):
        return list(array.to_pylist())
    rows = (array.slice(i, 1) for i in range(len(array)))
    return [(row.cast(_as_text(row.type)) if _is_odd(row) else row)[0].as_py() for row in rows]


def _is_odd(array: pa.Array) -> bool:
    return any(_has_odd(leaf) for leaf in _moments(array))


def _moments(array: pa.Array) -> Iterator[pa.Array]:
    """The days, times and timestamps anywhere inside."""
    kind = array.type
    if pa.types.is_map(kind):
        yield from _moments(array.keys)
        yield from _moments(array.items)
    elif pa.types.is_struct(kind):
        for part in array.flatten():
            yield from _moments(part)
    elif pa.types.is_nested(kind) and not pa.types.is_union(kind):
        yield from _moments(array.flatten())
    elif pa.types.is_dictionary(kind):
        yield from _moments(array.dictionary)
    elif _is_moment(kind):
        yield array


def _has_odd(array: pa.Array) -> bool:
    kind = array.type
    numbers = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    if pa.types.is_time(kind):
        low, high = 0, _DAY * _SECONDS[kind.unit] - 1
    else:
        unit = 1 if pa.types.is_date32(kind) else _DAY * _SECONDS["ms" if pa.types.is_date64(kind) else kind.unit]
        low, high = _FIRST_DAY * unit, (_LAST_DAY + 1) * unit - 1
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is None:
        return False
    if ends["min"] < low or ends["max"] > high:
        return True
    return pa.types.is_time(kind) and kind.unit == "ns" and any(n % 1000 for n in numbers.drop_null().to_pylist())


def _as_text(kind: pa.DataType) -> pa.DataType:
    """The type with text in place of days, times and timestamps."""
    types = pa.types
    if types.is_map(kind):
        return pa.map_(_as_text(kind.key_type), _as_text(kind.item_type))
    if types.is_struct(kind):
        return pa.struct([kind.field(i).with_type(_as_text(kind.field(i).type)) for i in range(kind.num_fields)])
    if types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_as_text(kind.value_type)), kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind):
        make = pa.large_list if types.is_large_list(kind) else pa.list_
        return make(kind.value_field.with_type(_as_text(kind.value_type)))
    if types.is_dictionary(kind):
        return _as_text(kind.value_type)
    return pa.string() if _is_moment(kind) else kind


def _is_moment(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_temporal(kind) and not types.is_duration(kind) and not types.is_interval(kind))
