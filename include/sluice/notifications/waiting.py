"""Whom a gate waits for, and who may answer: asked anew each time, from the ledger and the policy."""

from __future__ import annotations

from datetime import datetime

from sluice.approval import gate_standing
from sluice.ledger import Request, RequestState, Transaction
from sluice.policy import Policy
from sluice.stages import GATES, Clock, Event, Stage


def waited_for(tx: Transaction, request: Request, gate: Stage) -> tuple[str, ...]:
    """The roles whose signature an open gate still lacks; empty when the gate is not open."""
    if request.state is not RequestState.OPEN or gate not in GATES:
        return ()
    clock = Clock(tx.events(request.id))
    if not clock.is_open(gate):
        return ()
    return gate_standing(tx, request, gate).missing


def holders(policy: Policy, role: str, request: Request) -> tuple[str, ...]:
    """The people who may sign as this role here: never the requester."""
    known = policy.roles.get(role)
    return tuple(p for p in known.members if p != request.requester) if known else ()


def asked_at(clock: Clock, gate: Stage, role: str) -> datetime | None:
    """Since when this role has been waited for at the gate's current attempt."""
    asked = [
        e.at
        for e in clock.events
        if e.stage is gate and e.event is Event.SUBMITTED and e.role == role and e.attempt == clock.attempt(gate)
    ]
    return asked[0] if asked else None
