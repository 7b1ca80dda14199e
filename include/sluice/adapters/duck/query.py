"""Read-only SQL over staged files, for checks: user-written SQL sees the tables it is given, and nothing else.

Two walls: the statement's own syntax tree may name only those tables and harmless functions; and the
connection could not reach another file, change a setting or load anything if it tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from sluice.adapters.duck.connection import connect, first_line, list_sql, name_sql
from sluice.errors import BadInputError

_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
_REFUSED_FUNCTIONS = {
    "getenv", "current_setting", "getvariable", "write_log", "nextval", "currval", "query", "query_table",
    "parse_duckdb_log_message", "current_database", "current_schemas", "current_user", "session_user", "user",
}  # fmt: skip
_HOME = {"", "main", "memory"}


class Staged:
    """Tables over staged Parquet files, open for reading within a `with` block.

    `tables` maps a table's name in SQL to its files. A statement that runs longer than `seconds` is stopped.
    """

    def __init__(
        self,
        tables: Mapping[str, Sequence[Path]],
        *,
        memory_limit: str = "1GB",
        threads: int = 2,
        scratch: Path,
        seconds: float = 600.0,
    ) -> None:
        self._tables = {name: [Path(f) for f in files] for name, files in tables.items()}
        self._memory_limit = memory_limit
        self._threads = threads
        self._scratch = scratch
        self._seconds = seconds
        self._stack = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        files = [f for of_table in self._tables.values() for f in of_table]
        with ExitStack() as stack:
            connection = stack.enter_context(connect(self._memory_limit, self._threads, self._scratch, paths=files))
            for name, of_table in self._tables.items():
                paths = list_sql(map(str, of_table))
                connection.execute(f"CREATE VIEW {name_sql(name)} AS SELECT * FROM read_parquet({paths})")
            connection.execute(f"SET max_execution_time = {max(1, round(self._seconds * 1000))}")
            connection.execute("SET lock_configuration = true")
            self._connection = connection
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection = None
        self._stack.__exit__(kind, error, trace)

    def scalar(self, sql: str) -> Any:
        """The one value that `sql`, one SELECT, returns.

        Raises BadInputError SQL_REFUSED (not one SELECT, or it reaches beyond the tables), SQL_INVALID, SQL_FAILED,
        SQL_RESULT (not exactly one value), SQL_TIMEOUT.
        """
        rows = self._arrow(self._admit(sql))
        if rows.num_rows != 1 or rows.num_columns != 1:
            raise BadInputError(
                "SQL_RESULT", f"the query returns {rows.num_rows} rows of {rows.num_columns} columns, not one value",
                mend="Aggregate to one value, for example with count(*).",
            )  # fmt: skip
        return rows.column(0)[0].as_py()

    def count_orphans(
        self, table: str, columns: Sequence[str], to_table: str, to_columns: Sequence[str]
    ) -> tuple[int, int]:
        """(rows that reference something, those whose reference does not exist). A null references nothing."""
        references = " AND ".join(f"f.{name_sql(c)} IS NOT NULL" for c in columns)
        same = " AND ".join(f"f.{name_sql(c)} = t.{name_sql(to)}" for c, to in zip(columns, to_columns, strict=True))
        child, parent = self._name(table), self._name(to_table)
        (row,) = self._arrow(
            f"SELECT count(*) AS checked, count(*) FILTER (NOT EXISTS (SELECT 1 FROM {parent} t WHERE {same}))"
            f" AS orphans FROM {child} f WHERE {references}"
        ).to_pylist()
        return int(row["checked"]), int(row["orphans"])

    def arrow(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The table's rows, in the order of its files, as an Arrow table; only `columns` when given."""
        chosen = "*" if columns is None else ", ".join(map(name_sql, columns))
        return self._arrow(f"SELECT {chosen} FROM {self._name(table)}")

    def _name(self, table: str) -> str:
        if table not in self._tables:
            raise BadInputError("NO_TABLE", f"there is no table {table!r}", mend=f"Use one of {sorted(self._tables)}.")
        return name_sql(table)

    @property
    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise BadInputError("NOT_OPEN", "staged tables are read within a `with` block")
        return self._connection

    def _arrow(self, sql: str) -> pa.Table:
        try:
            return self._open.sql(sql).to_arrow_table()
        except duckdb.PermissionException as e:
            raise _refusal(first_line(e)) from e
        except duckdb.InterruptException as e:
            raise BadInputError(
                "SQL_TIMEOUT", f"the query ran longer than {self._seconds:g} seconds", mend="Make it cheaper."
            ) from e
        except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException) as e:
            # DuckDB quotes the value it choked on, and a value may be somebody's name.
            what = f"the query fails on the data ({type(e).__name__})"
            raise BadInputError("SQL_FAILED", what, mend="Use TRY_CAST, or try the query on your own copy.") from e
        except (
            duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.NotImplementedException,
        ) as e:  # fmt: skip
            raise BadInputError("SQL_INVALID", first_line(e), mend="Correct the query.") from e

    def _admit(self, sql: str) -> str:
        """The statement itself, if it is one SELECT over the tables alone."""
        try:
            statements = self._open.extract_statements(sql)
        except duckdb.Error as e:
            raise BadInputError("SQL_INVALID", first_line(e), mend="Correct the query.") from e
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise _refusal(f"{len(statements)} statements" if len(statements) != 1 else "not a SELECT")
        (text,) = self._open.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0]
        tree = json.loads(text)
        if tree["error"]:
            raise _refusal(str(tree.get("error_message")))
        self._check(tree)
        return str(statements[0].query).strip().rstrip(";")

    def _check(self, tree: Any) -> None:
        nodes = list(_nodes(tree))
        allowed = {t.lower() for t in self._tables}
        for node in nodes:
            if "cte_map" in node:
                allowed.update(str(entry["key"]).lower() for entry in node["cte_map"]["map"])
        for node in nodes:
            kind = node.get("type")
            if kind == "BASE_TABLE":
                name = str(node["table_name"])
                if name.lower() not in allowed or not {node["schema_name"], node["catalog_name"]} <= _HOME:
                    raise _refusal(f"no such table: {name!r}")
            elif kind == "TABLE_FUNCTION":
                name = str(node["function"].get("function_name"))
                if name.lower() not in _TABLE_FUNCTIONS:
                    raise _refusal(f"table function {name!r}")
            elif kind == "SHOW_REF":
                raise _refusal("not a SELECT")
            elif node.get("class") == "FUNCTION" and str(node["function_name"]).lower() in _REFUSED_FUNCTIONS:
                raise _refusal(f"function {node['function_name']!r}")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _refusal(why: str) -> BadInputError:
    return BadInputError(
        "SQL_REFUSED",
        f"the query is refused: {why}",
        mend="Write one SELECT over the contract's tables, and nothing else.",
    )
