"""Reads delimited records exactly, one by one, whatever their spelling: slow, and right where DuckDB is not.

It is the reference for what a record is; sluice.adapters.duck.text.spans finds the same records fast in ordinary files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sluice.adapters.duck.text.spelling import Spelling
from sluice.errors import SourceError
from sluice.limits import DEFAULT_LIMITS

MAX_RECORD = 64 << 20
"""No record may be longer: past this the file has no line ends, or a quote that never closes."""

MAX_LINE = DEFAULT_LIMITS.line_bytes
"""Longer records are quarantined, where no other limit is set; the same limit as DuckDB's own."""


class Record(NamedTuple):
    """A record as it stands in the file; `error` is a reason code when its structure is broken."""

    offset: int
    raw: bytes
    fields: list[bytes]
    quoted: list[bool] | None
    """Which fields were in quotes; None: none of them."""
    error: str = ""

    def is_quoted(self, position: int) -> bool:
        return self.quoted is not None and self.quoted[position]


def read_records(
    path: Path, spelling: Spelling, start: int = 0, block: int = 1 << 20, *, columns: int = 0
) -> Iterator[Record]:
    """Every record from byte `start` on, blank lines included, comments not (see RecordReader).

    Raises SourceError RECORD_TOO_LONG when a line, or without `columns` a record, is longer than MAX_RECORD.
    """
    with path.open("rb") as file:
        yield from RecordReader(file, path.name, spelling, block, columns=columns).records(start)


class RecordReader:
    """Reads the records of one file.

    A stray quote can make one record of many lines. With `columns`, such a broken record ends where a line begins
    that reads as a whole record of so many values (one more, if it is empty, does not count): what follows a
    damaged row is read as if it were not there.
    """

    def __init__(
        self, file: BinaryIO, name: str, spelling: Spelling, block: int = 1 << 20, *, columns: int = 0
    ) -> None:
        self.file = file
        self.name = name
        self.parser = RecordParser(spelling)
        self.block = block
        self.columns = columns
        self.limit = MAX_RECORD

    def records(self, start: int) -> Iterator[Record]:
        """Every record from byte `start` on. Raises SourceError RECORD_TOO_LONG."""
        file, parser, block, columns = self.file, self.parser, self.block, self.columns
        file.seek(start)
        buffer = file.read(block)
        base, at, last = start, 0, len(buffer) < block
        while not (last and at >= len(buffer)):
            found = parser.parse(buffer, at, last=last)
            if found is None and len(buffer) - at > self.limit:
                cut = parser.last_line(buffer)
                if not columns or cut <= at:
                    raise _endless(base + at, self.name)
                # A quote that does not close in sight: each such search may look only half as far as the last.
                buffer, self.limit = buffer[:cut], max(MAX_LINE, self.limit // 2)
                file.seek(base + cut)
                found = parser.parse(buffer, at, last=True)
            if found is None:
                more = file.read(max(block, len(buffer) - at))
                buffer, base, at, last = buffer[at:] + more, base + at, 0, not more
                continue
            record, after = found
            if record is not None and columns and record.error:
                line = parser.resume(buffer, record, columns, last=last)
                if line is None and not last and len(buffer) - at <= self.limit:
                    more = file.read(max(block, len(buffer) - at))
                    buffer, base, at, last = buffer[at:] + more, base + at, 0, not more
                    continue
                after = line or after
                record = record._replace(raw=parser.without_end(buffer[at:line] if line else record.raw))
            at = after
            if record is not None:
                yield record._replace(offset=base + record.offset)


def _endless(offset: int, name: str) -> SourceError:
    return SourceError(
        "RECORD_TOO_LONG",
        f"the record at byte {offset} does not end within {MAX_RECORD} bytes",
        where=name,
        mend="Look for a quote that never closes, or declare the line terminator.",
    )


class RecordParser:
    """Finds one record in a buffer. `parse` answers None when the buffer ends too early to tell."""

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling
        end = re.escape(spelling.terminator) if spelling.terminator else rb"\r\n|\n|\r"
        delimiter, quote, escape = map(re.escape, (spelling.delimiter, spelling.quote, spelling.escape))
        self.end = re.compile(end)
        self.stop = re.compile(delimiter + b"|" + end)
        self.lookahead = max(len(spelling.delimiter), len(spelling.terminator or b"\r\n"))
        body = rb"[^" + quote + escape + rb"]*+"
        if max(len(spelling.quote), len(spelling.escape)) > 1:  # bytes of one character, and of others too
            body = rb"(?:(?!" + b"|".join(filter(None, (quote, escape))) + rb").)*+"
        inner = [escape + rb"."] if spelling.escape else []
        inner += [quote + quote] if spelling.doubled else []
        self.quoted = None
        if spelling.quote:
            # Where nothing is escaped, a quote closes its field only where a field can end.
            inner = inner or [quote + rb"(?!" + delimiter + b"|" + end + rb"|\Z)"]
            again = rb"(?:(?:" + b"|".join(inner) + rb")" + body + rb")*+"
            self.quoted = re.compile(quote + b"(" + body + again + b")" + quote, re.DOTALL)
        self.bare = None
        if spelling.escape:
            self.bare = re.compile(rb"(?:" + escape + rb".|(?!" + delimiter + b"|" + end + rb").)*", re.DOTALL)
            self.unescape = re.compile(escape + rb"(.)", re.DOTALL)

    def parse(self, buffer: bytes, at: int, *, last: bool) -> tuple[Record | None, int] | None:
        spelling = self.spelling
        end = self.end.search(buffer, at)
        if not last and (end is None or self._cut(end, buffer)):
            return None
        stop, after = (end.start(), end.end()) if end else (len(buffer), len(buffer))
        line = buffer[at:stop]
        if spelling.comment and line.startswith(spelling.comment):
            return None if not last and end is None else (None, after)
        if (spelling.quote and spelling.quote in line) or (spelling.escape and spelling.escape in line):
            return self._parse_fields(buffer, at, last=last)
        fields = line.split(spelling.delimiter)
        if spelling.skip_initial_space:
            fields = [f.lstrip(b" ") for f in fields]
        return Record(at, line, fields, None), after

    def next_line(self, buffer: bytes, at: int) -> int | None:
        """Where the line after the one at `at` begins."""
        end = self.end.search(buffer, at)
        return end.end() if end else None

    def last_line(self, buffer: bytes) -> int:
        """Where the last line begins, of which the buffer may hold only a part."""
        for end in (self.spelling.terminator,) if self.spelling.terminator else (b"\n", b"\r"):
            if (found := buffer.rfind(end)) >= 0:
                return found + len(end)
        return 0

    def without_end(self, lines: bytes) -> bytes:
        """`lines` without the line end they end in."""
        for end in (self.spelling.terminator,) if self.spelling.terminator else (b"\r\n", b"\n", b"\r"):
            if lines.endswith(end):
                return lines[: -len(end)]
        return lines

    def resume(self, buffer: bytes, broken: Record, columns: int, *, last: bool) -> int | None:
        """Where, in the lines of a broken record after its first, a whole record of `columns` values begins.

        0: nowhere. None: the buffer ends too early to tell.
        """
        stop = broken.offset + len(broken.raw)
        at = self.next_line(buffer, broken.offset)
        while at is not None and at < stop:
            found = self.parse(buffer, at, last=last)
            if found is None:
                return None
            if found[0] is not None and not found[0].error and self._is_whole(found[0], columns):
                return at
            at = self.next_line(buffer, at)
        return 0

    def _is_whole(self, record: Record, columns: int) -> bool:
        fields, quote = record.fields, self.spelling.quote
        if len(fields) != columns and not (len(fields) == columns + 1 and not fields[-1]):
            return False
        return not any(quote in field and not record.is_quoted(i) for i, field in enumerate(fields))

    def _cut(self, end: re.Match[bytes], buffer: bytes) -> bool:
        """A CR at the buffer's end may be half of a CRLF."""
        return self.spelling.terminator is None and end.group() == b"\r" and end.end() == len(buffer)

    def _parse_fields(self, buffer: bytes, start: int, *, last: bool) -> tuple[Record, int] | None:
        spelling, at = self.spelling, start
        fields: list[bytes] = []
        quoted: list[bool] = []

        def record(stop: int, error: str = "") -> Record:
            return Record(start, buffer[start:stop], fields, quoted, error)

        while True:
            if spelling.skip_initial_space:
                while buffer[at : at + 1] == b" ":
                    at += 1
            if not last and at >= len(buffer):
                return None
            if self.quoted is not None and buffer.startswith(spelling.quote, at):
                closed = self.quoted.match(buffer, at)
                if closed is None:
                    return (record(len(buffer), "UNQUOTED_VALUE"), len(buffer)) if last else None
                fields.append(self._plain(closed.group(1)))
                quoted.append(True)
                at = closed.end()
                if not last and len(buffer) - at < self.lookahead:
                    return None
                stop = self.stop.match(buffer, at)
                if stop is None and at < len(buffer):
                    end = self.end.search(buffer, at)
                    if not last and (end is None or self._cut(end, buffer)):
                        return None
                    edge, after = (end.start(), end.end()) if end else (len(buffer), len(buffer))
                    return record(edge, "UNQUOTED_VALUE"), after
            else:
                begin = at
                if self.bare is not None:
                    bare = self.bare.match(buffer, at)
                    at = bare.end() if bare else at
                stop = self.stop.search(buffer, at)
                if not last and (stop is None or len(buffer) - stop.start() < self.lookahead):
                    return None
                text = buffer[begin : stop.start() if stop else len(buffer)]
                fields.append(self.unescape.sub(rb"\1", text) if self.bare is not None else text)
                quoted.append(False)
            if stop is None:
                return record(len(buffer)), len(buffer)
            at = stop.end()
            if stop.group() != spelling.delimiter:
                return record(stop.start()), at

    def _plain(self, inner: bytes) -> bytes:
        spelling = self.spelling
        if spelling.escape and spelling.escape in inner:
            # An escape takes what follows as it is; only what is left may hold doubled quotes.
            pieces = re.split(re.escape(spelling.escape) + rb"(.)", inner, flags=re.DOTALL)
            doubled = spelling.quote * 2
            return b"".join(
                piece if i % 2 else (piece.replace(doubled, spelling.quote) if spelling.doubled else piece)
                for i, piece in enumerate(pieces)
            )
        return inner.replace(spelling.quote * 2, spelling.quote) if spelling.doubled else inner
