"""Raw DuckDB and pyarrow: the floor that Sluice is measured against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from bench.arrow_types import arrow_types
from bench.data import COLUMNS

Run = Callable[[], int]
THREADS = 2
_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880"


def connect() -> duckdb.DuckDBPyConnection:
    """As Sluice runs it: two threads, 2 GB."""
    return duckdb.connect(config={"threads": str(THREADS), "memory_limit": "2GB"})


def _csv(source: Path) -> str:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    return f"read_csv('{source}', columns={{{columns}}}, header=true, auto_detect=false, delim=',', quote='\"', escape='\"')"


def _json(source: Path) -> str:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    return f"read_ndjson('{source}', columns={{{columns}}}, auto_detect=false)"


def _copy(connection: duckdb.DuckDBPyConnection, select: str, work: Path, more: str = "") -> int:
    return int(connection.execute(f"COPY ({select}) TO '{work / 'out.parquet'}' ({_PARQUET}{more})").fetchall()[0][0])


def parse_only(source: Path, work: Path) -> Run:
    """Every value parsed and typed, nothing kept."""
    connection = connect()
    counts = ", ".join(f'count("{name}")' for name in COLUMNS)
    return lambda: int(connection.execute(f"SELECT count(*), {counts} FROM {_csv(source)}").fetchall()[0][0])


def encode_only(source: Path, work: Path) -> Run:
    """Typed rows in memory, written as Parquet."""
    connection = connect()
    connection.execute("SET memory_limit = '16GB'")
    connection.execute(f"CREATE TABLE t AS SELECT * FROM {_csv(source)}")
    return lambda: _copy(connection, "FROM t", work, ", PER_THREAD_OUTPUT")


def csv_strict(source: Path, work: Path) -> Run:
    """Typed read_csv to Parquet, one file per thread; the first bad row would end it."""
    connection = connect()
    return lambda: _copy(connection, f"SELECT * FROM {_csv(source)}", work, ", PER_THREAD_OUTPUT")


def json_strict(source: Path, work: Path) -> Run:
    """Typed read_ndjson to Parquet; the first bad value would end it."""
    connection = connect()
    return lambda: _copy(connection, f"SELECT * FROM {_json(source)}", work, ", PER_THREAD_OUTPUT")


def parquet_copy(source: Path, work: Path) -> Run:
    """Parquet to Parquet."""
    connection = connect()
    return lambda: _copy(connection, f"SELECT * FROM '{source}'", work, ", PER_THREAD_OUTPUT")


def column_scan(source: Path, work: Path) -> Run:
    """Every column of a Parquet file decoded and looked at."""
    connection = connect()
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    return lambda: int(connection.execute(f"SELECT count(*), bit_xor(hash({names})) FROM '{source}'").fetchall()[0][0])


def arrow_csv(source: Path, work: Path) -> Run:
    """pyarrow: CSV in batches to one Parquet file; decimals are read as decimals."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    pa.set_cpu_count(THREADS)
    types = arrow_types()
    convert = pc.ConvertOptions(column_types=types, strings_can_be_null=True)

    def run() -> int:
        rows = 0
        with (
            pc.open_csv(
                source, parse_options=pc.ParseOptions(newlines_in_values=True), convert_options=convert
            ) as reader,
            pq.ParquetWriter(work / "out.parquet", reader.schema, compression="zstd", compression_level=1) as writer,
        ):
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
        return rows

    return run
