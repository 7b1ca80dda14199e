"""What must be said because time passed: reminders, escalations, deadlines. Each once, found anew at every look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sluice.approval import asked_at, promised, readable
from sluice.ledger import Request, RequestState, Transaction
from sluice.notifications.facts import PLANNING
from sluice.notifications.waiting import waited_for
from sluice.outbox import Draft
from sluice.policy import Policy
from sluice.policy.model import GateTerms, Rung
from sluice.pull.deadlines import Deadline, deadlines
from sluice.stages import GATES, Clock, Event, Stage

OWNERS = "owners"


@dataclass(frozen=True)
class Candidate:
    """Something that may have to be said. `key` is known cheaply; `draft` looks closely, and says None if it need not."""

    key: str
    draft: Callable[[Transaction], Draft | None]


def due_reminders(tx: Transaction, policy: Policy, now: datetime) -> list[Candidate]:
    """Reminders and escalations that are due by the ladder each request was promised.

    Of several rungs that came due while nobody looked, the highest of each kind is told: a week's outage is no
    reason for a week's letters at once.
    """
    found = []
    terms_of = cache(lambda digest: promised(tx, by_digest[digest]))
    requests = readable(tx, tx.requests(state=RequestState.OPEN))
    by_digest = {r.policy_digest: r for r in requests}
    events = tx.events_of([r.id for r in requests])
    for request in requests:
        clock = Clock(events[request.id])
        for gate in (g for g in GATES if clock.is_open(g)):
            terms = terms_of(request.policy_digest)
            for role in _unanswered(clock, gate, terms.gates[gate]):
                since = asked_at(clock, gate, role)
                rungs = terms.rungs(gate, role, since) if since else ()
                highest = {rung.kind: (i, rung) for i, (at, rung) in enumerate(rungs) if at <= now}
                if since is not None:
                    until = terms.expires_at(gate, role, since)
                    found += [
                        _rung(policy, request, clock, gate, role, since, until, i, rung, now)
                        for i, rung in highest.values()
                    ]
    return found


def _unanswered(clock: Clock, gate: Stage, terms: GateTerms) -> list[str]:
    """Roles that were asked and have not approved often enough, by the stage clock alone."""
    asked: dict[str, int] = {}
    for e in clock.events:
        if e.stage is not gate or e.role is None:
            continue
        if e.event is Event.SUBMITTED:
            asked[e.role] = max(
                (a.signatures for tier in terms.asked.values() for a in tier if a.role == e.role), default=1
            )
        elif e.event is Event.APPROVED and e.role in asked:
            asked[e.role] -= 1
    return [role for role, missing in asked.items() if missing > 0]


def _rung(
    policy: Policy, request: Request, clock: Clock, gate: Stage, role: str, since: datetime, until: datetime | None,
    number: int, rung: Rung, now: datetime,
) -> Candidate:  # fmt: skip
    kind = "reminder" if rung.kind == "reminder" else "escalated"
    key = f"{kind}/{request.id}/{gate}/{clock.attempt(gate)}/{role}/{since.isoformat()}/{number}"
    roles = [role] if "signers" in rung.tell else []
    people = [request.requester] if "requester" in rung.tell else []
    people += policy.owners.members if OWNERS in rung.tell else ()
    roles += [told for told in rung.tell if told not in ("signers", "requester", OWNERS)]
    told = {
        "request_id": request.id, "gate": gate.value, "roles": roles, "people": people, "waiting": [role],
        "since": since.isoformat(), "by": until.isoformat() if until else None, "at": now.isoformat(),
    }  # fmt: skip

    def draft(tx: Transaction) -> Draft | None:
        missing = role in waited_for(tx, request, gate)
        return Draft(f"{PLANNING}.{kind}", key, told, now, PLANNING) if missing else None

    return Candidate(key, draft)


def due_warnings(tx: Transaction, policy: Policy, now: datetime) -> list[Candidate]:
    """Deadlines that come near or were missed, while whatever is late is still under way.

    Near: the requester and those who are waited for; missed: also those whom the policy names.
    """
    requests = tx.requests(state=RequestState.OPEN)
    events = tx.events_of([r.id for r in requests])
    found = []
    for request in requests:
        clock = Clock(events[request.id])
        for deadline in deadlines(policy, request, clock):
            if standing := deadline.standing(now):
                found.append(_warning(policy, request, clock, deadline, standing, now))
    return found


def _warning(policy: Policy, request: Request, clock: Clock, late: Deadline, standing: str, now: datetime) -> Candidate:
    key = f"late/{request.id}/{late.stage or 'request'}/{late.attempt}/{late.due.isoformat()}/{standing}"
    return Candidate(key, lambda tx: _late(tx, policy, request, clock, late, key, missed=standing == "missed", now=now))


def _late(
    tx: Transaction,
    policy: Policy,
    request: Request,
    clock: Clock,
    late: Deadline,
    key: str,
    *,
    missed: bool,
    now: datetime,
) -> Draft:
    gates: Sequence[Stage] = [g for g in GATES if late.stage in (None, g)]
    waiting = list(dict.fromkeys(role for gate in gates for role in waited_for(tx, request, gate)))
    tell = policy.service_levels.tell if missed else ()
    what = late.stage.value if late.stage else "the request as a whole"
    told: dict[str, Any] = {
        "request_id": request.id, "gate": "", "stage": late.stage.value if late.stage else "", "what": what,
        "missed": missed, "promise": late.promise, "since": late.since.isoformat(), "by": late.due.isoformat(),
        "waiting": waiting, "blocked": _blocked(clock), "roles": [*waiting, *(t for t in tell if t != OWNERS)],
        "people": list(policy.owners.members) if OWNERS in tell else [], "at": now.isoformat(),
    }  # fmt: skip
    return Draft(f"{PLANNING}.late", key, told, now, PLANNING)


def _blocked(clock: Clock) -> str:
    """Why the request is held back now, in words; empty when it is not."""
    for stage in clock.current():
        changes = [
            e for e in clock.events
            if e.stage is stage and e.attempt == clock.attempt(stage) and e.event in (Event.PAUSED, Event.RESUMED)
        ]  # fmt: skip
        if changes and changes[-1].event is Event.PAUSED:
            return changes[-1].reason or changes[-1].reason_code or ""
    return ""
