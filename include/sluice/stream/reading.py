"""A source's files while they are read: seen before, checksummed, and seen again after the last byte.

A local file is read where it lies; one in S3 is brought here once. What moved meanwhile is noticed, not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from sluice.errors import SourceError
from sluice.lake import DELIVERY, Layout, Mark, ObjectInfo, ObjectStore, SourceFile
from sluice.stream.disk import Disk
from sluice.stream.listing import missing
from sluice.stream.source import Delivery
from sluice.stream.tools import sha256


class MovedError(Exception):
    """A source file is not what it was when reading began; `where` names it."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


@dataclass(frozen=True)
class Held:
    """A delivery that is being read: `path` is the file itself or a copy; `before` its mark when reading began."""

    name: str
    uri: str
    path: Path
    sha256: str
    before: Mark
    info: ObjectInfo | None
    """The object in S3; None for a local file."""

    def require_still(self, store: ObjectStore) -> Mark:
        """Its mark now. Raises MovedError when that is another than before."""
        now, _ = look(self.uri, store)
        if now != self.before:
            raise MovedError(self.uri)
        return now


def hold(delivery: Delivery, folder: Path, store: ObjectStore, disk: Disk) -> Held:
    """Have a delivery ready for reading in `folder`, under its own name."""
    folder.mkdir(parents=True)
    path = folder / PurePosixPath(delivery.name).name
    before, info = look(delivery.uri, store)
    if info is not None:
        disk.require(info.size, delivery.name)
        store.get(delivery.uri, path)
    else:
        path.symlink_to(Path(delivery.uri).resolve())
    held = Held(delivery.name, delivery.uri, path, sha256(path), before, info)
    held.require_still(store)
    return held


def keep(held: Held, layout: Layout, source: str, table: str, store: ObjectStore) -> str | None:
    """The immutable landing copy, inside S3 where both ends are there. The same bytes land once, whatever their name."""
    uri = layout.landing(source, table, held.sha256, held.name)
    if uri is None:
        return None
    uri = next((there.uri for there in store.list(uri.removesuffix(held.name))), uri)
    try:
        if held.info is not None and uri.startswith("s3://"):
            store.copy(held.info, uri, sha256=held.sha256)
        else:
            store.put(held.path, uri, sha256=held.sha256)
    except SourceError as error:
        if error.code == "SOURCE_CHANGED":
            raise MovedError(held.uri) from error
        raise
    return uri


def landed(held: Held, uri: str | None, store: ObjectStore) -> SourceFile:
    """The record of a delivery after its last byte was read. Raises MovedError."""
    after = held.require_still(store)
    return SourceFile(held.name, held.before.size, held.sha256, uri, DELIVERY, held.before, after)


def look(uri: str, store: ObjectStore) -> tuple[Mark, ObjectInfo | None]:
    """How the file looks now, and the object when it is one. Raises SourceError FILE_NOT_FOUND."""
    if uri.startswith("s3://"):
        info = store.head(uri)
        if info is None:
            raise missing(uri)
        return Mark(info.size, info.modified.isoformat(), info.etag), info
    try:
        stat = Path(uri).stat()
    except OSError as error:
        raise missing(uri, error.strerror or "") from error
    modified = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat()
    # The time of change tells where somebody put the time of modification back.
    return Mark(stat.st_size, modified, f"{stat.st_mtime_ns:x}-{stat.st_ctime_ns:x}-{stat.st_ino:x}"), None
