"""Delimited text: a file's spelling and header, and what is to be done when DuckDB would misread it."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.text.encoding import TextFile, open_text
from sluice.adapters.duck.text.heading import Heading, find_heading, repeats
from sluice.adapters.duck.text.patching import patch, patchable
from sluice.adapters.duck.text.records import RecordParser, read_records
from sluice.adapters.duck.text.rewriting import rewrite, value_in
from sluice.adapters.duck.text.spelling import Spelling, report, resolve, terminator_of
from sluice.contract.model import Dialect, Table
from sluice.contract.types import Kind
from sluice.errors import SourceError
from sluice.limits import DEFAULT_LIMITS, Limits

_SAMPLE = 1 << 18


def delimited_part(
    display: str,
    path: Path,
    table: Table,
    *,
    server_format: str,
    dialect: Dialect,
    utf8: Path,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Part | None, dict[str, Any]]:
    """The file as a part, and the dialect that was used. None when it holds nothing and `table` allows that.

    Raises SourceError (EMPTY_FILE, BAD_HEADER, MISSING_COLUMN, UNKNOWN_COLUMN, DUPLICATE_COLUMN, COLUMN_LIMIT),
    BadInputError.
    """
    text = open_text(display, path, dialect.encoding, utf8, [c.name for c in table.columns])
    begin = _after_lines(text, dialect)
    with text.utf8.open("rb") as file:
        file.seek(begin)
        sample = file.read(_SAMPLE)
    spelling = resolve(dialect, server_format, sample, [c.name for c in table.columns], display)
    _check_columns(max(len(table.columns), _columns_at_most(sample, spelling)), display, limits)
    heading = find_heading(text, spelling, dialect, table, begin)
    used = report(spelling, dialect, sample) | {"encoding": text.encoding, "encodingConfidence": text.confidence}
    if heading is None:
        if table.allow_empty:
            return None, used
        raise SourceError("EMPTY_FILE", "the file has no rows and no header", where=display,
                          mend="Correct skipRows in the dialect." if dialect.skip_rows else "Deliver it again.")  # fmt: skip
    used["columns"] = [table.columns[i].name for i in heading.order]
    comments = _comments(text, spelling, dialect, begin)
    after = frozenset(c for c in comments if c >= heading.start)
    line = heading.line if _takes_names(table) and spelling.terminator is None else b""
    headers = repeats(text, line, heading.start)
    # DuckDB lets a delimiter pass behind the last value only where nothing means null.
    readable = not heading.trailing or "" in dialect.null_sequence
    return (
        Part(
            text=text,
            spelling=spelling,
            order=heading.order,
            start=heading.start,
            header=heading.names is not None,
            trailing=heading.trailing,
            crlf=_ends_in_crlf(sample, spelling),
            ordinary=spelling.ordinary
            and heading.plain
            and begin == text.start
            and readable
            and not sample.startswith(BOM_UTF8)
            and not (after or headers or dialect.footer_rows),
            value_in=value_in(spelling, heading.order),
            rewrite=lambda part, target: rewrite(part, dialect, after, headers, target),
            patch=(lambda part, target: patch(part, dialect, after, headers, target))
            if readable and patchable(spelling)
            else None,
            longest=limits.line_bytes,
            header_line=line,
        ),
        _with_heading(used, heading, dialect),
    )


def continued(part: Part, text: TextFile, dialect: Dialect, *, last: bool) -> Part:
    """A later piece of the same file. It has no header, and only the `last` has the footer rows."""
    ends = dialect if last else replace(dialect, footer_rows=None)
    with text.utf8.open("rb") as file:
        sample = file.read(_SAMPLE)
    headers = repeats(text, part.header_line, text.start)
    return replace(
        part, text=text, start=text.start, header=False, crlf=_ends_in_crlf(sample, part.spelling),
        ordinary=part.spelling.ordinary
        and part.patch is not None
        and not (headers or ends.footer_rows or sample.startswith(BOM_UTF8)),
        rewrite=lambda piece, target: rewrite(piece, ends, frozenset(), headers, target),
        patch=(lambda piece, target: patch(piece, ends, frozenset(), headers, target)) if part.patch else None,
    )  # fmt: skip


def _takes_names(table: Table) -> bool:
    """Whether a header amid the rows would be a row: several names, and no column that takes no text."""
    return len(table.columns) > 1 and all(c.type.kind in (Kind.STRING, Kind.BINARY) for c in table.columns)


def _columns_at_most(sample: bytes, spelling: Spelling) -> int:
    # Of a line longer than the sample these are only the first.
    ends = (spelling.terminator,) if spelling.terminator else (b"\n", b"\r")
    first = sample.lstrip(b"\r\n")
    for end in ends:
        first = first.split(end, 1)[0]
    return first.count(spelling.delimiter) + 1


def _check_columns(columns: int, where: str, limits: Limits) -> None:
    if columns > limits.columns:
        raise SourceError(
            "COLUMN_LIMIT", f"there are {columns:,} columns or more, and the limit is {limits.columns:,}", where=where,
            mend="Look for a wrong delimiter or missing line ends, or raise SLUICE_MAX_COLUMNS.",
        )  # fmt: skip


def _with_heading(used: dict[str, Any], heading: Heading, dialect: Dialect) -> dict[str, Any]:
    detected = set(used["detected"])
    if dialect.encoding is None:
        detected.add("encoding")
    if dialect.header is None and heading.names is None and dialect.header_rows is None:
        detected.add("header")
    if dialect.header_rows is None and heading.rows not in ((), (1,)):
        detected.add("headerRows")
    return {
        **used, "header": heading.names is not None, "headerRows": list(heading.rows), "skipRows": dialect.skip_rows,
        "footerRows": dialect.footer_rows or 0, "commentRows": list(dialect.comment_rows), "detected": sorted(detected),
    }  # fmt: skip


def _after_lines(text: TextFile, dialect: Dialect) -> int:
    """The byte after the lines that `skipRows` declares; they are lines, whatever quotes they hold."""
    if not dialect.skip_rows:
        return text.start
    plain = Spelling(quote=b"", terminator=terminator_of(dialect))
    lines = list(islice(read_records(text.utf8, plain, text.start), dialect.skip_rows + 1))
    return lines[-1].offset if len(lines) > dialect.skip_rows else text.utf8.stat().st_size


def _comments(text: TextFile, spelling: Spelling, dialect: Dialect, begin: int) -> list[int]:
    """The bytes at which the rows begin that `commentRows` declares."""
    if not dialect.comment_rows:
        return []
    records = islice(read_records(text.utf8, spelling, begin), max(dialect.comment_rows))
    return [r.offset for n, r in enumerate(records, 1) if n in dialect.comment_rows]


def _ends_in_crlf(sample: bytes, spelling: Spelling) -> bool:
    found = RecordParser(spelling).parse(sample, 0, last=True)
    return found is not None and sample[: found[1]].endswith(b"\r\n")
