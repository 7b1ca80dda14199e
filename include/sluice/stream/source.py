"""The source's own files: found, probed, and copied without a change slipping in between."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.contract.model import Contract, Table
from sluice.errors import SourceError
from sluice.lake import ObjectStore
from sluice.settings import Settings

CHUNK = 1 << 20
COPY_ATTEMPTS = 2


@dataclass(frozen=True)
class Delivery:
    """A file a source delivers. `mark` changes when the content does: size and modification time, or size and ETag."""

    name: str
    uri: str
    size: int
    mark: str


def deliveries(contract: Contract, table: Table, base: str, settings: Settings, store: ObjectStore) -> list[Delivery]:
    """The table's files. Raises SourceError (FILE_NOT_FOUND, EMPTY_FILE, OUTSIDE_ROOTS, ACCESS_DENIED)."""
    location = contract.location(table)
    found = _in_s3(location, store) if contract.server.type == "s3" else _local(location, base, settings)
    for delivery in found:
        if delivery.size == 0:
            raise SourceError("EMPTY_FILE", f"the file of {table.name!r} is empty (0 bytes)", where=delivery.uri,
                              mend="Deliver the file again; a table without rows still has its header line.")  # fmt: skip
    return found


def probe(contract: Contract, base: str, settings: Settings, store: ObjectStore) -> dict[str, Any]:
    """What is there for every table, without moving it: table → files with sizes in bytes."""
    return {
        table.name: {
            "files": [{"name": d.name, "bytes": d.size} for d in deliveries(contract, table, base, settings, store)]
        }
        for table in contract.tables
    }


def copy(delivery: Delivery, target: Path, store: ObjectStore) -> str:
    """Copy a delivery to a local file and return the copy's SHA-256.

    Raises SourceError (SOURCE_CHANGED) when the file would not keep still.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(COPY_ATTEMPTS):
        before = _look(delivery, store)
        digest = hashlib.sha256()
        if delivery.uri.startswith("s3://"):
            store.get(delivery.uri, target)
            with target.open("rb") as copied:
                digest = hashlib.file_digest(copied, hashlib.sha256)
        else:
            with Path(delivery.uri).open("rb") as source, target.open("wb") as copied:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    copied.write(chunk)
        if _look(delivery, store) == before and target.stat().st_size == before.size:
            return digest.hexdigest()
    raise SourceError("SOURCE_CHANGED", "the file changed while it was read", where=delivery.uri,
                      mend="Deliver under another name and rename when complete, then ask again.")  # fmt: skip


def _look(delivery: Delivery, store: ObjectStore) -> Delivery:
    if delivery.uri.startswith("s3://"):
        info = store.head(delivery.uri)
        if info is None:
            raise _missing(delivery.uri)
        return Delivery(delivery.name, delivery.uri, info.size, info.etag)
    return _delivery(Path(delivery.uri))


def _delivery(path: Path) -> Delivery:
    try:
        stat = path.stat()
    except OSError as error:
        raise _missing(str(path), error.strerror or "") from error
    return Delivery(path.name, str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


def _in_s3(location: str, store: ObjectStore) -> list[Delivery]:
    info = store.head(location)
    if info is None:
        raise _missing(location)
    return [Delivery(location.rsplit("/", 1)[-1], location, info.size, info.etag)]


def _local(location: str, base: str, settings: Settings) -> list[Delivery]:
    start = settings.sources / base  # an absolute base stands for itself
    path = Path(location) if Path(location).is_absolute() else start / location
    found: Sequence[Path] = [path]
    if any(c in path.name for c in "*?["):
        found = sorted(p for p in path.parent.glob(path.name) if p.is_file())
    if not found or not all(p.is_file() for p in found):
        raise _missing(str(path))
    for file in found:
        real = file.resolve()  # so that no link and no `..` leads out
        inside = any(real.is_relative_to(root) for root in settings.source_roots)
        anywhere = not settings.source_roots and settings.profile == "development"
        if not (inside or anywhere):
            raise SourceError("OUTSIDE_ROOTS", "the file lies outside the folders sources may come from", where=str(file),
                              mend="Move it, or let the platform owner extend SLUICE_SOURCE_ROOTS.")  # fmt: skip
    return [_delivery(p) for p in found]


def _missing(where: str, why: str = "") -> SourceError:
    return SourceError("FILE_NOT_FOUND", f"the source file cannot be read{f': {why}' if why else ''}", where=where,
                       mend="Check the server's `path` and the table's `location` in the contract.")  # fmt: skip
