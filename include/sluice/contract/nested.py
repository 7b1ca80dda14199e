"""What stands inside an object or an array of a contract: ODCS `properties` and `items`, read as columns are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sluice.contract.document import Path
from sluice.contract.model import Column

ReadColumn = Callable[[Mapping[str, Any], Path], Column | None]
Report = Callable[[str, Path, str, str], None]
Distinct = Callable[[str, Path, str, list[tuple[str, str]]], None]

_ITEM = "element"
"""What Parquet and Iceberg call the item of a list."""

_OF_COLUMNS = ("primaryKey", "primaryKeyPosition", "unique", "partitioned", "relationships", "quality")
_DEPTH = 20


def read_fields(
    data: Mapping[str, Any], path: Path, read: ReadColumn, report: Report, distinct: Distinct
) -> tuple[Column, ...]:
    """The properties of an object, or the item of an array; empty for everything else, and for JSON text.

    Reports BAD_NESTED for what can be said of columns only.
    """
    inside = _inside(data)
    if not inside:
        return ()
    if sum(step in ("properties", "items") for step in path) > _DEPTH:
        report(
            "BAD_NESTED",
            path,
            f"objects and arrays lie more than {_DEPTH} deep inside each other",
            "Make the inner ones `physicalType: json`.",
        )
        return ()
    found = []
    for step, part in inside:
        for key in _OF_COLUMNS:
            if part.get(key):
                report("BAD_NESTED", (*path, *step, key), f"{key} cannot be said of what is inside an object or array",
                       "Take it out; a rule of type sql at the table can look inside.")  # fmt: skip
        found.append(read(part, (*path, *step)))
    known = tuple(c for c in found if c is not None)
    distinct("DUPLICATE_COLUMN", (*path, "properties"), "property", [(c.name, c.field_name) for c in known])
    return known if len(known) == len(found) else ()


def _inside(data: Mapping[str, Any]) -> list[tuple[Path, Mapping[str, Any]]]:
    logical, physical = data.get("logicalType"), str(data.get("physicalType") or "").lower()
    if (logical == "array" or physical in ("array", "list")) and isinstance(data.get("items"), Mapping):
        return [(("items",), {"name": _ITEM, **data["items"]})]
    if logical == "object" or physical in ("struct", "record", "row"):
        return [(("properties", i), part) for i, part in enumerate(data.get("properties") or ())]
    return []
