"""SQL of our own over Arrow tables, such as the scans of published tables."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa


def query_arrow(tables: Mapping[str, pa.Table], sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """(column names, rows) of a query over `tables` by name. For queries of ours: it guards against nothing."""
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        done = connection.execute(sql)
        return [column[0] for column in done.description or ()], done.fetchall()
