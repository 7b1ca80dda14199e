"""The tools that are measured beside Sluice, each as its own guide would have it; they live in `.venv-bench`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bench.data import COLUMNS

Run = Callable[[], int]
THREADS = 2


def polars_csv(source: Path, work: Path) -> Run:
    """polars: a lazy scan streamed into Parquet; decimals, dates and timestamps are cast from text, strictly."""
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as pl

    plain = {"BIGINT": pl.Int64, "INTEGER": pl.Int32, "DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean}
    schema = {name: plain.get(kind, pl.String) for name, kind in COLUMNS.items()}

    def run() -> int:
        frame = pl.scan_csv(source, schema=schema).with_columns(
            pl.col("amount").cast(pl.Decimal(12, 2)),
            pl.col("day").str.to_date("%Y-%m-%d"),
            pl.col("at").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us"),
        )
        out = work / "out.parquet"
        frame.sink_parquet(out, compression="zstd", compression_level=1)
        return int(pl.scan_parquet(out).select(pl.len()).collect().item())

    return run


def pandas_csv(source: Path, work: Path) -> Run:
    """pandas: read_csv and to_parquet; decimals become doubles."""
    import pandas as pd
    import pyarrow  # noqa: F401

    kinds = {"BIGINT": "int64", "INTEGER": "Int32", "VARCHAR": "str", "DECIMAL(12,2)": "float64", "DOUBLE": "float64",
             "BOOLEAN": "bool"}  # fmt: skip
    dtypes = {name: kinds[kind] for name, kind in COLUMNS.items() if kind in kinds}

    def run() -> int:
        frame = pd.read_csv(source, dtype=dtypes, parse_dates=["day", "at"], date_format="ISO8601")
        frame.to_parquet(work / "out.parquet", compression="zstd", compression_level=1)
        return len(frame)

    return run


def dlt_csv(source: Path, work: Path) -> Run:
    """dlt: Arrow batches from pyarrow's reader through a pipeline to Parquet in a folder."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(work / "dlt"), "RUNTIME__LOG_LEVEL": "ERROR",
                   "NORMALIZE__DATA_WRITER__COMPRESSION": "zstd"}  # fmt: skip
    import dlt
    import pyarrow as pa
    import pyarrow.csv as pc

    from bench.arrow_types import arrow_types

    pa.set_cpu_count(THREADS)
    rows = 0

    @dlt.resource(name="measured")
    def batches():
        nonlocal rows
        parse = pc.ParseOptions(newlines_in_values=True)
        convert = pc.ConvertOptions(column_types=arrow_types(), strings_can_be_null=True)
        with pc.open_csv(source, parse_options=parse, convert_options=convert) as reader:
            for batch in reader:
                rows += batch.num_rows
                yield pa.Table.from_batches([batch])

    pipeline = dlt.pipeline(
        "measured", destination=dlt.destinations.filesystem(bucket_url=(work / "lake").as_uri()), dataset_name="d",
        pipelines_dir=str(work / "pipelines"),
    )  # fmt: skip

    def run() -> int:
        pipeline.run(batches(), loader_file_format="parquet")
        return rows

    return run
