"""The source's own files: looked at, probed, and copied without a change slipping in between."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.contract.model import Contract, Table
from sluice.errors import SourceError
from sluice.lake import ObjectStore
from sluice.settings import Settings
from sluice.stream.listing import Found, find, missing

CHUNK = 1 << 20
COPY_ATTEMPTS = 2


@dataclass(frozen=True)
class Delivery:
    """A file a source delivers. `mark` changes when the content does: size and modification time, or size and ETag.

    `name` is its path below the server's folder; of an archive only the members that match `members` are wanted.
    """

    name: str
    uri: str
    size: int
    mark: str
    members: str = ""


def deliveries(contract: Contract, table: Table, base: str, settings: Settings, store: ObjectStore) -> list[Delivery]:
    """The table's files in the order of their names.

    An empty file is refused, also among many: most likely its delivery failed. `allowEmpty` lets it pass.
    Raises SourceError (FILE_NOT_FOUND, EMPTY_FILE, OUTSIDE_ROOTS, TOO_MANY_FILES, ACCESS_DENIED).
    """
    found = [_delivery(f) for f in find(contract, table, base, settings, store)]
    for delivery in found:
        if delivery.size == 0 and not table.allow_empty:
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
    info = None
    if delivery.uri.startswith("s3://"):
        info = store.head(delivery.uri)
        if info is None:
            raise missing(delivery.uri)
    return _delivery(Found(delivery.name, delivery.uri, delivery.members, info))


def _delivery(found: Found) -> Delivery:
    if found.info is not None:
        return Delivery(found.name, found.uri, found.info.size, found.info.etag, found.members)
    try:
        stat = Path(found.uri).stat()
    except OSError as error:
        raise missing(found.uri, error.strerror or "") from error
    return Delivery(found.name, found.uri, stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}", found.members)
