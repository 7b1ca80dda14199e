"""Where a contract's files are and how they are written: its `servers` entry.

Source: ODCS v3.1.0 servers (types `local` and `s3`); Frictionless Table Dialect for customProperties.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import Dialect, Server, Table
from sluice.errors import Finding

SERVER_TYPES = ("local", "s3")
FORMATS = ("csv", "tsv", "psv", "json", "jsonl", "ndjson", "parquet")

_TEXTS = {
    "delimiter": "delimiter", "quoteChar": "quote_char", "escapeChar": "escape_char",
    "lineTerminator": "line_terminator", "commentChar": "comment_char",
    "encoding": "encoding", "compression": "compression",
}  # fmt: skip
_FLAGS = {"doubleQuote": "double_quote", "skipInitialSpace": "skip_initial_space", "header": "header"}
_ONE_CHARACTER = ("quoteChar", "escapeChar", "commentChar")


def read_server(document: Document, findings: list[Finding], tables: list[Table]) -> Server | None:
    """The contract's first server Sluice can read; None after reporting why there is none."""
    servers = document.data.get("servers") or []
    if not servers:
        findings.append(
            document.finding("NO_SERVER", ("servers",), "the contract does not say where the data is",
                             "Add `servers:` with an entry of type local or s3; see docs/contract.md.")  # fmt: skip
        )
        return None
    index, data = next(((i, s) for i, s in enumerate(servers) if s["type"] in SERVER_TYPES), (0, servers[0]))
    path: Path = ("servers", index)

    def report(code: str, at: Path, message: str, mend: str) -> None:
        findings.append(document.finding(code, at, message, mend))

    if data["type"] not in SERVER_TYPES:
        report("SERVER_TYPE", (*path, "type"), f"Sluice cannot read from {data['type']!r} yet", f"Use one of {', '.join(SERVER_TYPES)}.")
        return None
    before = len(findings)
    format_name = str(data.get("format") or "csv").lower()
    if format_name not in FORMATS:
        report("UNKNOWN_FORMAT", (*path, "format"), f"format {format_name!r}", f"Use one of {', '.join(FORMATS)}.")
    base = str(data.get("path") if data["type"] == "local" else data.get("location") or "")
    if data["type"] == "s3" and not base.startswith("s3://"):
        report("BAD_LOCATION", (*path, "location"), f"location {base!r} is not an s3:// URI", "Write s3://bucket/folder.")
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
        endpoint=data.get("endpointUrl"),
    )


def _dialect(document: Document, data: dict[str, Any], path: Path, findings: list[Finding], format_name: str) -> Dialect:
    default_delimiter = {"tsv": "\t", "psv": "|"}.get(format_name)
    values: dict[str, Any] = {k: v for k in ("encoding", "delimiter") if (v := data.get(k))}
    values = {_TEXTS[k]: v for k, v in values.items()}
    for i, item in enumerate(data.get("customProperties") or ()):
        name, value = item.get("property"), item.get("value")
        at = (*path, "customProperties", i)

        def wrong(expected: str, name: object = name, value: object = value, at: Path = at) -> None:
            findings.append(document.finding("BAD_DIALECT", at, f"{name} is {value!r}", f"Give {expected}."))

        if name in _TEXTS:
            if not isinstance(value, str) or not value:
                wrong("a text")
            elif name in _ONE_CHARACTER and len(value) != 1:
                wrong("one character")
            else:
                values[_TEXTS[name]] = value
        elif name in _FLAGS:
            if isinstance(value, bool):
                values[_FLAGS[name]] = value
            else:
                wrong("true or false")
        elif name == "headerRows":
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                values["header_rows"] = value
            else:
                wrong("the number of header rows")
        elif name == "nullSequence":
            texts = value if isinstance(value, list) else [value]
            if all(isinstance(t, str) for t in texts):
                values["null_sequence"] = tuple(texts)
            else:
                wrong("a text or a list of texts; put numbers in quotes")
    if default_delimiter:
        values.setdefault("delimiter", default_delimiter)
    return Dialect(**values)
