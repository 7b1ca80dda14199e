"""The column types of a contract: ODCS `logicalType` and `physicalType` resolved to one neutral type.

Sources: ODCS v3.1.0 (logicalType), Iceberg spec (primitive types), SQL:2016 names for physicalType.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.contract.model import Column


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
    STRUCT = "struct"
    LIST = "list"


INTEGERS = {Kind.INT32, Kind.INT64}
FLOATS = {Kind.FLOAT32, Kind.FLOAT64}
NUMBERS = INTEGERS | FLOATS | {Kind.DECIMAL}
NESTED = {Kind.STRUCT, Kind.LIST}
FROM_JSON = NESTED | {Kind.JSON}
MOMENTS = {Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
"""Kinds whose text is JSON."""


@dataclass(frozen=True)
class ColumnType:
    """A resolved type: the kind that holds it, and what of that kind's values are values of it.

    `precision` (1-38) and `scale` (0-precision) are meant for decimals only; `low` and `high` (both inclusive) for
    integers that are narrower than their kind, or unsigned; `length` (None: any) in characters for strings, in bytes
    for binary; `uuid` for strings that are one; `fields` for structs (at least one) and lists (exactly one, the item).
    """

    kind: Kind
    precision: int = 0
    scale: int = 0
    low: int | None = None
    high: int | None = None
    length: int | None = None
    uuid: bool = False
    fields: tuple[Column, ...] = ()

    @property
    def item(self) -> Column:
        """What a list holds."""
        return self.fields[0]

    def __str__(self) -> str:
        if self.kind is Kind.LIST:
            return f"list<{self.item.type}>"
        if self.kind is Kind.STRUCT:
            return f"struct<{','.join(f'{f.field_name}:{f.type}' for f in self.fields)}>"
        return f"decimal({self.precision},{self.scale})" if self.kind is Kind.DECIMAL else str(self.kind)

    def holds(self, kinds: Collection[Kind]) -> bool:
        """Whether it, or anything inside it, is of one of the kinds."""
        return self.kind in kinds or any(f.type.holds(kinds) for f in self.fields)


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
    "varchar2": Kind.STRING, "nvarchar2": Kind.STRING, "nchar": Kind.STRING, "bpchar": Kind.STRING,
    "clob": Kind.STRING, "uuid": Kind.STRING,
    "boolean": Kind.BOOLEAN, "bool": Kind.BOOLEAN,
    "tinyint": Kind.INT32, "byte": Kind.INT32, "int1": Kind.INT32, "smallint": Kind.INT32, "short": Kind.INT32,
    "int2": Kind.INT32, "int16": Kind.INT32, "mediumint": Kind.INT32, "int": Kind.INT32, "integer": Kind.INT32,
    "int4": Kind.INT32, "int32": Kind.INT32, "bigint": Kind.INT64, "long": Kind.INT64, "int8": Kind.INT64,
    "int64": Kind.INT64, "hugeint": Kind.DECIMAL,
    "uint8": Kind.INT32, "utinyint": Kind.INT32, "uint16": Kind.INT32, "usmallint": Kind.INT32,
    "uint32": Kind.INT64, "uinteger": Kind.INT64, "uint64": Kind.DECIMAL, "ubigint": Kind.DECIMAL,
    "float": Kind.FLOAT32, "real": Kind.FLOAT32, "float4": Kind.FLOAT32, "float32": Kind.FLOAT32,
    "double": Kind.FLOAT64, "double precision": Kind.FLOAT64, "float8": Kind.FLOAT64, "float64": Kind.FLOAT64,
    "decimal": Kind.DECIMAL, "numeric": Kind.DECIMAL, "number": Kind.DECIMAL,
    "date": Kind.DATE, "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP, "datetime": Kind.TIMESTAMP, "timestamp without time zone": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ, "timestamp with time zone": Kind.TIMESTAMPTZ,
    "binary": Kind.BINARY, "varbinary": Kind.BINARY, "bytea": Kind.BINARY, "blob": Kind.BINARY,
    "json": Kind.JSON, "jsonb": Kind.JSON,
    "struct": Kind.STRUCT, "record": Kind.STRUCT, "row": Kind.STRUCT, "array": Kind.LIST, "list": Kind.LIST,
}  # fmt: skip

_BITS = {
    "tinyint": 8, "byte": 8, "int1": 8, "smallint": 16, "short": 16, "int2": 16, "int16": 16, "mediumint": 24,
    "int": 32, "integer": 32, "int4": 32, "int32": 32, "bigint": 64, "long": 64, "int8": 64, "int64": 64,
    "uint8": -8, "utinyint": -8, "uint16": -16, "usmallint": -16, "uint32": -32, "uinteger": -32, "uint64": -64,
    "ubigint": -64,
}  # fmt: skip
"""Integer name → width in bits, negative when unsigned. `int8` is PostgreSQL's: eight bytes."""

_ALLOWED = {
    "string": {Kind.STRING, Kind.BINARY, Kind.JSON},
    "date": {Kind.DATE},
    "timestamp": {Kind.TIMESTAMP, Kind.TIMESTAMPTZ},
    "time": {Kind.TIME},
    "number": NUMBERS,
    "integer": INTEGERS | {Kind.DECIMAL},
    "object": {Kind.JSON, Kind.STRING, Kind.STRUCT},
    "array": {Kind.JSON, Kind.STRING, Kind.LIST},
    "boolean": {Kind.BOOLEAN},
}

_CONTAINERS = {"object": Kind.STRUCT, "array": Kind.LIST}

_SHAPE = re.compile(
    r"^\s*([a-z][a-z0-9 ]*?)\s*(?:\(\s*(\d+|max)(?:\s+(?:char|byte))?\s*(?:,\s*(\d+)\s*)?\))?"
    r"\s*(with(?:out)? time zone|unsigned|signed)?\s*$"
)
_FORMAT = re.compile(r"([iu])(8|16|32|64|128)")

LOGICAL_TYPES = tuple(_DEFAULT)
PHYSICAL_TYPES = tuple(_PHYSICAL)


class UnknownTypeError(ValueError):
    """A type name that Sluice cannot resolve; the message is for the contract's author."""


def resolve(
    logical: str | None,
    physical: str | None,
    *,
    zoned: bool | None = None,
    form: object = None,
    fields: tuple[Column, ...] = (),
) -> ColumnType:
    """Resolve ODCS `logicalType` and `physicalType` (either may be missing) to one type.

    `zoned` is ODCS `logicalTypeOptions.timezone` of a timestamp: it turns a timestamp without a physicalType into
    one with a zone. `form` is `logicalTypeOptions.format`: i8 to u128 narrow an integer, f32 and f64 a number
    without a physicalType, uuid a string. `fields` are ODCS `properties` of an object, or the one of `items` of an
    array: with them, and no physicalType that says otherwise, it is a struct or a list; without, JSON text.

    Raises UnknownTypeError when a name is unknown, out of range, or the two contradict each other.
    """
    if logical is None and physical is None:
        raise UnknownTypeError("has neither logicalType nor physicalType")
    if logical is not None and logical not in _DEFAULT:
        raise UnknownTypeError(f"logicalType {logical!r} is not one of {', '.join(_DEFAULT)}")
    if physical is None:
        kind = _DEFAULT[str(logical)]
        if fields and logical in _CONTAINERS:
            return ColumnType(_CONTAINERS[logical], fields=fields)
        found = ColumnType(Kind.TIMESTAMPTZ if kind is Kind.TIMESTAMP and zoned else kind)
        if logical == "number" and form == "f32":
            found = ColumnType(Kind.FLOAT32)
        return _narrowed(found, _width(form)) if logical == "integer" else replace(found, uuid=_is_uuid(found, form))
    found = _physical(physical)
    if logical is not None and found.kind not in _ALLOWED[logical]:
        raise UnknownTypeError(f"physicalType {physical!r} does not fit logicalType {logical!r}")
    if found.kind in NESTED:
        if not fields:
            parts = "items" if found.kind is Kind.LIST else "properties"
            raise UnknownTypeError(f"physicalType {physical!r} without `{parts}` does not say what is in it")
        return replace(found, fields=fields)
    if logical == "integer" and (width := _width(form)):
        low, high = _range(width)
        return replace(found, low=max(low, found.low or low), high=min(high, found.high or high))
    return replace(found, uuid=found.uuid or _is_uuid(found, form))


def _is_uuid(found: ColumnType, form: object) -> bool:
    return found.kind is Kind.STRING and form == "uuid"


def _width(form: object) -> int:
    """Bits of ODCS's integer formats, negative when unsigned; 0: it is none."""
    match = _FORMAT.fullmatch(form) if isinstance(form, str) else None
    return 0 if match is None else int(match[2]) * (1 if match[1] == "i" else -1)


def _range(width: int) -> tuple[int, int]:
    return (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if width > 0 else (0, 2**-width - 1)


def _narrowed(found: ColumnType, width: int) -> ColumnType:
    """The smallest kind that holds integers of so many bits, with their range where the kind has a wider one."""
    if not width:
        return found
    low, high = _range(width)
    if low >= -(2**31) and high < 2**31:
        kind = Kind.INT32
    elif low >= -(2**63) and high < 2**63:
        kind = Kind.INT64
    else:
        # 38 digits are what a decimal can hold; 128 bits go a little further.
        return ColumnType(Kind.DECIMAL, 20 if -width == 64 else 38, 0, low, min(high, 10**38 - 1))
    return ColumnType(kind) if width in (32, 64) else ColumnType(kind, low=low, high=high)


def _physical(name: str) -> ColumnType:
    shape = _SHAPE.match(name.lower())
    word = shape[1] if shape else ""
    suffix = shape[4] if shape else None
    if word.startswith("unsigned "):
        word, suffix = word.removeprefix("unsigned "), "unsigned"
    if suffix in ("unsigned", "signed") and _BITS.get(word, 0) > 0:
        return _narrowed(ColumnType(Kind.INT64), -_BITS[word] if suffix == "unsigned" else _BITS[word])
    kind = _PHYSICAL.get(" ".join(filter(None, (word, suffix))))
    if shape is None or kind is None:
        raise UnknownTypeError(f"physicalType {name!r} is not known")
    if word in _BITS:
        return _narrowed(ColumnType(kind), _BITS[word])
    size = None if shape[2] in (None, "max") else int(shape[2])
    if word == "float" and size is not None and size > 24:
        return ColumnType(Kind.FLOAT64)
    if kind in (Kind.STRING, Kind.BINARY):
        if size == 0:
            raise UnknownTypeError(f"physicalType {name!r} has no room for anything")
        return ColumnType(kind, length=size, uuid=word == "uuid")
    if kind is not Kind.DECIMAL:
        return ColumnType(kind)
    if shape[2] == "max":
        raise UnknownTypeError(f"physicalType {name!r} needs 1 <= precision <= 38 and scale <= precision")
    precision, scale = int(shape[2] or 38), int(shape[3] or 0)
    if not 1 <= precision <= 38 or scale > precision:
        raise UnknownTypeError(f"physicalType {name!r} needs 1 <= precision <= 38 and scale <= precision")
    return ColumnType(kind, precision, scale)
