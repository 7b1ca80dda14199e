"""Removes what landing attempts that came to nothing have left, and ends their unfinished uploads.

An attempt is abandoned when no manifest makes it count, or no request refers to its manifest any more. What a
snapshot refers to is never touched, nor what a landing that runs now may still be writing. The lake is taken to
belong to this ledger alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sluice.errors import SluiceError
from sluice.lake import ObjectInfo, Upload
from sluice.ledger import RequestState
from sluice.onboarding import found
from sluice.stages import Clock, Stage
from sluice.stream.tools import Tools

_ATTEMPT = r"(?P<attempt>[0-9a-f]{12}-[0-9a-f]{8})"
_SHAPES = {
    "warehouse": re.compile(rf"(?P<source>[^/]+)/(?P<table>[^/]+)/data/{_ATTEMPT}/[^/]+"),
    "quarantine": re.compile(rf"(?P<source>[^/]+)/(?P<table>[^/]+)/{_ATTEMPT}/[^/]+"),
    "manifests": re.compile(rf"(?P<source>[^/]+)/(?P<table>[^/]+)/{_ATTEMPT}\.json"),
}
"""Folder of the lake → what a landing attempt's objects are called there; everything else is not ours to judge."""


@dataclass
class Abandoned:
    """What one attempt left. The manifest comes first: without it the rest counts for nothing, wherever we stop."""

    source: str
    table: str
    attempt: str
    objects: list[ObjectInfo] = field(default_factory=list)

    @property
    def newest(self) -> datetime:
        """When the last of it was written."""
        return max(o.modified for o in self.objects)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return sum(o.size for o in self.objects)


@dataclass(frozen=True)
class Litter:
    """What may go; `spared` are tables whose snapshots could not be read, with the reason: nothing there is touched."""

    attempts: tuple[Abandoned, ...]
    uploads: tuple[Upload, ...]
    spared: dict[str, str]


@dataclass(frozen=True)
class _InUse:
    """Attempts that a request refers to, digests of contracts that are landing now, and those contracts' sources."""

    attempts: set[str]
    landing: set[str]
    sources: set[str]

    def has(self, attempt: str) -> bool:
        return attempt in self.attempts or attempt[:12] in self.landing


def find_litter(tools: Tools, older_than: timedelta) -> Litter:
    """What was abandoned and not written to for `older_than`."""
    before = tools.now() - older_than
    # The lake is looked at first: whatever an attempt became meanwhile, the ledger then knows.
    attempts = list(_attempts(tools))
    uploads = list(tools.store.uploads(f"{tools.layout.root}/"))
    used = _in_use(tools)
    old = [a for a in attempts if a.newest < before and not used.has(a.attempt)]
    free, spared = _unpublished(tools, old)
    return Litter(
        tuple(free),
        tuple(u for u in uploads if u.started < before and not _is_running(u, used, tools.layout.root)),
        spared,
    )


def clean(tools: Tools, litter: Litter) -> None:
    """Remove it. Safe to be stopped and to be run again, and beside others."""
    for attempt in litter.attempts:
        for thing in sorted(attempt.objects, key=lambda o: not o.uri.endswith(".json")):
            tools.store.delete(thing.uri)
    for upload in litter.uploads:
        tools.store.abort(upload)


def _attempts(tools: Tools) -> Iterator[Abandoned]:
    known: dict[tuple[str, str, str], Abandoned] = {}
    for folder, shape in _SHAPES.items():
        prefix = f"{tools.layout.root}/{folder}/"
        for info in tools.store.list(prefix):
            match = shape.fullmatch(info.uri.removeprefix(prefix))
            if match:
                key = (match["source"], match["table"], match["attempt"])
                known.setdefault(key, Abandoned(*key)).objects.append(info)
    yield from known.values()


def _in_use(tools: Tools) -> _InUse:
    used = _InUse(set(), set(), set())
    with tools.ledger.reading() as tx:
        for request in tx.requests():
            used.attempts.update(m["attempt"] for m in found(tx, request, Stage.LAND).values())
            if request.state is RequestState.OPEN and not Clock(tx.events(request.id)).completed(Stage.LAND):
                used.landing.add(request.contract_digest[:12])
                used.sources.add(request.source)
        for landed in tx.records(kinds=("refresh.landed",)):
            used.attempts.update(unit["attempt"] for unit in landed.content["units"])
    return used


def _unpublished(tools: Tools, attempts: list[Abandoned]) -> tuple[list[Abandoned], dict[str, str]]:
    free: list[Abandoned] = []
    spared: dict[str, str] = {}
    for identifier in sorted({f"{a.source}.{a.table}" for a in attempts}):
        mine = [a for a in attempts if f"{a.source}.{a.table}" == identifier]
        try:
            published = tools.catalog.referenced_files(identifier)
        except (SluiceError, FileNotFoundError) as error:
            spared[identifier] = str(error)
            continue
        free += [a for a in mine if published.isdisjoint(o.uri for o in a.objects)]
    return free, spared


def _is_running(upload: Upload, used: _InUse, root: str) -> bool:
    key = upload.uri.removeprefix(f"{root}/")
    attempt = re.search(_ATTEMPT, key)
    if attempt is not None and used.has(attempt["attempt"]):
        return True
    parts = key.split("/")
    return parts[0] == "landing" and len(parts) > 1 and parts[1] in used.sources
