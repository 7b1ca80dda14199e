"""Whom a gate waits for, and who may answer: asked anew each time, from the ledger and the policy."""

from __future__ import annotations

from datetime import datetime

from sluice.approval import gate_standing, in_force, promised
from sluice.ledger import Request, RequestState, Transaction
from sluice.policy import Policy
from sluice.stages import GATES, Clock, Stage


def waited_for(tx: Transaction, request: Request, gate: Stage) -> tuple[str, ...]:
    """The roles whose signature an open gate still lacks; empty when the gate is not open."""
    if request.state is not RequestState.OPEN or gate not in GATES:
        return ()
    clock = Clock(tx.events(request.id))
    if not clock.is_open(gate):
        return ()
    return gate_standing(tx, request, gate).missing


def holders(tx: Transaction, policy: Policy, role: str, request: Request, now: datetime) -> tuple[str, ...]:
    """The people who may sign as this role here and are there: in the place of who is away, his delegate.

    A role that the policy in force no longer knows has the people it had when it was promised. Never the requester. When everybody is away without a delegate, all of them: better told than nobody.
    """
    known = policy.roles.get(role) or promised(tx, request).roles.get(role)
    members = [p for p in known.members if p != request.requester] if known else []
    absences = [d for d in in_force(tx.delegations(), now) if d.role in ("", role)]
    away = {d.principal for d in absences}
    present = [p for p in members if p not in away]
    present += [
        d.delegate for d in absences if d.principal in members and d.delegate and d.delegate != request.requester
    ]
    return tuple(dict.fromkeys(present or members))
