"""Read-only SQL over staged files, for checks: user-written SQL sees the tables it is given, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sluice.adapters.duck.admission import Probe, admit, refusal
from sluice.adapters.duck.connection import connect, list_sql, name_sql, parquet_sql, text_sql
from sluice.errors import BadInputError, SluiceError, TerminalError

DEFAULT_SECONDS = 60.0
_AGGREGATES = 200
"""DuckDB plans more aggregates than that in quadratic time."""
_SAVED = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"


class Staged:
    """Tables over staged Parquet files, open for reading within a `with` block.

    `tables` maps a table's name in SQL to its files. User-written SQL that runs longer than `seconds` is stopped;
    Sluice's own is not.
    """

    def __init__(
        self,
        tables: Mapping[str, Sequence[Path]],
        *,
        memory_limit: str = "1GB",
        threads: int = 2,
        scratch: Path,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        self._tables = {name: [Path(f) for f in files] for name, files in tables.items()}
        self._memory_limit = memory_limit
        self._threads = threads
        self._scratch = scratch
        self._seconds = seconds
        self._functions = 0
        self._raised: SluiceError | None = None
        self._probe: Probe | None = None
        self._stack = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        files = [f for of_table in self._tables.values() for f in of_table]
        with ExitStack() as stack:
            connection = stack.enter_context(connect(self._memory_limit, self._threads, self._scratch, paths=files))
            for name, of_table in self._tables.items():
                paths = list_sql(map(str, of_table))
                connection.execute(f"CREATE VIEW {name_sql(name)} AS SELECT * FROM read_parquet({paths})")
            # Long lists of values are looked up, not compared one by one. Nothing here depends on the rows' order
            # but windows over the files, which have no such lists above them.
            connection.execute(f"SET disabled_optimizers = '{_untrusted(files)}'")
            connection.execute("SET lock_configuration = true")
            self._connection = connection
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection, self._probe = None, None
        self._stack.__exit__(kind, error, trace)

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(self._tables)

    def scalar(self, sql: str) -> Any:
        """The one value that `sql`, somebody's one SELECT, returns.

        Raises BadInputError SQL_REFUSED (not one SELECT, or it reaches beyond the tables), SQL_INVALID, SQL_FAILED,
        SQL_RESULT (not exactly one value), SQL_TIMEOUT.
        """
        rows = self._arrow(_first(self.admitted(sql), 2), self._seconds)
        if rows.num_rows != 1 or rows.num_columns != 1:
            many = ("no rows", "one row", "several rows")[rows.num_rows]
            raise BadInputError(
                "SQL_RESULT", f"the query returns {many} of {rows.num_columns} columns, not one value",
                mend="Aggregate to one value, for example with count(*).",
            )  # fmt: skip
        with _readable():
            return rows.column(0)[0].as_py()

    def admitted(self, sql: str) -> str:
        """Somebody's SQL, if it is one SELECT over the tables alone. Raises BadInputError.

        What does not fit the tables is told here, by DuckDB's words about tables without rows: what it says about
        these later may quote a value.
        """
        statement = admit(self._open, sql, self._tables)
        if self._probe is None:
            shapes = {name: self._shape(name) for name in self._tables}
            self._probe = self._stack.enter_context(Probe(shapes, self._seconds))
        self._probe.fits(statement, (self._function(i) for i in range(1, self._functions + 1)))
        return statement

    def _shape(self, table: str) -> list[tuple[str, str]]:
        found = self._open.execute(f"DESCRIBE {name_sql(table)}").fetchall()
        return [(str(row[0]), str(row[1])) for row in found]

    def rows(self, sql: str, *, limited: bool = False) -> list[tuple[Any, ...]]:
        """All rows of a query of Sluice's own, or of an admitted one: then within the time `limited` gives it."""
        found = self._arrow(sql, self._seconds if limited else None)
        with _readable():
            return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def columns(self, sql: str) -> list[str]:
        """The column names of an admitted query."""
        return [str(name) for name in self._arrow(_first(sql, 0)).column_names]

    def schema(self, table: str) -> pa.Schema:
        """The types of a table's columns."""
        return self._arrow(f"SELECT * FROM {self._name(table)} LIMIT 0").schema

    def source(self, table: str) -> str:
        """The table's files in SQL of Sluice's own: of thousands of columns, the view's star is bound anew each time."""
        self._name(table)
        return parquet_sql(self._tables[table])

    def counts(self, table: str, conditions: Sequence[str]) -> list[int]:
        """How many of the table's rows meet each condition of Sluice's own, in one scan for 200 of them."""
        found: list[int] = []
        for start in range(0, len(conditions), _AGGREGATES):
            each = (f"count(*) FILTER (WHERE {c})" for c in conditions[start : start + _AGGREGATES])
            found += self.rows(f"SELECT {', '.join(each)} FROM {self.source(table)}")[0]
        return found

    def arrow(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The table's rows, in the order of its files, as an Arrow table; only `columns` when given."""
        chosen = "*" if columns is None else ", ".join(map(name_sql, columns))
        return self._arrow(f"SELECT {chosen} FROM {self._name(table)}")

    def arrow_rows(self, sql: str) -> pa.Table:
        """All rows of a query of Sluice's own as an Arrow table."""
        return self._arrow(sql)

    def save(self, sql: str, path: Path, limit: int | None, *, group: int | None = None) -> int:
        """Write the first `limit` rows of a query, or all, as Parquet to a new file below the scratch folder; how many.

        `group` rows are held in memory at once; None for as many as is usual.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = sql if limit is None else _first(sql, limit)
        grouped = _SAVED if group is None else f"{_SAVED}, ROW_GROUP_SIZE {group}"
        sql = f"COPY ({rows}) TO {text_sql(str(path))} ({grouped})"
        with self._told():
            return int(self._open.execute(sql).fetchall()[0][0])

    @property
    def seconds(self) -> float:
        """How long SQL that people wrote may run."""
        return self._seconds

    def python(self, test: Callable[[Sequence[str]], list[bool]]) -> str:
        """Make a Python predicate on texts callable in SQL; its name. It is given the distinct texts of a batch.

        A SluiceError that it raises ends the query, anything else does so as BadInputError (SQL_FAILED).
        """

        def column(values: pa.ChunkedArray) -> pa.Array:
            encoded = values.combine_chunks().dictionary_encode()
            try:
                asked = test(encoded.dictionary.to_pylist())
            except SluiceError as error:
                self._raised = error
                raise
            return pa.array(asked, pa.bool_()).take(encoded.indices)

        self._functions += 1
        name = self._function(self._functions)
        make: Any = self._open.create_function  # its stubs do not know that the type may be a text
        make(name, column, ["VARCHAR"], "BOOLEAN", type="arrow")
        return name

    @staticmethod
    def _function(number: int) -> str:
        return f"sluice_python_{number}"

    def count_orphans(
        self, table: str, columns: Sequence[str], to_table: str, to_columns: Sequence[str]
    ) -> tuple[int, int]:
        """(rows that reference something, those whose reference does not exist). A null references nothing."""
        references = self._references(columns)
        (checked,) = self.rows(f"SELECT count(*) FROM {self._name(table)} f WHERE {references}")[0]
        (orphans,) = self.rows(f"SELECT count(*) FROM ({self.orphans(table, columns, to_table, to_columns)})")[0]
        return int(checked), int(orphans)

    def orphans(self, table: str, columns: Sequence[str], to_table: str, to_columns: Sequence[str]) -> str:
        """A query for the rows whose reference does not exist."""
        same = " AND ".join(f"f.{name_sql(c)} = t.{name_sql(to)}" for c, to in zip(columns, to_columns, strict=True))
        child, parent = self._name(table), self._name(to_table)
        return f"SELECT * FROM {child} f ANTI JOIN {parent} t ON {same} WHERE {self._references(columns)}"

    @staticmethod
    def _references(columns: Sequence[str]) -> str:
        return " AND ".join(f"f.{name_sql(c)} IS NOT NULL" for c in columns)

    def _name(self, table: str) -> str:
        if table not in self._tables:
            raise BadInputError("NO_TABLE", f"there is no table {table!r}", mend=f"Use one of {sorted(self._tables)}.")
        return name_sql(table)

    @property
    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise BadInputError("NOT_OPEN", "staged tables are read within a `with` block")
        return self._connection

    def _arrow(self, sql: str, seconds: float | None = None) -> pa.Table:
        with self._told(), _stopped_after(seconds, self._open):
            return self._open.sql(sql).to_arrow_table()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """DuckDB's errors about a query as Sluice's."""
        try:
            yield
        except duckdb.PermissionException as e:
            raise refusal("it reaches beyond the tables") from e
        except duckdb.InterruptException as e:
            raise BadInputError(
                "SQL_TIMEOUT", f"the query ran longer than {self._seconds:g} seconds",
                mend="Make it cheaper, or raise SLUICE_SQL_SECONDS.",
            ) from e  # fmt: skip
        except (duckdb.OutOfMemoryException, MemoryError) as e:
            raise TerminalError(
                "OUT_OF_MEMORY", f"the query does not fit into the memory limit of {self._memory_limit}",
                mend="Make it smaller, or raise SLUICE_MEMORY_LIMIT.",
            ) from e  # fmt: skip
        except duckdb.IOException:
            raise  # the disk's failure, and no rule's
        except (duckdb.Error, pa.ArrowException) as e:
            if self._raised:  # by a predicate in Python, which DuckDB tells in its own words
                raised, self._raised = self._raised, None
                raise raised from e
            # DuckDB quotes the value it choked on, and a value may be somebody's name.
            what = f"the query fails on the data ({type(e).__name__})"
            raise BadInputError("SQL_FAILED", what, mend="Use TRY_CAST, or try the query on your own copy.") from e


@contextmanager
def _readable() -> Iterator[None]:
    """For values that Python has no room for, such as a moment in the year 290,000."""
    try:
        yield
    except (ValueError, OverflowError, pa.ArrowException) as e:
        raise BadInputError(
            "SQL_RESULT",
            f"the query's answer cannot be read ({type(e).__name__})",
            mend="Cast it to a number or a text.",
        ) from e


def _untrusted(files: Sequence[Path]) -> str:
    """The optimizers that would prove from a footer's bounds that no value is NaN.

    DuckDB tells no bounds of a column with NaN in it; others, Arrow for one, leave NaN out of the bounds they tell.
    """
    for file in files:
        try:
            footer = pq.read_metadata(file)
        except (OSError, pa.ArrowException):
            continue  # DuckDB says what is wrong with it
        physical = {footer.schema.column(i).physical_type for i in range(footer.num_columns)}
        if physical & {"FLOAT", "DOUBLE"} and not str(footer.created_by).startswith("DuckDB"):
            return "statistics_propagation,filter_pushdown"
    return ""


def _first(sql: str, limit: int) -> str:
    # The line break ends a comment that the query may end with.
    return f"SELECT * FROM ({sql}\n) LIMIT {limit}"


@contextmanager
def _timer(seconds: float, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    timer = Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _stopped_after(seconds: float | None, connection: duckdb.DuckDBPyConnection) -> Any:
    return nullcontext() if seconds is None else _timer(seconds, connection)
