"""The inbox: what waits for a person's signature, for how long, on what evidence; and what the person has decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sluice import data_docs
from sluice.approval import gate_standing
from sluice.ledger import Artifact, Decision, Request, RequestState, Transaction
from sluice.onboarding import found
from sluice.policy import Policy
from sluice.review.glance import Note, glance
from sluice.stages import GATES, Clock, Event, Stage


@dataclass(frozen=True)
class Waiting:
    """A signature that this person may give. `waited` are seconds on the wall, `worked` those in the role's business hours."""

    request: Request
    gate: Stage
    role: str
    title: str
    tier: str
    why: tuple[str, ...]
    since: datetime
    waited: float
    worked: float
    evidence_digest: str
    notes: tuple[Note, ...]
    others: tuple[str, ...]
    """The other roles that this gate still waits for."""
    docs: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, durations in seconds, times in ISO 8601 UTC."""
        return {
            "request": self.request.id,
            "source": self.request.source,
            "title": self.title,
            "gate": self.gate.value,
            "role": self.role,
            "tier": self.tier,
            "tier_reasons": list(self.why),
            "use_case": self.request.use_case,
            "priority": self.request.priority,
            "requester": self.request.requester,
            "since": self.since.isoformat(),
            "waiting_seconds": round(self.waited),
            "waiting_business_seconds": round(self.worked),
            "evidence_digest": self.evidence_digest,
            "at_a_glance": [{"part": n.part, "tone": n.tone, "says": n.says} for n in self.notes],
            "also_waiting_for": list(self.others),
            "data_docs": self.docs,
        }


def waiting_for(
    tx: Transaction, policy: Policy, user: str, now: datetime, *, run_id: str | None = None
) -> list[Waiting]:
    """What waits for this user's signature, the most urgent priority first and then the longest wait.

    With `run_id` only what belongs to that DAG run.
    """
    roles = policy.roles_of(user)
    if not roles:
        return []
    open_ones = [r for r in tx.requests(state=RequestState.OPEN) if r.requester != user and run_id in (None, r.run_id)]
    waiting = [w for request in open_ones for w in _of_request(tx, policy, request, user, roles, now)]
    return sorted(waiting, key=lambda w: (w.request.priority != "expedite", -w.waited, w.request.id))


def _of_request(
    tx: Transaction, policy: Policy, request: Request, user: str, roles: tuple[str, ...], now: datetime
) -> list[Waiting]:
    clock = Clock(tx.events(request.id))
    waiting = []
    for gate in (g for g in GATES if clock.is_open(g)):
        standing = gate_standing(tx, request, gate)
        if any(d.actor == user for d in standing.signed):
            continue
        mine = [r for r in standing.missing if r in roles]
        if not mine:
            continue
        pack = pack_of(tx, request.id, gate)
        docs = data_docs.addresses(request.id, found(tx, request, Stage.CHECK))
        content = pack.content if pack else {}
        for role in mine:
            since = asked_at(clock, gate, role)
            waiting.append(
                Waiting(
                    request, gate, role, title(content, request), content.get("tier", request.tier),
                    tuple(content.get("tier_reasons", request.tier_reasons)), since, (now - since).total_seconds(),
                    policy.calendar_of(role).seconds_between(since, now), standing.evidence_digest, glance(content),
                    tuple(r for r in standing.missing if r != role), docs,
                )
            )  # fmt: skip
    return waiting


def pack_of(tx: Transaction, request_id: str, gate: Stage) -> Artifact | None:
    """The evidence the gate decides on now; None while there is none."""
    return next((a for a in tx.artifacts(request_id) if a.stage is gate), None)


def title(pack: dict[str, Any], request: Request) -> str:
    """What the contract calls itself, for people; its id when it has no name."""
    return str(pack.get("contract", {}).get("name") or request.source)


def asked_at(clock: Clock, gate: Stage, role: str) -> datetime:
    """When this role was last asked at this gate."""
    at_gate = [e for e in clock.events if e.stage is gate]
    asked = [e.at for e in at_gate if e.event is Event.SUBMITTED and e.role == role]
    return asked[-1] if asked else next(e.at for e in at_gate if e.event is Event.STARTED)


@dataclass(frozen=True)
class Decided:
    """A decision of this person, with the request it was about."""

    decision: Decision
    request: Request


def history(tx: Transaction, user: str, most: int = 50) -> list[Decided]:
    """What this person decided, newest first."""
    decided = []
    requests: dict[str, Request | None] = {}
    for decision in reversed(tx.decisions(actor=user)[-most:]):
        request = requests.setdefault(decision.request_id, tx.request(decision.request_id))
        if request is not None:
            decided.append(Decided(decision, request))
    return decided
