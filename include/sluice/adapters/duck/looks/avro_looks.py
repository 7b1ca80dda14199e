"""What the schema of an Avro file says, in Arrow's terms. Source: Avro 1.12 specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from sluice.adapters.duck.looks.arrow_types import MIXED

_SIMPLE = {
    "string": pa.string(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64(),
    "boolean": pa.bool_(), "bytes": pa.binary(), "fixed": pa.binary(), "enum": pa.string(), "null": pa.null(),
}  # fmt: skip
_LOGICAL = {
    "date": pa.date32(), "time-millis": pa.time64("us"), "time-micros": pa.time64("us"), "uuid": pa.string(),
    **{f"timestamp-{n}s": pa.timestamp("us", "UTC") for n in ("milli", "micro", "nano")},
    **{f"local-timestamp-{n}s": pa.timestamp("us") for n in ("milli", "micro", "nano")},
}  # fmt: skip
_DEEPEST = 64
_MOST_DIGITS = 76


def avro_schema(path: Path) -> pa.Schema:
    """The fields of the file's records. Raises ValueError and what fastavro raises for files that are broken."""
    import fastavro

    with path.open("rb") as file:
        written = fastavro.reader(file).writer_schema
    named: dict[str, Any] = {}
    schema = fastavro.parse_schema(written, named_schemas=named) if written else written
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ValueError("its schema is not one record")
    return pa.schema([(str(f["name"]), _type(f["type"], named, 0)) for f in named[schema["name"]]["fields"]])


def _type(schema: Any, named: dict[str, Any], depth: int) -> pa.DataType:
    if depth > _DEEPEST:
        return MIXED  # a type that holds itself, which the landing refuses
    if isinstance(schema, str):
        return _SIMPLE[schema] if schema in _SIMPLE else _type(named[schema], named, depth + 1)
    if isinstance(schema, list):
        return _union([_type(b, named, depth + 1) for b in schema if b != "null"])
    logical, kind = str(schema.get("logicalType")), schema["type"]
    if logical == "decimal":
        digits, scale = int(schema["precision"]), int(schema.get("scale") or 0)
        return pa.decimal256(digits, scale) if digits <= _MOST_DIGITS else pa.string()
    if logical in _LOGICAL:
        return _LOGICAL[logical]
    if kind == "record":
        return pa.struct([(str(f["name"]), _type(f["type"], named, depth + 1)) for f in schema["fields"]])
    if kind == "array":
        return pa.list_(_type(schema["items"], named, depth + 1))
    if kind == "map":
        return pa.map_(pa.string(), _type(schema["values"], named, depth + 1))
    return _type(kind, named, depth + 1)


def _union(branches: list[pa.DataType]) -> pa.DataType:
    """One branch, or whatever all of them can be: text where none of them holds others."""
    if len(branches) == 1:
        return branches[0]
    if not branches:
        return pa.null()
    return MIXED if any(pa.types.is_nested(b) for b in branches) else pa.string()
