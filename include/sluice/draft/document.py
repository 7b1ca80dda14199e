"""A drafted contract as an ODCS document: what was measured stands there, what only people know is a to-do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.contract.model import Relationship
from sluice.contract.types import ColumnType, Kind
from sluice.draft.choice import Choice
from sluice.draft.yaml_text import Block, Inline

API_VERSION = "v3.1.0"
MANY_COLUMNS = 300
"""Columns beyond which each is written on one line: the contract must stay below its own size limit."""

_LOGICAL = {
    Kind.STRING: "string", Kind.BOOLEAN: "boolean", Kind.INT32: "integer", Kind.INT64: "integer",
    Kind.FLOAT32: "number", Kind.FLOAT64: "number", Kind.DECIMAL: "number", Kind.DATE: "date", Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp", Kind.TIMESTAMPTZ: "timestamp", Kind.BINARY: "string", Kind.JSON: "object",
    Kind.STRUCT: "object", Kind.LIST: "array",
}  # fmt: skip
_PHYSICAL = {
    Kind.STRING: "varchar", Kind.BOOLEAN: "boolean", Kind.INT32: "integer", Kind.INT64: "bigint",
    Kind.FLOAT32: "float", Kind.FLOAT64: "double", Kind.DATE: "date", Kind.TIME: "time", Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamp with time zone", Kind.BINARY: "binary", Kind.JSON: "json",
}  # fmt: skip
_IN_SCHEMA = ("format", "timezone")
"""Options that ODCS's logicalTypeOptions know; the others are custom properties."""


@dataclass(frozen=True)
class DraftColumn:
    """A column as it will be written."""

    name: str
    choice: Choice
    physical_name: str = ""
    required: bool = False
    unique: bool = False
    key_position: int = 0
    personal: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    references: tuple[Relationship, ...] = ()


@dataclass(frozen=True)
class DraftTable:
    """A table as it will be written. `terms` are its dialect in Frictionless terms; `remarks` become comments."""

    name: str
    locations: tuple[str, ...]
    format: str
    columns: tuple[DraftColumn, ...]
    terms: Mapping[str, Any] = field(default_factory=dict)
    relationships: tuple[Relationship, ...] = ()
    remarks: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DraftServer:
    """Where the files are: `type` local or s3, and the folder or prefix."""

    type: str
    base: str


def contract_document(identity: str, title: str, server: DraftServer, tables: Sequence[DraftTable]) -> Block:
    """The contract; what the tables' files have in common stands at the server, what differs at the table."""
    common, format_name = _common(tables)
    document = Block(
        apiVersion=API_VERSION,
        kind="DataContract",
        id=identity,
        name=title,
        version="0.1.0",
        status="draft",
        domain="TODO",
        description={
            "purpose": "TODO: what is the data for, and what does it hold?",
            "usage": "TODO: what may it be used for?",
            "limitations": "TODO: what is missing, late or uncertain in it?",
        },
    )
    document.remark(
        "apiVersion",
        "Drafted by `sluice draft` from the data alone. Facts were measured; what only people know is marked TODO.",
        "Then: sluice lint, sluice try, sluice request. How to write a contract: docs/contract.md",
        "",
    )
    document["servers"] = [_server(server, format_name, common)]
    document["schema"] = [_table(t, format_name, common) for t in tables]
    document["team"] = {
        "name": "TODO: the team that owns the data",
        "members": [Inline(username="todo@example.com", name="TODO: who answers for the data", role="Owner")],
    }
    return document


def _common(tables: Sequence[DraftTable]) -> tuple[dict[str, Any], str]:
    formats = Counter(t.format for t in tables)
    format_name = max(formats, key=lambda f: (formats[f], f))
    shared = [t.terms for t in tables if t.terms]
    if not shared:
        return {}, format_name
    common = {k: v for k, v in shared[0].items() if all(t.get(k) == v and k in t for t in shared)}
    return common, format_name


def _server(server: DraftServer, format_name: str, terms: Mapping[str, Any]) -> Block:
    found = Block(server="source", type=server.type, environment="development")
    found["path" if server.type == "local" else "location"] = server.base
    found["format"] = format_name
    if terms:
        found["customProperties"] = _properties(terms)
        found.remark("customProperties", "How the files are written, as it was found (Frictionless terms).")
    return found


def _properties(values: Mapping[str, Any]) -> list[Inline]:
    return [Inline(property=k, value=list(v) if isinstance(v, tuple) else v) for k, v in values.items()]


def _table(table: DraftTable, format_name: str, common: Mapping[str, Any]) -> Block:
    location: Any = table.locations[0] if len(table.locations) == 1 else list(table.locations)
    own = {"location": location}
    if table.format != format_name:
        own["format"] = table.format
    own |= {k: v for k, v in table.terms.items() if common.get(k, _MISSING) != v}
    own |= table.properties
    found = Block(
        name=table.name,
        physicalType="table",
        description="TODO: what is in this table?",
        dataGranularityDescription="TODO: one row per what?",
        customProperties=_properties(own),
    )
    if table.remarks:
        found.remark("", *table.remarks)
    compact = len(table.columns) > MANY_COLUMNS
    found["properties"] = [_column(c, compact=compact) for c in table.columns]
    if table.relationships:
        found["relationships"] = [_relationship(table.name, r) for r in table.relationships]
    return found


_MISSING = object()


def _column(column: DraftColumn, *, compact: bool) -> dict[str, Any]:
    choice = column.choice
    found: dict[str, Any] = Inline() if compact else Block()
    found["name"] = column.name
    found |= _typed(column)
    found["description"] = "TODO" if compact else _description(column)
    for key, holds in (("required", column.required), ("unique", column.unique), ("primaryKey", column.key_position)):
        if holds:
            found[key] = True
    if column.key_position:
        found["primaryKeyPosition"] = column.key_position
    if not compact or column.personal:
        found["classification"] = "confidential" if column.personal else "internal"
    found |= _details(column, compact=compact)
    found |= _inside(choice, compact=compact)
    if isinstance(found, Block):
        _remark(found, column)
    return found


def _typed(column: DraftColumn) -> dict[str, Any]:
    """The type of a column, or of a part of one, and its own name in the catalog."""
    found = {"physicalName": column.physical_name} if column.physical_name else {}
    found["logicalType"] = _LOGICAL[column.choice.type.kind]
    if not column.choice.inside:
        found["physicalType"] = physical_type(column.choice)
    return found


def _inside(choice: Choice, *, compact: bool) -> dict[str, Any]:
    """What an object or an array holds."""
    if choice.type.kind is Kind.LIST:
        return {"items": _part("", "", choice.inside[0][1], compact=compact)}
    names = [f.field_name if f.field_name != f.name else "" for f in choice.type.fields]
    parts = [_part(n, p, c, compact=compact) for p, (n, c) in zip(names, choice.inside, strict=True)]
    return {"properties": parts} if parts else {}


def _part(name: str, physical_name: str, choice: Choice, *, compact: bool) -> dict[str, Any]:
    """A property of an object, or (without a name) the item of an array."""
    remarked = (choice.bad or choice.personal) and not compact
    found: dict[str, Any] = Block() if (choice.inside or remarked) and not compact else Inline()
    column = DraftColumn(name, choice, physical_name=physical_name, personal=choice.personal)
    if name:
        found["name"] = name
    found |= _typed(column)
    found["description"] = " ".join(("TODO: meaning.", *choice.notes))
    if choice.personal:
        found["classification"] = "confidential"
    found |= _details(column, compact=compact)
    found |= _inside(choice, compact=compact)
    if isinstance(found, Block):
        _remark(found, column)
    return found


def _details(column: DraftColumn, *, compact: bool) -> dict[str, Any]:
    """What not every column has."""
    found: dict[str, Any] = {}
    if column.personal:
        found["tags"] = ["personal-data"]
    options = {k: v for k, v in column.choice.options.items() if k in _IN_SCHEMA}
    if options:
        found["logicalTypeOptions"] = Inline(options)
    own = {k: v for k, v in column.choice.options.items() if k not in _IN_SCHEMA}
    if column.choice.nulls:
        own["nullSequence"] = list(dict.fromkeys(["", *column.choice.nulls]))
    if column.personal:
        own["pii"] = list(column.personal)
    if own:
        found["customProperties"] = [Inline(p) for p in _properties(own)]
    if column.words and not compact:
        found["quality"] = [_enumeration(column)]
    if column.references and not compact:
        found["relationships"] = [_reference(r) for r in column.references]
    return found


def _description(column: DraftColumn) -> str:
    text = "TODO: meaning"
    if column.choice.type.kind in (Kind.INT32, Kind.INT64, Kind.FLOAT64, Kind.DECIMAL) and not column.key_position:
        text += ", unit"
    if column.choice.type.kind is Kind.TIMESTAMP:
        text += ", time zone"
    if not column.required:
        text += ", what null means"
    notes = " ".join(column.choice.notes)
    return f"{text}. {notes}".strip() if notes else f"{text}."


def _remark(found: Block, column: DraftColumn) -> None:
    choice = column.choice
    if choice.bad:
        shown = ", ".join(repr(m if len(m) <= 40 else f"{m[:39]}…") for m in choice.misfits)
        what = f" such as {shown}" if shown and not column.personal else ""
        found.remark("", f"{choice.bad:,} values{what} are no {choice.type}: their rows go to quarantine.")
    if column.personal:
        kinds = ", ".join(column.personal)
        found.remark("classification", f"TODO: looks like personal data ({kinds}). Confirm, or call it internal.")
    if column.words:
        found.remark(
            "quality", "TODO: is this list complete? A new word is a warning; remove the rule if it is not one."
        )


def physical_type(choice: Choice) -> str:
    """The ODCS physicalType of a choice."""
    return choice.physical or _physical(choice.type)


def _physical(column_type: ColumnType) -> str:
    if column_type.kind is Kind.DECIMAL:
        return f"decimal({column_type.precision},{column_type.scale})"
    return _PHYSICAL[column_type.kind]


def _enumeration(column: DraftColumn) -> Block:
    return Block(
        name=f"{column.physical_name or column.name}_words",
        type="library",
        metric="invalidValues",
        arguments=Inline(validValues=list(column.words)),
        mustBe=0,
        unit="rows",
        dimension="conformity",
        severity="warning",
        description="Only the words that were there when the contract was drafted.",
    )


def _reference(relationship: Relationship) -> Block:
    found = Block(to=f"{relationship.to_table}.{relationship.to_columns[0]}")
    if relationship.severity != "error":
        found["customProperties"] = [
            Inline(property="severity", value=relationship.severity),
            Inline(property="reason", value=relationship.description),
        ]
    return found


def _relationship(table: str, relationship: Relationship) -> Block:
    found = Block()
    found["from"] = [f"{table}.{c}" for c in relationship.columns]
    found["to"] = [f"{relationship.to_table}.{c}" for c in relationship.to_columns]
    return found
