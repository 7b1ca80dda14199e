"""The inbox: what waits for a person's signature, for how long, until when, on what evidence; and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sluice import data_docs
from sluice.approval import (
    Authority,
    Person,
    Standing,
    asked_at,
    authorities,
    expiries,
    gate_standing,
    promised,
    readable,
)
from sluice.approval.standing import asked_by, people
from sluice.governance import Delegation
from sluice.ledger import Decision, Request, RequestState, Transaction
from sluice.policy import Policy
from sluice.pull import ServiceClass
from sluice.pull.deadlines import Deadline, deadlines
from sluice.review.glance import Note, glance
from sluice.stages import GATES, Clock, Event, Stage

MOST = 50
"""How many waiting signatures are shown at once, the most urgent first."""


@dataclass(frozen=True)
class Waiting:
    """A signature that this person may give. `waited` are seconds on the wall, `worked` those in the role's business hours."""

    request: Request
    gate: Stage
    role: str
    on_behalf_of: str | None
    """For whom, when the person only stands in."""
    title: str
    tier: str
    why: tuple[str, ...]
    since: datetime
    until: datetime | None
    """When the request expires if nobody answers; None: never."""
    waited: float
    worked: float
    needed: int
    given: int
    bulk: bool
    """Whether it may be decided together with others."""
    evidence_digest: str
    notes: tuple[Note, ...]
    others: tuple[str, ...]
    """The other roles that this gate still waits for."""
    docs: Mapping[str, str]
    deadlines: tuple[Deadline, ...]
    """By when the gate and the request as a whole should be done, the first first. Missing one ends nothing."""

    def standing(self, deadline: Deadline) -> str:
        """Whether the deadline is near or missed at the moment of looking."""
        return deadline.standing(self.since + timedelta(seconds=self.waited))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, durations in seconds, times in ISO 8601 UTC."""
        return {
            "request": self.request.id,
            "source": self.request.source,
            "title": self.title,
            "gate": self.gate.value,
            "role": self.role,
            "on_behalf_of": self.on_behalf_of,
            "tier": self.tier,
            "tier_reasons": list(self.why),
            "use_case": self.request.use_case,
            "class_of_service": ServiceClass.of(self.request.priority).value,
            "due": self.request.due.isoformat() if self.request.due else None,
            "requester": self.request.requester,
            "since": self.since.isoformat(),
            "should_by": self.deadlines[0].due.isoformat() if self.deadlines else None,
            "service_levels": [
                {
                    "stage": d.stage and d.stage.value,
                    "due": d.due.isoformat(),
                    "standing": self.standing(d) or "in time",
                    "promise": d.promise,
                }
                for d in self.deadlines
            ],
            "expires_at": self.until.isoformat() if self.until else None,
            "waiting_seconds": round(self.waited),
            "waiting_business_seconds": round(self.worked),
            "signatures": {"needed": self.needed, "given": self.given},
            "bulk": self.bulk,
            "evidence_digest": self.evidence_digest,
            "at_a_glance": [{"part": n.part, "tone": n.tone, "says": n.says} for n in self.notes],
            "also_waiting_for": list(self.others),
            "data_docs": dict(self.docs),
        }


@dataclass(frozen=True)
class Inbox:
    """What waits, the most urgent first; `more` is how many others may wait that are not listed."""

    waiting: tuple[Waiting, ...]
    more: int = 0


@dataclass(frozen=True)
class _Candidate:
    request: Request
    clock: Clock
    gate: Stage
    role: str
    since: datetime
    rights: list[Authority]


def inbox(
    tx: Transaction, policy: Policy, person: Person, now: datetime, *, run_id: str | None = None, most: int = MOST
) -> Inbox:
    """What waits for this person's signature, the first class of service first, then the longest wait.

    With `run_id` only what belongs to that DAG run.
    """
    candidates = _candidates(tx, policy, person, now, run_id)
    found: list[Waiting] = []
    for seen, candidate in enumerate(candidates):
        if len(found) >= most:
            return Inbox(tuple(found), len(candidates) - seen)
        if waiting := _confirmed(tx, policy, candidate, person.name, now):
            found.append(waiting)
    return Inbox(tuple(found))


def _candidates(tx: Transaction, policy: Policy, person: Person, now: datetime, run_id: str | None) -> list[_Candidate]:
    """Signatures that were asked of the person's roles and not given by the person, from the stage clock alone."""
    known = tx.delegations()
    rights_under = cache(lambda digest: held_under(policy, promised(tx, by_digest[digest]), known, person, now))
    requests = [
        r for r in tx.requests(state=RequestState.OPEN) if r.requester != person.name and run_id in (None, r.run_id)
    ]
    requests = readable(tx, requests)
    by_digest = {r.policy_digest: r for r in requests}
    if not any(rights_under(digest) for digest in by_digest):
        return []
    events = tx.events_of([r.id for r in requests])
    found = []
    for request in requests:
        clock = Clock(events.get(request.id, ()))
        for gate in (g for g in GATES if clock.is_open(g)):
            terms, attempt = promised(tx, request).gates[gate], clock.attempt(gate)
            asked = {
                e.role: e.seq for e in clock.events if (e.stage, e.attempt, e.event) == (gate, attempt, Event.SUBMITTED)
            }
            rights = rights_under(request.policy_digest)
            for role in (r for r in rights if r in asked):
                needed = max((a.signatures for tier in terms.asked.values() for a in tier if a.role == role), default=1)
                given = {
                    e.actor for e in clock.events
                    if (e.stage, e.event, e.role) == (gate, Event.APPROVED, role) and e.seq > asked[role]
                }  # fmt: skip
                since = asked_at(clock, gate, role)
                if since is not None and person.name not in given and len(given) < needed:
                    found.append(_Candidate(request, clock, gate, role, since, rights[role]))
    order = list(ServiceClass)
    return sorted(found, key=lambda c: (order.index(ServiceClass.of(c.request.priority)), c.since, c.request.id))


def _confirmed(tx: Transaction, policy: Policy, candidate: _Candidate, user: str, now: datetime) -> Waiting | None:
    """The candidate with its evidence; None when the ledger does not ask this person after all."""
    request, gate, role = candidate.request, candidate.gate, candidate.role
    standing = gate_standing(tx, request, gate)
    group = standing.group(role)
    right = next((r for r in candidate.rights if may_sign(tx, request, standing, role, user, r)), None)
    if group is None or not group.missing or right is None:
        return None
    pack = tx.evidence(request.id, gate, standing.evidence_digest) or {}
    terms = promised(tx, request)
    until = next((e.at for e in expiries(terms, candidate.clock, standing) if e.role == role), None)
    return Waiting(
        request, gate, role, right.on_behalf_of, title(pack, request), standing.tier,
        tuple(pack.get("tier_reasons", request.tier_reasons)), candidate.since, until,
        (now - candidate.since).total_seconds(), policy.calendar_of(role).seconds_between(candidate.since, now),
        group.asked.signatures, len(group.signatures), standing.tier in terms.tiers.bulk, standing.evidence_digest,
        glance(pack), tuple(r for r in standing.missing if r != role), docs_of(request, pack),
        tuple(sorted((d for d in deadlines(policy, request, candidate.clock) if d.stage in (None, gate)), key=lambda d: (d.due, d.stage is None))),
    )  # fmt: skip


def rights_of(
    tx: Transaction, policy: Policy, request: Request, person: Person, now: datetime
) -> dict[str, list[Authority]]:
    """The roles the person may sign as now on this request, each with every right that gives it, the own first."""
    return held_under(policy, promised(tx, request), tx.delegations(), person, now)


def held_under(
    policy: Policy, promise: Policy, delegations: Sequence[Delegation], person: Person, now: datetime
) -> dict[str, list[Authority]]:
    """By the policy in force; a role that it no longer knows has the people it had in the policy that was promised."""
    gone = {r for r in promise.roles if r not in policy.roles}
    before = held(promise, delegations, person, now) if gone else {}
    return held(policy, delegations, person, now) | {r: rights for r, rights in before.items() if r in gone}


def held(
    policy: Policy, delegations: Sequence[Delegation], person: Person, now: datetime
) -> dict[str, list[Authority]]:
    """The roles the person may sign as by this policy, each with every right that gives it."""
    found = {role: authorities(policy, delegations, person, role, now) for role in policy.roles}
    return {role: rights for role, rights in found.items() if rights}


def may_sign(tx: Transaction, request: Request, standing: Standing, role: str, user: str, right: Authority) -> bool:
    """Whether four eyes allow this person's signature here. The last word is `sluice.approval.decide`'s."""
    own = {p for p in (user, right.on_behalf_of) if p}
    if own & asked_by(tx, request):
        return False
    terms = promised(tx, request).gates[standing.gate]
    return not any(own & people(d) and terms.must_differ(d.role, role) for d in standing.signed)


def docs_of(request: Request, pack: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of the Data Docs the pack tells of, by table."""
    kept = pack.get("quality", {}).get("data_docs", {})
    return {name: data_docs.address(request.id, name) for name, docs in kept.items() if "page" in docs}


def title(pack: Mapping[str, Any], request: Request) -> str:
    """What the contract calls itself, for people; its id when it has no name."""
    return str(pack.get("contract", {}).get("name") or request.source)


@dataclass(frozen=True)
class Decided:
    """A decision of this person, with the request it was about."""

    decision: Decision
    request: Request


def history(tx: Transaction, user: str, most: int = MOST) -> list[Decided]:
    """What this person decided, newest first."""
    decided = []
    requests: dict[str, Request | None] = {}
    for decision in reversed(tx.decisions(actor=user)[-most:]):
        request = requests.setdefault(decision.request_id, tx.request(decision.request_id))
        if request is not None:
            decided.append(Decided(decision, request))
    return decided
