"""The source's own files: what a table's deliveries are, and what is there before anything moves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.contract.model import Contract, Table
from sluice.errors import SourceError
from sluice.lake import ObjectStore
from sluice.settings import Settings
from sluice.stream.listing import Found, find, missing


@dataclass(frozen=True)
class Delivery:
    """A file a source delivers. `name` is its path below the server's folder; of an archive only the members that
    match `members` are wanted.
    """

    name: str
    uri: str
    size: int
    members: str = ""


def deliveries(
    contract: Contract,
    table: Table,
    base: str,
    settings: Settings,
    store: ObjectStore,
    wanted: Collection[str] | None = None,
) -> list[Delivery]:
    """The table's files in the order of their names; with `wanted` only those of these names.

    An empty file is refused, also among many: most likely its delivery failed. `allowEmpty` lets it pass.
    Raises SourceError (FILE_NOT_FOUND, EMPTY_FILE, OUTSIDE_ROOTS, TOO_MANY_FILES, ACCESS_DENIED).
    """
    found = [_delivery(f) for f in find(contract, table, base, settings, store) if wanted is None or f.name in wanted]
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


def _delivery(found: Found) -> Delivery:
    if found.info is not None:
        return Delivery(found.name, found.uri, found.info.size, found.members)
    try:
        size = Path(found.uri).stat().st_size
    except OSError as error:
        raise missing(found.uri, error.strerror or "") from error
    return Delivery(found.name, found.uri, size, found.members)
