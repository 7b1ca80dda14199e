"""What a conversion made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StagedPart:
    """One staged Parquet file and its rows."""

    path: Path
    rows: int


@dataclass(frozen=True)
class Converted:
    """What a conversion made. Invariant, proven: rows_read = rows_staged + rows_quarantined + rows_dropped.

    `staged` has at least one file, if need be with no rows; `quarantine` is None when every row was staged. `dialect`
    is what was used to read the first file, `detected` naming what the contract left open; files that were
    read differently are under `files`.
    """

    staged: tuple[StagedPart, ...]
    quarantine: Path | None
    rows_read: int
    rows_staged: int
    rows_quarantined: int
    reasons: dict[str, int]
    dialect: dict[str, Any]
    rows_dropped: int = 0


def dialects_of(used: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The first file's, and under `files` those that differ from it."""
    first = next(iter(used.values()), {})
    others = {display: dialect for display, dialect in used.items() if dialect != first}
    return {**first, "files": others} if others else first
