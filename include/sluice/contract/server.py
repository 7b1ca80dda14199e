"""Where a contract's files are and how they are written: its `servers` entry.

Source: ODCS v3.1.0 servers (types `local` and `s3`); Frictionless Table Dialect for customProperties.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from sluice.contract.dialect import Terms, check_dialect, read_terms
from sluice.contract.document import Document, Path
from sluice.contract.model import Dialect, Server, Table
from sluice.errors import Finding

SERVER_TYPES = ("local", "s3")

_TEXT = ("csv", "tsv", "tab", "psv", "txt", "dat", "data")
_JSON = ("json", "jsonl", "ndjson")
_ARROW = ("arrow", "arrows", "feather", "ftr", "ipc")
_EXCEL = ("xlsx", "xls", "xlsb", "xlsm", "ods")

SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": _TEXT, "tsv": ("tsv", "tab", "txt", "dat", "csv"), "psv": ("psv", "txt", "dat", "csv"),
    "json": _JSON, "jsonl": _JSON, "ndjson": _JSON,
    "parquet": ("parquet", "parq", "pq"), "orc": ("orc",), "arrow": _ARROW, "feather": _ARROW, "avro": ("avro",),
    "excel": _EXCEL, "xlsx": _EXCEL, "xls": _EXCEL, "xlsb": _EXCEL, "ods": _EXCEL,
}  # fmt: skip
"""Format → the suffixes of its files. How an Excel file is written, its content tells: the four names are one."""

FORMATS = tuple(SUFFIXES)


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
    _check_dialects(document, dialect, path, tables, findings)
    for i, table in enumerate(tables):
        if table.format and table.format not in FORMATS:
            report("UNKNOWN_FORMAT", ("schema", i, "customProperties"), f"format {table.format!r}",
                   f"Use one of {', '.join(FORMATS)}.")  # fmt: skip
        for location in (table.location, *table.more_locations):
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
    terms: Terms = {k: v for k in ("encoding", "delimiter") if (v := data.get(k))}
    terms |= read_terms(document, data, path, findings)
    if format_name in _DELIMITERS:
        terms.setdefault("delimiter", _DELIMITERS[format_name])
    return Dialect(**terms)


def _check_dialects(
    document: Document, dialect: Dialect, path: Path, tables: list[Table], findings: list[Finding]
) -> None:
    """The terms of the server, and those of every table on top of them, must go together."""
    mend = "Change one of the two."
    if wrong := check_dialect(dialect):
        findings.append(document.finding("BAD_DIALECT", (*path, "customProperties"), wrong, mend))
        return
    places = {t["name"]: i for i, t in enumerate(document.data.get("schema") or ())}
    for table in tables:
        if table.dialect_terms and (wrong := check_dialect(replace(dialect, **table.dialect_terms))):
            place = ("schema", places[table.name], "customProperties")
            findings.append(document.finding("BAD_DIALECT", place, f"{table.name!r}: {wrong}", mend))


_DELIMITERS = {"tsv": "\t", "psv": "|"}
