"""Unanswered requests end; they are never approved by silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sluice.approval.standing import Standing, gate_standing, promised, readable
from sluice.ledger import Request, RequestState, Transaction
from sluice.policy import Policy
from sluice.stages import GATES, Clock, Event, Stage


@dataclass(frozen=True)
class Expiry:
    """A signature that is missing, when it was asked, and the instant from which it is too late."""

    role: str
    asked_at: datetime
    at: datetime


def asked_at(clock: Clock, gate: Stage, role: str) -> datetime | None:
    """When the role was last asked in the gate's current attempt; None while it was not."""
    attempt = clock.attempt(gate)
    asked = [
        e.at for e in clock.events
        if e.stage is gate and e.attempt == attempt and (
            (e.event is Event.SUBMITTED and e.role == role) or (e.event is Event.STARTED and e.role is None)
        )
    ]  # fmt: skip
    return asked[-1] if asked else None


def expiries(policy: Policy, clock: Clock, standing: Standing) -> list[Expiry]:
    """The missing signatures that can go unanswered too long, the first to do so first. `policy`: as promised."""
    found = []
    for role in standing.missing if clock.is_open(standing.gate) else ():
        since = asked_at(clock, standing.gate, role)
        until = policy.expires_at(standing.gate, role, since) if since else None
        if since and until:
            found.append(Expiry(role, since, until))
    return sorted(found, key=lambda e: e.at)


def expire(tx: Transaction, request: Request, now: datetime) -> bool:
    """End the request if a signature went unanswered too long; whether it did. Harmless to repeat."""
    for gate, over in _over(tx, request, now):
        roles = ", ".join(e.role for e in over)
        reason = f"expired at {gate}: no answer of {roles} within {promised(tx, request).gates[gate].expires_after}"
        attempt = Clock(tx.events(request.id)).attempt(gate)
        for e in over:
            tx.append(request.id, gate, attempt, Event.EXPIRED, now, role=e.role, reason=reason)
        tx.append(request.id, gate, attempt, Event.EXPIRED, now, reason=reason)
        tx.close_request(request.id, RequestState.EXPIRED, reason, now)
        return True
    return False


def overdue(tx: Transaction, now: datetime) -> list[str]:
    """Open requests that went unanswered too long. Only reads, so nobody waits for it."""
    return [r.id for r in readable(tx, tx.requests(state=RequestState.OPEN)) if _over(tx, r, now)]


def expire_unanswered(tx: Transaction, now: datetime) -> list[str]:
    """End every request that went unanswered too long; their ids."""
    return [r.id for r in readable(tx, tx.requests(state=RequestState.OPEN)) if expire(tx, r, now)]


def _over(tx: Transaction, request: Request, now: datetime) -> list[tuple[Stage, list[Expiry]]]:
    if request.state is not RequestState.OPEN:
        return []
    policy, clock = promised(tx, request), Clock(tx.events(request.id))
    found = []
    for gate in GATES:
        if clock.is_open(gate) and policy.gates[gate].expires_after:
            over = [e for e in expiries(policy, clock, gate_standing(tx, request, gate)) if e.at <= now]
            found += [(gate, over)] if over else []
    return found
