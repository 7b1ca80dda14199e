"""Text files in Hive folders: each partition is converted on its own, and its values join its rows afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, groupby
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from sluice.adapters.duck.casting.values import register
from sluice.adapters.duck.connection import MIN_THREADS, connect, copy_options, name_sql, text_sql
from sluice.adapters.duck.outcome import Converted, StagedPart, dialects_of
from sluice.adapters.duck.packed.partitions import constant_sql, partition_values, without
from sluice.adapters.duck.quarantine import SCHEMA
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError

Files = Sequence[tuple[str, Path]]
ConvertText = Callable[[Files, Table, Path, Path], Converted]
"""Converts files for a table into a folder and a quarantine."""

_HAS_MORE = ("UNKNOWN_COLUMN", "TOO_MANY_COLUMNS")
_FEW = 4
"""Columns of a path of which every choice is tried."""


def is_partitioned(files: Files, table: Table) -> bool:
    """Whether a path names a column of the contract. Raises SourceError PARTITION."""
    return any(partition_values(display, table) for display, _ in files)


def convert_partitions(
    files: Files,
    table: Table,
    dialect: Dialect,
    convert_text: ConvertText,
    *,
    out: Path,
    quarantine: Path,
    memory_limit: str,
    threads: int,
    scratch: Path,
) -> Converted:
    """Convert the files partition by partition. Raises SourceError PARTITION and what `convert_text` raises."""
    parts: list[StagedPart] = []
    done: list[Converted] = []
    quarantines: list[Path] = []
    groups = groupby(files, key=lambda f: sorted(partition_values(f[0], table).items(), key=lambda v: v[0]))
    for number, (values, group) in enumerate(groups):
        chosen = list(group)
        folder, bad = scratch / f"partition-{number}", scratch / f"partition-{number}.bad"
        constants = dict(values)
        converted, given = _convert(chosen, table, constants, convert_text, folder, bad)
        done.append(converted)
        if converted.quarantine is not None:
            quarantines.append(converted.quarantine)
        with connect(memory_limit, max(threads, MIN_THREADS), scratch, folders=[out, folder]) as connection:
            join = _Join(connection, table, dialect, constants, chosen[0][0])
            for part in converted.staged:
                target = out / f"part-{len(parts)}.parquet"
                join.write(part.path, target, given=given)
                parts.append(StagedPart(target, part.rows))
                part.path.unlink()
    if quarantines:
        with pq.ParquetWriter(quarantine, SCHEMA, compression="zstd") as writer:
            for path in quarantines:
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches():
                        writer.write_batch(batch)
    reasons: Counter[str] = Counter()
    for converted in done:
        reasons.update(converted.reasons)
    used = {files[0][0]: done[0].dialect} | {
        f"partition {n}": c.dialect for n, c in enumerate(done) if c.dialect != done[0].dialect
    }
    return Converted(
        staged=tuple(parts),
        quarantine=quarantine if quarantines else None,
        rows_read=sum(c.rows_read for c in done),
        rows_staged=sum(c.rows_staged for c in done),
        rows_quarantined=sum(c.rows_quarantined for c in done),
        reasons=dict(sorted(reasons.items())),
        dialect=dialects_of(used),
        rows_dropped=sum(c.rows_dropped for c in done),
    )


def _convert(
    files: Files, table: Table, constants: Mapping[int, str | None], convert_text: ConvertText, folder: Path, bad: Path
) -> tuple[Converted, set[int]]:
    """The partition's rows, without the columns of its path; or with those of them that the files have too."""
    # Among partitions one may be empty; whether all of them may, is asked at the end.
    table = replace(table, allow_empty=True)
    folder.mkdir(parents=True)
    try:
        return convert_text(files, without(table, constants), folder, bad), set()
    except SourceError as error:
        if error.code not in _HAS_MORE:
            raise
        first = error
    for given in _subsets(constants, named=first.code == "UNKNOWN_COLUMN"):
        for stale in (*folder.iterdir(), bad):
            stale.unlink(missing_ok=True)
        try:
            return convert_text(files, without(table, constants.keys() - given), folder, bad), given
        except SourceError as error:
            if error.code not in (*_HAS_MORE, "MISSING_COLUMN"):
                raise
    raise first


def _subsets(constants: Mapping[int, str | None], *, named: bool) -> Iterator[set[int]]:
    """Which of the path's columns the files may have too: where these are `named`, few before many, else all or none."""
    least = 1 if named and len(constants) <= _FEW else len(constants)
    for size in range(max(least, 1), len(constants) + 1):
        yield from map(set, combinations(constants, size))


class _Join:
    """Joins a partition's values to its staged rows."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        dialect: Dialect,
        constants: Mapping[int, str | None],
        display: str,
    ) -> None:
        self.connection = connection
        self.table = table
        self.display = display
        register(connection, (table.columns[i] for i in constants))
        self.values = {
            i: constant_sql(connection, table.columns[i], text, dialect.null_sequence, display)
            for i, text in constants.items()
        }

    def write(self, source: Path, target: Path, *, given: set[int]) -> None:
        """Write `source` with the partition's values to `target`; columns in `given` are there already, and must agree."""
        scan = f"read_parquet({text_sql(str(source))})"
        for i in given:
            column = self.table.columns[i]
            (row,) = self.connection.execute(
                f"SELECT count(*) FROM {scan} WHERE {name_sql(column.field_name)} IS DISTINCT FROM {self.values[i]}"
            ).fetchall()
            if row[0]:
                raise SourceError(
                    "PARTITION", f"the path says otherwise of {column.name!r} than {row[0]:,} rows", where=self.display,
                    mend="Deliver the file in the partition it belongs to.",
                )  # fmt: skip
        columns = ", ".join(
            name_sql(c.field_name)
            if i not in self.values or i in given
            else f"{self.values[i]} AS {name_sql(c.field_name)}"
            for i, c in enumerate(self.table.columns)
        )
        options = copy_options(len(self.table.columns))
        self.connection.execute(f"COPY (SELECT {columns} FROM {scan}) TO {text_sql(str(target))} ({options})")
