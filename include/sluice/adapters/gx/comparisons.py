"""Expectations that bring SQL of their own: `unexpected_rows_expectation` and the comparison of two queries.

Their SQL is held to the same rules as a contract's: one SELECT over the contract's tables, within its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.adapters.gx.compiled import Breaking
from sluice.adapters.gx.fields import BadArgumentError
from sluice.adapters.gx.requests import Metric, Rows, Table
from sluice.checks.rules import Rule

MAX_ROWS = 200
"""How many rows GX reads of a query (MAX_RESULT_RECORDS)."""

SOURCES = ("contract", "staged", "sluice")
"""What a comparison may give as its data source: the contract's own tables, under any of these names."""

_SQL = ("unexpected_rows_query", "base_query", "comparison_query")


def has_sql(rule: Rule) -> bool:
    """Whether the rule brings SQL of its own."""
    return any(key in rule.kwargs for key in _SQL)


def metric(name: str, kwargs: Mapping[str, Any], domain: Mapping[str, Any], table: Table, data: Any) -> Metric | None:
    """The query's metric; None for metrics that are no queries.

    Raises BadInputError for SQL that is refused, BadArgumentError for a data source that is not the contract.
    """
    match name:
        case "unexpected_rows_query.row_count":
            return _counted(_batch(kwargs["unexpected_rows_query"], domain, table, data))
        case "unexpected_rows_query.table":
            return _rows(_batch(kwargs["unexpected_rows_query"], domain, table, data), data)
        case "base_query.table":
            return _rows(_batch(kwargs["base_query"], domain, table, data), data)
        case "comparison_query.data_source_table":
            source = str(kwargs.get("comparison_data_source_name"))
            if source not in SOURCES:
                raise BadArgumentError(
                    f"compares with the data source {source!r}, which a check cannot reach; "
                    f"name it 'contract' and query the contract's tables"
                )
            return _rows(data.admitted(str(kwargs["comparison_query"])), data)
    return None


def breaking(values: Mapping[str, Any], rule: Rule, table: Table, data: Any) -> Breaking | None:
    """The rows that an `unexpected_rows_query` returned, when it did."""
    if not values.get("unexpected_rows_query.row_count"):
        return None
    return Breaking(_batch(rule.kwargs["unexpected_rows_query"], rule.kwargs, table, data))


def _batch(query: Any, domain: Mapping[str, Any], table: Table, data: Any) -> str:
    where = table.where(domain)
    source = f"({table.select('*', where)})" if where else table.sql
    return str(data.admitted(_filled(str(query), source)))


def _filled(query: str, source: str) -> str:
    return query.replace("{batch}", source).replace("{{", "{").replace("}}", "}")


def _counted(sql: str) -> Metric:
    (rows,) = yield [Rows(f"SELECT count(*) FROM ({sql}\n)", user=True)]  # noqa: S608
    return rows[0][0]


def _rows(sql: str, data: Any) -> Metric:
    names = data.columns(sql)
    (rows,) = yield [Rows(f"SELECT * FROM ({sql}\n) LIMIT {MAX_ROWS}", user=True)]  # noqa: S608
    return [dict(zip(names, row, strict=True)) for row in rows]
