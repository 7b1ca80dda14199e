"""A first look at files that know their own types: Parquet, ORC, Arrow, Avro."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contract.types import ColumnType, Kind
from sluice.draft.look import Look
from sluice.errors import SourceError

_MAGIC = {b"PAR1": "parquet", b"ORC": "orc", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow", b"Obj\x01": "avro"}


def no_table(where: str, why: str, mend: str = "Leave it out, or deliver the table in it as CSV.") -> SourceError:
    """The error for a file that holds no table."""
    return SourceError("NOT_A_TABLE", f"the file holds no table that can be read: {why}", where=where, mend=mend)


def typed_look(display: str, path: Path, head: bytes) -> Look | None:
    """What the file says of itself; None when it is none of these. Raises SourceError CORRUPT_PARQUET and its like."""
    format_name = next((f for magic, f in _MAGIC.items() if head.startswith(magic)), None)
    if format_name is None:
        return None
    try:
        schema = _schema(path, format_name)
    except (pa.ArrowException, OSError, ValueError, KeyError) as e:
        raise SourceError(
            f"CORRUPT_{format_name.upper()}", f"the {format_name} file cannot be read: {e}", where=display,
            mend="Deliver the file again.",
        ) from e  # fmt: skip
    return Look(format_name, tuple(schema.names), types=tuple(arrow_type(f, display) for f in schema))


def _schema(path: Path, format_name: str) -> pa.Schema:
    match format_name:
        case "parquet":
            with pq.ParquetFile(path) as file:
                return file.schema_arrow
        case "orc":
            from pyarrow import orc

            return orc.ORCFile(path).schema
        case "avro":
            return _avro(path)
    with path.open("rb") as file:
        try:
            return pa.ipc.open_file(file).schema
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).schema


_AVRO = {
    "string": pa.string(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64(),
    "boolean": pa.bool_(), "bytes": pa.binary(), "fixed": pa.binary(), "enum": pa.string(), "null": pa.null(),
    "date": pa.date32(), "time-millis": pa.time64("us"), "time-micros": pa.time64("us"), "uuid": pa.string(),
    "timestamp-millis": pa.timestamp("us", "UTC"), "timestamp-micros": pa.timestamp("us", "UTC"),
    "local-timestamp-millis": pa.timestamp("us"), "local-timestamp-micros": pa.timestamp("us"),
}  # fmt: skip
_NESTED = pa.struct([("x", pa.string())])


def _avro(path: Path) -> pa.Schema:
    import fastavro

    with path.open("rb") as file:
        schema = fastavro.reader(file).writer_schema
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ValueError("its schema is not one record")
    return pa.schema([(str(f["name"]), _avro_type(f["type"])) for f in schema["fields"]])


def _avro_type(schema: object) -> pa.DataType:
    if isinstance(schema, list):
        branches = [b for b in schema if b != "null"]
        return _avro_type(branches[0]) if len(branches) == 1 else pa.null() if not branches else _NESTED
    if not isinstance(schema, dict):
        return _AVRO.get(str(schema), _NESTED)
    if schema.get("logicalType") == "decimal":
        return pa.decimal128(int(schema["precision"]), int(schema.get("scale") or 0))
    if isinstance(schema["type"], dict | list):
        return _avro_type(schema["type"])
    return _AVRO.get(str(schema.get("logicalType")), _AVRO.get(str(schema["type"]), _NESTED))


def arrow_type(field: pa.Field, display: str) -> ColumnType:
    """The contract's type for an Arrow field. Raises SourceError NOT_A_TABLE for what no contract can hold."""
    found, types = field.type, pa.types
    if types.is_dictionary(found):
        found = found.value_type
    if types.is_decimal(found) and found.precision <= 38:
        return ColumnType(Kind.DECIMAL, found.precision, max(found.scale, 0))
    if types.is_timestamp(found):
        return ColumnType(Kind.TIMESTAMPTZ if found.tz else Kind.TIMESTAMP)
    if types.is_integer(found):
        bits = found.bit_width + types.is_unsigned_integer(found)
        return ColumnType(Kind.INT32 if bits <= 32 else Kind.INT64) if bits <= 64 else ColumnType(Kind.DECIMAL, 20, 0)
    for test, kind in (
        (types.is_boolean, Kind.BOOLEAN), (types.is_float64, Kind.FLOAT64), (types.is_floating, Kind.FLOAT32),
        (types.is_date, Kind.DATE), (types.is_time, Kind.TIME), (types.is_nested, Kind.JSON), (types.is_null, Kind.STRING),
        (types.is_binary, Kind.BINARY), (types.is_large_binary, Kind.BINARY), (types.is_fixed_size_binary, Kind.BINARY),
        (types.is_string, Kind.STRING), (types.is_large_string, Kind.STRING), (types.is_string_view, Kind.STRING),
    ):  # fmt: skip
        if test(found):
            return ColumnType(kind)
    raise no_table(display, f"the column {field.name!r} is of the type {found}, which a contract cannot hold")
