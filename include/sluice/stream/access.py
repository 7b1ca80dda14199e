"""Access: after publication the contract's roles are granted what it declares, verified, and taken away in time.

No grant without recorded approvals, and none before the publication is on record: both are read from the ledger
right before. What was given or taken away is written down, one by one, so that a stop in between loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sluice.access import Declared, Difference, Drift, Grant, GrantEvent, Granting, declared, differences, in_hand
from sluice.approval import require_approvals
from sluice.contract.model import Contract
from sluice.crashing import crash_point
from sluice.errors import LakeUnavailableError, NotApprovedError, UsageError
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import contract_of
from sluice.running.history import published_tables
from sluice.running.offboarding import current, require_staying
from sluice.stages import Clock, Event, Stage
from sluice.stream.tools import Tools


@dataclass(frozen=True)
class Review:
    """A source's access as it is now. `enforced` False: nothing stands behind grants on this lake, as `note` says."""

    source: str
    request_id: str
    enforced: bool
    note: str
    wanted: tuple[Declared, ...]
    granted: tuple[Grant, ...]
    differences: tuple[Difference, ...]

    def to_dict(self, now: Any) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "source": self.source,
            "request": self.request_id,
            "enforced": self.enforced,
            "note": self.note,
            "declared": [
                {
                    "role": w.role,
                    "principal": w.grant.principal,
                    "table": w.grant.identifier,
                    "permissions": list(w.grant.permissions),
                    "columns": list(w.grant.columns) if w.grant.columns is not None else None,
                    "expires_at": w.expires_at.isoformat() if w.expires_at else None,
                    "in_force": w.in_force(now),
                }
                for w in self.wanted
            ],
            "granted": [
                {"principal": g.principal, "table": g.identifier, "permissions": list(g.permissions),
                 "columns": list(g.columns) if g.columns is not None else None}
                for g in self.granted
            ],
            "differences": [d.to_dict() for d in self.differences],
        }  # fmt: skip


def grant_access(tools: Tools, request_id: str) -> int:
    """Grant what the published request's contract declares, and verify it; how many grants were given.

    Raises NotApprovedError (NOT_PUBLISHED, NOT_APPROVED) without granting anything, LakeUnavailableError
    (GRANT_NOT_SEEN) when what was granted does not show.
    """
    with tools.ledger.reading() as tx:
        request = _approved(tx, request_id)
    crash_point("grant.begun")
    review = repair(tools, request.source, actor="sluice", reason=f"published as {request.id}")
    return len(review)


def repair(tools: Tools, source: str, *, actor: str, reason: str, foreign: bool = False) -> list[Difference]:
    """Give what is missing, take away what expired or was withdrawn (and with `foreign` what others gave); what was done.

    Whoever has a right that is still due keeps it throughout. Verified afterwards.
    """
    before = review_access(tools, source)
    mendable = [d for d in before.differences if foreign or d.drift is not Drift.FOREIGN]
    if not before.enforced:
        return []
    # What ends goes first: a narrower grant takes the place of a wider one.
    for difference in sorted(mendable, key=lambda d: d.drift is Drift.MISSING):
        if difference.drift is Drift.MISSING:
            with tools.ledger.reading() as tx:
                _approved(tx, before.request_id)
            tools.access.grant(difference.grant)
            crash_point("grant.granted")
        else:
            tools.access.revoke(difference.grant)
            crash_point("revoke.revoked")
        event = Granting.GRANTED if difference.drift is Drift.MISSING else Granting.REVOKED
        why = reason if difference.drift is Drift.MISSING else f"{difference.drift}: {reason}"
        _record(tools, before, difference, event, actor, why)
        crash_point("grant.recorded")
    _verify(tools, source, foreign=foreign)
    return mendable


def revoke_access(tools: Tools, source: str, *, actor: str, reason: str) -> list[Grant]:
    """Take away every grant on the source's tables, also those that others gave (end of life); what was taken away."""
    tables = [i for i in _identifiers(tools, source) if not _of_another(tools, i, source)]
    if not tables:
        return []
    request, _ = _latest(tools, source)
    taken: list[Grant] = []
    for identifier in tables:
        for grant in tools.access.granted(identifier):
            tools.access.revoke(grant)
            crash_point("revoke.revoked")
            review = Review(source, request.id, tools.access.enforced, tools.access.note, (), (), ())
            _record(tools, review, Difference(Drift.WITHDRAWN, grant), Granting.REVOKED, actor, reason)
            taken.append(grant)
    left = [g for identifier in tables for g in tools.access.granted(identifier)]
    if left:
        raise LakeUnavailableError("GRANT_STILL_SEEN", f"{left[0].principal} still has {', '.join(left[0].permissions)}",
                                   where=left[0].identifier, mend="Run it again; it takes a moment to show.")  # fmt: skip
    return taken


def review_access(tools: Tools, source: str) -> Review:
    """Compare what is granted with what the contract of the newest publication declares. Raises UsageError."""
    request, contract = _latest(tools, source)
    published_at = request.closed_at or request.requested_at
    wanted = declared(contract, published_at, tools.access.principal)
    granted = [g for identifier in _identifiers(tools, source) for g in tools.access.granted(identifier)]
    with tools.ledger.reading() as tx:
        ours = in_hand(tx.grant_events(source))
        going = current(tx, source)
    if going is not None and going.state == "agreed":
        wanted = []  # its end is agreed: nobody is to have access any more
    found = differences(wanted, granted, ours, tools.now()) if tools.access.enforced else []
    return Review(
        source, request.id, tools.access.enforced, tools.access.note, tuple(wanted), tuple(granted), tuple(found)
    )


def published_sources(tools: Tools) -> list[str]:
    """Every source that has a publication."""
    with tools.ledger.reading() as tx:
        return sorted({r.source for r in tx.requests(state=RequestState.PUBLISHED)})


def _latest(tools: Tools, source: str) -> tuple[Request, Contract]:
    with tools.ledger.reading() as tx:
        published = tx.requests(source=source, state=RequestState.PUBLISHED)
    if not published:
        raise UsageError("NOT_PUBLISHED", f"{source!r} has no publication", mend="`sluice status` lists the requests.")
    newest = max(published, key=lambda r: r.closed_at or r.requested_at)
    return newest, contract_of(newest)


def _approved(tx: Transaction, request_id: str) -> Request:
    request = tx.request(request_id)
    if (
        request is None
        or request.state is not RequestState.PUBLISHED
        or (Clock(tx.events(request_id)).last(Stage.PUBLISH, Event.COMPLETED) is None)
    ):
        raise NotApprovedError("NOT_PUBLISHED", "nobody is granted access to what is not published", where=request_id,
                               mend="Access follows publication.")  # fmt: skip
    require_staying(tx, request.source)
    require_approvals(tx, request)
    return request


def _verify(tools: Tools, source: str, *, foreign: bool) -> None:
    left = [d for d in review_access(tools, source).differences if foreign or d.drift is not Drift.FOREIGN]
    if left:
        raise LakeUnavailableError(
            "GRANT_NOT_SEEN", f"{len(left)} grants are not as they should be, {left[0].grant.principal} among them",
            where=left[0].grant.identifier, mend="`sluice access` shows them; it takes a moment to show.",
        )  # fmt: skip


def _record(tools: Tools, review: Review, d: Difference, event: Granting, actor: str, reason: str) -> None:
    with tools.ledger.transaction() as tx:
        tx.add_grant_event(
            GrantEvent(
                review.source, d.grant, d.role, event, d.expires_at, review.request_id, actor, reason, tools.now()
            )
        )


def _identifiers(tools: Tools, source: str) -> list[str]:
    """Every table that was ever published, also those that the newest contract leaves out."""
    with tools.ledger.reading() as tx:
        return list(published_tables(tx, source))


def _of_another(tools: Tools, identifier: str, source: str) -> bool:
    """Whether the table was removed, and somebody else made one of the same name: its grants are none of ours."""
    from sluice.adapters.catalogs import snapshots

    there = snapshots.registered(tools.tables(), identifier) if tools.access.enforced else None
    return there is not None and there.owner != source
