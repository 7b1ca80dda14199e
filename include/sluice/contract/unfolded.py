"""A contract's document taken apart, so that the JSON schema sees objects inside objects one by one.

The schema of ODCS asks about every property twice and more (`$ref` beside `unevaluatedProperties`), at every level
anew: three times the work for each level, minutes for ten of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sluice.contract.document import Path

_INSIDE = {"properties": "SchemaProperty", "items": "SchemaItemProperty"}
"""What holds properties of a property, and the schema's definition of those."""


def unfolded(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """The document without what is inside its columns, then those parts: each with its path and its definition's name,
    which is empty for the document."""
    parts: list[tuple[Path, str, Any]] = []
    schema = data.get("schema")
    if not isinstance(schema, list):
        yield (), "", data
        return
    tables = [_table(table, ("schema", i), parts) for i, table in enumerate(schema)]
    yield (), "", {**data, "schema": tables}
    while parts:
        path, definition, part = parts.pop()
        yield path, definition, _alone(part, path, parts)


def _table(table: Any, path: Path, parts: list[tuple[Path, str, Any]]) -> Any:
    if not isinstance(table, Mapping) or not isinstance(table.get("properties"), list):
        return table
    columns = [_alone(c, (*path, "properties", i), parts) for i, c in enumerate(table["properties"])]
    return {**table, "properties": columns}


def _alone(column: Any, path: Path, parts: list[tuple[Path, str, Any]]) -> Any:
    """The column without what is inside it, which is added to `parts`."""
    if not isinstance(column, Mapping):
        return column
    left = dict(column)
    if isinstance(left.get("properties"), list):
        inner = left.pop("properties")
        parts += [((*path, "properties", i), _INSIDE["properties"], part) for i, part in enumerate(inner)]
    if isinstance(left.get("items"), Mapping):
        parts.append(((*path, "items"), _INSIDE["items"], left.pop("items")))
    return left
