"""The one function through which every decision enters: page, REST and command line alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sluice.approval.delegating import Authority, Person, authorities
from sluice.approval.expiry import expiries
from sluice.approval.standing import Group, Standing, asked_by, gate_standing, people, promised, standing_approvals
from sluice.errors import RefusedError
from sluice.evidence_changes import changed_words
from sluice.histories import Origin
from sluice.ledger import Decision, Request, RequestState, Transaction, Verdict
from sluice.onboarding import finish_stage
from sluice.policy import POLICY_ACTOR, Policy
from sluice.stages import GATES, Clock, Event, Stage
from sluice.words import minute

BACK_TO = {
    Stage.ADMISSION: (Stage.REQUEST,),
    Stage.PUBLICATION: (Stage.REQUEST, Stage.LAND, Stage.PROFILE, Stage.CHECK),
}
"""Where a gate can return a request to. To `request` means that the contract must change: the request ends."""


@dataclass(frozen=True)
class Choice:
    """A decision as a person makes it. `evidence_digest` names what the person saw; `back_to` is where to return to.

    `groups` are those the auth manager says the person is in.
    """

    request_id: str
    gate: Stage
    role: str
    verdict: Verdict
    actor: str
    comment: str
    evidence_digest: str
    back_to: Stage | None = None
    groups: frozenset[str] = frozenset()


def decide(tx: Transaction, policy: Policy, choice: Choice, now: datetime) -> Decision:
    """Record a decision, or raise RefusedError saying why not, with the HTTP status that says the same.

    Who may sign is what `policy`, the one in force, says; what must be signed is what the request was promised. The
    last missing approval completes the gate; a rejection or a return to `request` ends the request; a return to a
    later stage makes a new attempt of it; a revocation opens the gate again.
    """
    request = tx.request(choice.request_id)
    if request is None:
        raise RefusedError("NO_REQUEST", f"there is no request {choice.request_id!r}", status=404)
    if request.origin != Origin.LIVE:
        raise RefusedError("SIMULATED", f"{request.id} is simulated: there is nothing to decide", status=409)
    if choice.gate not in GATES:
        raise RefusedError("NO_GATE", f"{choice.gate!r} is not a gate", status=404, mend=f"Gates: {', '.join(GATES)}.")
    authority = _authority(tx, policy, request, choice, now)
    _refuse_closed(request)
    clock, standing = Clock(tx.events(request.id)), gate_standing(tx, request, choice.gate)
    tx.add_policy_version(policy.digest, policy.content, now)
    if choice.verdict is Verdict.REVOKE:
        return _revoke(tx, policy, request, choice, clock, now)
    group = _refuse_unasked(standing, choice)
    _refuse_not_open(clock, standing, choice, group)
    _refuse_expired(tx, request, choice.gate, clock, standing, now)
    if choice.evidence_digest != standing.evidence_digest:
        raise _stale(tx, request, choice, standing)
    if choice.verdict is Verdict.APPROVE:
        authority = _refuse_same_person(tx, policy, request, choice, standing, now)
    elif not choice.comment.strip():
        raise RefusedError(
            "COMMENT_NEEDED", f"to {choice.verdict} needs a reason", status=400, mend="Say why in the comment."
        )
    back_to = _back_to(choice)
    decision = tx.decide(
        request.id, choice.gate, choice.role, choice.verdict, choice.actor, choice.comment, choice.evidence_digest, now,
        back_to=back_to and back_to.value, on_behalf_of=authority.on_behalf_of, delegation=authority.delegation,
        policy_digest=policy.digest,
    )  # fmt: skip
    _record(tx, request, decision, clock, now)
    return decision


def _authority(tx: Transaction, policy: Policy, request: Request, choice: Choice, now: datetime) -> Authority:
    askers = asked_by(tx, request)
    if choice.actor in askers:
        raise RefusedError("OWN_REQUEST", f"{choice.actor} asked for {request.id} and cannot decide on it", status=403)
    person = Person(choice.actor, choice.groups)
    known = tx.delegations()
    rights = _rights(tx, policy, request, choice, now) if choice.actor != POLICY_ACTOR else []
    if not rights:
        held = [r for r in policy.roles if authorities(policy, known, person, r, now)]
        raise RefusedError("NOT_YOUR_ROLE", f"{choice.actor} may not sign as {choice.role!r} (holds {', '.join(held) or 'no role'})",
                           status=403)  # fmt: skip
    usable = [r for r in rights if r.on_behalf_of not in askers]
    if not usable:
        raise RefusedError(
            "OWN_REQUEST",
            f"{choice.actor} would sign for {rights[0].on_behalf_of}, who asked for {request.id}",
            status=403,
        )
    return usable[0]


def _rights(tx: Transaction, policy: Policy, request: Request, choice: Choice, now: datetime) -> list[Authority]:
    """By the policy in force; a role it no longer knows has the people it had when the request was promised it."""
    source = policy if choice.role in policy.roles else promised(tx, request)
    return authorities(source, tx.delegations(), Person(choice.actor, choice.groups), choice.role, now)


def _refuse_closed(request: Request) -> None:
    if request.state is RequestState.EXPIRED:
        raise RefusedError("EXPIRED", f"{request.id} is over: {request.state_reason}", status=410,
                           mend="Ask again with `sluice request`; nothing was approved.")  # fmt: skip
    if request.state is not RequestState.OPEN:
        said = request.state_reason or "nothing is left to decide"
        raise RefusedError("REQUEST_CLOSED", f"{request.id} is {request.state}: {said}", status=409)


def _refuse_unasked(standing: Standing, choice: Choice) -> Group | None:
    group = standing.group(choice.role)
    if group is None and (choice.verdict is Verdict.APPROVE or choice.role not in standing.vetoes):
        may = "; it may only reject or return" if choice.role in standing.vetoes else ""
        raise RefusedError("ROLE_NOT_ASKED", f"the {choice.gate} gate does not ask {choice.role!r}{may}", status=403,
                           mend=f"It asks {', '.join(standing.required)}.")  # fmt: skip
    return group


def _refuse_not_open(clock: Clock, standing: Standing, choice: Choice, group: Group | None) -> None:
    signed = [s.decision for s in group.signatures] if group else []
    own = next((d for d in signed if d.actor == choice.actor), None)
    by_people = [d for d in signed if d.actor != POLICY_ACTOR]
    full = group is not None and not group.missing and (by_people or choice.verdict is Verdict.APPROVE)
    if clock.completed(choice.gate) or own or full:
        given = own or (signed[-1] if signed else None)
        by = f" by {given.actor} at {minute(given.at)} UTC" if given else ""
        raise RefusedError("ALREADY_DECIDED", f"{choice.role} has already decided at {choice.gate}{by}", status=409,
                           mend="An approval of one's own can be revoked before publication.")  # fmt: skip
    if not clock.is_open(choice.gate):
        waiting = ", ".join(clock.current()) or "an earlier stage"
        raise RefusedError(
            "GATE_NOT_OPEN", f"the {choice.gate} gate is not open; the request is at {waiting}", status=409
        )


def _refuse_expired(
    tx: Transaction, request: Request, gate: Stage, clock: Clock, standing: Standing, now: datetime
) -> None:
    over = [e for e in expiries(promised(tx, request), clock, standing) if e.at <= now]
    if over:
        raise RefusedError("EXPIRED", f"{request.id} is over: {over[0].role} had until {minute(over[0].at)} UTC at {gate}",
                           status=410, mend="Ask again with `sluice request`; nothing was approved.")  # fmt: skip


def _stale(tx: Transaction, request: Request, choice: Choice, standing: Standing) -> RefusedError:
    changed = changed_words(tx, request, choice.gate, choice.evidence_digest, standing.evidence_digest)
    said = f"the evidence is not what you saw: {'; '.join(changed)}"
    return RefusedError("STALE_EVIDENCE", said, status=409, where=f"now {standing.evidence_digest[:12]}",
                        mend="Look at it again, then decide.", details={"changed": changed, "evidence_digest": standing.evidence_digest})  # fmt: skip


def _refuse_same_person(
    tx: Transaction, policy: Policy, request: Request, choice: Choice, standing: Standing, now: datetime
) -> Authority:
    """The right to sign by: one whose people have not signed where different people are needed."""
    terms = promised(tx, request).gates[choice.gate]
    taken = [d for d in standing.signed if d.actor != POLICY_ACTOR and terms.must_differ(d.role, choice.role)]
    clash: Decision | None = None
    for right in _rights(tx, policy, request, choice, now):
        own = {p for p in (choice.actor, right.on_behalf_of) if p}
        other = next((d for d in taken if own & people(d)), None)
        if other is None and not own & asked_by(tx, request):
            return right
        clash = clash or other
    who = clash.actor if clash else choice.actor
    as_role = clash.role if clash else choice.role
    raise RefusedError(
        "SAME_PERSON", f"{who} has already signed as {as_role}; two signatures need two people", status=403
    )


def _back_to(choice: Choice) -> Stage | None:
    if choice.verdict is not Verdict.RETURN:
        if choice.back_to is not None:
            raise RefusedError("BACK_TO", "only a return names a stage to go back to", status=400)
        return None
    stage = choice.back_to or Stage.REQUEST
    if stage not in BACK_TO[choice.gate]:
        raise RefusedError("BACK_TO", f"{choice.gate} cannot return to {stage}", status=400,
                           mend=f"Return to {', '.join(BACK_TO[choice.gate])}.")  # fmt: skip
    return stage


def _record(tx: Transaction, request: Request, decision: Decision, clock: Clock, now: datetime) -> None:
    gate, attempt = decision.gate, clock.attempt(decision.gate)
    event = {Verdict.APPROVE: Event.APPROVED, Verdict.REJECT: Event.REJECTED, Verdict.RETURN: Event.RETURNED}[
        decision.verdict
    ]
    tx.append(request.id, gate, attempt, event, now, actor=decision.actor, role=decision.role,
              reason=decision.comment or None, digest=decision.evidence_digest)  # fmt: skip
    if decision.verdict is Verdict.APPROVE:
        if gate_standing(tx, request, gate).satisfied:
            finish_stage(tx, request, gate, now, digest=decision.evidence_digest)
        return
    if decision.verdict is Verdict.RETURN and decision.back_to != Stage.REQUEST:
        stage = Stage(str(decision.back_to))
        reason = f"returned to {stage} by {decision.actor} ({decision.role}): {decision.comment}"
        tx.append(request.id, gate, attempt, event, now, reason=reason)
        tx.append(request.id, stage, clock.attempt(stage) + 1, Event.READY, now, actor=decision.actor, reason=reason)
        return
    ended = {Verdict.REJECT: RequestState.REJECTED, Verdict.RETURN: RequestState.RETURNED}[decision.verdict]
    reason = f"{ended} at {gate} by {decision.actor} ({decision.role}): {decision.comment}"
    tx.append(request.id, gate, attempt, event, now, reason=reason)
    tx.close_request(request.id, ended, reason, now)


def _revoke(tx: Transaction, policy: Policy, request: Request, choice: Choice, clock: Clock, now: datetime) -> Decision:
    """Take back one's own approval; a gate that was complete is open again, and what came after it waits."""
    given = standing_approvals(d for d in tx.decisions(request.id) if d.gate is choice.gate)
    own = next((d for d in reversed(given) if (d.role, d.actor) == (choice.role, choice.actor)), None)
    if own is None:
        raise RefusedError(
            "NOTHING_TO_REVOKE", f"{choice.actor} has not approved as {choice.role} at {choice.gate}", status=409
        )
    if clock.attempt(Stage.PUBLISH) and clock.started(Stage.PUBLISH):
        raise RefusedError("TOO_LATE", f"{request.id} is being published", status=409,
                           mend="`sluice restore` puts a published table back; `sluice offboard` takes it away.")  # fmt: skip
    if not choice.comment.strip():
        raise RefusedError("COMMENT_NEEDED", "to revoke needs a reason", status=400, mend="Say why in the comment.")
    decision = tx.decide(request.id, choice.gate, choice.role, Verdict.REVOKE, choice.actor, choice.comment, own.evidence_digest,
                         now, carries=own.seq, policy_digest=policy.digest)  # fmt: skip
    attempt = clock.attempt(choice.gate)
    tx.append(request.id, choice.gate, attempt, Event.CANCELLED, now, actor=choice.actor, role=choice.role,
              reason=choice.comment, digest=own.evidence_digest)  # fmt: skip
    if clock.completed(choice.gate):
        attempt += 1
        reason = f"{choice.actor} ({choice.role}) took the approval back: {choice.comment}"
        tx.append(request.id, choice.gate, attempt, Event.READY, now, actor=choice.actor, reason=reason)
        tx.append(request.id, choice.gate, attempt, Event.STARTED, now, digest=own.evidence_digest)
    if clock.is_open(choice.gate) or clock.completed(choice.gate):
        tx.append(request.id, choice.gate, attempt, Event.SUBMITTED, now, role=choice.role, digest=own.evidence_digest,
                  reason=gate_standing(tx, request, choice.gate).wanted(choice.role))  # fmt: skip
    return decision
