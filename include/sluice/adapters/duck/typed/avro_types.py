"""What an Avro schema's fields are to us: an Arrow type, a form, and how a decoded value becomes one of its values.

A union with null is a value or nothing. Other unions are text where all of their branches are simple, JSON where not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from sluice.adapters.duck.typed.forms import Form, Shape, form_of
from sluice.adapters.duck.typed.inner_moments import python_values
from sluice.adapters.duck.typed.plain import micros
from sluice.adapters.duck.typed.rows import Entries, spelt, to_json
from sluice.contract.types import ColumnType

Convert = Callable[[Any], Any]

_MAX_DEPTH = 64
_SIMPLE = {
    "null": pa.null(), "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(),
    "double": pa.float64(),
}  # fmt: skip
_MOMENTS: dict[tuple[str, str], pa.DataType] = {
    ("int", "date"): pa.date32(),
    ("int", "time-millis"): pa.time32("ms"),
    ("long", "time-micros"): pa.time64("us"),
    **{("long", f"timestamp-{n}s"): pa.timestamp(u, "UTC") for n, u in (("milli", "ms"), ("micro", "us"), ("nano", "ns"))},
    **{("long", f"local-timestamp-{n}s"): pa.timestamp(u) for n, u in (("milli", "ms"), ("micro", "us"), ("nano", "ns"))},
}  # fmt: skip
_COMPLEX = ("record", "array", "map")


class AvroSchemaError(Exception):
    """A schema that is not for a table, or not for us; never leaves this package."""


@dataclass(frozen=True)
class AvroColumn:
    """A field of the file's records. `convert` takes what a decoder without logical types gives.

    `plain` gives the value of a record, array or map, before it is written as JSON.
    """

    name: str
    type: pa.DataType
    form: Form
    convert: Convert
    plain: Convert | None = None

    def meant_as(self, expected: ColumnType) -> AvroColumn:
        """The column for a contract's type, which may spell maps out as arrays of entries."""
        if (plain := self.plain) is None:
            return self
        return replace(self, convert=lambda v: None if v is None else to_json(spelt(plain(v), expected)))


def read_columns(schema: Any) -> list[AvroColumn]:
    """The columns of a parsed schema. Raises AvroSchemaError when it is no record, refers to itself or is too deep."""
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise AvroSchemaError("its schema is not one record")
    named = _Named(schema)
    return [_column(str(f["name"]), f["type"], named) for f in schema["fields"]]


def plain_schema(schema: Any) -> Any:
    """The schema without logical types, and with the texts of the outermost record as bytes: they are encoded alike."""
    plain = _without_logical(schema)
    for field in plain["fields"]:
        field["type"] = _as_bytes(field["type"])
    return plain


def _as_bytes(kind: Any) -> Any:
    if kind == "string" or (isinstance(kind, dict) and kind.get("type") == "string"):
        return "bytes"
    if isinstance(kind, list):
        others = [k for k in kind if k != "null"]
        return [_as_bytes(k) for k in kind] if len(others) == 1 else kind
    return kind


def _without_logical(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if k not in ("logicalType", "default") and not k.startswith("__")}
    for key in ("type", "items", "values"):
        if key in kept:
            kept[key] = _without_logical(kept[key])
    if "fields" in kept:
        kept["fields"] = [_without_logical(f) for f in kept["fields"]]
    return kept


class _Named:
    """The named types of a schema; none may hold itself, nor anything that takes no bytes in a list."""

    def __init__(self, schema: Any) -> None:
        self.types: dict[str, Any] = {}
        self._visit(schema, (), 0)

    def _visit(self, schema: Any, inside: tuple[str, ...], depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise AvroSchemaError(f"its schema is nested deeper than {_MAX_DEPTH} levels")
        if isinstance(schema, list):
            for branch in schema:
                self._visit(branch, inside, depth + 1)
        elif isinstance(schema, str):
            if schema in inside:
                raise AvroSchemaError(f"the type {schema!r} of its schema holds itself, and so has no end")
        elif isinstance(schema, dict):
            if "name" in schema:
                self.types[schema["name"]] = schema
                inside = (*inside, schema["name"])
            for key in ("type", "items", "values"):
                if key in schema and (key != "type" or isinstance(schema[key], (dict, list))):
                    self._visit(schema[key], inside, depth + 1)
            if schema.get("type") == "array" and self._is_weightless(schema["items"]):
                raise AvroSchemaError("its schema has a list of what takes no bytes, and so has no end")
            for field in schema.get("fields", ()):
                self._visit(field["type"], inside, depth + 1)

    def _is_weightless(self, schema: Any) -> bool:
        schema = self.resolve(schema)
        if isinstance(schema, dict):
            kind = schema.get("type")
            if kind == "record":
                return all(self._is_weightless(f["type"]) for f in schema["fields"])
            return kind == "null" or (kind == "fixed" and not schema.get("size"))
        return bool(schema == "null")

    def resolve(self, schema: Any) -> Any:
        """The definition behind a name."""
        return self.types.get(schema, schema) if isinstance(schema, str) else schema


def _column(name: str, schema: Any, named: _Named) -> AvroColumn:
    schema = named.resolve(schema)
    if isinstance(schema, list):
        branches = [named.resolve(b) for b in schema if b != "null"]
        if len(branches) == 1:
            return _column(name, branches[0], named)
        if not branches:
            return _column(name, "null", named)
        return _mixed(name, branches)
    kind, logical = (schema, "") if isinstance(schema, str) else (schema["type"], str(schema.get("logicalType") or ""))
    if isinstance(kind, (dict, list)):
        return _column(name, kind, named)
    said = logical or str(kind)
    if (kind, logical) in _MOMENTS:
        found = _MOMENTS[kind, logical]
        if pa.types.is_time(found):
            return AvroColumn(name, pa.int64(), Form(Shape.TIME, said, tick=_UNITS[found.unit]), _same)
        if pa.types.is_timestamp(found) and found.unit != "ns":
            finer, factor = pa.timestamp("us", found.tz), _UNITS[found.unit] // 1000
            return AvroColumn(name, finer, form_of(found), lambda v: None if v is None else micros(v, factor))
        return AvroColumn(name, found, form_of(found), _same)
    if kind in _SIMPLE:
        return AvroColumn(name, _SIMPLE[kind], form_of(_SIMPLE[kind]), _same)
    text = Form(Shape.TEXT, said, canonical=True)
    if logical == "decimal" and kind in ("bytes", "fixed"):
        scale = int(schema.get("scale") or 0)
        return AvroColumn(name, pa.large_string(), text, lambda v: None if v is None else f"{_decimal(v, scale):f}")
    if logical == "uuid" and kind == "fixed" and schema.get("size") == 16:
        return AvroColumn(name, pa.large_string(), text, lambda v: None if v is None else str(UUID(bytes=v)))
    if kind in ("string", "bytes", "fixed"):
        return AvroColumn(name, pa.large_binary(), Form(Shape.BYTES, said, textual=kind == "string"), _same)
    if kind == "enum":
        return AvroColumn(name, pa.large_string(), Form(Shape.TEXT, said), _same)
    if kind in _COMPLEX:
        plain = _plain(schema, named)
        return AvroColumn(
            name, pa.large_string(), Form(Shape.JSON, said), lambda v: None if v is None else to_json(plain(v)), plain
        )  # fmt: skip
    raise AvroSchemaError(f"the field {name!r} has the type {kind!r}")


def _mixed(name: str, branches: list[Any]) -> AvroColumn:
    """A union of several: which branch a value has, a decoder without names does not tell."""
    said = "union"
    if any(isinstance(b, dict) and b.get("logicalType") for b in branches):
        return AvroColumn(name, pa.large_string(), Form(Shape.OTHER, "union with logical types"), lambda v: None)
    if any(isinstance(b, dict) and b.get("type") in _COMPLEX for b in branches):
        return AvroColumn(name, pa.large_string(), Form(Shape.JSON, said), lambda v: None if v is None else to_json(v))
    return AvroColumn(name, pa.large_string(), Form(Shape.TEXT, said, canonical=True), _written)


def _written(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    # NaN and the infinities are in quotes where they stand in JSON.
    return str(value, "utf-8") if isinstance(value, bytes) else to_json(value).strip('"')


def _same(value: Any) -> Any:
    return value


def _decimal(value: bytes, scale: int) -> Decimal:
    number = int.from_bytes(value, "big", signed=True)
    return Decimal((number < 0, tuple(map(int, str(abs(number)))), -scale))


def _plain(schema: Any, named: _Named) -> Convert:
    """How a nested value is written: dates and decimals as what they mean."""
    schema = named.resolve(schema)
    if isinstance(schema, list):
        branches = [b for b in schema if b != "null"]
        if len(branches) != 1:
            if any(isinstance(named.resolve(b), dict) and named.resolve(b).get("logicalType") for b in branches):
                raise AvroSchemaError("a nested union with logical types cannot be told apart")
            return _same
        inner = _plain(branches[0], named)
        return lambda v: None if v is None else inner(v)
    if not isinstance(schema, dict):
        return _same
    kind, logical = schema["type"], schema.get("logicalType")
    if kind == "record":
        parts = {str(f["name"]): _plain(f["type"], named) for f in schema["fields"]}
        return lambda v: {n: p(v[n]) for n, p in parts.items()}
    if kind == "array":
        item = _plain(schema["items"], named)
        return lambda v: [item(i) for i in v]
    if kind == "map":
        value = _plain(schema["values"], named)
        return lambda v: Entries((k, value(i)) for k, i in v.items())
    if isinstance(kind, (dict, list)):
        return _plain(kind, named)
    if logical == "decimal":
        return lambda v: _decimal(v, int(schema.get("scale") or 0))
    if logical == "uuid" and kind == "fixed":
        return lambda v: UUID(bytes=v)
    return _moment((kind, str(logical))) if (kind, logical) in _MOMENTS else _same


_UNITS: Mapping[str, int] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _moment(key: tuple[str, str]) -> Convert:
    found = _MOMENTS[key]
    number = pa.int32() if found.bit_width == 32 else pa.int64()
    usual = _usual_moment(found)

    def convert(value: int) -> Any:
        try:
            return usual(value)
        except (ValueError, OverflowError):
            return python_values(pa.array([value], number).view(found))[0]

    return convert


def _usual_moment(found: pa.DataType) -> Convert:
    """For the moments that Python's types can hold; raises ValueError or OverflowError for others."""
    if pa.types.is_date(found):
        return lambda v: date(1970, 1, 1) + timedelta(v)
    step = _UNITS[found.unit]
    if pa.types.is_time(found):
        return lambda v: _time_of_day(_micros(v, step))
    epoch = datetime(1970, 1, 1, tzinfo=UTC if found.tz else None)  # a local time has no zone
    return lambda v: epoch + timedelta(microseconds=_micros(v, step))


def _time_of_day(micros: int) -> time:
    if not 0 <= micros < 86_400_000_000:
        raise ValueError("it is no time of a day")
    seconds, micros = divmod(micros, 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, micros)


def _micros(value: int, step: int) -> int:
    micros, rest = divmod(value * step, 1000)
    if rest:
        raise ValueError("it has nanoseconds")
    return micros
