"""A table's deliveries read as streams: without a copy on scratch, checksummed on the way, and noticed when they move."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sluice.contract.model import Dialect, Table
from sluice.lake import Mark, ObjectInfo, ObjectStore
from sluice.limits import Limits
from sluice.stream.disk import Disk
from sluice.stream.reading import Held, look
from sluice.stream.source import Delivery

_BLOCK = 8 << 20


class Checksum:
    """The SHA-256 of a file, taken while it is read; what was passed over or read out of order is read at the end."""

    def __init__(self, opener: Callable[[], IO[bytes]]) -> None:
        self._opener = opener
        self._digest = hashlib.sha256()
        self._done = 0
        self.head = b""
        """The first block, which is read again wherever the file is opened again."""

    def open(self) -> IO[bytes]:
        """The file; it may be opened several times."""
        return io.BufferedReader(_Seen(self._opener(), self), _BLOCK)

    def see(self, at: int, data: memoryview) -> None:
        """Bytes that were read at `at`."""
        if not at:
            self.head = bytes(data)
        if at <= self._done < at + len(data):
            self._digest.update(data[self._done - at :])
            self._done = at + len(data)

    def sha256(self) -> str:
        """The checksum of the whole file."""
        with self._opener() as file:
            file.seek(self._done)
            while block := file.read(_BLOCK):
                self.see(self._done, memoryview(block))
        return self._digest.hexdigest()


class _Seen(io.RawIOBase):
    def __init__(self, file: IO[bytes], checksum: Checksum) -> None:
        self._file, self._checksum = file, checksum

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        at = self._file.tell()
        data = self._checksum.head[at : at + len(buffer)]
        if data:
            self._file.seek(at + len(data))
        else:
            data = self._file.read(len(buffer))
            self._checksum.see(at, memoryview(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass(frozen=True)
class _Reading:
    delivery: Delivery
    before: Mark
    info: ObjectInfo | None
    checksum: Checksum


class Streams:
    """Deliveries, read one after the other in the order of their names."""

    def __init__(self, found: Sequence[Delivery], origin: ObjectStore) -> None:
        self._found, self._origin = found, origin
        self._read: list[_Reading] = []

    def files(
        self, table: Table, dialect: Dialect, limits: Limits, disk: Disk, scratch: Path
    ) -> Iterator[tuple[str, Iterable[bytes]]]:
        """(display name, plain blocks) of every file in the deliveries. Raises as `sluice.adapters.duck.unfold` does."""
        from sluice.adapters.duck import unfold

        for number, delivery in enumerate(self._found):
            before, info = look(delivery.uri, self._origin)
            reading = _Reading(delivery, before, info, Checksum(self._opener(delivery, info)))
            self._read.append(reading)
            yield from unfold(
                reading.checksum.open, before.size, scratch / f"packed-{number}", name=delivery.name,
                promise=PurePosixPath(delivery.name).name, limits=limits, allow_empty=table.allow_empty,
                select=delivery.members, compression=dialect.compression,
                require=lambda size, name=delivery.name: disk.require(size, f"what {name} unfolds to"),  # type: ignore[misc]
            )  # fmt: skip
            reading.checksum.head = b""

    def require_still(self) -> None:
        """Raises MovedError when one of those that were read is another than before."""
        for reading in self._read:
            self._held(reading, "").require_still(self._origin)

    def held(self) -> list[Held]:
        """All of them, with their checksums. Raises MovedError, SourceError."""
        return [self._held(reading, reading.checksum.sha256()) for reading in self._read]

    def _held(self, reading: _Reading, sha256: str) -> Held:
        d = reading.delivery
        return Held(d.name, d.uri, Path(d.uri), sha256, reading.before, reading.info)

    def _opener(self, delivery: Delivery, info: ObjectInfo | None) -> Callable[[], IO[bytes]]:
        if info is not None:
            return lambda: self._origin.open(info)
        return lambda: Path(delivery.uri).open("rb")
