"""What a column of a typed file holds, in the few words that matter: text, a number, a moment ...

A form is not yet a contract's type: sluice.adapters.duck.typed.proofs says which values of a form are values of a type.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from sluice.contract.types import NESTED, ColumnType, Kind


class Shape(StrEnum):
    """The families of values that files with types know."""

    NOTHING = "nothing"
    TEXT = "text"
    BYTES = "bytes"
    UUID = "uuid"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    JSON = "json"
    """Nested values, already written as JSON text."""
    OTHER = "other"


@dataclass(frozen=True)
class Form:
    """One column as DuckDB reads it. `name` is the type's name for people.

    `bits` is the width of a number; `precision` and `scale` belong to decimals; `nanos` tells that a moment may be
    finer than a microsecond, `zoned` that it is an instant. `canonical`: the text was written by Sluice itself (from
    a value whose type DuckDB lacks), so the contract's words about how texts are spelt do not apply to it. `textual`: bytes that are meant to be UTF-8 text. `tick`: a time
    of day that is kept as a number, of so many nanoseconds. `either`: the text was written by people or by Sluice, so it
    may be spelt either way, as long as both readings do not differ.
    """

    shape: Shape
    name: str
    bits: int = 0
    signed: bool = True
    precision: int = 0
    scale: int = 0
    nanos: bool = False
    zoned: bool = False
    canonical: bool = False
    textual: bool = False
    tick: int = 0
    either: bool = False


def form_of(found: pa.DataType) -> Form:
    """The form of an Arrow type as it is; OTHER for what DuckDB would misread (see sluice.adapters.duck.typed.plain)."""
    types, name = pa.types, str(found)
    if types.is_dictionary(found):
        return form_of(found.value_type)
    if types.is_integer(found):
        return Form(Shape.INTEGER, name, bits=found.bit_width, signed=types.is_signed_integer(found))
    if types.is_floating(found):
        return Form(Shape.FLOAT, name, bits=max(found.bit_width, 32))
    if types.is_decimal(found) and found.precision <= 38 and found.scale >= 0:
        return Form(Shape.DECIMAL, name, precision=found.precision, scale=found.scale)
    if types.is_timestamp(found):
        return Form(Shape.TIMESTAMP, name, nanos=found.unit == "ns", zoned=found.tz is not None)
    if types.is_time(found):
        return Form(Shape.TIME, name, nanos=found.unit == "ns")
    if isinstance(found, pa.UuidType):
        return Form(Shape.UUID, name)
    simple = {
        Shape.NOTHING: (types.is_null,),
        Shape.TEXT: (types.is_string, types.is_large_string, types.is_string_view),
        Shape.BYTES: (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary),
        Shape.BOOLEAN: (types.is_boolean,),
        Shape.DATE: (types.is_date32,),
    }
    shape = next((s for s, tests in simple.items() if any(test(found) for test in tests)), Shape.OTHER)
    return Form(shape, name)


_TEXTS = (Shape.TEXT, Shape.BYTES)
_POSSIBLE: dict[Kind, tuple[Shape, ...]] = {
    Kind.STRING: (*_TEXTS, Shape.UUID, Shape.JSON),
    Kind.JSON: (*_TEXTS, Shape.JSON),
    Kind.STRUCT: (*_TEXTS, Shape.JSON),
    Kind.LIST: (*_TEXTS, Shape.JSON),
    Kind.BINARY: (*_TEXTS, Shape.UUID),
    Kind.BOOLEAN: (*_TEXTS, Shape.BOOLEAN, Shape.INTEGER),
    Kind.INT32: (*_TEXTS, Shape.INTEGER, Shape.FLOAT, Shape.DECIMAL),
    Kind.INT64: (*_TEXTS, Shape.INTEGER, Shape.FLOAT, Shape.DECIMAL),
    Kind.FLOAT32: (*_TEXTS, Shape.INTEGER, Shape.FLOAT, Shape.DECIMAL),
    Kind.FLOAT64: (*_TEXTS, Shape.INTEGER, Shape.FLOAT, Shape.DECIMAL),
    Kind.DECIMAL: (*_TEXTS, Shape.INTEGER, Shape.FLOAT, Shape.DECIMAL),
    Kind.DATE: (*_TEXTS, Shape.DATE, Shape.TIMESTAMP),
    Kind.TIME: (*_TEXTS, Shape.TIME),
    Kind.TIMESTAMP: (*_TEXTS, Shape.TIMESTAMP),
    Kind.TIMESTAMPTZ: (*_TEXTS, Shape.TIMESTAMP),
}


def mismatch(form: Form, expected: ColumnType, *, zone_declared: bool) -> str | None:
    """Why no value of `form` could be one of the type; None when values are to be looked at one by one.

    `zone_declared`: the contract says in which zone times without one are meant.
    """
    if form.shape is Shape.NOTHING:
        return None
    if form.shape not in _POSSIBLE[expected.kind]:
        return "Correct the column's type in the contract, or the file."
    if form.shape is Shape.JSON and expected.kind in NESTED and expected.holds({Kind.BINARY}):
        return "Bytes inside objects and arrays are read from texts only: make the column `physicalType: json`."
    if form.shape is not Shape.TIMESTAMP:
        return None
    if form.zoned and expected.kind is not Kind.TIMESTAMPTZ:
        return "Its values are instants: make it a timestamp with a zone in the contract."
    if expected.kind is Kind.TIMESTAMPTZ and not form.zoned and not zone_declared:
        return "Its values have no zone: say which is meant with `logicalTypeOptions.defaultTimezone`, or take the zone away."
    return None
