"""Gates: who must sign, on which evidence, and the one function through which every decision enters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sluice.chain import broken_link
from sluice.errors import NotApprovedError, RefusedError
from sluice.ledger import Artifact, Decision, Request, RequestState, Transaction, Verdict
from sluice.onboarding import finish_stage, live_request, require_ready
from sluice.policy import Policy
from sluice.stages import GATES, Clock, Event, Stage


@dataclass(frozen=True)
class Standing:
    """Where a gate stands. `signed` are the decisions that count: approvals of the evidence as it is now."""

    gate: Stage
    evidence_digest: str
    required: tuple[str, ...]
    signed: tuple[Decision, ...]
    against: Decision | None
    """A rejection or a return, which ends the request."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Roles that have not signed yet."""
        done = {d.role for d in self.signed}
        return tuple(r for r in self.required if r not in done)

    @property
    def satisfied(self) -> bool:
        return bool(self.evidence_digest) and not self.missing and self.against is None


def open_gate(
    tx: Transaction, request_id: str, gate: Stage, evidence: Artifact, roles: tuple[str, ...], now: datetime
) -> Standing:
    """Ask for signatures on this evidence. Signatures already given on the very same evidence stay good."""
    request = live_request(tx, request_id)
    clock = Clock(tx.events(request_id))
    require_ready(clock, request_id, gate)
    attempt = clock.attempt(gate)
    if clock.completed(gate):
        attempt += 1
        tx.append(request_id, gate, attempt, Event.READY, now, reason="done again")
    current = [a for a in tx.artifacts(request_id) if a.stage is gate]
    fresh = attempt != clock.attempt(gate) or not clock.started(gate)
    if fresh or not current or current[0].digest != evidence.digest:
        tx.add_artifact(request_id, evidence, now)
        if fresh:
            tx.append(request_id, gate, attempt, Event.STARTED, now, digest=evidence.digest)
        for role in roles:
            tx.append(request_id, gate, attempt, Event.SUBMITTED, now, role=role, digest=evidence.digest)
    standing = gate_standing(tx, request, gate)
    if standing.satisfied:
        finish_stage(tx, request, gate, now, digest=evidence.digest)
    return standing


def gate_standing(tx: Transaction, request: Request, gate: Stage) -> Standing:
    """Where the gate stands now, from the ledger alone."""
    packs = [a for a in tx.artifacts(request.id) if a.stage is gate]
    digest = packs[0].digest if packs else ""
    required = tuple(packs[0].content["signatures"]) if packs else tuple(request.signatures[gate])
    decisions = [d for d in tx.decisions(request.id) if d.gate is gate]
    against = next((d for d in decisions if d.verdict is not Verdict.APPROVE), None)
    signed: dict[str, Decision] = {}
    for d in decisions:
        # Read as sceptically as it was written: a row that breaks a rule counts for nothing.
        if (
            d.verdict is Verdict.APPROVE
            and d.role in required
            and d.evidence_digest == digest
            and d.actor != request.requester
        ):
            signed.setdefault(d.role, d)
    people: dict[str, Decision] = {}
    for d in signed.values():
        people.setdefault(d.actor, d)
    return Standing(gate, digest, required, tuple(people.values()), against)


def require_approvals(tx: Transaction, request: Request) -> None:
    """Fail closed: raises NotApprovedError unless every gate is satisfied by recorded decisions right now.

    Nothing counts while the chain of decisions is broken, wherever the break is (LEDGER_BROKEN).
    """
    if problem := broken_link(tx.decisions()):
        raise NotApprovedError("LEDGER_BROKEN", f"the record of decisions cannot be trusted: {problem}", where=request.id,
                               mend="`sluice ledger verify` says where; call the platform owner.")  # fmt: skip
    for gate in GATES:
        standing = gate_standing(tx, request, gate)
        if not standing.satisfied:
            lacking = f"no signature of {', '.join(standing.missing)}" if standing.missing else "it was decided against"
            raise NotApprovedError("NOT_APPROVED", f"the {gate} gate is not satisfied: {lacking}", where=request.id,
                                   mend="Only decisions recorded in the ledger open a gate.")  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A decision as a person makes it. `evidence_digest` names what the person saw."""

    request_id: str
    gate: Stage
    role: str
    verdict: Verdict
    actor: str
    comment: str
    evidence_digest: str


def decide(tx: Transaction, policy: Policy, choice: Choice, now: datetime) -> Decision:
    """Record a decision, or raise RefusedError saying why not; the same for page, REST and command line.

    The last missing approval completes the gate; a rejection or a return ends the request.
    """
    request = tx.request(choice.request_id)
    if request is None:
        raise RefusedError("NO_REQUEST", f"there is no request {choice.request_id!r}", status=404)
    _refuse_person(policy, request, choice)
    if request.state is not RequestState.OPEN:
        raise RefusedError("REQUEST_CLOSED", f"{request.id} is {request.state}: {request.state_reason or 'nothing is left to decide'}",
                           status=409)  # fmt: skip
    clock = Clock(tx.events(request.id))
    standing = gate_standing(tx, request, choice.gate)
    if choice.role not in standing.required:
        raise RefusedError("ROLE_NOT_ASKED", f"the {choice.gate} gate does not ask {choice.role!r}", status=403,
                           mend=f"It asks {', '.join(standing.required)}.")  # fmt: skip
    if clock.completed(choice.gate) or choice.role not in standing.missing:
        given = next((d for d in standing.signed if d.role == choice.role), None)
        by = f" by {given.actor} at {given.at:%Y-%m-%d %H:%M} UTC" if given else ""
        raise RefusedError("ALREADY_DECIDED", f"{choice.role} has already decided at {choice.gate}{by}", status=409)
    if not clock.started(choice.gate):
        waiting = ", ".join(clock.current()) or "an earlier stage"
        raise RefusedError(
            "GATE_NOT_OPEN", f"the {choice.gate} gate is not open; the request is at {waiting}", status=409
        )
    if choice.evidence_digest != standing.evidence_digest:
        raise RefusedError("STALE_EVIDENCE", "the evidence is not what you saw", status=409, where=f"now {standing.evidence_digest[:12]}",
                           mend="Look at it again, then decide.")  # fmt: skip
    if choice.verdict is Verdict.APPROVE and (
        other := next((d for d in standing.signed if d.actor == choice.actor), None)
    ):
        raise RefusedError(
            "SAME_PERSON", f"{choice.actor} has already signed as {other.role}; two roles need two people", status=403
        )
    if choice.verdict is not Verdict.APPROVE and not choice.comment.strip():
        raise RefusedError(
            "COMMENT_NEEDED", f"to {choice.verdict} needs a reason", status=400, mend="Say why in the comment."
        )
    decision = tx.decide(
        request.id, choice.gate, choice.role, choice.verdict, choice.actor, choice.comment, choice.evidence_digest, now
    )
    _record(tx, request, decision, clock.attempt(choice.gate), now)
    return decision


def _refuse_person(policy: Policy, request: Request, choice: Choice) -> None:
    if choice.gate not in GATES:
        raise RefusedError("NO_GATE", f"{choice.gate!r} is not a gate", status=404, mend=f"Gates: {', '.join(GATES)}.")
    if choice.actor == request.requester:
        raise RefusedError("OWN_REQUEST", f"{choice.actor} asked for {request.id} and cannot decide on it", status=403)
    if choice.role not in policy.roles_of(choice.actor):
        held = ", ".join(policy.roles_of(choice.actor)) or "no role"
        raise RefusedError(
            "NOT_YOUR_ROLE", f"{choice.actor} may not sign as {choice.role!r} (holds {held})", status=403
        )


def _record(tx: Transaction, request: Request, decision: Decision, attempt: int, now: datetime) -> None:
    event = {Verdict.APPROVE: Event.APPROVED, Verdict.REJECT: Event.REJECTED, Verdict.RETURN: Event.RETURNED}[
        decision.verdict
    ]
    tx.append(request.id, decision.gate, attempt, event, now, actor=decision.actor, role=decision.role,
              reason=decision.comment or None, digest=decision.evidence_digest)  # fmt: skip
    if decision.verdict is Verdict.APPROVE:
        if gate_standing(tx, request, decision.gate).satisfied:
            finish_stage(tx, request, decision.gate, now, digest=decision.evidence_digest)
        return
    ended = {Verdict.REJECT: RequestState.REJECTED, Verdict.RETURN: RequestState.RETURNED}[decision.verdict]
    reason = f"{ended} at {decision.gate} by {decision.actor} ({decision.role}): {decision.comment}"
    tx.append(request.id, decision.gate, attempt, event, now, reason=reason)
    tx.close_request(request.id, ended, reason, now)
