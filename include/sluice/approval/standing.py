"""Where a gate stands: who must sign, who has, and which signatures count on the evidence as it is now.

Read from the ledger alone, and as sceptically as it was written: a row that breaks a rule counts for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sluice.chain import broken_near
from sluice.errors import BadInputError, NotApprovedError
from sluice.governance import Pack
from sluice.ledger import MACHINE, Decision, Request, RequestState, Transaction, Verdict
from sluice.policy import POLICY_ACTOR, Asked, GateTerms, Policy, Tiers, frozen_policy
from sluice.stages import GATES, Stage, signatures_wanted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signature:
    """An approval that counts. `original` is the approval that a carried one rests on, else the decision itself."""

    decision: Decision
    original: Decision

    @property
    def carried(self) -> bool:
        """Whether it was given on earlier evidence whose parts were the same."""
        return self.decision.verdict is Verdict.CARRY

    @property
    def by_policy(self) -> bool:
        """Whether the policy itself signed, because the role is pre-approved."""
        return self.decision.actor == POLICY_ACTOR


@dataclass(frozen=True)
class Group:
    """A signature group: what is asked of a role, and the signatures that count."""

    asked: Asked
    signatures: tuple[Signature, ...]

    @property
    def role(self) -> str:
        """The role that signs."""
        return self.asked.role

    @property
    def missing(self) -> int:
        """How many signatures are still needed."""
        return max(self.asked.signatures - len(self.signatures), 0)


@dataclass(frozen=True)
class Standing:
    """Where a gate stands. `vetoes`: roles that are not asked but may reject or return."""

    gate: Stage
    evidence_digest: str
    tier: str
    groups: tuple[Group, ...]
    vetoes: tuple[str, ...]
    against: Decision | None
    """A rejection, or a return to the requester: it ended the request."""

    @property
    def required(self) -> tuple[str, ...]:
        """The roles that must sign."""
        return tuple(g.role for g in self.groups)

    @property
    def signed(self) -> tuple[Decision, ...]:
        """The decisions that count."""
        return tuple(s.decision for g in self.groups for s in g.signatures)

    @property
    def missing(self) -> tuple[str, ...]:
        """Roles that have not signed, or not often enough."""
        return tuple(g.role for g in self.groups if g.missing)

    @property
    def satisfied(self) -> bool:
        """Whether the gate may open."""
        return bool(self.evidence_digest) and bool(self.groups) and not self.missing and self.against is None

    def group(self, role: str) -> Group | None:
        """What is asked of this role; None when nothing is."""
        return next((g for g in self.groups if g.role == role), None)

    def wanted(self, role: str) -> str | None:
        """What the `submitted` of this role says: how many signatures, when more than one is missing."""
        group = self.group(role)
        return signatures_wanted(group.missing) if group else None


_PROMISED: dict[str, Policy] = {}


def promised(tx: Transaction, request: Request) -> Policy:
    """The policy that the request was promised, whatever the file says today.

    A request from before policies were kept was promised the roles it names. Raises BadInputError (POLICY_CHANGED).
    """
    if request.policy_digest not in _PROMISED:
        version = tx.policy_version(request.policy_digest)
        if version is None:
            terms = {
                Stage(gate): GateTerms({request.tier: tuple(map(Asked, roles))}, {})
                for gate, roles in request.signatures.items()
            }
            return Policy({}, Tiers({}, request.tier, (request.tier,)), terms, request.policy_digest)
        # By its digest, which covers its content: no ledger can say something else under the same name.
        _PROMISED[request.policy_digest] = frozen_policy(version.content, version.digest)
    return _PROMISED[request.policy_digest]


def readable(tx: Transaction, requests: Iterable[Request]) -> list[Request]:
    """Those whose promised policy can be read. One that cannot stops its own request, and nobody else's: it is logged."""
    good = []
    for request in requests:
        try:
            promised(tx, request)
        except BadInputError as error:
            log.warning("%s stands still: %s", request.id, error)
        else:
            good.append(request)
    return good


def gate_standing(tx: Transaction, request: Request, gate: Stage) -> Standing:
    """Where the gate stands now, from the ledger alone."""
    packs, policy = tx.packs(request.id, gate), promised(tx, request)
    current = packs[-1] if packs else None
    decisions = [d for d in tx.decisions(request.id) if d.gate is gate]
    terms = policy.gates[gate]
    asked = _asked(terms, request.tier, current.tier if current else "", decisions)
    good = _approvals(tx, request, current, decisions, policy) if current else []
    groups = _counted(terms, asked, good)
    tier = (current.tier if current else "") or request.tier
    vetoes = tuple(
        r
        for t in dict.fromkeys((request.tier, tier))
        for r in terms.vetoes.get(t, ())
        if r not in {a.role for a in asked}
    )
    against = next((d for d in decisions if ends_request(d)), None)
    return Standing(gate, current.digest if current else "", tier, groups, tuple(dict.fromkeys(vetoes)), against)


def ends_request(decision: Decision) -> bool:
    """A rejection, or a return to the requester: the contract must change."""
    returned = decision.verdict is Verdict.RETURN and decision.back_to in (None, Stage.REQUEST.value)
    return decision.verdict is Verdict.REJECT or returned


def _asked(terms: GateTerms, tier: str, raised: str, decisions: Sequence[Decision]) -> tuple[Asked, ...]:
    """What was promised when the request was made, and what the tier of the evidence adds; nothing is taken away.

    A role that had a veto and returned the request must look at what became of it.
    """
    found: dict[str, Asked] = {}
    for name in dict.fromkeys((tier, raised or tier)):
        for asked in terms.asked.get(name, ()):
            before = found.get(asked.role, asked)
            needed = max(before.signatures, asked.signatures)
            found[asked.role] = Asked(asked.role, needed, before.pre_approved and asked.pre_approved)
    for d in decisions:
        if d.verdict is Verdict.RETURN and not ends_request(d):
            found.setdefault(d.role, Asked(d.role))
    return tuple(found.values())


def _approvals(
    tx: Transaction, request: Request, current: Pack, decisions: Sequence[Decision], policy: Policy
) -> list[Signature]:
    """Approvals of the current evidence that nobody took back, in the order in which they were given."""
    given = [d for d in standing_approvals(decisions) if d.evidence_digest == current.digest]
    askers = asked_by(tx, request)
    given = [d for d in given if not askers & people(d)]
    originals = {d.seq: d for d in tx.decisions_numbered([d.carries for d in given if d.carries is not None])}
    signatures = []
    for d in given:
        original = originals.get(d.carries or 0, d)
        if d.verdict is Verdict.CARRY and not _rightly_carried(tx, d, original, current, policy):
            continue
        signatures.append(Signature(d, original))
    return signatures


def asked_by(tx: Transaction, request: Request) -> frozenset[str]:
    """Whoever asked for this, also for the earlier requests that it continues or changes: none of them decides on it."""
    found = {request.requester}
    if (changed := _changed(tx, request)) is not None:
        found |= asked_by(tx, changed)
    while request.continues and (before := tx.request(request.continues)) is not None:
        request = before
        found.add(request.requester)
    return frozenset(found)


def standing_approvals(decisions: Iterable[Decision]) -> list[Decision]:
    """Approvals, given or carried, without those taken back by whoever gave them."""
    found: list[Decision] = []
    for d in decisions:
        if d.verdict in (Verdict.APPROVE, Verdict.CARRY):
            found.append(d)
        elif d.verdict is Verdict.REVOKE:
            found = [a for a in found if (a.role, a.actor) != (d.role, d.actor)]
    return found


def _rightly_carried(tx: Transaction, carry: Decision, original: Decision, current: Pack, policy: Policy) -> bool:
    same = (carry.gate, carry.role, carry.actor, carry.on_behalf_of) == (
        original.gate, original.role, original.actor, original.on_behalf_of,
    )  # fmt: skip
    if original.verdict is not Verdict.APPROVE or not same:
        return False
    seen = next((p for p in tx.packs(original.request_id, original.gate) if p.digest == original.evidence_digest), None)
    return seen is not None and unchanged(policy, carry.role, seen.parts, current.parts)


def unchanged(policy: Policy, role: str, before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether every part of the evidence that concerns this role is the same."""
    return bool(now) and all(before.get(part) == now.get(part) for part in policy.concerns(role))


def _counted(terms: GateTerms, asked: Sequence[Asked], signatures: Sequence[Signature]) -> tuple[Group, ...]:
    """Signatures by group: each of a different person where the policy wants different people."""
    groups: dict[str, list[Signature]] = {a.role: [] for a in asked}
    wanted = {a.role: a for a in asked}
    counted: list[Decision] = []
    for signature in signatures:
        d = signature.decision
        if d.role not in groups or len(groups[d.role]) >= wanted[d.role].signatures:
            continue
        if signature.by_policy:
            if wanted[d.role].pre_approved:
                groups[d.role].append(signature)
        elif not any(terms.must_differ(d.role, c.role) and people(d) & people(c) for c in counted):
            groups[d.role].append(signature)
            counted.append(d)
    return tuple(Group(a, tuple(groups[a.role])) for a in asked)


def people(decision: Decision) -> frozenset[str]:
    """Who stands behind a decision: whoever signed, and for whom."""
    return frozenset(p for p in (decision.actor, decision.on_behalf_of) if p)


def require_approvals(tx: Transaction, request: Request) -> None:
    """Fail closed: raises NotApprovedError unless every gate is satisfied by recorded decisions right now.

    Nothing counts while the chain is broken at the decisions this rests on (LEDGER_BROKEN); `sluice ledger verify`
    looks at the whole of it.
    """
    if problem := broken_near(tx, tx.decisions(request.id)):
        raise NotApprovedError("LEDGER_BROKEN", f"the record of decisions cannot be trusted: {problem}", where=request.id,
                               mend="`sluice ledger verify` says where; call the platform owner.")  # fmt: skip
    changed = _changed(tx, request)
    if changed is not None:
        require_approvals(tx, changed)  # it enters on the admission of what it changes
    for gate in GATES if changed is None else (Stage.PUBLICATION,):
        standing = gate_standing(tx, request, gate)
        if not standing.satisfied:
            lacking = f"no signature of {', '.join(standing.missing)}" if standing.missing else "it was decided against"
            raise NotApprovedError("NOT_APPROVED", f"the {gate} gate is not satisfied: {lacking}", where=request.id,
                                   mend="Only decisions recorded in the ledger open a gate.")  # fmt: skip


def _changed(tx: Transaction, request: Request) -> Request | None:
    """The publication that this request changes, where Sluice itself found the change in a delivery.

    Such a change is asked about at the second gate alone: its source was admitted before. No person can ask for one.
    """
    if request.requester != MACHINE:
        return None
    for record in tx.records(run=request.id, kinds=("change.proposed",)):
        before = tx.request(str(record.content["before"]))
        if (
            before is not None
            and before.source == request.source
            and before.state is RequestState.PUBLISHED
            and before.id != request.id
        ):
            return before
    return None
