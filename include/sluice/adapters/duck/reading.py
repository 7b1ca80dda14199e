"""What a query tells of the tables that it reads, from DuckDB's own parse of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import duckdb

from sluice.checks.discreet import Reading

_ARITHMETIC = {
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "coalesce",
    "nullif",
    "round",
    "floor",
    "ceil",
    "abs",
    "greatest",
    "least",
}
_COUNTS = {"count", "count_star"}
_SUMS = {"sum", "min", "max", "avg"}
_TESTS = {"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT"}


@lru_cache(maxsize=1000)
def reading(sql: str) -> Reading:
    """What the query may tell; everything when it cannot be parsed."""
    try:
        with duckdb.connect(":memory:") as connection:
            (text,) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0]
    except duckdb.Error:
        return Reading()
    tree = json.loads(text)
    if tree["error"] or len(tree["statements"]) != 1:
        return Reading()
    node = tree["statements"][0]["node"]
    nodes = list(_nodes(node))
    tables = frozenset(str(n["table_name"]).lower() for n in nodes if n.get("type") == "BASE_TABLE")
    return Reading(_counts(node), _names(node, nodes), tables)


def _nodes(tree: Any) -> list[dict[str, Any]]:
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            found.append(node)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found


def _names(node: Mapping[str, Any], nodes: list[dict[str, Any]]) -> frozenset[str] | None:
    """The columns that it names, in lower case; None when it may read others too.

    Only of one SELECT from one table, whose columns have no other names in it, can this be said.
    """
    source = node.get("from_table") or {}
    if node.get("type") != "SELECT_NODE" or source.get("type") != "BASE_TABLE" or source.get("column_name_alias"):
        return None
    if sum(n.get("type") in ("SELECT_NODE", "BASE_TABLE") for n in nodes) != 2 or _entries(node):
        return None
    whole = {str(source["table_name"]).lower(), str(source.get("alias") or "").lower()}
    named: set[str] = set()
    for n in nodes:
        if n.get("class") in ("STAR", "POSITIONAL_REFERENCE", "SUBQUERY", "LAMBDA_REF"):
            return None
        if n.get("class") == "COLUMN_REF":
            parts = [str(part).lower() for part in n["column_names"]]
            if parts[-1] in whole:  # a row as one value
                return None
            named |= set(parts)
    return frozenset(named)


def _entries(node: Mapping[str, Any]) -> list[Any]:
    return list((node.get("cte_map") or {}).get("map") or ())


def _counts(node: Mapping[str, Any]) -> bool:
    """Whether everything that it selects is made of counted rows and constants."""
    if node.get("type") != "SELECT_NODE" or _entries(node):
        return False
    source = node.get("from_table") or {}
    of_counts = False
    if source.get("type") == "SUBQUERY":
        inner = (source.get("subquery") or {}).get("node") or {}
        if not _counts(inner):
            return False
        of_counts = True
    elif source.get("type") != "BASE_TABLE":
        return False
    parts = [value for key, value in node.items() if key != "from_table"]
    if any(n.get("class") in ("SUBQUERY", "WINDOW") for n in _nodes(parts)):
        return False
    return all(_counted(item, of_counts) for item in node.get("select_list") or [{}])


def _counted(item: Mapping[str, Any], of_counts: bool) -> bool:
    """An expression over counts: `of_counts` where the columns are counts themselves."""
    kind, name = item.get("class"), str(item.get("function_name", "")).lower()
    arguments = [argument["expression"] for argument in item.get("arguments") or ()]
    if kind == "CONSTANT":
        return True
    if kind == "COLUMN_REF":
        return of_counts
    if kind == "CAST":
        return _counted(item["child"], of_counts)
    if kind == "FUNCTION" and name in _COUNTS:
        return True
    if kind == "FUNCTION" and name in _ARITHMETIC:
        return all(_counted(argument, of_counts) for argument in arguments)
    if kind == "FUNCTION" and name in _SUMS:
        return all(_constant(argument) or (of_counts and _counted(argument, True)) for argument in arguments)
    if kind == "OPERATOR" and item.get("type") == "OPERATOR_COALESCE":
        return all(_counted(child, of_counts) for child in item["children"])
    # Whether something is missing, of a group: no value of it.
    return kind in ("OPERATOR", "CONJUNCTION") and all(_test(child) for child in [item])


def _constant(item: Mapping[str, Any]) -> bool:
    """A constant, or one of several by a condition: 1 for the rows that count."""
    if item.get("class") == "CASE":
        branches = [check["then_expr"] for check in item["case_checks"]] + [item["else_expr"]]
        return all(_constant(branch) for branch in branches if branch)
    if item.get("class") == "CAST":
        child = item["child"]
        return _constant(child) or child.get("class") in ("COMPARISON", "CONJUNCTION")
    return item.get("class") == "CONSTANT"


def _test(item: Mapping[str, Any]) -> bool:
    if item.get("class") == "CONJUNCTION":
        return all(_test(child) for child in item["children"])
    return item.get("class") == "OPERATOR" and item.get("type") in _TESTS
