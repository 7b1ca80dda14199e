"""Delimited text: a file's spelling and header, and how to rewrite it when DuckDB would misread it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sluice.adapters.duck.encoding import TextFile, open_text
from sluice.adapters.duck.header import match_names
from sluice.adapters.duck.parts import Bad, Part, Rewritten
from sluice.adapters.duck.records import MAX_LINE, Record, RecordParser, read_records
from sluice.adapters.duck.spans import Shape
from sluice.adapters.duck.spelling import Spelling, header_rows, report, resolve
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError

_SAMPLE = 1 << 18


def delimited_part(
    display: str, path: Path, table: Table, *, server_format: str, dialect: Dialect, utf8: Path
) -> tuple[Part | None, dict[str, Any]]:
    """The file as a part, and the dialect that was used. None when it holds nothing and `table` allows that.

    Raises SourceError (EMPTY_FILE, BAD_HEADER, MISSING_COLUMN, UNKNOWN_COLUMN, DUPLICATE_COLUMN), BadInputError.
    """
    text = open_text(display, path, dialect.encoding, utf8)
    with text.utf8.open("rb") as file:
        file.seek(text.start)
        sample = file.read(_SAMPLE)
    spelling = resolve(dialect, server_format, sample, [c.name for c in table.columns], display)
    used = report(spelling, dialect, sample, text.encoding)
    names, start, plain_header = _header(text, spelling, header_rows(dialect))
    if names is None and start == text.utf8.stat().st_size:
        if table.allow_empty:
            return None, used
        raise SourceError("EMPTY_FILE", "the file has no rows and no header", where=display, mend="Deliver it again.")
    # A delimiter after the last name, and so after the last value, is a habit of exporters, not a column.
    trailing = names is not None and len(names) > 1 and not names[-1]
    if names is not None:
        names = names[:-1] if trailing else names
    order = range(len(table.columns)) if names is None else match_names(names, table, display)
    return (
        Part(
            text=text,
            spelling=spelling,
            order=tuple(order),
            start=start,
            header=names is not None,
            trailing=trailing,
            crlf=_ends_in_crlf(sample, spelling),
            ordinary=spelling.ordinary and plain_header,
            value_in=_value_in(spelling, tuple(order)),
            rewrite=lambda part, target: _rewrite(part, dialect.null_sequence, target),
        ),
        used,
    )


def _header(text: TextFile, spelling: Spelling, rows: int) -> tuple[list[str] | None, int, bool]:
    """The names (None: no header), where the data starts, and whether the header is just the first line."""
    seen: list[Record] = []
    plain = rows <= 1
    for record in read_records(text.utf8, spelling, text.start):
        if not rows:
            return None, text.start, plain
        if len(seen) == rows:
            return _names(seen[-1], text.display), record.offset, plain
        if record.raw:
            seen.append(record)
        else:
            plain = False
    end = text.utf8.stat().st_size
    return (_names(seen[-1], text.display) if rows and len(seen) == rows else None), end, plain


def _ends_in_crlf(sample: bytes, spelling: Spelling) -> bool:
    found = RecordParser(spelling).parse(sample, 0, last=True)
    return found is not None and sample[: found[1]].endswith(b"\r\n")


def _names(record: Record, where: str) -> list[str]:
    if record.error:
        raise SourceError("BAD_HEADER", "a quote in the header does not close", where=where, mend="Correct the header.")
    try:
        return [f.decode("utf-8") for f in record.fields]
    except UnicodeDecodeError as e:
        raise SourceError(
            "BAD_HEADER", "the header is not UTF-8", where=where, mend="Declare the file's encoding in the dialect."
        ) from e


def _value_in(spelling: Spelling, order: tuple[int, ...]) -> Any:
    parser = RecordParser(spelling)

    def value_in(record: bytes, column: int) -> str:
        found = parser.parse(record, 0, last=True)
        fields = found[0].fields if found is not None and found[0] is not None else []
        position = order.index(column)
        return fields[position].decode("utf-8", "replace") if position < len(fields) else ""

    return value_in


def _rewrite(part: Part, null_sequence: Sequence[str], target: Path) -> Rewritten:
    nulls = {n.encode() for n in null_sequence}
    result = Rewritten(target)
    with target.open("wb") as out:
        for record in read_records(part.text.utf8, part.spelling, part.start, columns=part.shape.columns):
            if not record.raw and part.shape.columns > 1:
                continue
            begin, end = record.offset, record.offset + len(record.raw)
            code = _fault(record, part.shape)
            if code:
                result.bad.append(Bad(begin, end, None, code))
                continue
            line = b",".join(
                b"" if field in nulls and not record.is_quoted(i) else b'"' + field.replace(b'"', b'""') + b'"'
                for i, field in enumerate(record.fields[: len(part.order)])
            )
            out.write(line + b"\n")
            result.longest = max(result.longest, len(line))
            result.begins.append(begin)
            result.ends.append(end)
    return result


def _fault(record: Record, shape: Shape) -> str:
    if len(record.raw) > MAX_LINE:
        return "LINE_TOO_LONG"
    if record.error:
        return record.error
    if b"\0" in record.raw:
        return "NUL_BYTE"
    try:
        record.raw.decode("utf-8")
    except UnicodeDecodeError:
        return "INVALID_ENCODING"
    fields = record.fields
    if len(fields) < shape.columns:
        return "MISSING_COLUMNS"
    extra = fields[shape.columns :]
    return "TOO_MANY_COLUMNS" if len(extra) > shape.trailing or any(extra) else ""
