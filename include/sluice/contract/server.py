"""Where a contract's files are and how they are written: its `servers` entry.

Source: ODCS v3.1.0 servers (types `local` and `s3`); Frictionless Table Dialect for customProperties.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import Dialect, Server, Table
from sluice.errors import Finding

SERVER_TYPES = ("local", "s3")
FORMATS = ("csv", "tsv", "psv", "json", "jsonl", "ndjson", "parquet")


def read_server(document: Document, findings: list[Finding], tables: list[Table]) -> Server | None:
    """The contract's first server Sluice can read; None after reporting why there is none."""
    servers = document.data.get("servers") or []
    if not servers:
        findings.append(
            document.finding(
                "NO_SERVER",
                ("servers",),
                "the contract does not say where the data is",
                "Add `servers:` with an entry of type local or s3; see docs/contract.md.",
            )
        )
        return None
    index, data = next(((i, s) for i, s in enumerate(servers) if s["type"] in SERVER_TYPES), (0, servers[0]))
    path: Path = ("servers", index)

    def report(code: str, at: Path, message: str, mend: str) -> None:
        findings.append(document.finding(code, at, message, mend))

    if data["type"] not in SERVER_TYPES:
        report(
            "SERVER_TYPE",
            (*path, "type"),
            f"Sluice cannot read from {data['type']!r} yet",
            f"Use one of {', '.join(SERVER_TYPES)}.",
        )
        return None
    before = len(findings)
    format_name = str(data.get("format") or "csv").lower()
    if format_name not in FORMATS:
        report("UNKNOWN_FORMAT", (*path, "format"), f"format {format_name!r}", f"Use one of {', '.join(FORMATS)}.")
    base = str(data.get("path") if data["type"] == "local" else data.get("location") or "")
    if data["type"] == "s3" and not base.startswith("s3://"):
        report(
            "BAD_LOCATION", (*path, "location"), f"location {base!r} is not an s3:// URI", "Write s3://bucket/folder."
        )
    if data["type"] == "local" and (not base or "://" in base):
        report("BAD_LOCATION", (*path, "path"), f"path {base!r} is not a folder", "Write a folder's path.")
    dialect = _dialect(document, data, path, findings, format_name)
    for i, table in enumerate(tables):
        location = table.location or f"{table.name}.{format_name}"
        parts = PurePosixPath(location).parts
        if "://" in location or ".." in parts or PurePosixPath(location).is_absolute():
            report("BAD_LOCATION", ("schema", i), f"the location {location!r} of {table.name!r} leaves the server's folder",
                   "Give a path below the server's path, without `..`.")  # fmt: skip
    if len(findings) > before:
        return None
    return Server(
        name=str(data.get("server") or data["type"]),
        type=data["type"],
        base=base.rstrip("/") or "/",
        format=format_name,
        dialect=dialect,
    )


def _dialect(
    document: Document, data: dict[str, Any], path: Path, findings: list[Finding], format_name: str
) -> Dialect:
    values: dict[str, Any] = {k: v for k in ("encoding", "delimiter") if (v := data.get(k))}
    for i, item in enumerate(data.get("customProperties") or ()):
        name, value = str(item.get("property")), item.get("value")
        if name in _TERMS:
            field, understand, expected = _TERMS[name]
            understood = understand(value)
            if understood is not None:
                values[field] = understood
                continue
            message, mend = f"{name} is {value!r}", f"Give {expected}."
        elif close := difflib.get_close_matches(name, _TERMS, n=1, cutoff=0.8):
            message, mend = f"{name!r} is not a term of the dialect", f"Did you mean {close[0]!r}?"
        else:
            continue  # somebody else's property
        findings.append(document.finding("BAD_DIALECT", (*path, "customProperties", i), message, mend))
    if format_name in _DELIMITERS:
        values.setdefault("delimiter", _DELIMITERS[format_name])
    return Dialect(**values)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _character(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) == 1 else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _texts(value: object) -> tuple[str, ...] | None:
    texts = value if isinstance(value, list) else [value]
    found = tuple(t for t in texts if isinstance(t, str))
    return found if len(found) == len(texts) else None


_DELIMITERS = {"tsv": "\t", "psv": "|"}
_TERMS: dict[str, tuple[str, Callable[[object], Any], str]] = {
    "delimiter": ("delimiter", _text, "a text"),
    "quoteChar": ("quote_char", _character, "one character"),
    "escapeChar": ("escape_char", _character, "one character"),
    "commentChar": ("comment_char", _character, "one character"),
    "lineTerminator": ("line_terminator", _text, "a text"),
    "encoding": ("encoding", _text, "a text"),
    "compression": ("compression", _text, "a text"),
    "doubleQuote": ("double_quote", _flag, "true or false"),
    "skipInitialSpace": ("skip_initial_space", _flag, "true or false"),
    "header": ("header", _flag, "true or false"),
    "headerRows": ("header_rows", _count, "the number of header rows"),
    "nullSequence": ("null_sequence", _texts, "a text or a list of texts; put numbers in quotes"),
}
"""Frictionless term → field of Dialect, how its value is understood, and what it should be."""
