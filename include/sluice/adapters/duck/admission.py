"""What SQL of somebody else's may say: one SELECT over the tables it is given, and nothing that reaches further.

This is the first of two walls; the second is the connection, which could not reach a file, change a setting or
load anything if it were asked to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Timer
from typing import Any, Self

import duckdb

from sluice.adapters.duck.casting.values import duck_type
from sluice.adapters.duck.connection import first_line, name_sql
from sluice.contract.model import Column
from sluice.errors import BadInputError

_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
_REFUSED_FUNCTIONS = {
    "getenv", "current_setting", "getvariable", "write_log", "nextval", "currval", "query", "query_table",
    "parse_duckdb_log_message", "current_database", "current_schemas", "current_user", "session_user", "user",
}  # fmt: skip
_HOME = {"", "main", "memory"}


def admit(connection: duckdb.DuckDBPyConnection, sql: str, tables: Iterable[str]) -> str:
    """The statement itself, if it is one SELECT over the tables alone.

    Raises BadInputError SQL_INVALID (it does not parse) and SQL_REFUSED (it is more than that).
    """
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as e:
        raise BadInputError("SQL_INVALID", first_line(e), mend="Correct the query.") from e
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise refusal(f"{len(statements)} statements" if len(statements) != 1 else "not a SELECT")
    (text,) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0]
    tree = json.loads(text)
    if tree["error"]:
        raise refusal(str(tree.get("error_message")))
    _check(tree, {table.lower() for table in tables})
    return str(statements[0].query).strip().rstrip(";")


_PROBE_MEMORY = "256MB"
PROBE_SECONDS = 10.0


class Probe:
    """Empty tables on which SQL is tried: what DuckDB says of it there quotes nobody's data.

    `tables`: name → (column, DuckDB's type). A context; it reaches no file and no network.
    """

    def __init__(self, tables: Mapping[str, Iterable[tuple[str, str]]], seconds: float = PROBE_SECONDS) -> None:
        self._tables, self._seconds = tables, seconds

    def __enter__(self) -> Self:
        config: dict[str, str | bool | int | float | list[str]] = {
            "enable_external_access": "false",
            "memory_limit": _PROBE_MEMORY,
            "threads": "1",
        }
        self.connection = duckdb.connect(":memory:", config=config)
        for name, columns in self._tables.items():
            declared = ", ".join(f"{name_sql(column)} {kind}" for column, kind in columns)
            self.connection.execute(f"CREATE TABLE {name_sql(name)} ({declared})")
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def fits(self, statement: str, predicates: Iterable[str] = ()) -> None:
        """Raises BadInputError (SQL_INVALID) for names that do not exist and types that do not fit.

        `predicates` are functions of a text that exist where the statement will run.
        """
        for name in predicates:
            if name in statement:
                self.connection.execute(f"CREATE OR REPLACE MACRO {name_sql(name)}(text) AS length(text) > 0")
        timer = Timer(self._seconds, self.connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            self.connection.execute(f"EXPLAIN {statement}")
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.SyntaxException) as e:
            raise BadInputError("SQL_INVALID", first_line(e), mend="Correct the query.") from e
        except duckdb.Error:
            return  # what fails otherwise fails when it is run, and says so
        finally:
            timer.cancel()


@contextmanager
def inspection(tables: Mapping[str, Iterable[Column]]) -> Iterator[Callable[[str], None]]:
    """A function that says whether SQL of a contract can run on its tables, before any data is there.

    It raises what `admit` raises; SQL_INVALID also for columns and functions that do not exist, types that do not fit.
    """
    shapes = {name: [(c.field_name, duck_type(c.type)) for c in columns] for name, columns in tables.items()}
    with Probe(shapes) as probe:
        yield lambda sql: probe.fits(admit(probe.connection, sql, tables))


def _check(tree: Any, allowed: set[str]) -> None:
    nodes = list(_nodes(tree))
    for node in nodes:
        if "cte_map" in node:
            allowed.update(str(entry["key"]).lower() for entry in node["cte_map"]["map"])
    for node in nodes:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            name = str(node["table_name"])
            if name.lower() not in allowed or not {node["schema_name"], node["catalog_name"]} <= _HOME:
                raise refusal(f"no such table: {name!r}")
        elif kind == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name"))
            if name.lower() not in _TABLE_FUNCTIONS:
                raise refusal(f"table function {name!r}")
        elif kind == "SHOW_REF":
            raise refusal("not a SELECT")
        elif node.get("class") == "FUNCTION" and str(node["function_name"]).lower() in _REFUSED_FUNCTIONS:
            raise refusal(f"function {node['function_name']!r}")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def refusal(why: str) -> BadInputError:
    """The error for SQL that says more than it may."""
    return BadInputError(
        "SQL_REFUSED",
        f"the query is refused: {why}",
        mend="Write one SELECT over the contract's tables, and nothing else.",
    )
