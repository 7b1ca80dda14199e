"""Catches, while the good rows are written, how each row begins and ends whose values are bad.

DuckDB tells no place of such a row, and asking again costs a second scan. But a scalar function that is called for
bad rows alone lets their text out of the running COPY; sluice.adapters.duck.text.locate finds it in the file. Because the
function is volatile, DuckDB also keeps the condition above the casts instead of making every cast twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import duckdb

REACH = 8
"""Bytes of a record's begin and of its end by which it is recognised."""

LIMIT = 200_000
"""More bad rows than this are not caught: a second scan is then cheaper, and memory has a bound."""

_MESSAGES = "FROM duckdb_logs WHERE type = '' AND starts_with(message, '[[')"
_SOME = 1 << 4
"""Messages at a time: so few that Python's collector is not called, which looks through all that was ever imported."""


class Caught(NamedTuple):
    """The first and the last fields of a bad row, in the file's order, as text; None is a null.

    Of a field that is longer, `first` has only its first, `last` only its last REACH characters.
    """

    first: list[str | None]
    last: list[str | None]


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Forget what was caught, and catch anew."""
    connection.execute("CREATE OR REPLACE SEQUENCE sluice_caught")
    connection.execute("CALL enable_logging(level := 'INFO', storage := 'memory')")
    connection.execute("CALL truncate_duckdb_logs()")


def catching(good: str, order: Sequence[int]) -> str:
    """The condition `good`, which also catches each row for which it does not hold."""
    first = [f"left(c{i}, {REACH})" for i in order[:REACH]]
    last = [f"right(c{i}, {REACH})" for i in order[-REACH:]]
    text = f"CAST(json_array([{', '.join(first)}], [{', '.join(last)}]) AS VARCHAR)"
    return (
        f"CASE WHEN {good} THEN true WHEN nextval('sluice_caught') > {LIMIT} THEN false"
        f" ELSE write_log({text}, return_value := false) END"
    )


def caught(connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows were caught since `prepare`, LIMIT at most."""
    (row,) = connection.execute(f"SELECT count(*) {_MESSAGES}").fetchall()
    return int(row[0])


def rows_caught(connection: duckdb.DuckDBPyConnection) -> Iterator[Caught]:
    """What was caught since `prepare`. Nothing else may be asked of the connection until the last row is there."""
    connection.execute(f"SELECT message {_MESSAGES}")
    while messages := connection.fetchmany(_SOME):
        for (message,) in messages:
            first, last = json.loads(message)
            yield Caught(first, last)
