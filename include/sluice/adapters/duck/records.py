"""Reads delimited records exactly, one by one, whatever their spelling: slow, and right where DuckDB is not.

It is the reference for what a record is; sluice.adapters.duck.spans finds the same records fast in ordinary files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sluice.adapters.duck.spelling import Spelling
from sluice.errors import SourceError

MAX_RECORD = 64 << 20
"""No record may be longer: past this the file has no line ends, or a quote that never closes."""

MAX_LINE = 2_000_000
"""Longer records are quarantined; the same limit as DuckDB's own."""


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


def read_records(path: Path, spelling: Spelling, start: int = 0, block: int = 1 << 20) -> Iterator[Record]:
    """Every record from byte `start` on, blank lines included, comments not.

    Raises SourceError RECORD_TOO_LONG beyond MAX_RECORD.
    """
    parser = RecordParser(spelling)
    with path.open("rb") as file:
        file.seek(start)
        buffer = file.read(block)
        base, at, last = start, 0, len(buffer) < block
        while not (last and at >= len(buffer)):
            found = parser.parse(buffer, at, last=last)
            if found is None:
                if len(buffer) - at > MAX_RECORD:
                    raise SourceError(
                        "RECORD_TOO_LONG",
                        f"the record at byte {base + at} does not end within {MAX_RECORD} bytes",
                        where=path.name,
                        mend="Look for a quote that never closes, or declare the line terminator.",
                    )
                more = file.read(max(block, len(buffer) - at))
                buffer, base, at, last = buffer[at:] + more, base + at, 0, not more
                continue
            record, at = found
            if record is not None:
                yield record._replace(offset=base + record.offset)


class RecordParser:
    """Finds one record in a buffer. `parse` answers None when the buffer ends too early to tell."""

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling
        end = re.escape(spelling.terminator) if spelling.terminator else rb"\r\n|\n|\r"
        delimiter, quote, escape = map(re.escape, (spelling.delimiter, spelling.quote, spelling.escape))
        self.end = re.compile(end)
        self.stop = re.compile(delimiter + b"|" + end)
        self.lookahead = max(len(spelling.delimiter), len(spelling.terminator or b"\r\n"))
        body = rb"[^" + quote + (escape if spelling.escape else b"") + rb"]*+"
        inner = [escape + rb"."] if spelling.escape else []
        inner += [quote + quote] if spelling.doubled else []
        self.quoted = None
        if spelling.quote:
            again = rb"(?:(?:" + b"|".join(inner) + rb")" + body + rb")*+" if inner else b""
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
