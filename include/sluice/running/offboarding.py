"""The end of a source's life: asked for by one person, agreed by another, step by step and every step on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sluice.contract.model import Contract
from sluice.contract.terms import said
from sluice.errors import BadInputError, RefusedError, TerminalError
from sluice.ledger import Request, RequestState, Transaction
from sluice.policy import Policy
from sluice.running.records import Record
from sluice.running.sla import promised

REQUESTED, APPROVED, REJECTED = "offboard.requested", "offboard.approved", "offboard.rejected"
TOLD, REVOKED, UNPUBLISHED, LISTED = "offboard.told", "offboard.revoked", "offboard.unpublished", "offboard.listed"
LOCATED = "offboard.located"
DESTROYED, KEPT, COMPLETED = "offboard.destroyed", "offboard.kept", "offboard.completed"
STEPS = (TOLD, REVOKED, UNPUBLISHED)
HELD, LIFTED = "hold.placed", "hold.lifted"


@dataclass(frozen=True)
class Offboarding:
    """What an offboarding's records add up to. `state`: asked, agreed, rejected or done.

    `data` is what became of the data: `kept`, with the reason and until when, or `destroyed`, with the proof.
    """

    id: str
    source: str
    request_id: str
    asked_by: str
    asked_at: datetime
    reason: str
    destroy: bool
    agreed_by: str
    done: tuple[str, ...]
    state: str
    data: Mapping[str, Any]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Fate:
    """What is to become of the data: destroyed now, or kept for a `reason`, `until` a time (None: until told)."""

    destroy: bool
    reason: str
    until: datetime | None = None


def offboardings(tx: Transaction, source: str | None = None) -> list[Offboarding]:
    """Every offboarding, oldest first."""
    by_run: dict[str, list[Record]] = {}
    for record in tx.records(source=source, kinds=("offboard",)):
        by_run.setdefault(record.run, []).append(record)
    return [_fold(r) for r in by_run.values()]


def current(tx: Transaction, source: str) -> Offboarding | None:
    """The source's offboarding that is asked for or agreed, and not over."""
    return next((o for o in offboardings(tx, source) if o.state in ("asked", "agreed")), None)


def agreed(tx: Transaction) -> list[Offboarding]:
    """Offboardings that are agreed and not over: still to be carried out, or interrupted."""
    return [o for o in offboardings(tx) if o.state == "agreed"]


def require_staying(tx: Transaction, source: str) -> None:
    """Nothing is granted, refreshed or published once an offboarding is agreed. Raises TerminalError (OFFBOARDING)."""
    going = current(tx, source)
    if going is not None and going.state == "agreed":
        raise TerminalError("OFFBOARDING", f"{source} is being offboarded as {going.id}", where=source,
                            mend="Ask for it anew when that is over.")  # fmt: skip


def ask(tx: Transaction, request: Request, actor: str, reason: str, destroy: bool, now: datetime) -> Offboarding:
    """Ask for the source's end; asking again gives the same offboarding. Raises BadInputError (REASON_NEEDED)."""
    if going := current(tx, request.source):
        return going
    if not reason.strip():
        raise BadInputError("REASON_NEEDED", "say why the source ends", mend="Consumers read the reason.")
    number = len(offboardings(tx, request.source)) + 1
    identity = f"off-{request.source}-{number}"
    content = {"reason": reason.strip(), "destroy": destroy, "request_id": request.id}
    tx.record(request.source, identity, REQUESTED, now, actor=actor, content=content)
    return offboardings(tx, request.source)[-1]


def decide(
    tx: Transaction, policy: Policy, source: str, actor: str, agree: bool, comment: str, now: datetime
) -> Offboarding:
    """Agree or not: by somebody who did not ask, in one of the policy's roles for it.

    Raises RefusedError (NOTHING_ASKED, OWN_REQUEST, NOT_YOUR_ROLE, ALREADY_DECIDED, COMMENT_NEEDED).
    """
    going = current(tx, source)
    if going is None:
        raise RefusedError("NOTHING_ASKED", f"nobody has asked to offboard {source}", status=404, mend=f"`sluice offboard {source} --reason …` asks.")  # fmt: skip
    if going.state == "agreed":
        raise RefusedError("ALREADY_DECIDED", f"{going.agreed_by} has agreed already", status=409)
    if actor == going.asked_by:
        raise RefusedError("OWN_REQUEST", f"{actor} asked for it and cannot decide on it", status=403)
    roles = [r for r in policy.roles_of(actor) if r in (policy.running.offboarding or tuple(policy.roles))]
    if not roles:
        asked = ", ".join(policy.running.offboarding) or "any role of the policy"
        raise RefusedError(
            "NOT_YOUR_ROLE", f"{actor} may not agree to an offboarding", status=403, mend=f"It takes {asked}."
        )
    if not agree and not comment.strip():
        raise RefusedError("COMMENT_NEEDED", "to say no needs a reason", status=400)
    tx.record(
        source,
        going.id,
        APPROVED if agree else REJECTED,
        now,
        actor=actor,
        content={"role": roles[0], "comment": comment.strip()},
    )
    return next(o for o in offboardings(tx, source) if o.id == going.id)


def require_agreed(tx: Transaction, policy: Policy, going: Offboarding) -> None:
    """Fail closed: the agreement is looked at again before anything is taken away. Raises RefusedError (NOT_AGREED)."""
    agreed = tx.records(run=going.id, kinds=(APPROVED,))
    asked = policy.running.offboarding or tuple(policy.roles)
    good = [r for r in agreed if r.actor and r.actor != going.asked_by and r.content.get("role") in asked]
    if not good:
        raise RefusedError("NOT_AGREED", f"nobody else has agreed to offboard {going.source}", status=409, where=going.id,
                           mend=f"Another person: `sluice offboard {going.source} --approve`.")  # fmt: skip


def place_hold(tx: Transaction, source: str, actor: str, reason: str, now: datetime) -> None:
    """Nothing of the source is destroyed while it is held. Raises BadInputError (REASON_NEEDED)."""
    if not reason.strip():
        raise BadInputError("REASON_NEEDED", "a legal hold needs its reason", mend="Name the case.")
    tx.record(source, "", HELD, now, actor=actor, content={"reason": reason.strip()})


def lift_hold(tx: Transaction, source: str, actor: str, reason: str, now: datetime) -> None:
    """End the hold. Raises RefusedError (NO_HOLD)."""
    if hold(tx, source) is None:
        raise RefusedError("NO_HOLD", f"{source} is not held", status=404)
    tx.record(source, "", LIFTED, now, actor=actor, content={"reason": reason.strip()})


def hold(tx: Transaction, source: str) -> Record | None:
    """The hold in force."""
    found = tx.records(source=source, kinds=("hold",))
    return found[-1] if found and found[-1].kind == HELD else None


def fate(tx: Transaction, contract: Contract, going: Offboarding, published_at: datetime, now: datetime) -> Fate:
    """By legal hold first, then by retention since the last publication, then by what was asked."""
    if held := hold(tx, going.source):
        return Fate(False, f"legal hold: {held.content['reason']}")
    legal = said(contract.document, "legalHold")
    if legal not in (None, False, "", "false"):
        return Fate(False, f"legal hold: {legal if isinstance(legal, str) else 'by its contract'}")
    retention: timedelta | None = promised(contract, "retention")
    if retention is not None:
        until = published_at + retention
        if now < until:
            return Fate(False, f"retention of {retention.days} days since it was last published", until)
        return Fate(True, f"retention of {retention.days} days is over")
    if going.destroy:
        return Fate(True, "asked for; nothing says that it must be kept")
    return Fate(False, "nobody asked for it to be destroyed")


def due_for_destruction(tx: Transaction, now: datetime) -> list[Offboarding]:
    """Offboardings whose data was kept until a time that has come; none of a source that has come to life again."""
    return [
        going for going in offboardings(tx)
        if going.state == "done" and going.data.get("fate") == "kept" and (until := going.data.get("until"))
        and datetime.fromisoformat(until) <= now and hold(tx, going.source) is None and not _alive(tx, going.source)
    ]  # fmt: skip


def _alive(tx: Transaction, source: str) -> bool:
    return any(r.state in (RequestState.OPEN, RequestState.PUBLISHED) for r in tx.requests(source=source))


def close_requests(tx: Transaction, source: str, why: str, now: datetime) -> None:
    """Every publication of the source is over."""
    for request in tx.requests(source=source):
        if request.state is RequestState.PUBLISHED:
            tx.close_request(request.id, RequestState.OFFBOARDED, why, now)


def _fold(records: Sequence[Record]) -> Offboarding:
    first = records[0]
    kinds = {r.kind: r for r in records}
    state = "asked"
    if APPROVED in kinds:
        state = "agreed"
    if REJECTED in kinds:
        state = "rejected"
    if COMPLETED in kinds:
        state = "done"
    data: dict[str, Any] = {}
    for record in records:
        if record.kind in (KEPT, DESTROYED):
            data = {"fate": record.kind.partition(".")[2], **record.content}
    return Offboarding(
        id=first.run, source=first.source, request_id=first.content["request_id"], asked_by=first.actor or "", asked_at=first.at,
        reason=first.content["reason"], destroy=bool(first.content["destroy"]),
        agreed_by=(kinds[APPROVED].actor or "") if APPROVED in kinds else "", done=tuple(kinds), state=state, data=data,
        records=tuple(records),
    )  # fmt: skip
