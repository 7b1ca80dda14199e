"""Writes Arrow data as Parquet that DuckDB reads as it is meant.

DuckDB 2.0 takes decimals beyond 38 digits for doubles, INT96 nanoseconds for microseconds, durations for integers,
and writes numbers in nested values through doubles; text that is not UTF-8 stops it. So such columns change their
form here: to canonical text, to JSON text, to bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.adapters.duck.readable import Field
from sluice.adapters.duck.typed.forms import Form, Shape, form_of
from sluice.adapters.duck.typed.inner_moments import python_values
from sluice.adapters.duck.typed.rows import Entries, spelt, to_json
from sluice.contract.types import ColumnType, Kind

BATCH = 1 << 16
_COMPRESSION = "lz4"

_INFINITE = 2**63 - 1
"""Microseconds that DuckDB takes for no moment at all; with a minus too."""
_FAR = 6 * 10**18
"""Microseconds (190,000 years): about 100,000 years further DuckDB gives up on a file for one moment."""
_TICKS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}

Change = Callable[[pa.Array], pa.Array]


def write_plain(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    order: Sequence[int],
    target: Path,
    used: set[int],
    types: Sequence[ColumnType],
) -> tuple[int, dict[int, tuple[Field, ...]]]:
    """Write the batches to `target`; their rows, and the fields by position in the contract.

    `order` gives the position in the contract for every column of `schema`; those not in `used` are left out. `types`
    are the contract's, by position.
    """
    changes: list[tuple[int, int, Change, Form]] = []
    for i, position in enumerate(order):
        if position in used:
            found = schema.field(i).type
            changes.append((i, position, *plain_form(found, types[position])))
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            arrays = [change(batch.column(i)) for i, _, change, _ in changes]
            plain = pa.RecordBatch.from_arrays(arrays, names=[f"c{p}" for _, p, _, _ in changes])
            # A file of no columns has no rows: DuckDB is asked for nothing then.
            writer = writer or pq.ParquetWriter(target, plain.schema, compression=_COMPRESSION)
            writer.write_batch(plain)
            rows += batch.num_rows
        if writer is None:
            nothing = [change(pa.nulls(0, schema.field(i).type)) for i, _, change, _ in changes]
            plain = pa.RecordBatch.from_arrays(nothing, names=[f"c{p}" for _, p, _, _ in changes])
            writer = pq.ParquetWriter(target, plain.schema, compression=_COMPRESSION)
    finally:
        if writer is not None:
            writer.close()
    return rows, {p: (Field(f"c{p}", form),) for _, p, _, form in changes}


def plain_form(found: pa.DataType, expected: ColumnType) -> tuple[Change, Form]:
    """How arrays of this type are changed for a column of the type `expected`, and the form they have then."""
    types, name = pa.types, str(found)
    if types.is_dictionary(found):
        change, form = plain_form(found.value_type, expected)
        return lambda a: change(a.dictionary_decode()), form
    if types.is_run_end_encoded(found):
        change, form = plain_form(found.value_type, expected)
        return lambda a: change(pc.run_end_decode(a)), form
    if isinstance(found, pa.UuidType):
        if expected.kind is Kind.BINARY:
            return lambda a: a.storage, Form(Shape.BYTES, name)
        return _uuids, Form(Shape.TEXT, name, canonical=True)
    if isinstance(found, pa.BaseExtensionType):
        change, form = plain_form(found.storage_type, expected)
        return lambda a: change(a.storage), form
    if types.is_string(found) or types.is_large_string(found) or types.is_string_view(found):
        # As bytes: whether they are UTF-8 is for every row to prove.
        return lambda a: a.cast(pa.large_binary()), Form(Shape.BYTES, name, textual=True)
    if types.is_binary_view(found):
        return lambda a: a.cast(pa.large_binary()), Form(Shape.BYTES, name)
    if types.is_decimal(found) and form_of(found).shape is Shape.OTHER:
        return _written(lambda v: f"{v:f}"), Form(Shape.TEXT, name, canonical=True)
    if types.is_nested(found):
        return _json(found, expected), Form(Shape.JSON, name)
    if types.is_timestamp(found) and found.unit != "ns":
        return _in_micros, form_of(found)
    if types.is_date64(found):
        return lambda a: a.cast(pa.timestamp("ms")), Form(Shape.TIMESTAMP, name)
    if types.is_time(found):
        # As numbers: DuckDB gives up on a file with a time beyond a day.
        ticks = pa.int32() if found.bit_width == 32 else pa.int64()
        return lambda a: a.view(ticks), Form(Shape.TIME, name, tick=_TICKS[found.unit])
    if types.is_float16(found):
        return lambda a: a.cast(pa.float32()), Form(Shape.FLOAT, name, bits=32)
    return lambda a: a, form_of(found)


def _written(write: Callable[[Any], str]) -> Change:
    def change(array: pa.Array) -> pa.Array:
        return pa.array([None if v is None else write(v) for v in python_values(array)], pa.large_string())

    return change


def _in_micros(array: pa.Array) -> pa.Array:
    kind, factor = pa.timestamp("us", array.type.tz), _TICKS[array.type.unit] // 1000
    numbers = array.view(pa.int64())
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is None or -_FAR < ends["min"] * factor <= ends["max"] * factor < _FAR:
        return array.cast(kind)
    return pa.array([None if n is None else micros(n, factor) for n in numbers.to_pylist()], pa.int64()).view(kind)


def micros(number: int, factor: int) -> int:
    """So many times `factor` microseconds; what is too far for DuckDB is infinite."""
    found = number * factor
    return found if -_FAR < found < _FAR else -_INFINITE if found < 0 else _INFINITE


def _uuids(array: pa.Array) -> pa.Array:
    return pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.large_string())


def _json(found: pa.DataType, expected: ColumnType) -> Change:
    if not _has_map(found):
        return _written(to_json)
    with_entries = _marker(found)
    return _written(lambda v: to_json(spelt(with_entries(v), expected)))


def _has_map(found: pa.DataType) -> bool:
    return pa.types.is_map(found) or any(_has_map(t) for t in _inside(found))


def _inside(found: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_map(found):
        return [found.key_type, found.item_type]
    return [found.field(i).type for i in range(found.num_fields)] if pa.types.is_nested(found) else []


def _marker(found: pa.DataType) -> Callable[[Any], Any]:
    """How a value, as pyarrow gives it, gets Entries where it has maps."""
    if not _has_map(found):
        return lambda v: v
    parts = [_marker(t) for t in _inside(found)]
    if pa.types.is_map(found):
        return lambda v: None if v is None else Entries((parts[0](k), parts[1](i)) for k, i in v)
    if pa.types.is_struct(found):
        by_name = {found.field(i).name: part for i, part in enumerate(parts)}
        return lambda v: None if v is None else {k: by_name[k](i) for k, i in v.items()}
    if pa.types.is_union(found):
        return lambda v: v
    return lambda v: None if v is None else [parts[0](i) for i in v]


def small(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of bounded length."""
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH):
            yield batch.slice(start, BATCH)
