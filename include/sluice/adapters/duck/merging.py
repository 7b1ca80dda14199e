"""Changes merged into a table by its key, small files put together, old files brought to a newer schema.

Whole data files are rewritten, and only those that hold a key of the changes; nothing else of the table is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from sluice.adapters.duck.casting.values import duck_type
from sluice.adapters.duck.connection import connect, copy_options, list_sql, name_sql, parquet_sql, text_sql
from sluice.contract.model import Table
from sluice.errors import SourceError, TerminalError


@dataclass(frozen=True)
class Merged:
    """What a merge made: `touched` are the files (as given) whose rows are now in `written`, with the changes."""

    touched: tuple[Path, ...]
    written: tuple[Path, ...]
    rows: int
    inserted: int
    updated: int
    deleted: int


def merge(
    current: Sequence[Path], changes: Sequence[Sequence[Path]], table: Table, *, out: Path, memory_limit: str, threads: int, scratch: Path
) -> Merged:  # fmt: skip
    """Put changes into a table by its primary key. `changes` are files of changes, unit by unit, the oldest first.

    The newest change of a key wins: by the column `refresh.order`, then by its unit. Raises SourceError
    (AMBIGUOUS_CHANGES) where two changes of one key differ and nothing tells which is newer, KEY_MISSING where a
    change has no key.
    """
    out.mkdir(parents=True, exist_ok=True)
    terms, keys = table.refresh, [name_sql(c.field_name) for c in table.key]
    columns = [name_sql(c.field_name) for c in table.columns]
    by_key = ", ".join(keys)
    same_key = " AND ".join(f"c.{k} = d.{k}" for k in keys)
    order = name_sql(table.column(terms.order).field_name) if terms.order else "NULL"
    operation = name_sql(table.column(terms.operation).field_name) if terms.operation else ""
    removed = (
        f"coalesce({operation}::VARCHAR IN ({', '.join(map(text_sql, terms.deletes))}), false)"
        if operation
        else "false"
    )
    files = [f for unit in changes for f in unit]
    with connect(memory_limit, threads, scratch, paths=[*current, *files], folders=[out]) as db:
        units = " UNION ALL ".join(
            f"SELECT {', '.join(columns)}, {i} AS unit_ FROM {parquet_sql(unit)}"
            for i, unit in enumerate(changes) if unit
        )  # fmt: skip
        db.execute(f"CREATE TEMP TABLE all_changes AS SELECT DISTINCT * FROM ({units})")
        _refuse_unkeyed(db, table, keys)
        newest = f"rank() OVER (PARTITION BY {by_key} ORDER BY {order} DESC NULLS LAST, unit_ DESC) = 1"
        db.execute(f"CREATE TEMP TABLE d AS SELECT *, {removed} AS removed_ FROM all_changes QUALIFY {newest}")
        _refuse_ambiguous(db, table, by_key)
        listed = list_sql(map(str, current))
        found = db.execute(
            f"SELECT c.filename, count(*), count(*) FILTER (d.removed_) FROM read_parquet({listed}, filename = true) c "
            f"JOIN d ON {same_key} GROUP BY ALL"
        ).fetchall() if current else []  # fmt: skip
        touched = sorted(Path(name) for name, _, _ in found)
        matched, deleted = sum(n for _, n, _ in found), sum(n for _, _, n in found)
        parts = [f"SELECT {', '.join(columns)} FROM d WHERE NOT removed_"]
        if touched:
            kept = ", ".join(f"c.{c}" for c in columns)
            parts.append(f"SELECT {kept} FROM {parquet_sql(touched)} c ANTI JOIN d ON {same_key}")
        target = out / "merged.parquet"
        db.execute(f"COPY ({' UNION ALL '.join(parts)}) TO {text_sql(str(target))} ({copy_options(len(columns))})")
        kept_changes = _count(db, "SELECT count(*) FROM d WHERE NOT removed_")
    rows, before = _rows([target]), _rows(touched)
    if rows != before - matched + kept_changes:
        raise TerminalError("ROW_COUNT", f"merging {table.name!r}: {before:,} rows less {matched:,} plus {kept_changes:,} gave {rows:,}",
                            mend="Nothing was published. This is a defect of Sluice: report it with the contract.")  # fmt: skip
    updated = matched - deleted
    return Merged(tuple(touched), (target,) if rows else (), rows, kept_changes - updated, updated, deleted)


def compact(
    files: Sequence[Path], *, out: Path, memory_limit: str, threads: int, scratch: Path
) -> tuple[Path, int]:  # fmt: skip
    """Files of one table put together into one, in the order given; the file and its rows."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / "compacted.parquet"
    with connect(memory_limit, threads, scratch, paths=files, folders=[out]) as db:
        listed = list_sql(map(str, files))
        rows = f"SELECT * FROM read_parquet({listed}, union_by_name = true)"
        width = max(len(pq.read_schema(file)) for file in files)
        db.execute(f"COPY ({rows}) TO {text_sql(str(target))} ({copy_options(width)})")
    return target, _rows([target])


def conform(path: Path, table: Table, *, out: Path, memory_limit: str, threads: int, scratch: Path) -> Path:
    """The file itself, or where the table has columns that it lacks, a copy of it in which they are null."""
    present = set(pq.read_schema(path).names)
    if all(c.field_name in present for c in table.columns):
        return path
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{path.stem}.conformed.parquet"
    columns = ", ".join(
        name_sql(c.field_name) if c.field_name in present else f"NULL::{duck_type(c.type)} AS {name_sql(c.field_name)}"
        for c in table.columns
    )
    with connect(memory_limit, threads, scratch, paths=[path], folders=[out]) as db:
        options = copy_options(len(table.columns))
        db.execute(f"COPY (SELECT {columns} FROM {parquet_sql([path])}) TO {text_sql(str(target))} ({options})")
    return target


def _rows(files: Sequence[Path]) -> int:
    return sum(pq.read_metadata(f).num_rows for f in files)


def _count(db: object, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])  # type: ignore[attr-defined]


def _refuse_unkeyed(db: object, table: Table, keys: Sequence[str]) -> None:
    if bad := _count(db, f"SELECT count(*) FROM all_changes WHERE {' OR '.join(f'{k} IS NULL' for k in keys)}"):
        raise SourceError("KEY_MISSING", f"{bad:,} changes of {table.name!r} have no key", where=table.name,
                          mend=f"Every change needs {', '.join(c.name for c in table.key)}.")  # fmt: skip


def _refuse_ambiguous(db: object, table: Table, by_key: str) -> None:
    if bad := _count(db, f"SELECT count(*) FROM (SELECT 1 FROM d GROUP BY {by_key} HAVING count(*) > 1)"):
        raise SourceError("AMBIGUOUS_CHANGES", f"{bad:,} keys of {table.name!r} have several changes, and nothing tells which is the newest",
                          where=table.name, mend="Name the column that tells in the contract: `refresh: {mode: merge, order: COLUMN}`.")  # fmt: skip
