"""What a person may object to: gates that do not ask the person's role, and let it reject or return all the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sluice.approval import Person, gate_standing, promised, readable
from sluice.approval.standing import asked_by
from sluice.ledger import Request, RequestState, Transaction
from sluice.policy import Policy
from sluice.review.inbox import MOST, held_under
from sluice.stages import GATES, Clock, Stage


@dataclass(frozen=True)
class Objection:
    """An open gate where this role has a veto. Nothing waits for it."""

    request: Request
    gate: Stage
    role: str
    tier: str


def objections(
    tx: Transaction, policy: Policy, person: Person, now: datetime, *, run_id: str | None = None, most: int = MOST
) -> list[Objection]:
    """The open gates where the person's roles may object and are not asked, the newest request first."""
    known = tx.delegations()
    open_ = [r for r in tx.requests(state=RequestState.OPEN) if run_id in (None, r.run_id)]
    concerned = []
    for request in readable(tx, open_):
        promise = promised(tx, request)
        vetoes = {r for terms in promise.gates.values() for roles in terms.vetoes.values() for r in roles}
        if vetoes and (mine := vetoes & set(held_under(policy, promise, known, person, now))):
            concerned.append((request, mine))
    events = tx.events_of([request.id for request, _ in concerned])
    found: list[Objection] = []
    for request, mine in reversed(concerned):
        clock = Clock(events[request.id])
        for gate in (g for g in GATES if clock.is_open(g)):
            if len(found) == most or person.name in asked_by(tx, request):
                break
            standing = gate_standing(tx, request, gate)
            found += [Objection(request, gate, role, standing.tier) for role in standing.vetoes if role in mine]
    return found[:most]
