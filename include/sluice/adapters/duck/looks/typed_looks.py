"""A first look at files that know their own types: Parquet, ORC, Arrow, Avro."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.looks.arrow_types import field_type
from sluice.adapters.duck.looks.avro_looks import avro_schema
from sluice.contract.types import ColumnType
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
    return Look(format_name, tuple(schema.names), types=tuple(contract_type(f, display) for f in schema))


def _schema(path: Path, format_name: str) -> pa.Schema:
    match format_name:
        case "parquet":
            with pq.ParquetFile(path) as file:
                return file.schema_arrow
        case "orc":
            from pyarrow import orc

            return orc.ORCFile(path).schema
        case "avro":
            return avro_schema(path)
    with path.open("rb") as file:
        try:
            return pa.ipc.open_file(file).schema
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).schema


def contract_type(field: pa.Field, display: str) -> ColumnType:
    """The contract's type for a column. Raises SourceError NOT_A_TABLE for what no contract can hold."""
    found = field_type(field.type, 0)
    if found is None:
        raise no_table(
            display, f"the column {field.name!r} is of the type {field.type}, which a contract cannot hold",
            "Leave the column out, or deliver it as a text or a number.",
        )  # fmt: skip
    return found
