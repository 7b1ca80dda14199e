"""A sample of large text files: pieces from all over them, cut where records begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from sluice.adapters.duck.text.records import RecordParser
from sluice.adapters.duck.text.spelling import resolve
from sluice.contract.model import Dialect
from sluice.draft.look import Look

_PIECES = 32
_LOOK = 1 << 18
_ALIKE = 8
"""So many records in a row, as wide as the table, show that the first of them begins where it seems to."""
_LINES = 500


def sample(
    files: Sequence[tuple[str, Path]], look: Look, dialect: Dialect, size: int, folder: Path
) -> tuple[list[tuple[str, Path]], int]:
    """Files of about `size` bytes together, written to `folder`, and the bytes that were taken.

    Each begins as its file does (with header and all), then come pieces at even distances. A piece begins and ends at a
    line from which records go on as wide as the table: a line end inside quotes is none, so no record is cut.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(path.stat().st_size for _, path in files)
    found, taken = [], 0
    for number, (display, path) in enumerate(files):
        length = path.stat().st_size
        share = max(1 << 16, size * length // total)
        target = folder / f"sample-{number}"
        with path.open("rb") as source, target.open("wb") as out:
            pieces = _Pieces(source, look, dialect, display)
            piece = max(1 << 16, share // _PIECES)
            written = 0
            for start in range(0, length, max(piece, length // _PIECES)):
                begin = max(pieces.record_at(start) if start else 0, written)
                written = max(pieces.record_at(start + piece), begin)
                source.seek(begin)
                out.write(source.read(written - begin))
            taken += out.tell()
        found.append((display, target))
    return found, taken


class _Pieces:
    """An open file, and where its records begin."""

    def __init__(self, source: IO[bytes], look: Look, dialect: Dialect, display: str) -> None:
        self.source = source
        head = source.read(_LOOK)
        self.parser = RecordParser(resolve(dialect, look.format, head, list(look.names), display))
        widths = Counter(len(f) for f in self._fields(head, 0, 10 * _ALIKE) if f is not None)
        self.width = widths.most_common(1)[0][0] if widths else len(look.names)

    def record_at(self, position: int) -> int:
        """Where the first record begins after `position`; where a line does, if nothing looks like records."""
        self.source.seek(position)
        self.source.readline()
        first = self.source.tell()
        data, at = self.source.read(_LOOK), 0
        for _ in range(_LINES):
            if all(f is not None and len(f) == self.width for f in self._fields(data, at, _ALIKE)):
                return first + at
            following = self.parser.next_line(data, at)
            if following is None or following >= len(data):
                break
            at = following
        return first

    def _fields(self, data: bytes, at: int, most: int) -> list[Sequence[bytes] | None]:
        """The fields of up to `most` whole records from `at` on; None for one that is broken."""
        found: list[Sequence[bytes] | None] = []
        while at < len(data) and len(found) < most:
            parsed = self.parser.parse(data, at, last=False)
            if parsed is None:
                break
            record, at = parsed
            if record is not None:
                found.append(None if record.error else record.fields)
        return found
