"""What is measured, and which of it is a target: ratios from shared reference figures, held in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Home(StrEnum):
    """The environment a case runs in."""

    SLUICE = ".venv"
    OTHERS = ".venv-bench"


@dataclass(frozen=True)
class Case:
    """One thing that is measured. `rows` tells what it must answer for its figures to count: rows, or checks."""

    name: str
    group: str
    label: str
    where: str
    data: str
    home: Home = Home.SLUICE
    rows: int | None = None


_D, _S, _O, _C = "bench.with_duckdb:", "bench.with_sluice:", "bench.others:", "bench.checks:"
CSV, JSON, PARQUET, PROFILE, CHECKS, DRAFT = (
    "CSV to typed Parquet", "JSON lines to typed Parquet", "Parquet to typed Parquet", "Profile", "23 expectations", "Draft",
)  # fmt: skip

CASES = (
    Case("parse", CSV, "raw DuckDB, parse only", _D + "parse_only", "clean.csv"),
    Case("encode", CSV, "raw DuckDB, encode only (from memory)", _D + "encode_only", "clean.csv"),
    Case("csv_raw", CSV, "raw DuckDB, strict, no quarantine", _D + "csv_strict", "clean.csv"),
    Case("csv_sluice", CSV, "Sluice, with quarantine", _S + "convert", "clean.csv"),
    Case("csv_dirty", CSV, "Sluice, 0.1% bad rows", _S + "convert", "dirty.csv"),
    Case("land", CSV, "Sluice, whole landing (copy, checksums, manifest)", _S + "land", "clean.csv"),
    Case("csv_arrow", CSV, "pyarrow", _D + "arrow_csv", "clean.csv"),
    Case("csv_polars", CSV, "polars", _O + "polars_csv", "clean.csv", Home.OTHERS),
    Case("csv_pandas", CSV, "pandas", _O + "pandas_csv", "clean.csv", Home.OTHERS),
    Case("csv_dlt", CSV, "dlt", _O + "dlt_csv", "clean.csv", Home.OTHERS),
    Case("json_raw", JSON, "raw DuckDB, strict", _D + "json_strict", "clean.jsonl"),
    Case("json_sluice", JSON, "Sluice, clean file", _S + "convert", "clean.jsonl"),
    Case("json_dirty", JSON, "Sluice, 0.1% bad rows", _S + "convert", "dirty.jsonl"),
    Case("parquet_raw", PARQUET, "raw DuckDB", _D + "parquet_copy", "clean.parquet"),
    Case("parquet_sluice", PARQUET, "Sluice", _S + "convert", "clean.parquet"),
    Case("scan", PROFILE, "raw DuckDB, scan of every column", _D + "column_scan", "clean.parquet"),
    Case("profile", PROFILE, "Sluice, full profile with personal data", _S + "profile", "clean.parquet"),
    Case("draft", DRAFT, "Sluice, draft of a contract from the CSV", _S + "draft", "clean.csv", rows=1),
    Case("hand", CHECKS, "hand-written DuckDB", _C + "by_hand", "clean.parquet", rows=23),
    Case("checks_sluice", CHECKS, "Sluice, Great Expectations' verdict", _C + "sluice", "clean.parquet", rows=23),
    Case("checks_gx", CHECKS, "Great Expectations on pandas", _C + "gx_pandas", "clean.parquet", rows=23),
    Case(
        "checks_gx_sql",
        CHECKS,
        "Great Expectations on SQL (SQLite, loaded before)",
        _C + "gx_sql",
        "clean.parquet",
        rows=23,
    ),
    Case("checks_pandera", CHECKS, "pandera on polars", _C + "pandera_polars", "clean.parquet", Home.OTHERS, 23),
    Case("checks_soda", CHECKS, "soda-core on DuckDB", _C + "soda", "clean.parquet", Home.OTHERS, 23),
)
LARGE = ("csv_sluice", "csv_dirty", "checks_sluice")
"""What is measured at 50M rows, for memory: the rest would say the same as at 10M, for an hour."""

Seconds = Mapping[str, float]


@dataclass(frozen=True)
class Target:
    """A ratio that must not be exceeded (or, `at_least`, reached). `needs` are the cases it is made of."""

    what: str
    limit: float
    needs: tuple[str, ...]
    ratio: Callable[[Seconds], float]
    at_least: bool = False
    from_rows: int = 1_000_000
    """Below, fixed costs of milliseconds would be all that is compared."""

    def met(self, ratio: float) -> bool:
        """Whether this ratio is good enough."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


def _over(one: str, other: str) -> Callable[[Seconds], float]:
    return lambda s: s[one] / s[other]


TARGETS = (
    Target("CSV with quarantine / (parse only + encode only)", 1.25, ("csv_sluice", "parse", "encode"),
           lambda s: s["csv_sluice"] / (s["parse"] + s["encode"])),
    Target("CSV with quarantine / raw DuckDB without", 1.10, ("csv_sluice", "csv_raw"), _over("csv_sluice", "csv_raw")),
    Target("CSV with 0.1% bad rows / clean", 1.10, ("csv_dirty", "csv_sluice"), _over("csv_dirty", "csv_sluice")),
    Target("JSON lines, clean / raw DuckDB COPY", 1.15, ("json_sluice", "json_raw"), _over("json_sluice", "json_raw")),
    Target("JSON lines, 0.1% bad rows / raw DuckDB COPY", 2.00, ("json_dirty", "json_raw"), _over("json_dirty", "json_raw")),
    Target("Full profile / scan of every column", 6.00, ("profile", "scan"), _over("profile", "scan")),
    Target("23 expectations / hand-written DuckDB", 1.15, ("checks_sluice", "hand"), _over("checks_sluice", "hand"),
           from_rows=10_000_000),
    Target("Great Expectations on pandas / Sluice's checks", 5.00, ("checks_gx", "checks_sluice"),
           _over("checks_gx", "checks_sluice"), at_least=True),
)  # fmt: skip
