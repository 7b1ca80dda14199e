"""What is shown as published must be readable, and what is under way must be able to go on.

After the lake lost something (the embedded one forgets at a restart) this compares ledger and lake: a published
request whose tables cannot be read is marked lost; an open one whose landed files are gone is landed again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sluice.lake import Manifest
from sluice.ledger import Request, RequestState
from sluice.onboarding import found
from sluice.stages import Clock, Event, Stage
from sluice.stream.tools import Tools

LAKE_LOST = "[LAKE_LOST] the lake no longer has what was landed"


@dataclass(frozen=True)
class Reconciled:
    """`lost`: requests that were published and are no more. `again`: open requests that must land again."""

    lost: tuple[Request, ...]
    again: tuple[Request, ...]


def reconcile(tools: Tools) -> Reconciled:
    """Compare every open and published request with the lake, and put the ledger right."""
    lost, again = [], []
    with tools.ledger.reading() as tx:
        requests = tx.requests()
    for request in requests:
        if request.state is RequestState.PUBLISHED and (why := _unreadable(tools, request)):
            _mark_lost(tools, request, why)
            lost.append(request)
        elif request.state is RequestState.OPEN and _forget_landed(tools, request):
            again.append(request)
    return Reconciled(tuple(lost), tuple(again))


def _unreadable(tools: Tools, request: Request) -> str | None:
    with tools.ledger.reading() as tx:
        snapshots = found(tx, request, Stage.PUBLISH).get("", {})
        entries = found(tx, request, Stage.REGISTER)
    for name, snapshot in snapshots.items():
        # A snapshot may have expired: the table being the one that was registered then accounts for it.
        uuid = entries.get(name, {}).get("uuid", "")
        if why := tools.catalog.readable(snapshot["identifier"], request.id, uuid):
            return f"{snapshot['identifier']}: {why}"
    return None


def _mark_lost(tools: Tools, request: Request, why: str) -> None:
    with tools.ledger.transaction() as tx:
        attempt = Clock(tx.events(request.id)).attempt(Stage.PUBLISH)
        tx.append(request.id, Stage.PUBLISH, attempt, Event.CANCELLED, tools.now(), reason=f"[LAKE_LOST] {why}")
        tx.close_request(request.id, RequestState.LOST, f"the lake no longer has it ({why})", tools.now())


def _forget_landed(tools: Tools, request: Request) -> bool:
    """Record that landed tables are gone, so that they must land again and gates after that close; True while some
    have not.
    """
    with tools.ledger.reading() as tx:
        manifests = {n: Manifest.from_dict(m) for n, m in found(tx, request, Stage.LAND).items()}
        done = Clock(tx.events(request.id)).tables_done(Stage.LAND)
    gone = [n for n, m in manifests.items() if n in done and any(tools.store.head(f.uri) is None for f in m.staged)]
    if gone:
        with tools.ledger.transaction() as tx:
            clock, now = Clock(tx.events(request.id)), tools.now()
            attempt = clock.attempt(Stage.LAND)
            for name in gone:
                tx.append(request.id, Stage.LAND, attempt, Event.CANCELLED, now, table=name, reason=LAKE_LOST)
            if clock.completed(Stage.LAND):  # at once, not when a task begins: nobody is asked about what is gone
                tx.append(request.id, Stage.LAND, attempt + 1, Event.READY, now, reason=LAKE_LOST)
        tools.sweep(f"{request.id}/staged")
    with tools.ledger.reading() as tx:
        newest = {e.table: e for e in tx.events(request.id) if e.stage is Stage.LAND and e.table is not None}
    return any(e.event is Event.CANCELLED for e in newest.values())
