"""Opening a gate: people are asked on the evidence as it is, and what they signed before is carried where it may be."""

from __future__ import annotations

from datetime import datetime

from sluice.approval.standing import (
    Standing,
    asked_by,
    ends_request,
    gate_standing,
    people,
    promised,
    standing_approvals,
    unchanged,
)
from sluice.ledger import Artifact, Decision, Request, RequestState, Transaction, Verdict
from sluice.onboarding import finish_stage, live_request, require_ready
from sluice.policy import POLICY_ACTOR
from sluice.stages import Clock, Event, Stage


def open_gate(tx: Transaction, request_id: str, gate: Stage, evidence: Artifact, now: datetime) -> Standing:
    """Ask for signatures on this evidence.

    Signatures on the very same evidence stay good. On other evidence those stay good whose parts are the same, which
    is recorded as a decision of its own (CARRY); what is pre-approved is signed by the policy, recorded likewise.
    """
    request = live_request(tx, request_id)
    clock = Clock(tx.events(request_id))
    require_ready(clock, request_id, gate)
    attempt = clock.attempt(gate)
    if clock.completed(gate):
        attempt += 1
        tx.append(request_id, gate, attempt, Event.READY, now, reason="done again")
    packs = tx.packs(request_id, gate)
    fresh = attempt != clock.attempt(gate) or not clock.started(gate)
    if fresh or not packs or packs[-1].digest != evidence.digest:
        tx.add_artifact(request_id, evidence, now)
        if fresh:
            tx.append(request_id, gate, attempt, Event.STARTED, now, digest=evidence.digest)
        carry_over(tx, request, gate, attempt, now)
        asked = gate_standing(tx, request, gate)
        for role in asked.missing:
            tx.append(request_id, gate, attempt, Event.SUBMITTED, now, role=role, digest=evidence.digest,
                      reason=asked.wanted(role))  # fmt: skip
    standing = gate_standing(tx, request, gate)
    if standing.satisfied:
        finish_stage(tx, request, gate, now, digest=evidence.digest)
    return standing


def carry_over(tx: Transaction, request: Request, gate: Stage, attempt: int, now: datetime) -> None:
    """Record which earlier signatures stay good on the newest evidence, and the policy's own."""
    policy, standing = promised(tx, request), gate_standing(tx, request, gate)
    current = tx.packs(request.id, gate)[-1]
    askers = asked_by(tx, request)
    for original in _originals(tx, request, gate):
        group = standing.group(original.role)
        if group is None or not group.missing or original.actor == POLICY_ACTOR:
            continue
        if askers & people(original) or original in standing.signed:
            continue
        seen = next((p for p in tx.packs(original.request_id, gate) if p.digest == original.evidence_digest), None)
        if seen is None or not unchanged(policy, original.role, seen.parts, current.parts):
            continue
        said = f"carried over: what {original.role} looks at is the same as when {original.actor} signed (decision {original.seq})"
        decision = tx.decide(request.id, gate, original.role, Verdict.CARRY, original.actor, said, current.digest, now,
                             carries=original.seq, on_behalf_of=original.on_behalf_of, delegation=original.delegation,
                             policy_digest=request.policy_digest)  # fmt: skip
        _tell(tx, decision, attempt, now)
        standing = gate_standing(tx, request, gate)
    for group in standing.groups:
        if group.asked.pre_approved and group.missing:
            decision = tx.decide(request.id, gate, group.role, Verdict.APPROVE, POLICY_ACTOR,
                                 f"pre-approved: {group.asked.pre_approved}", current.digest, now,
                                 policy_digest=request.policy_digest)  # fmt: skip
            _tell(tx, decision, attempt, now)


def _originals(tx: Transaction, request: Request, gate: Stage) -> list[Decision]:
    """Approvals by people that were good once: in this request, and in the returned one that it continues."""
    before = tx.request(request.continues) if request.continues else None
    asked = [before] if before is not None and before.state is RequestState.RETURNED else []
    found: dict[int, Decision] = {}
    for one in (*asked, request):
        decisions = [d for d in tx.decisions(one.id) if d.gate is gate]
        approvals = standing_approvals(d for d in decisions if not ends_request(d))
        roots = {d.seq: d for d in tx.decisions_numbered([d.carries for d in approvals if d.carries is not None])}
        for d in approvals:
            root = roots.get(d.carries or 0, d)
            found[root.seq] = root
    revoked = [d for d in tx.decisions(request.id) if d.verdict is Verdict.REVOKE and d.gate is gate]
    return [
        root
        for root in sorted(found.values(), key=lambda d: d.seq)
        if not any((r.role, r.actor) == (root.role, root.actor) and r.seq > root.seq for r in revoked)
    ]


def _tell(tx: Transaction, decision: Decision, attempt: int, now: datetime) -> None:
    tx.append(decision.request_id, decision.gate, attempt, Event.APPROVED, now, actor=decision.actor, role=decision.role,
              reason=decision.comment, digest=decision.evidence_digest)  # fmt: skip
