"""Staged files as the table's partition spec and sort order want them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluice.contract.model import Table
from sluice.settings import Settings
from sluice.stream.disk import Disk


@dataclass(frozen=True)
class Placed:
    """A file whose rows all lie in one partition (field → value; empty in a table without partitions)."""

    path: Path
    rows: int
    partition: dict[str, Any] = field(default_factory=dict)


def placed(path: Path, rows: int, table: Table, settings: Settings, scratch: Path, disk: Disk) -> Iterator[Placed]:
    """The file's rows in files of one partition each, sorted; the file itself when the contract asks for neither.

    The files lie in `scratch`; each may be taken away before the next is asked for. Raises SourceError
    (PARTITION_COUNT) when the rows lie in too many partitions.
    """
    if not rows or not (table.partition or table.sort):
        yield Placed(path, rows)
        return
    from sluice.adapters.catalogs.partitions import Keys
    from sluice.adapters.duck import arrange, interrupt

    keys = Keys(table)
    arranged = arrange(
        path, table, scratch / "out", keys, memory_limit=settings.memory_limit, threads=settings.threads,
        scratch=scratch / "work",
    )  # fmt: skip
    while True:
        with disk.watched(interrupt):
            one = next(arranged, None)
        if one is None:
            return
        yield Placed(one.path, one.rows, keys.said(one.key))
