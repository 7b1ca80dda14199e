"""Converts large text files as they stream by, segment by segment: scratch holds one segment at a time, never a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any, cast

from sluice.adapters.duck.convert import DELIMITED, refuse_empty
from sluice.adapters.duck.json.files import JSON_FORMATS
from sluice.adapters.duck.json.staging import JsonFile, JsonStaging
from sluice.adapters.duck.outcome import Converted, StagedPart, dialects_of
from sluice.adapters.duck.packed.partitions import partition_values
from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.quarantine import write_quarantine
from sluice.adapters.duck.segments.cutting import Cutting
from sluice.adapters.duck.text.staging import Staging
from sluice.contract.dialect import apply_to_columns
from sluice.contract.model import Dialect, Table
from sluice.limits import DEFAULT_LIMITS, Limits


class WholeError(Exception):
    """The files can only be converted as a whole."""


class Segments:
    """One conversion of text files in segments of about `size` bytes of UTF-8, made in `scratch`."""

    def __init__(
        self,
        table: Table,
        server_format: str,
        dialect: Dialect,
        *,
        size: int,
        scratch: Path,
        memory_limit: str,
        threads: int,
        limits: Limits = DEFAULT_LIMITS,
        require: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`require` is asked before so many more bytes are written to scratch, and raises when they have no place."""
        self.server_format, self.dialect = server_format.lower(), dialect
        self.table = apply_to_columns(table, dialect, marks=self.server_format in DELIMITED)
        self.size, self.scratch = size, scratch
        self.memory_limit, self.threads, self.limits, self.require = memory_limit, threads, limits, require
        self._used: dict[str, dict[str, Any]] = {}
        self._held: list[Part | JsonFile] = []
        self._bytes = 0

    @staticmethod
    def possible(server_format: str, table: Table, names: Iterable[str]) -> bool:
        """Whether files of this format and these names can be cut (a JSON array cannot, and is then read whole).

        Raises SourceError PARTITION.
        """
        text = server_format.lower() in (*DELIMITED, *JSON_FORMATS)
        return text and not any(partition_values(name, table) for name in names)

    @property
    def dialect_used(self) -> dict[str, Any]:
        """As `Converted.dialect`, of what was read so far."""
        return dialects_of(self._used)

    def convert(self, files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[Converted]:
        """Convert `files` (display name, plain bytes). Each outcome's files are gone when the next is asked for.

        Raises what `sluice.adapters.duck.convert` raises; WholeError when a path names a partition's values.
        """
        displays, rows, numbers = [], 0, count()
        cutting = Cutting(self.table, self.server_format, self.dialect, self.limits, self._room, self.require)
        for display, blocks in files:
            if partition_values(display, self.table):
                raise WholeError(display)
            displays.append((display, self.scratch))
            for piece in cutting.pieces(display, blocks, self.scratch / f"file-{len(displays)}", self._used):
                self._held.append(piece)
                self._bytes += piece.text.utf8.stat().st_size
                if 4 * self._bytes >= 3 * self.size:
                    for converted in self._converted(next(numbers)):
                        rows += converted.rows_read
                        yield converted
        for converted in self._converted(next(numbers)):
            rows += converted.rows_read
            yield converted
        refuse_empty(rows, displays, self.table)

    def _room(self) -> int:
        return self.size - self._bytes

    def _converted(self, number: int) -> Iterator[Converted]:
        """What is held, converted; nothing when nothing is, unless it would be the only outcome."""
        if number and not self._held:
            return
        held, folder = self._held, self.scratch / f"segment-{number}"
        folder.mkdir(parents=True)
        out, quarantine = folder / f"part-{number:05}.parquet", folder / "quarantine.parquet"
        try:
            staging = self._staging(held, folder)
            read, staged = staging.write(out, memory_limit=self.memory_limit, threads=self.threads)
            reasons = write_quarantine(staging.bad_records(), self.table, quarantine)
            yield Converted(
                staged=(StagedPart(out, staged),),
                quarantine=quarantine if reasons else None,
                rows_read=read,
                rows_staged=staged,
                rows_quarantined=sum(reasons.values()),
                reasons=reasons,
                dialect=self.dialect_used,
            )
        finally:
            rmtree(folder, ignore_errors=True)
        for piece in held:
            piece.text.utf8.unlink()
            piece.text.original.unlink(missing_ok=True)
        self._held, self._bytes = [], 0

    def _staging(self, held: list[Part | JsonFile], folder: Path) -> Staging | JsonStaging:
        if self.server_format in JSON_FORMATS:
            others = self.dialect.item_keys is not None and self.dialect.item_type != "array"
            return JsonStaging(cast(list[JsonFile], held), self.table, folder, limits=self.limits, others=others)
        return Staging(cast(list[Part], held), self.table, self.dialect.null_sequence, folder)
