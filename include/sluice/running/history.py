"""The versions of a published source: which snapshots stood together, and which set is the last good one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sluice.errors import TerminalError
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import found
from sluice.stages import Stage

REFRESHED = "refresh.published"
RESTORED = "incident.restored"
COMPACTED = "upkeep.compacted"


@dataclass(frozen=True)
class Version:
    """What the source showed from `at` on: table → `identifier`, `snapshot_id`, `rows`.

    `run` is the request or the refresh that published it; `bad`: an incident took it back.
    """

    run: str
    request_id: str
    contract_digest: str
    at: datetime
    tables: Mapping[str, Mapping[str, Any]]
    bad: bool = False


def live(tx: Transaction, source: str) -> Request:
    """The request by which the source is published. Raises TerminalError (NOT_PUBLISHED, OFFBOARDED)."""
    published = [r for r in tx.requests(source=source) if r.state is RequestState.PUBLISHED and r.closed_at]
    ended = [r for r in tx.requests(source=source) if r.state is RequestState.OFFBOARDED]
    if ended and not published:
        raise TerminalError("OFFBOARDED", f"{source!r} was offboarded: {ended[-1].state_reason}",
                            mend="Ask for it anew with `sluice request`.")  # fmt: skip
    if not published:
        raise TerminalError("NOT_PUBLISHED", f"{source!r} is not published", mend="`sluice status` lists the sources.")
    return max(published, key=lambda r: (r.closed_at, r.id))


def versions(tx: Transaction, source: str) -> list[Version]:
    """Every version, oldest first: a request's publication, then its refreshes in the order of the record.

    Whoever publishes anew ends the refreshes of the request before, so no clock is needed to put them in order.
    """
    made: list[Version] = []
    turn: dict[str, int] = {}
    asked = [r for r in tx.requests(source=source) if r.state is RequestState.PUBLISHED and r.closed_at]
    for request in sorted(asked, key=lambda r: (r.closed_at, r.id)):
        turn[request.id] = len(turn)
        tables = found(tx, request, Stage.PUBLISH).get("", {})
        if request.closed_at:
            made.append(Version(request.id, request.id, request.contract_digest, request.closed_at, tables))
    taken_back: set[str] = set()
    for record in tx.records(source=source, kinds=(REFRESHED, RESTORED)):
        if record.kind == RESTORED:
            taken_back |= set(record.content["bad"])
            continue
        c = record.content
        made.append(Version(record.run, c["request_id"], c["contract_digest"], record.at, c["tables"]))
    compacted: dict[tuple[str, int], int] = {}
    for record in tx.records(source=source, kinds=(COMPACTED,)):
        compacted[record.table or "", int(record.content["from"])] = int(record.content["to"])
    made = [replace(v, tables={n: _as_compacted(n, t, compacted) for n, t in v.tables.items()}) for v in made]
    made.sort(key=lambda v: turn.get(v.request_id, -1))  # stable
    return [Version(v.run, v.request_id, v.contract_digest, v.at, v.tables, v.run in taken_back) for v in made]


def _as_compacted(name: str, table: Mapping[str, Any], compacted: Mapping[tuple[str, int], int]) -> Mapping[str, Any]:
    """The table with the snapshot that holds the same rows in fewer files, where there is one."""
    snapshot = int(table["snapshot_id"])
    while (name, snapshot) in compacted:
        snapshot = compacted[name, snapshot]
    return {**table, "snapshot_id": snapshot}


def published_tables(tx: Transaction, source: str) -> dict[str, str]:
    """Every table that any publication of the source put into the catalog: identifier → table of the contract.

    A newer version of the contract may have left one out; it is still there, and people may still read it.
    """
    return {str(t["identifier"]): name for v in versions(tx, source) for name, t in v.tables.items()}


def newest_good(known: list[Version]) -> Version | None:
    """The newest version that no incident took back: what should be visible now."""
    return next((v for v in reversed(known) if not v.bad), None)
