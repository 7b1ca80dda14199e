"""The contract's type for each of Arrow's, as the landing reads them (sluice.adapters.duck.typed.plain)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from sluice.adapters.duck.typed.rows import ENTRY
from sluice.contract.model import Column
from sluice.contract.types import ColumnType, Kind
from sluice.draft.naming import catalog_names
from sluice.draft.nested import DEEPEST, MOST_LEAVES, is_name

MIXED = pa.dense_union([pa.field("text", pa.string()), pa.field("more", pa.struct([("x", pa.string())]))])
"""Values of more than one shape: JSON text is all that holds them."""

_JSON = ColumnType(Kind.JSON)
_MOST_DIGITS = 38
_types = pa.types
_KINDS: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
    (_types.is_boolean, Kind.BOOLEAN), (_types.is_float64, Kind.FLOAT64), (_types.is_floating, Kind.FLOAT32),
    (_types.is_date, Kind.DATE), (_types.is_time, Kind.TIME), (_types.is_null, Kind.STRING),
    (_types.is_binary, Kind.BINARY), (_types.is_large_binary, Kind.BINARY), (_types.is_binary_view, Kind.BINARY),
    (_types.is_fixed_size_binary, Kind.BINARY), (_types.is_string, Kind.STRING), (_types.is_large_string, Kind.STRING),
    (_types.is_string_view, Kind.STRING),
)  # fmt: skip


def field_type(found: pa.DataType, depth: int) -> ColumnType | None:
    """The contract's type, `depth` steps inside a column; None for what no contract can hold (a duration)."""
    if _types.is_dictionary(found) or _types.is_run_end_encoded(found):
        return field_type(found.value_type, depth)
    if isinstance(found, pa.UuidType):
        return ColumnType(Kind.STRING, uuid=True)
    if isinstance(found, pa.JsonType):
        return _JSON
    if isinstance(found, pa.BaseExtensionType):
        return field_type(found.storage_type, depth)
    if _types.is_nested(found):
        return _nested(found, depth)
    if _types.is_decimal(found):
        digits, scale = found.precision - min(found.scale, 0), max(found.scale, 0)
        # With more digits than a decimal holds, only text keeps them all.
        return ColumnType(Kind.DECIMAL, digits, scale) if digits <= _MOST_DIGITS else ColumnType(Kind.STRING)
    if _types.is_timestamp(found):
        return ColumnType(Kind.TIMESTAMPTZ if found.tz else Kind.TIMESTAMP)
    if _types.is_integer(found):
        bits = found.bit_width + _types.is_unsigned_integer(found)
        return ColumnType(Kind.INT32 if bits <= 32 else Kind.INT64) if bits <= 64 else ColumnType(Kind.DECIMAL, 20, 0)
    return next((ColumnType(kind) for test, kind in _KINDS if test(found)), None)


def _nested(found: pa.DataType, depth: int) -> ColumnType:
    """A struct, a list, or a map as a list of its entries; JSON text for what cannot be spelt out."""
    if depth >= DEEPEST or (not depth and _leaves(found) > MOST_LEAVES) or _types.is_union(found):
        return _JSON
    if _types.is_map(found):
        entry = _struct(ENTRY, (found.key_type, found.item_type), depth + 1)
        return ColumnType(Kind.LIST, fields=(Column("element", "element", entry),))
    if _types.is_struct(found):
        inside = [found.field(i) for i in range(found.num_fields)]
        names = [f.name for f in inside]
        usable = names and len(set(names)) == len(names) and all(map(is_name, names))
        return _struct(names, [f.type for f in inside], depth) if usable else _JSON
    return ColumnType(Kind.LIST, fields=(Column("element", "element", _inside(found.value_type, depth + 1)),))


def _struct(names: Sequence[str], types: Sequence[pa.DataType], depth: int) -> ColumnType:
    fields = tuple(
        Column(name, physical or name, _inside(found, depth + 1))
        for name, physical, found in zip(names, catalog_names(names), types, strict=True)
    )
    return ColumnType(Kind.STRUCT, fields=fields)


def _inside(found: pa.DataType, depth: int) -> ColumnType:
    """A type inside others: bytes cannot be told from text there, nor durations."""
    inner = field_type(found, depth)
    return _JSON if inner is None or inner.kind is Kind.BINARY else inner


def _leaves(found: pa.DataType) -> int:
    if not _types.is_nested(found) or _types.is_union(found):
        return 1
    if _types.is_map(found):
        return _leaves(found.key_type) + _leaves(found.item_type)
    return sum(_leaves(found.field(i).type) for i in range(found.num_fields))
