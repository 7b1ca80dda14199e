"""A contract in plain words, for people who sign and have never seen YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.contract.model import ANY_PII, Column, Contract, Role, Table
from sluice.contract.types import INTEGERS, NUMBERS, Kind
from sluice.review.glance import counted

_KINDS = {
    Kind.STRING: "text", Kind.BOOLEAN: "yes or no", Kind.DATE: "date", Kind.TIME: "time of day",
    Kind.TIMESTAMP: "date and time", Kind.TIMESTAMPTZ: "date and time with zone", Kind.BINARY: "raw bytes",
    Kind.JSON: "nested data", Kind.STRUCT: "object", Kind.LIST: "list",
}  # fmt: skip
REASONS = {
    "CAST": "a value is not of its column's type", "OVERFLOW": "a number is too large for its column",
    "PRECISION_LOSS": "a number would have to be rounded", "TOO_LONG": "a text is too long",
    "UNEXPECTED_ZONE": "a time names a zone and should not", "AMBIGUOUS_TIME": "a time does not exist or happens twice",
    "REPEATED_HEADER": "the line of column names stands among the rows",
    "MISSING_COLUMNS": "columns are missing", "TOO_MANY_COLUMNS": "there are too many columns",
    "UNQUOTED_VALUE": "a quote is not closed", "LINE_TOO_LONG": "a line is too long",
    "INVALID_ENCODING": "characters cannot be read", "NUL_BYTE": "characters cannot be read",
    "JSON": "it is not valid JSON", "UNKNOWN_PROPERTY": "an object has a property nobody declared", "NULL": "a value that must be there is missing",
}  # fmt: skip
"""Why a row is set aside, by its code in the quarantine."""
_UNITS = {"d": "day", "w": "week", "m": "month", "y": "year"}
_PLACES = {"local": "a folder", "s3": "a bucket (S3)"}


def plain_contract(contract: Contract) -> dict[str, Any]:
    """`facts`, (what, answer) pairs in reading order; `tables`, each with its columns in words."""
    described = contract.document.get("description")
    described = described if isinstance(described, Mapping) else {}
    facts = [
        ("What it is", contract.name or contract.id),
        ("What it is for", contract.description or "the contract does not say"),
        ("How it may be used", _text(described.get("usage"))),
        ("What it may not be used for", _text(described.get("limitations"))),
        ("Who owns it", contract.owner or "nobody is named"),
        ("Who may read it", "; ".join(map(_reader, contract.roles)) or "the contract names nobody"),
        ("Where it belongs", contract.domain),
        ("Where it comes from", _place(contract)),
        ("How long it is kept", retention(contract)),
        ("Most sensitive data", f"classified {contract.classification}"),
        ("Version", f"{contract.version} ({contract.status})"),
    ]  # fmt: skip
    return {"facts": [(what, said) for what, said in facts if said], "tables": [_table(t) for t in contract.tables]}


def retention(contract: Contract) -> str:
    """How long the data is kept, as ODCS `slaProperties` say; empty when they do not."""
    properties = contract.document.get("slaProperties")
    for item in properties if isinstance(properties, list) else ():
        if isinstance(item, Mapping) and item.get("property") == "retention":
            unit = str(item.get("unit") or "")
            word = _UNITS.get(unit.lower()[:1] if len(unit) <= 1 else unit.lower().rstrip("s")[:1], unit)
            value = item.get("value")
            return f"{value} {word}{'' if value == 1 or not word else 's'}".strip()
    return ""


def _reader(role: Role) -> str:
    what = f" of {', '.join(role.tables)}" if role.tables else ""
    most = f", nothing classified above {role.up_to}" if role.up_to else ""
    until = (
        f", until {role.expires}" if role.expires else f", for {role.expires_days} days" if role.expires_days else ""
    )
    return f"{role.name} ({role.access}{what}{most}{until})"


def _place(contract: Contract) -> str:
    server = contract.server
    base = "" if server.base in ("", ".") else f": {server.base}"
    return f"{server.format} files in {_PLACES.get(server.type, server.type)}{base}"


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "described": table.description,
        "rejected": _bad_rows(table),
        "refers": [
            f"every {', '.join(r.columns)} must exist in {r.to_table} ({', '.join(r.to_columns)})"
            for r in table.relationships
        ],
        "columns": [_column(c) for c in table.columns],
    }


def _column(column: Column) -> dict[str, str]:
    asks = ["must be there"] if column.required or column.key_position else []
    asks += ["identifies the row"] if column.key_position else ["never repeats"] if column.unique else []
    asks += [counted(len(column.quality), "more rule", "more rules")] if column.quality else []
    return {
        "name": column.name,
        "kind": type_words(column),
        "described": column.description,
        "asks": ", ".join(asks),
        "classification": column.classification,
        "personal": ", ".join("some kind" if kind == ANY_PII else kind for kind in column.pii),
    }


def type_words(column: Column) -> str:
    """The column's type in words."""
    kind = column.type.kind
    if kind is Kind.DECIMAL:
        return f"number with {column.type.scale} decimals" if column.type.scale else "whole number"
    if kind in INTEGERS:
        return "whole number"
    return "number" if kind in NUMBERS else _KINDS.get(kind, str(kind))


def _bad_rows(table: Table) -> str:
    terms = table.bad_rows
    if terms.policy == "refuse":
        return "a single row that does not fit stops everything"
    fate = "dropped, and counted" if terms.policy == "drop" else "set aside in quarantine"
    limits = [f"{terms.max_share:.3g} of the rows"] if terms.max_share is not None else []
    limits += [counted(terms.max_rows, "row", "rows")] if terms.max_rows is not None else []
    return f"rows that do not fit are {fate}" + (f"; more than {' or '.join(limits)} stop everything" if limits else "")


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
