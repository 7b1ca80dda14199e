"""What readers would see after a refresh: data files that stay, go and come, and all of them as local files to check."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.contract.model import Contract, Table
from sluice.lake import Manifest
from sluice.stream.arranging import placed
from sluice.stream.disk import Disk
from sluice.stream.refreshing.look import Basis
from sluice.stream.tools import Tools, sha256


@dataclass(frozen=True)
class Content:
    """A table's content to be: `remove` and `add` are URIs of data files, `files` all of the result, local.

    `counts` tells of merged rows: inserted, updated, deleted.
    """

    remove: tuple[str, ...]
    add: tuple[str, ...]
    files: tuple[Path, ...]
    rows: int
    counts: Mapping[str, int]


def unchanged(tools: Tools, at: Basis, table: Table, folder: str) -> Content:
    """A table that stays as it is."""
    state = at.states[table.name]
    return Content((), (), tuple(_local(tools, table, [f.uri for f in state.files], folder)), state.rows, {})


def resulting(tools: Tools, at: Basis, table: Table, landed: Mapping[str, Any], folder: str) -> Content:
    """A table's content after what was landed (the record of it) is published."""
    units = manifests(tools, at.contract, table, landed)
    staged = [f for m in units for f in m.staged if f.rows]
    state = at.states[table.name]
    if landed["mode"] == "merge" and not landed["whole"]:
        return _merged(tools, at, table, units, folder)
    gone = {u for unit in landed["drop"] for u in at.holdings[table.name].units.get(unit, ())}
    remove = [f.uri for f in state.files if landed["whole"] or f.uri in gone]
    stays = [f for f in state.files if f.uri not in remove]
    files = _local(tools, table, [*(f.uri for f in stays), *(f.uri for f in staged)], folder)
    if not files:  # nothing at all: checks still want a table to look at
        files = _local(tools, table, [f.uri for m in units for f in m.staged][:1], folder)
    rows = sum(f.rows for f in stays) + sum(f.rows for f in staged)
    return Content(tuple(remove), tuple(f.uri for f in staged), tuple(files), rows, {})


def manifests(tools: Tools, contract: Contract, table: Table, landed: Mapping[str, Any]) -> list[Manifest]:
    """The manifests of a landing on record."""
    uris = [tools.layout.manifest(contract.id, table.table_name, u["attempt"]) for u in landed["units"]]
    return [Manifest.from_dict(json.loads(tools.store.read(uri))) for uri in uris]


def _merged(tools: Tools, at: Basis, table: Table, units: Sequence[Manifest], folder: str) -> Content:
    from sluice.adapters.duck import merge

    state, settings = at.states[table.name], tools.settings
    current = dict(zip(_local(tools, table, [f.uri for f in state.files], folder), state.files, strict=True))
    changes = [_local(tools, table, [f.uri for f in m.staged if f.rows], folder) for m in units]
    scratch = tools.scratch(f"{folder}/merge-{secrets.token_hex(4)}")
    made = merge(
        list(current), [c for c in changes if c] or [[]], table, out=scratch / "out", memory_limit=settings.memory_limit,
        threads=settings.threads, scratch=scratch / "work",
    )  # fmt: skip
    add = []
    attempt = f"{at.contract.digest[:12]}-{secrets.token_hex(4)}"
    disk = Disk(scratch, settings.disk_limit)
    for path in made.written:
        # A merged file may hold rows of several partitions; the table takes files of one each.
        for file in placed(path, made.rows, table, settings, scratch / f"arranged-{path.stem}", disk):
            uri = tools.layout.staged(at.contract.id, table.table_name, attempt, file.path.name)
            tools.store.put(file.path, uri, sha256=sha256(file.path))
            add.append(uri)
    remove = [current[p].uri for p in made.touched]
    files = [p for p in current if p not in made.touched] + list(made.written)
    rows = sum(f.rows for p, f in current.items() if p not in made.touched) + made.rows
    counts = {"inserted": made.inserted, "updated": made.updated, "deleted": made.deleted}
    return Content(tuple(remove), tuple(add), tuple(files) or tuple(current)[:1], rows, counts)


def _local(tools: Tools, table: Table, uris: Sequence[str], folder: str) -> list[Path]:
    """The files here, each fetched once, and with every column that the table has now."""
    from sluice.adapters.duck import conform

    place, settings = tools.scratch(f"{folder}/files"), tools.settings
    found = []
    for uri in uris:
        path = place / f"{hashlib.sha256(uri.encode()).hexdigest()[:24]}.parquet"
        if not path.exists():
            part = path.with_suffix(f".{secrets.token_hex(4)}.part")
            tools.store.get(uri, part)
            part.rename(path)
        found.append(
            conform(
                path,
                table,
                out=place / "conformed",
                memory_limit=settings.memory_limit,
                threads=settings.threads,
                scratch=place / "work",
            )
        )
    return found
