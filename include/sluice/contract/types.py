"""The column types of a contract: ODCS `logicalType` and `physicalType` resolved to one neutral type.

Sources: ODCS v3.1.0 (logicalType), Iceberg spec (primitive types), SQL:2016 names for physicalType.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a value is, whatever engine holds it."""

    STRING = "string"
    BOOLEAN = "boolean"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    BINARY = "binary"
    JSON = "json"


INTEGERS = {Kind.INT32, Kind.INT64}
NUMBERS = INTEGERS | {Kind.FLOAT32, Kind.FLOAT64, Kind.DECIMAL}


@dataclass(frozen=True)
class ColumnType:
    """A resolved type. `precision` (1-38) and `scale` (0-precision) are meant for decimals only."""

    kind: Kind
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind is Kind.DECIMAL else str(self.kind)


_DEFAULT = {
    "string": Kind.STRING,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "time": Kind.TIME,
    "number": Kind.FLOAT64,
    "integer": Kind.INT64,
    "object": Kind.JSON,
    "array": Kind.JSON,
    "boolean": Kind.BOOLEAN,
}

_PHYSICAL = {
    "string": Kind.STRING, "varchar": Kind.STRING, "char": Kind.STRING, "text": Kind.STRING,
    "character varying": Kind.STRING, "character": Kind.STRING, "nvarchar": Kind.STRING,
    "varchar2": Kind.STRING, "nvarchar2": Kind.STRING, "uuid": Kind.STRING,
    "boolean": Kind.BOOLEAN, "bool": Kind.BOOLEAN,
    "tinyint": Kind.INT32, "smallint": Kind.INT32, "int": Kind.INT32, "integer": Kind.INT32,
    "int4": Kind.INT32, "int32": Kind.INT32, "bigint": Kind.INT64, "long": Kind.INT64, "int8": Kind.INT64,
    "int64": Kind.INT64,
    "float": Kind.FLOAT32, "real": Kind.FLOAT32, "float4": Kind.FLOAT32, "float32": Kind.FLOAT32,
    "double": Kind.FLOAT64, "double precision": Kind.FLOAT64, "float8": Kind.FLOAT64, "float64": Kind.FLOAT64,
    "decimal": Kind.DECIMAL, "numeric": Kind.DECIMAL, "number": Kind.DECIMAL,
    "date": Kind.DATE, "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP, "datetime": Kind.TIMESTAMP, "timestamp without time zone": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ, "timestamp with time zone": Kind.TIMESTAMPTZ,
    "binary": Kind.BINARY, "varbinary": Kind.BINARY, "bytea": Kind.BINARY, "blob": Kind.BINARY,
    "json": Kind.JSON, "jsonb": Kind.JSON,
}  # fmt: skip

_ALLOWED = {
    "string": {Kind.STRING, Kind.BINARY, Kind.JSON},
    "date": {Kind.DATE},
    "timestamp": {Kind.TIMESTAMP, Kind.TIMESTAMPTZ},
    "time": {Kind.TIME},
    "number": NUMBERS,
    "integer": INTEGERS | {Kind.DECIMAL},
    "object": {Kind.JSON, Kind.STRING},
    "array": {Kind.JSON, Kind.STRING},
    "boolean": {Kind.BOOLEAN},
}

_SHAPE = re.compile(r"^\s*([a-z][a-z0-9 ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*(with(?:out)? time zone)?\s*$")

LOGICAL_TYPES = tuple(_DEFAULT)
PHYSICAL_TYPES = tuple(_PHYSICAL)


class UnknownTypeError(ValueError):
    """A type name that Sluice cannot resolve; the message is for the contract's author."""


def resolve(logical: str | None, physical: str | None, *, zoned: bool | None = None) -> ColumnType:
    """Resolve ODCS `logicalType` and `physicalType` (either may be missing) to one type.

    `zoned` is ODCS `logicalTypeOptions.timezone` of a timestamp: it turns a timestamp without a
    physicalType into one with a zone.

    Raises UnknownTypeError when a name is unknown, out of range, or the two contradict each other.
    """
    if logical is None and physical is None:
        raise UnknownTypeError("has neither logicalType nor physicalType")
    if logical is not None and logical not in _DEFAULT:
        raise UnknownTypeError(f"logicalType {logical!r} is not one of {', '.join(_DEFAULT)}")
    if physical is None:
        kind = _DEFAULT[str(logical)]
        return ColumnType(Kind.TIMESTAMPTZ if kind is Kind.TIMESTAMP and zoned else kind)
    found = _physical(physical)
    if logical is not None and found.kind not in _ALLOWED[logical]:
        raise UnknownTypeError(f"physicalType {physical!r} does not fit logicalType {logical!r}")
    return found


def _physical(name: str) -> ColumnType:
    shape = _SHAPE.match(name.lower())
    kind = _PHYSICAL.get(" ".join(filter(None, (shape[1], shape[4])))) if shape else None
    if shape is None or kind is None:
        raise UnknownTypeError(f"physicalType {name!r} is not known")
    if kind is not Kind.DECIMAL:
        return ColumnType(kind)
    precision, scale = int(shape[2] or 38), int(shape[3] or 0)
    if not 1 <= precision <= 38 or scale > precision:
        raise UnknownTypeError(f"physicalType {name!r} needs 1 <= precision <= 38 and scale <= precision")
    return ColumnType(kind, precision, scale)
