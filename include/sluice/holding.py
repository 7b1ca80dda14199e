"""Blocked, unblocked, withdrawn: what people say about a request that waits, in the stage clock with a reason code.

A block says why it waits and whom the wait counts against; it keeps nobody from deciding. A withdrawal ends the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sluice.approval import Person
from sluice.errors import RefusedError
from sluice.flow.kinds import REASONS, ReasonCode
from sluice.histories import Origin
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import cancel
from sluice.policy import Policy
from sluice.stages import Clock, Event, Stage

BLOCKABLE = tuple(c for c in ReasonCode if c not in (ReasonCode.WIP_LIMIT, ReasonCode.EXPEDITE))
"""What people may say; the others are said by the limits of work in progress."""


def block(
    tx: Transaction, policy: Policy, request_id: str, code: str, comment: str, person: Person, now: datetime
) -> tuple[Stage, ...]:
    """Pause the stages that are under way; which ones. Raises RefusedError with the HTTP status that says the same."""
    request, clock = _open(tx, request_id), Clock(tx.events(request_id))
    _refuse_stranger(policy, request, person)
    if code not in BLOCKABLE:
        raise RefusedError("REASON_CODE", f"{code!r} is no reason to block", status=400,
                           mend=f"One of {', '.join(f'{c.value} ({REASONS[c][1]})' for c in BLOCKABLE)}.")  # fmt: skip
    if code == ReasonCode.OTHER and not comment.strip():
        raise RefusedError("COMMENT_NEEDED", "another reason needs words", status=400, mend="Say why in the comment.")
    under_way = [s for s in clock.current() if clock.started(s)]
    stages = tuple(s for s in under_way if not _paused(clock, s))
    if not stages:
        said = "it is blocked already" if under_way else "no stage of it has started"
        raise RefusedError("NOTHING_TO_BLOCK", f"{request_id} cannot be blocked: {said}", status=409)
    for stage in stages:
        tx.append(
            request_id,
            stage,
            clock.attempt(stage),
            Event.PAUSED,
            now,
            actor=person.name,
            reason=comment or None,
            reason_code=code,
        )
    return stages


def unblock(
    tx: Transaction, policy: Policy, request_id: str, comment: str, person: Person, now: datetime
) -> tuple[Stage, ...]:
    """Resume what was paused; which stages."""
    request, clock = _open(tx, request_id), Clock(tx.events(request_id))
    _refuse_stranger(policy, request, person)
    stages = tuple(s for s in clock.current() if clock.started(s) and _paused(clock, s))
    if not stages:
        raise RefusedError("NOT_BLOCKED", f"{request_id} is not blocked", status=409)
    for stage in stages:
        tx.append(
            request_id, stage, clock.attempt(stage), Event.RESUMED, now, actor=person.name, reason=comment or None
        )
    return stages


@dataclass(frozen=True)
class Allowed:
    """What a person may do with a request now: its page shows these and no others. `decide`'s like has the last word."""

    block: bool = False
    unblock: bool = False
    withdraw: bool = False

    def __bool__(self) -> bool:
        return self.block or self.unblock or self.withdraw


def allowed(policy: Policy, request: Request, clock: Clock, person: Person) -> Allowed:
    """Which of `block`, `unblock` and `withdraw` would not be refused."""
    if request.state is not RequestState.OPEN or request.origin != Origin.LIVE:
        return Allowed()
    owns = person.name == request.requester or policy.is_owner(person.name, person.groups)
    concerned = owns or bool(policy.roles_of(person.name, person.groups))
    paused = [_paused(clock, s) for s in clock.current() if clock.started(s)]
    publishing = bool(clock.attempt(Stage.PUBLISH)) and clock.started(Stage.PUBLISH)
    return Allowed(concerned and not all(paused), concerned and any(paused), owns and not publishing)


def withdraw(tx: Transaction, policy: Policy, request_id: str, comment: str, person: Person, now: datetime) -> None:
    """End the request because it is not wanted any more: for its requester and the platform's owners."""
    request, clock = _open(tx, request_id), Clock(tx.events(request_id))
    if person.name != request.requester and not policy.is_owner(person.name, person.groups):
        raise RefusedError("NOT_YOURS", f"{request_id} was asked for by {request.requester}", status=403,
                           mend="Its requester or an owner of the platform can withdraw it.")  # fmt: skip
    if not comment.strip():
        raise RefusedError("COMMENT_NEEDED", "to withdraw needs a reason", status=400, mend="Say why in the comment.")
    if clock.attempt(Stage.PUBLISH) and clock.started(Stage.PUBLISH):
        raise RefusedError("TOO_LATE", f"{request_id} is being published", status=409,
                           mend="`sluice offboard` takes a published source away.")  # fmt: skip
    cancel(tx, request, f"withdrawn by {person.name}: {comment}", now, actor=person.name)


def _open(tx: Transaction, request_id: str) -> Request:
    request = tx.request(request_id)
    if request is None:
        raise RefusedError("NO_REQUEST", f"there is no request {request_id!r}", status=404)
    if request.state is not RequestState.OPEN:
        raise RefusedError("REQUEST_CLOSED", f"{request_id} is {request.state}", status=409)
    return request


def _refuse_stranger(policy: Policy, request: Request, person: Person) -> None:
    known = person.name == request.requester or policy.is_owner(person.name, person.groups)
    if not known and not policy.roles_of(person.name, person.groups):
        raise RefusedError("NOT_YOURS", f"{person.name} has no part in {request.id}", status=403,
                           mend="Its requester, whoever holds a role, and the platform's owners can say what blocks it.")  # fmt: skip


def _paused(clock: Clock, stage: Stage) -> bool:
    changes = [
        e.event for e in clock.events
        if e.stage is stage and e.attempt == clock.attempt(stage) and e.event in (Event.PAUSED, Event.RESUMED)
    ]  # fmt: skip
    return bool(changes) and changes[-1] is Event.PAUSED
