"""Parquet in, Parquet out: a file that fits the contract without loss is written anew in the contract's form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.connection import COPY_OPTIONS, MIN_THREADS, connect, list_sql, name_sql, text_sql
from sluice.adapters.duck.header import match_names
from sluice.adapters.duck.values import STRICT_JSON, duck_type, is_strict_json
from sluice.contract.model import Column, Table
from sluice.contract.types import NUMBERS, ColumnType, Kind
from sluice.errors import SourceError, TerminalError

_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}


def convert_parquet(
    files: Sequence[tuple[str, Path]], table: Table, out: Path, *, memory_limit: str, threads: int, scratch: Path
) -> int:
    """Write `out` from Parquet files; the number of rows.

    Raises SourceError CORRUPT_PARQUET, TYPE_MISMATCH (schema, or values that would lose something), and those
    of `match_names`; TerminalError ROW_COUNT.
    """
    selects = []
    expected = 0
    for display, path in files:
        schema, rows = _footer(display, path)
        match_names(schema.names, table, display)
        expected += rows
        selects.append(_select(path, schema, table, display))
    threads = max(threads, MIN_THREADS)
    paths = [p for _, p in files]
    with connect(memory_limit, threads, scratch, paths=paths, folders=[out.parent]) as connection:
        if any(c.type.kind is Kind.JSON for c in table.columns):
            connection.create_function(STRICT_JSON, is_strict_json, ["VARCHAR"], "BOOLEAN")
        try:
            (row,) = connection.execute(
                f"COPY ({' UNION ALL '.join(selects)}) TO {text_sql(str(out))} ({COPY_OPTIONS})"
            ).fetchall()
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException) as e:
            message = str(e).split("\n", 1)[0]
            raise SourceError(
                "TYPE_MISMATCH", f"a value does not fit the contract: {message}", where=files[0][0],
                mend="Correct the column's type in the contract, or the file.",
            ) from e  # fmt: skip
        except (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException) as e:
            message = str(e).split("\n", 1)[0]
            raise _corrupt(files[0][0], message) from e
    if row[0] != expected:
        raise TerminalError("ROW_COUNT", f"the files say {expected} rows, {row[0]} came out", where=table.name)
    return expected


def _footer(display: str, path: Path) -> tuple[pa.Schema, int]:
    try:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as e:
        raise _corrupt(display, str(e)) from e


def _corrupt(display: str, message: str) -> SourceError:
    return SourceError(
        "CORRUPT_PARQUET", f"the Parquet file cannot be read: {message}", where=display, mend="Deliver the file again."
    )


def _select(path: Path, schema: pa.Schema, table: Table, display: str) -> str:
    values = []
    for column in table.columns:
        found = schema.field(column.name).type
        if not _fits(found, column.type):
            raise SourceError(
                "TYPE_MISMATCH",
                f"column {column.name!r} is {found} in the file and {column.type} in the contract",
                where=display,
                mend="Correct the column's type in the contract, or the file.",
            )
        values.append(f"{_value(column, found)} AS {name_sql(column.field_name)}")
    return f"SELECT {', '.join(values)} FROM read_parquet({list_sql([str(path)])})"


def _value(column: Column, found: pa.DataType) -> str:
    source = name_sql(column.name)
    value = f"CAST({source} AS {duck_type(column.type)})"
    if column.type.kind is Kind.JSON:
        valid = f"{source} IS NULL OR (json_valid({source}) AND {STRICT_JSON}({source}))"
        no_json = text_sql(f"{column.name!r} holds text that is no JSON")
        return f"CASE WHEN {valid} THEN {source} ELSE error({no_json}) END"
    if (pa.types.is_timestamp(found) or pa.types.is_time64(found)) and found.unit == "ns":
        lossy = text_sql(f"{column.name!r} has nanoseconds, which would be cut off")
        exact = f"{source} IS NULL OR epoch_ns({source}) % 1000 = 0"
        return f"CASE WHEN {exact} THEN {value} ELSE error({lossy}) END"
    return value


def _fits(found: pa.DataType, expected: ColumnType) -> bool:
    """Whether every value of `found` is one of `expected`, or (nanoseconds, JSON) can be checked one by one."""
    types = pa.types
    if types.is_dictionary(found):
        found = found.value_type
    if types.is_null(found):
        return True
    kind = expected.kind
    if kind in NUMBERS:
        return _number_fits(found, expected)
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return bool(types.is_timestamp(found)) and (found.tz is not None) == (kind is Kind.TIMESTAMPTZ)
    same = {
        Kind.STRING: (types.is_string, types.is_large_string, types.is_string_view),
        Kind.JSON: (types.is_string, types.is_large_string, types.is_string_view),
        Kind.BINARY: (types.is_binary, types.is_large_binary, types.is_fixed_size_binary),
        Kind.BOOLEAN: (types.is_boolean,),
        Kind.DATE: (types.is_date32,),
        Kind.TIME: (types.is_time,),
    }[kind]
    return any(test(found) for test in same)


def _number_fits(found: pa.DataType, expected: ColumnType) -> bool:
    types = pa.types
    kind = expected.kind
    if types.is_integer(found):
        bits = found.bit_width + (1 if types.is_unsigned_integer(found) else 0)
        if kind is Kind.DECIMAL:
            return _INTEGER_DIGITS[found.bit_width] <= expected.precision - expected.scale
        return bool(bits <= {Kind.INT32: 32, Kind.INT64: 64, Kind.FLOAT32: 24, Kind.FLOAT64: 53}[kind])
    if types.is_decimal(found):
        wide = expected.precision - expected.scale >= found.precision - found.scale
        return bool(kind is Kind.DECIMAL and wide and expected.scale >= found.scale)
    if types.is_floating(found):
        return bool(found.bit_width <= {Kind.FLOAT32: 32, Kind.FLOAT64: 64}.get(kind, 0))
    return False
