"""Writes a delimited file anew, every record read exactly: what is left where nothing faster is sure to be right."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Set
from functools import cache
from pathlib import Path

from sluice.adapters.duck.parts import Part, Rewritten
from sluice.adapters.duck.text.records import Record, RecordParser, read_records
from sluice.adapters.duck.text.spans import Shape
from sluice.adapters.duck.text.spelling import Spelling
from sluice.contract.model import Dialect

REPEATED = "REPEATED_HEADER"


def value_in(spelling: Spelling, order: tuple[int, ...]) -> Callable[[bytes, int], str]:
    """What gives the text of a column (by its position in the contract) in a record's bytes."""
    parser = RecordParser(spelling)

    @cache
    def regular(column: int) -> re.Pattern[bytes] | None:
        return _field_at(order.index(column), spelling) if spelling.ordinary else None

    def value(record: bytes, column: int) -> str:
        pattern = regular(column)
        if pattern is not None and (plain := pattern.match(record)) is not None:
            quoted, bare = plain.groups()
            field = bare if quoted is None else quoted.replace(spelling.quote * 2, spelling.quote)
            return str(field, "utf-8", "replace")
        found = parser.parse(record, 0, last=True)
        fields = found[0].fields if found is not None and found[0] is not None else []
        position = order.index(column)
        return fields[position].decode("utf-8", "replace") if position < len(fields) else ""

    return value


def _field_at(position: int, spelling: Spelling) -> re.Pattern[bytes]:
    """Matches a record up to a field (in quotes, or not) if all quotes there are in their places.

    Five times as fast as reading the record exactly.
    """
    delimiter, quote = re.escape(spelling.delimiter), re.escape(spelling.quote)
    bare = rb"[^\r\n" + delimiter + quote + rb"]*+"
    # Not to be matched by an empty text where there are no quotes.
    inner = rb"(?:[^" + quote + rb"]++|" + quote + quote + rb")*+" if quote else rb"(?!)"
    before = rb"(?:(?:" + quote + inner + quote + rb"|" + bare + rb")" + delimiter + rb"){%d}+" % position
    field = rb"(?:" + quote + rb"(" + inner + rb")" + quote + rb"|(" + bare + rb"))"
    return re.compile(before + field + rb"(?=" + delimiter + rb"|\r|\n|\Z)")


def rewrite(part: Part, dialect: Dialect, comments: Set[int], headers: Set[int], target: Path) -> Rewritten:
    """The part with commas, every value quoted, null an empty field. `comments` are offsets of records that are no
    data, `headers` of those that repeat the header."""
    nulls = {n.encode() for n in dialect.null_sequence}
    result = Rewritten(target)
    with target.open("wb") as out:
        for record in _data(part, dialect, comments):
            if not record.raw and part.shape.columns > 1:
                continue
            begin, end = record.offset, record.offset + len(record.raw)
            code = REPEATED if begin in headers else fault(record, part.shape, part.spelling.quote)
            if code:
                result.bad.note(begin, end, None, code)
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


def _data(part: Part, dialect: Dialect, comments: Set[int]) -> Iterator[Record]:
    """The records that are data: not those declared as comments, nor the last `footerRows` of the file."""
    held: deque[Record] = deque()
    for record in read_records(part.text.utf8, part.spelling, part.start, columns=part.shape.columns):
        if record.offset not in comments:
            held.append(record)
            if len(held) > (dialect.footer_rows or 0):
                yield held.popleft()


def fault(record: Record, shape: Shape, quote: bytes) -> str:
    """What is wrong with a record as such, as a reason code; empty: nothing."""
    if len(record.raw) > shape.longest:
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
    if _is_torn(record, quote):
        return "UNQUOTED_VALUE"
    extra = fields[shape.columns :]
    return "TOO_MANY_COLUMNS" if len(extra) > shape.trailing or any(extra) else ""


def _is_torn(record: Record, quote: bytes) -> bool:
    """Whether a delimiter was lost before a quoted value, as in `46.74"Throw Pillow, Wooden",1`: one value opens a quote
    in its midst that a later one closes. By chance such a record can have the right number of values, all of them wrong.
    """
    if not quote or quote not in record.raw:
        return False
    opened = False
    for position, text in enumerate(record.fields):
        if record.is_quoted(position) or text.count(quote) % 2 == 0:
            continue
        field = text if text.endswith(quote) else text.replace(quote * 2, b"")  # doubled, it opens and closes nothing
        if field.endswith(quote):
            if opened:
                return True
        else:
            after = field[field.rfind(quote) + 1 :]
            opened = opened or after[:1].isalnum()  # an inch mark stands before a space
    return False
