"""Opens DuckDB connections that reach nothing but the files they were given, and translates its errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb

from sluice.checks.rules import identifier
from sluice.errors import BadInputError, SluiceError, TerminalError

T = TypeVar("T")
name_sql = identifier

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when nothing more can be written."""

MIN_THREADS = 2
"""With one thread DuckDB cuts row groups in other places, and the same input would not give the same bytes."""

_GROUP_ROWS, _GROUP_BYTES, _VECTOR = 122_880, 32 << 20, 2_048
_DICTIONARY, _DICTIONARIES = 8_192, 1 << 22
"""Values of a column's dictionary, and of all that a thread has room for: some 20 bytes each, used or not."""


def copy_options(columns: int, row_bytes: float = 0, *, passing: bool = False) -> str:
    """How Parquet is written, of so many columns and rows of about so many bytes. `passing`: it is read a few times and
    thrown away.

    Row groups are made in memory, some for each thread: of long rows fewer go into one.
    Of columns with more values in a row group than the limit, dictionaries cost a quarter of the writing and save 3%.
    """
    packing = "COMPRESSION lz4_raw" if passing else "COMPRESSION zstd, COMPRESSION_LEVEL 1"
    fitting = int(_GROUP_BYTES / max(row_bytes, 1)) // _VECTOR * _VECTOR
    rows = max(_VECTOR, min(_GROUP_ROWS, fitting))
    values = min(_DICTIONARY, _DICTIONARIES // max(columns, 1))
    return f"FORMAT parquet, {packing}, ROW_GROUP_SIZE {rows}, DICTIONARY_SIZE_LIMIT {values}"


_open: list[duckdb.DuckDBPyConnection] = []
"""The connections in use, the newest last: what `share_done` asks."""


def share_done() -> float | None:
    """How far (0-1) the statement that runs now has come, by DuckDB's own estimate; None when it cannot tell.

    Meant to be asked from another thread.
    """
    for connection in reversed(_open):
        with suppress(duckdb.Error):  # closed a moment ago
            percent = connection.query_progress()
            if percent > 0:
                return float(min(percent, 100.0)) / 100
    return None


def interrupt() -> None:
    """Stop the statements that run now; they raise. Meant to be called from another thread."""
    for connection in reversed(_open):
        with suppress(duckdb.Error):  # closed a moment ago
            connection.interrupt()


def text_sql(text: str) -> str:
    """The text as a SQL string literal."""
    if "\0" in text:
        raise BadInputError("NUL_IN_NAME", f"{text!r} contains a NUL character, which SQL cannot hold")
    return "'" + text.replace("'", "''") + "'"


def list_sql(texts: Iterable[str]) -> str:
    """The texts as a SQL list of string literals."""
    return "[" + ", ".join(text_sql(t) for t in texts) + "]"


def parquet_sql(files: Iterable[Path]) -> str:
    """SQL for the rows of Parquet files, one file after the other."""
    return f"read_parquet({list_sql(map(str, files))})"


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """So many of them at a time: a query about all the columns of a wide table takes longer to plan than to answer."""
    return (items[at : at + size] for at in range(0, len(items), size))


@contextmanager
def connect(
    memory_limit: str,
    threads: int,
    scratch: Path,
    *,
    paths: Iterable[Path] = (),
    folders: Iterable[Path] = (),
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory connection that may touch `scratch`, `paths` and `folders`, and no other file or network.

    DuckDB's own failures inside the block leave it as Sluice's errors.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with translated():
        connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "allow_persistent_secrets": "false",
                "memory_limit": memory_limit,
                "threads": str(threads),
                "temp_directory": str(scratch),
            },
        )
        try:
            for setting in (
                "python_enable_replacements = false",
                # Measured, and asked for by `share_done`; never printed.
                "enable_progress_bar = true",
                "enable_progress_bar_print = false",
                "preserve_insertion_order = true",
                # A long IN list would become a join, which does not keep the order of rows.
                "disabled_optimizers = 'in_clause'",
                "TimeZone = 'UTC'",
                f"allowed_paths = {list_sql(str(p) for p in paths)}",
                f"allowed_directories = {list_sql(str(p) for p in {scratch, *folders})}",
                "enable_external_access = false",
            ):
                connection.execute(f"SET {setting}")
            _open.append(connection)
            yield connection
        finally:
            if connection in _open:
                _open.remove(connection)
            connection.close()


def disk_full(what: str, where: str) -> TerminalError:
    """The error for a disk, a quota or a file size limit that is used up."""
    return TerminalError(
        "DISK_FULL", f"there is no space left to write to: {what}", where=where,
        mend="Free space in the scratch folder, or move SLUICE_HOME to a larger disk.",
    )  # fmt: skip


@contextmanager
def translated(where: str = "") -> Iterator[None]:
    """Turns DuckDB's errors into Sluice's, once, at this edge."""
    try:
        yield
    except SluiceError:
        raise
    except duckdb.OutOfMemoryException as e:
        raise TerminalError(
            "OUT_OF_MEMORY",
            f"the work does not fit into its memory limit: {first_line(e)}",
            where=where,
            mend="Raise SLUICE_MEMORY_LIMIT, or free space in the scratch folder.",
        ) from e
    except duckdb.IOException as e:
        if any(os.strerror(code) in str(e) for code in DISK_FULL):
            raise disk_full(first_line(e), where=where) from e
        raise TerminalError(
            "DISK", f"a file could not be read or written: {first_line(e)}", where=where, mend="Check space and access."
        ) from e
    except duckdb.Error as e:
        raise TerminalError("ENGINE", f"DuckDB: {first_line(e)}", where=where) from e
    except RuntimeError as e:
        # How DuckDB says that Ctrl-C reached it in the middle of a statement.
        if str(e) == "Query interrupted":
            raise KeyboardInterrupt from e
        raise


def first_line(error: BaseException) -> str:
    """The first line of an error's text: DuckDB appends pages of advice."""
    return str(error).strip().split("\n", 1)[0]
