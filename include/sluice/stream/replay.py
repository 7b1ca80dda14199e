"""Repaired rows on their way back: offered once, taken by one load, and read again by every retry of that load.

A replay is a folder of objects, each written once: `rows` (the repaired rows), `offer.json` (how to read them, who
offered them), and `claim-N.json` (which load took them). A conditional write decides between two loads. A claim is
void when its load ended without them; the next load then writes the next claim. Nothing is ever deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sluice.errors import ConflictError, LakeUnavailableError
from sluice.lake import REPLAY, Layout, Manifest, Mark, ObjectStore, SourceFile
from sluice.ledger import Ledger, RequestState
from sluice.onboarding import found
from sluice.running.records import Record
from sluice.running.refreshes import ENDS
from sluice.stages import Stage
from sluice.stream.gate import strict_json
from sluice.stream.tools import sha256

WITHDRAWN = "withdrawn"
"""In the place of a load: nobody takes these rows any more."""


class Fate(StrEnum):
    """How it went with a load that took a replay."""

    OPEN = "open"
    PUBLISHED = "published"
    OVER = "over"
    """It ended, and the rows are not in the table."""


@dataclass(frozen=True)
class Offer:
    """Repaired rows of a table; `format` and `dialect` (fields of Dialect) say how its file of rows is read."""

    source: str
    table: str
    digest: str
    name: str
    rows: int
    size: int
    sha256: str
    format: str
    dialect: dict[str, Any]
    offered_by: str
    offered_at: str


@dataclass(frozen=True)
class Standing:
    """An offer and the claims on it, oldest first, as (load, time)."""

    offer: Offer
    claims: tuple[tuple[str, str], ...]

    @property
    def taken_by(self) -> str | None:
        """The load that took it last."""
        return self.claims[-1][0] if self.claims else None


def standings(store: ObjectStore, layout: Layout, source: str, table: str) -> list[Standing]:
    """Every replay of a table (its lake name), in the order they were offered."""
    folders: dict[str, list[str]] = {}
    prefix = layout.replay(source, table, "", "").rstrip("/") + "/"
    for info in store.list(prefix):
        digest, _, name = info.uri.removeprefix(prefix).partition("/")
        folders.setdefault(digest, []).append(name)
    known = []
    for digest, names in folders.items():
        if "offer.json" in names:  # written last: without it nothing was offered
            said = json.loads(store.read(layout.replay(source, table, digest, "offer.json")))
            lists = {k: tuple(v) for k, v in said["dialect"].items() if isinstance(v, list)}
            offer = Offer(**said | {"dialect": said["dialect"] | lists})
            known.append(Standing(offer, _claims(store, layout, offer, names)))
    return sorted(known, key=lambda s: (s.offer.offered_at, s.offer.digest))


def _claims(store: ObjectStore, layout: Layout, offer: Offer, names: list[str]) -> tuple[tuple[str, str], ...]:
    claims = []
    for name in sorted(n for n in names if n.startswith("claim-")):
        claim = json.loads(store.read(layout.replay(offer.source, offer.table, offer.digest, name)))
        claims.append((str(claim["load"]), str(claim["at"])))
    return tuple(claims)


def put_offer(store: ObjectStore, layout: Layout, offer: Offer, rows: Path) -> bool:
    """Offer the rows in a local file; False when these very rows were offered before."""
    store.put(rows, layout.replay(offer.source, offer.table, offer.digest, "rows"), sha256=offer.sha256)
    uri = layout.replay(offer.source, offer.table, offer.digest, "offer.json")
    return store.write(uri, strict_json(asdict(offer)), content_type="application/json", only_if_absent=True)


@dataclass(frozen=True)
class Replays:
    """The replays that one load may take. `fate` tells how it went with another load that took an offer."""

    store: ObjectStore
    layout: Layout
    load: str
    fate: Callable[[str, Offer], Fate]
    now: Callable[[], datetime]
    by: str = ""
    """The person behind the load, where there is one."""
    taking: bool = True
    """Whether it takes any: of the several landings of one load, one does."""

    def take(self, source: str, table: str) -> list[Offer]:
        """Claim every free replay of the table; also those that this very load claimed before."""
        if not self.taking:
            return []
        return [s.offer for s in standings(self.store, self.layout, source, table) if self._took(s)]

    def may_take(self, standing: Standing) -> bool:
        """Whether the offer is free, or this load's own, without claiming it."""
        last = standing.taken_by
        return last is None or last == self.load or (last != WITHDRAWN and self.fate(last, standing.offer) is Fate.OVER)

    def withdraw(self, standing: Standing) -> None:
        """Take an offer back, as long as no load has its rows. Raises ConflictError REPLAY_TAKEN."""
        if not replace(self, load=WITHDRAWN)._took(standing):
            raise ConflictError("REPLAY_TAKEN", f"the rows were taken by {standing.taken_by or 'a load just now'}",
                                where=standing.offer.digest, mend="Reject that load at its gate instead.")  # fmt: skip

    def _took(self, standing: Standing) -> bool:
        claims = standing.claims
        while True:
            last = claims[-1][0] if claims else None
            if last == self.load:
                return True
            if last == WITHDRAWN or (last is not None and self.fate(last, standing.offer) is not Fate.OVER):
                return False
            if self._claim(standing.offer, len(claims) + 1):
                return True
            # Another load was quicker, or the answer to our own write was lost: the claim itself tells.
            offer = standing.offer
            prefix = self.layout.replay(offer.source, offer.table, offer.digest, "")
            names = [i.uri.removeprefix(prefix) for i in self.store.list(prefix)]
            claims = _claims(self.store, self.layout, offer, names)

    def _claim(self, offer: Offer, number: int) -> bool:
        uri = self.layout.replay(offer.source, offer.table, offer.digest, f"claim-{number:04}.json")
        content = strict_json({"load": self.load, "by": self.by, "at": self.now().isoformat()})
        return self.store.write(uri, content, content_type="application/json", only_if_absent=True)

    def fetch(self, offer: Offer, path: Path) -> SourceFile:
        """Bring the rows to a local file, verified; what the manifest says of them."""
        uri = self.layout.replay(offer.source, offer.table, offer.digest, "rows")
        self.store.get(uri, path)
        if sha256(path) != offer.sha256:
            raise LakeUnavailableError("CHECKSUM", "the rows of a replay are not what was offered", where=uri)
        mark = Mark(offer.size, offer.offered_at, offer.sha256)
        return SourceFile(offer.name, offer.size, offer.sha256, uri, REPLAY, mark, mark)


def fate_in(ledger: Ledger, layout: Layout) -> Callable[[str, Offer], Fate]:
    """The fate of a request, from the ledger: published counts only where the rows are in what was published."""

    def fate(load: str, offer: Offer) -> Fate:
        with ledger.reading() as tx:
            request = tx.request(load)
            if request is None and (ran := tx.records(run=load, kinds=("refresh",))):
                return _fate_of_refresh(ran, layout.replay(offer.source, offer.table, offer.digest, "rows"))
            if request is None:
                return Fate.PUBLISHED  # nothing is known: better missing rows than rows twice
            manifests = [Manifest.from_dict(m) for m in found(tx, request, Stage.LAND).values()]
        if request.state is RequestState.OPEN:
            return Fate.OPEN
        uri = layout.replay(offer.source, offer.table, offer.digest, "rows")
        inside = any(s.landing_uri == uri for m in manifests for s in m.sources)
        return Fate.PUBLISHED if request.state is RequestState.PUBLISHED and inside else Fate.OVER

    return fate


def _fate_of_refresh(ran: list[Record], uri: str) -> Fate:
    """A refresh says in its publication which replays are in the table."""
    end = next((r for r in ran if r.kind in ENDS), None)
    if end is None:
        return Fate.OPEN
    return Fate.PUBLISHED if uri in end.content.get("replays", ()) else Fate.OVER
