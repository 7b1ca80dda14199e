"""Twenty-three expectations on the measured data, and the same questions asked by hand and by other tools."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.data import CITIES, COLUMNS

Run = Callable[[], int]
THREADS, MEMORY = 2, "2GB"
_ALL = ["id", "customer", "name", "note", "city", "amount", "price", "quantity", "active", "day", "at", "code"]
_DAYS = ("2015-01-01", "2026-01-01")

EXPECTATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("expect_table_row_count_to_be_between", {"min_value": 1}),
    ("expect_table_column_count_to_equal", {"value": 12}),
    ("expect_column_values_to_not_be_null", {"column": "id"}),
    ("expect_column_values_to_not_be_null", {"column": "name"}),
    ("expect_column_values_to_not_be_null", {"column": "city"}),
    ("expect_column_values_to_not_be_null", {"column": "amount"}),
    ("expect_column_values_to_not_be_null", {"column": "day"}),
    ("expect_column_values_to_not_be_null", {"column": "at"}),
    ("expect_column_values_to_not_be_null", {"column": "customer", "mostly": 0.9}),
    ("expect_column_values_to_not_be_null", {"column": "quantity", "mostly": 0.9}),
    ("expect_column_values_to_be_unique", {"column": "id"}),
    ("expect_column_values_to_be_in_set", {"column": "city", "value_set": list(CITIES)}),
    ("expect_column_values_to_be_between", {"column": "quantity", "min_value": 1, "max_value": 100}),
    ("expect_column_values_to_be_between", {"column": "price", "min_value": 0, "max_value": 2000}),
    ("expect_column_values_to_be_between", {"column": "customer", "min_value": 0, "max_value": 200000}),
    ("expect_column_value_lengths_to_equal", {"column": "code", "value": 9}),
    ("expect_column_values_to_match_regex", {"column": "code", "regex": "^[A-Z]{2}-[0-9]{6}$"}),
    ("expect_column_values_to_not_match_regex", {"column": "name", "regex": "[0-9]{9}"}),
    ("expect_column_mean_to_be_between", {"column": "price", "min_value": 400, "max_value": 600}),
    ("expect_column_max_to_be_between", {"column": "quantity", "min_value": 90, "max_value": 100}),
    ("expect_column_min_to_be_between", {"column": "quantity", "min_value": 1, "max_value": 10}),
    ("expect_column_stdev_to_be_between", {"column": "price", "min_value": 200, "max_value": 400}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "city", "value_set": list(CITIES)}),
)


def by_hand(source: Path, work: Path) -> Run:
    """The twenty-three as one DuckDB scan and one query for uniqueness, written by a person."""
    from bench.with_duckdb import connect

    connection = connect()
    cities = ", ".join(f"'{c}'" for c in CITIES)
    scan = f"""
        SELECT count(*), count(id), count(name), count(city), count(amount), count(day), count("at"), count(customer), count(quantity),
          count(*) FILTER (city NOT IN ({cities})), count(*) FILTER (quantity NOT BETWEEN 1 AND 100),
          count(*) FILTER (price NOT BETWEEN 0 AND 2000), count(*) FILTER (customer NOT BETWEEN 0 AND 200000),
          count(*) FILTER (length(code) <> 9), count(*) FILTER (NOT regexp_matches(code, '^[A-Z]{{2}}-[0-9]{{6}}$')),
          count(*) FILTER (regexp_matches(name, '[0-9]{{9}}')),
          avg(price), max(quantity), min(quantity), stddev_samp(price), list(DISTINCT city) FROM '{source}'
    """
    unique = f"SELECT count(*) FROM (SELECT id FROM '{source}' GROUP BY id HAVING count(*) > 1)"

    def run() -> int:
        found = connection.execute(scan).fetchall()[0]
        (repeated,) = connection.execute(unique).fetchall()[0]
        (rows, *filled), wrong, (mean, top, low, spread, cities_found) = found[:9], found[9:16], found[16:]
        good = (
            rows and all(n == rows for n in filled[:6]) and all(n >= 0.9 * rows for n in filled[6:]) and not any(wrong)
            and not repeated and 400 <= mean <= 600 and 90 <= top <= 100 and 1 <= low <= 10 and 200 <= spread <= 400
            and set(cities_found) <= set(CITIES)
        )  # fmt: skip
        return len(EXPECTATIONS) if good else 0

    return run


def sluice(source: Path, work: Path) -> Run:
    """Sluice: the suite is Great Expectations', and so is the verdict."""
    from bench.with_sluice import contract_text
    from sluice.adapters import gx
    from sluice.adapters.duck import Staged
    from sluice.checks.rules import Rule
    from sluice.contract.reading import read_contract

    table = read_contract(contract_text(source)).tables[0]
    rules = [Rule(f"r{i}", "expectation", kind, kwargs) for i, (kind, kwargs) in enumerate(EXPECTATIONS)]
    gx.verify(rules, table)  # imports Great Expectations

    def run() -> int:
        with Staged({table.name: [source]}, memory_limit=MEMORY, threads=THREADS, scratch=work) as data:
            return sum(r.success is True for r in gx.validate(rules, [source], table, data))

    return run


def gx_pandas(source: Path, work: Path) -> Run:
    """Great Expectations as its guide has it: the file read by pandas, the suite run on the frame."""
    warnings.simplefilter("ignore")
    import great_expectations as gx
    import pandas as pd
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
    definition = asset.add_batch_definition_whole_dataframe("b")
    expectations = [ExpectationConfiguration(type=k, kwargs=dict(w)).to_domain_obj() for k, w in EXPECTATIONS]
    suite = gx.ExpectationSuite(name="s", expectations=expectations)

    def run() -> int:
        frame = pd.read_parquet(source)
        frame["amount"] = frame["amount"].astype("float64")
        batch = definition.get_batch({"dataframe": frame})
        return sum(bool(r.success) for r in batch.validate(suite, result_format="BASIC").results)

    return run


def gx_sql(source: Path, work: Path) -> Run:
    """Great Expectations on SQL, on a table that is loaded already: SQLite, which runs in this process like DuckDB. (Its
    way to DuckDB, duckdb-engine, does not work with this Great Expectations.)"""
    warnings.simplefilter("ignore")
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    database = work / "measured.db"
    _load_sqlite(source, database)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_sqlite("s", connection_string=f"sqlite:///{database}").add_table_asset(
        "a", table_name="measured"
    )
    definition = asset.add_batch_definition_whole_table("b")
    expectations = [ExpectationConfiguration(type=k, kwargs=dict(w)).to_domain_obj() for k, w in EXPECTATIONS]
    suite = gx.ExpectationSuite(name="s", expectations=expectations)

    def run() -> int:
        return sum(bool(r.success) for r in definition.get_batch().validate(suite, result_format="BASIC").results)

    return run


def _load_sqlite(source: Path, database: Path) -> None:
    """SQLite's own types; it has no decimals, dates and moments."""
    import sqlite3

    from bench.with_duckdb import connect

    plain = {"amount": "DOUBLE", "day": "VARCHAR", "at": "VARCHAR"}
    chosen = ", ".join(f'CAST("{c}" AS {plain[c]})' if c in plain else f'"{c}"' for c in _ALL)
    rows = connect().execute(f"SELECT {chosen} FROM '{source}'")
    database.unlink(missing_ok=True)
    table = sqlite3.connect(database)
    declared = ", ".join(f'"{name}" {plain.get(name, kind)}' for name, kind in COLUMNS.items())
    table.execute(f"CREATE TABLE measured ({declared})")
    while some := rows.fetchmany(100_000):
        table.executemany(f"INSERT INTO measured VALUES ({', '.join('?' * len(_ALL))})", some)
    table.commit()
    table.close()


def pandera_polars(source: Path, work: Path) -> Run:
    """pandera on polars: per-column checks, and those of the whole column as custom checks."""
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import pandera.polars as pa
    import polars as pl

    def whole(expression: pl.Expr) -> pa.Check:
        return pa.Check(lambda data: data.lazyframe.select(expression))

    column = pa.Column
    schema = pa.DataFrameSchema({
        "id": column(pl.Int64, unique=True), "name": column(pl.String, pa.Check(lambda d: d.lazyframe.select(~pl.col("name").str.contains("[0-9]{9}")))),
        "city": column(pl.String, [pa.Check.isin(CITIES), whole(pl.col("city").unique().is_in(CITIES).all())]),
        "amount": column(pl.Decimal(12, 2)), "day": column(pl.Date), "at": column(pl.Datetime("us")),
        "customer": column(pl.Int32, [pa.Check.in_range(0, 200_000), whole(pl.col("customer").null_count() <= 0.1 * pl.len())], nullable=True),
        "quantity": column(pl.Int32, [
            pa.Check.in_range(1, 100), whole(pl.col("quantity").null_count() <= 0.1 * pl.len()),
            whole(pl.col("quantity").max().is_between(90, 100)), whole(pl.col("quantity").min().is_between(1, 10)),
        ], nullable=True),
        "price": column(pl.Float64, [
            pa.Check.in_range(0, 2000), whole(pl.col("price").mean().is_between(400, 600)), whole(pl.col("price").std().is_between(200, 400)),
        ]),
        "code": column(pl.String, [pa.Check.str_length(9, 9), pa.Check.str_matches("^[A-Z]{2}-[0-9]{6}$")]),
        "note": column(pl.String, nullable=True), "active": column(pl.Boolean),
    }, strict=True, checks=pa.Check(lambda data: data.lazyframe.select(pl.len() >= 1)))  # fmt: skip

    def run() -> int:
        schema.validate(pl.read_parquet(source), lazy=True)
        return len(EXPECTATIONS)

    return run


def soda(source: Path, work: Path) -> Run:
    """soda-core on DuckDB; where SodaCL has no word for an expectation, the nearest one."""
    os.environ["HOME"] = str(work)
    (work / ".soda").mkdir()
    (work / ".soda" / "config.yml").write_text("send_anonymous_usage_stats: false\n")
    import duckdb
    from soda.scan import Scan

    connection = duckdb.connect(config={"threads": str(THREADS), "memory_limit": MEMORY})
    # It does not quote names, and `at` is a word of SQL.
    connection.execute(f"CREATE VIEW measured AS SELECT * RENAME (\"at\" AS moment) FROM '{source}'")
    cities = ", ".join(CITIES)
    checks = "checks for measured:\n" + "".join(f"  - {line}\n" for line in (
        "row_count > 0", f"schema:\n      fail:\n        when required column missing: [{', '.join(_ALL).replace(' at,', ' moment,')}]",
        *(f"missing_count({c}) = 0" for c in ("id", "name", "city", "amount", "day", "moment")),
        "missing_percent(customer) < 10", "missing_percent(quantity) < 10", "duplicate_count(id) = 0",
        f"invalid_count(city) = 0:\n      valid values: [{cities}]",
        "invalid_count(quantity) = 0:\n      valid min: 1\n      valid max: 100",
        "invalid_count(price) = 0:\n      valid min: 0\n      valid max: 2000",
        "invalid_count(customer) = 0:\n      valid min: 0\n      valid max: 200000",
        "invalid_count(code) = 0:\n      valid length: 9",
        "invalid_count(code) = 0:\n      valid regex: '^[A-Z]{2}-[0-9]{6}$'",
        "failed rows:\n      fail condition: regexp_matches(name, '[0-9]{9}')",
        "avg(price) between 400 and 600", "max(quantity) between 90 and 100", "min(quantity) between 1 and 10",
        "stddev(price) between 200 and 400", "duplicate_count(city) > 0",
    ))  # fmt: skip

    def run() -> int:
        scan = Scan()
        scan.set_data_source_name("duckdb")
        scan.add_duckdb_connection(connection, "duckdb")
        scan.add_sodacl_yaml_str(checks)
        scan.execute()
        if scan.get_error_logs_text():
            raise RuntimeError(scan.get_error_logs_text())
        return sum(c["outcome"] == "pass" for c in scan.get_scan_results()["checks"])

    return run
