"""Cuts a large text file, as it streams by, into pieces that are read one after the other as the whole would be.

How the file is written is decided once, by its beginning. A piece ends where a record ends: fast where all is
ordinary (sluice.adapters.duck.text.spans), else as the exact reader finds it, which looks on as far as it must.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from sluice.adapters.duck.json import files as jsonfiles
from sluice.adapters.duck.json.records import BLOCK, grown
from sluice.adapters.duck.json.staging import JsonFile
from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.segments.spool import Spool
from sluice.adapters.duck.text import delimited
from sluice.adapters.duck.text.records import read_records
from sluice.adapters.duck.text.spans import IrregularError, find_spans
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError
from sluice.limits import Limits

HEAD = 4 << 20
"""By so many bytes of its beginning a file's dialect and header are found."""
_FULL = re.compile(rb"[^ \t\r\n]")
_LF = re.compile(rb"\n")


@dataclass(frozen=True)
class Cutting:
    """What a file is cut by; `size` tells how many bytes the next piece may have, about."""

    table: Table
    server_format: str
    dialect: Dialect
    limits: Limits
    size: Callable[[], int]
    require: Callable[[int], None]

    def pieces(
        self, display: str, blocks: Iterable[bytes], folder: Path, used: dict[str, dict[str, Any]]
    ) -> Iterator[Part | JsonFile]:
        """The file in pieces, whose files in `folder` are the caller's to remove; how it was read goes to `used`.

        Raises what `delimited_part` and `json_file` raise, RECORD_TOO_LONG, and what `require` and `blocks` raise.
        """
        is_json = self.server_format in jsonfiles.JSON_FORMATS
        names = () if is_json else tuple(c.name for c in self.table.columns)
        spool = Spool(display, blocks, folder, names=names, require=self.require)
        spool.fill(HEAD)
        if not spool.size and not self.table.allow_empty:
            raise SourceError("EMPTY_FILE", "the file has no bytes", where=display, mend="Deliver the file again.")
        cut = self._lines if is_json else self._records
        for piece, found in cut(spool):
            used[display] = found
            yield piece

    def _small(self, spool: Spool) -> bool:
        return spool.ended and spool.size <= self.size()

    def _records(self, spool: Spool) -> Iterator[tuple[Part, dict[str, Any]]]:
        only, used = self._decided(spool, self.dialect)
        if only is None or self._small(spool):
            spool.fill()
            if only is not None:
                yield only, used
            return
        first = only
        if self.dialect.footer_rows:
            first = cast(Part, self._decided(spool, replace(self.dialect, footer_rows=None))[0])
        first.text.utf8.with_suffix(".head").unlink(missing_ok=True)
        spool.settle(first.text, declared=self.dialect.encoding is not None)
        end = self._end_of_records(spool, first, first.start, max(self.dialect.comment_rows, default=0))
        yield replace(only if end is None else first, text=spool.cut(end)), used
        while end is not None:
            end = self._end_of_records(spool, replace(first, ordinary=first.spelling.ordinary), 0)
            part = delimited.continued(first, spool.cut(end), self.dialect, last=end is None)
            yield part, used | {"encoding": spool.encoding, "encodingConfidence": spool.confidence}

    def _decided(self, spool: Spool, dialect: Dialect) -> tuple[Part | None, dict[str, Any]]:
        return delimited.delimited_part(
            spool.display, spool.path, self.table, server_format=self.server_format, dialect=dialect,
            utf8=spool.path.with_suffix(".head"), limits=self.limits,
        )  # fmt: skip

    def _end_of_records(self, spool: Spool, part: Part, start: int, at_least: int = 0) -> int | None:
        """Where a piece ends that begins with the record at `start` and has at least so many records; None: with the stream.

        All the footer's rows lie behind it.
        """
        target = max(self.size(), start + 1)
        spool.fill(target + 1)
        if spool.ended and spool.size <= target:
            return None
        at, footer = start, self.dialect.footer_rows or 0
        if part.ordinary and not footer:
            try:
                for begins, _ in find_spans(spool.path, part.spelling, part.shape, start):
                    before = begins[(begins > start) & (begins <= target)]
                    at = int(before[-1]) if len(before) else at
                    if len(begins) and begins[-1] > target:
                        return at if at > start else int(begins[np.searchsorted(begins, target, "right")])
            except IrregularError:
                pass
            else:
                if at > start:
                    return at
        ends: list[int] = []
        reading = read_records(cast(Path, spool), part.spelling, at, columns=part.shape.columns)
        for number, record in enumerate(reading):
            if ends or (record.offset > start and record.offset >= target and number >= at_least):
                ends.append(record.offset)
                if len(ends) >= footer:
                    return ends[0]
        return None

    def _lines(self, spool: Spool) -> Iterator[tuple[JsonFile, dict[str, Any]]]:
        if self.dialect.property:
            spool.fill()
        first, used = self._opened(spool)
        if self._small(spool) or not jsonfiles.cut_in_lines(first):
            if not spool.ended:
                spool.fill()
                first, used = self._opened(spool)
            yield first, used
            return
        first.text.utf8.with_suffix(".head").unlink(missing_ok=True)
        spool.settle(first.text, declared=self.dialect.encoding is not None)
        end = self._end_of_lines(spool, first.text.start)
        yield replace(first, text=spool.cut(end)), used
        while end is not None:
            end = self._end_of_lines(spool, 0)
            part = jsonfiles.continued(first, spool.cut(end))
            yield part, used | {"encoding": spool.encoding}

    def _opened(self, spool: Spool) -> tuple[JsonFile, dict[str, Any]]:
        return jsonfiles.json_file(
            spool.display, spool.path, self.table, self.server_format, self.dialect,
            utf8=spool.path.with_suffix(".head"), limits=self.limits,
        )  # fmt: skip

    def _end_of_lines(self, spool: Spool, start: int) -> int | None:
        """Where a piece of lines ends, one of which at least is not blank; None: with the stream."""
        target = max(self.size(), start + 1)
        spool.fill(target + 1)
        if spool.ended and spool.size <= target:
            return None
        full = next(spool.matches(_FULL, start), None)
        if full is None:
            return None
        back = max(full, target - BLOCK)
        ends = [at + 1 for at in spool.matches(_LF, back, target)]
        if ends:
            return ends[-1]
        after, more = max(full, target), BLOCK
        while not (ends := [at + 1 for at in spool.matches(_LF, after, after + more)]):
            if spool.ended:
                return None
            more = grown(more, spool.text.offset + full, spool.display)
            spool.fill(after + more)
        return ends[0]
