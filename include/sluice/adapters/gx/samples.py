"""A few of the values that break rules, read from the files of the rows that do."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sluice.checks.failing import FailingRows
from sluice.checks.report import MAX_EXAMPLES
from sluice.checks.rules import identifier, literal

if TYPE_CHECKING:
    import pyarrow as pa

_Key = TypeVar("_Key", bound=Hashable)
_PLACE = "sluice.place"


class _Reads(Protocol):
    def rows(self, sql: str) -> list[tuple[Any, ...]]: ...
    def arrow_rows(self, sql: str) -> pa.Table: ...


def sample(data: _Reads, source: str, columns: Sequence[str]) -> list[Any]:
    """The first values of `columns` among a query's rows; of several columns, or of all, as objects."""
    chosen = ", ".join(map(identifier, columns)) or "*"
    rows = data.rows(f"SELECT {chosen} FROM ({source}) LIMIT {MAX_EXAMPLES}")  # noqa: S608
    return [row[0] if len(columns) == 1 else dict(zip(columns, row, strict=True)) for row in rows]


def of_shared(data: _Reads, kept: Mapping[_Key, tuple[FailingRows, str]]) -> dict[_Key, list[Any]]:
    """The same for many rules of one column each, whose rows are in shared files: one query a file.

    Left out is what Python has no room for, such as a day in the year 290,000.
    """
    found: dict[_Key, list[Any]] = {}
    for path in dict.fromkeys(rows.path for rows, _ in kept.values()):
        of_file = {key: one for key, one in kept.items() if one[0].path == path}
        places = sorted({place for rows, _ in of_file.values() for place in rows.first})
        if not places:
            continue
        values = data.arrow_rows(_at(path, sorted({name for _, name in of_file.values()}), places))
        number = {place: i for i, place in enumerate(values.column(_PLACE).to_pylist())}
        for key, (rows, name) in of_file.items():
            try:
                found[key] = values.column(name).take([number[place] for place in rows.first]).to_pylist()
            except (ValueError, OverflowError):
                continue
    return found


def _at(path: Path, columns: Sequence[str], places: Sequence[int]) -> str:
    place = f"file_row_number AS {identifier(_PLACE)}"
    numbered = f"read_parquet({literal(str(path))}, file_row_number = true)"
    return (
        f"SELECT {', '.join(map(identifier, columns))}, {place} FROM {numbered} "  # noqa: S608
        f"WHERE file_row_number IN ({', '.join(map(str, places))})"
    )
