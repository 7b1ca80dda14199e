"""What a trial found, in words: the verdict, what was rejected and how to mend it, how the files were written.

Values of columns that are classified confidential or restricted, or where personal data was found, stay out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sluice.contract.model import Column, Table
from sluice.contract.types import MOMENTS
from sluice.drift import exceeded

if TYPE_CHECKING:
    from sluice.adapters.duck import Rejection
    from sluice.stream.trial import Trial

_SHOWN = 160
_WITHHELD = "(withheld)"
_SENSITIVE = ("confidential", "restricted")

_MENDS = {
    "OVERFLOW": "Give the column a wider type, or mend the values at the source.",
    "PRECISION_LOSS": "Give the column more decimal places, or round at the source.",
    "UNEXPECTED_ZONE": "Declare the column as a timestamp with a zone, or leave the zone out at the source.",
    "AMBIGUOUS_TIME": "Write the offset at the source, or declare `defaultTimezone: Etc/UTC` if the clock is UTC.",
    "REPEATED_HEADER": "Deliver the file with one header; if the line is a row after all, take it back with `sluice quarantine`.",
    "MISSING_COLUMNS": "Deliver every value of the row; if a delimiter is part of a value, put the value in quotes.",
    "TOO_MANY_COLUMNS": "Put values that contain the delimiter in quotes, or declare the right `delimiter`.",
    "UNQUOTED_VALUE": "Close the quote, and write a quote inside a value twice; or declare the right `quoteChar`.",
    "LINE_TOO_LONG": "Look for a quote that never closes, here or above; or raise SLUICE_MAX_LINE_BYTES.",
    "INVALID_ENCODING": "Declare the `encoding` the file is really in, or mend the bytes at the source.",
    "NUL_BYTE": "Deliver the file again without NUL bytes; a UTF-16 file needs its `encoding` declared.",
    "JSON": "Write one JSON object per line (RFC 8259: no trailing commas, no NaN, no repeated key).",
    "UNKNOWN_PROPERTY": "Add the property to the contract, or make the object `physicalType: json`.",
    "JSON_DEPTH": "Deliver flatter records, or raise SLUICE_MAX_JSON_NESTING.",
}
_FORMAT = "Mend the values, or declare how they are written: `logicalTypeOptions: {format: …}`."
_NULLS = "Mend the values, make the column a string, or add what means null to `nullSequence`."


@dataclass(frozen=True)
class Example:
    """A quarantined row as it may be shown: `text` is its bytes, readable, or why they are not shown."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Rejected:
    """The quarantined rows of a table that share a reason, with the way to mend them."""

    table: str
    code: str
    column: str | None
    rows: int
    mend: str
    examples: tuple[Example, ...]


def verdict(trial: Trial) -> tuple[str, str]:
    """(good, warn or bad; the sentence that says it)."""
    quality = trial.evidence["quality"]
    required = quality["failed"] - quality["warnings"]
    if trial.errors:
        names = ", ".join(trial.errors)
        return "bad", f"{names} did not come through: {next(iter(trial.errors.values())).message}"
    drifted = exceeded(t["drift"] for t in trial.evidence["tables"])
    stopping = sum(f["severity"] == "error" for f in drifted)
    if required or stopping:
        parts = [_some(required, "required check failed", "required checks failed")] if required else []
        parts += [_some(stopping, "measure drifted too far", "measures drifted too far")] if stopping else []
        return "bad", " and ".join(parts)
    rejects = sum(t["rows_quarantined"] for t in trial.evidence["tables"])
    if rejects or quality["warnings"] or drifted:
        parts = [_some(rejects, "row was quarantined", "rows were quarantined")] if rejects else []
        parts += [_some(len(drifted), "measure drifted", "measures drifted")] if drifted else []
        parts += [_some(quality["warnings"], "check warns", "checks warn")] if quality["warnings"] else []
        return "warn", f"Every required check holds; {', '.join(parts)}"
    return "good", "Every row was staged and every check holds"


def rejected(trial: Trial) -> list[Rejected]:
    """What the quarantine holds, table by table, the most frequent reason first."""
    tables = {t["name"]: t for t in trial.evidence["tables"]}
    found = []
    for table in trial.contract.tables:
        private = _private(table, tables[table.name])
        for rejection in trial.rejections.get(table.name, ()):
            found.append(_rejected(table, rejection, private))
    return found


def failed_rules(quality: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of rules that do not hold, the required ones first."""
    failed = [r for r in quality["results"] if r["success"] is False]
    return sorted(failed, key=lambda r: r["severity"] != "error")


def dialect_words(dialect: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """How a table's files were written: (term, value, whether it was detected). Empty for binary formats."""
    detected = set(dialect.get("detected") or ())
    skipped = ("detected", "files", "columns")
    return [
        (term, _visible(value), term in detected)
        for term, value in dialect.items()
        if term not in skipped and (value is False or value not in (None, "", [], 0))
    ]


def _rejected(table: Table, rejection: Rejection, private: set[str]) -> Rejected:
    column = next((c for c in table.columns if c.name == rejection.column), None)
    # A reason quotes the value at fault; without a column it may quote any.
    said = rejection.column not in private if rejection.column else not private
    return Rejected(
        table=table.name,
        code=rejection.reason_code,
        column=rejection.column,
        rows=rejection.rows,
        mend=_mend(rejection.reason_code, column),
        examples=tuple(
            Example(
                file=row.file,
                line=row.line,
                reason=row.reason if said else _WITHHELD,
                text=_WITHHELD if private else _readable(row.raw),
            )
            for row in rejection.first
        ),
    )


def _private(table: Table, found: Mapping[str, Any]) -> set[str]:
    declared = {c.name for c in table.columns if c.classification in _SENSITIVE}
    return declared | {c["name"] for c in found["columns"] if c["withheld"]}


def _mend(code: str, column: Column | None) -> str:
    if code in _MENDS:
        return _MENDS[code]
    if column is None:
        return "Mend the rows at the source and deliver again, or declare how the file is written."
    return _FORMAT if column.type.kind in MOMENTS else _NULLS


def _readable(raw: bytes) -> str:
    text = raw[: 4 * _SHOWN].decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in text)
    return shown if len(shown) <= _SHOWN and len(raw) <= 4 * _SHOWN else shown[: _SHOWN - 1] + "…"


def _visible(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        names = {"\t": "tab", " ": "space", "\n": "LF", "\r\n": "CRLF", "\r": "CR"}
        return names.get(value, value if value.isprintable() else repr(value)[1:-1])
    if isinstance(value, (list, tuple)):
        return ", ".join(repr(v) for v in value)
    return str(value)


def _some(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
