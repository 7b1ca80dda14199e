"""The evidence page's content: one gate's pack, its signatures, and what changed since people last looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sluice.approval import BACK_TO, Person, Standing, gate_standing
from sluice.approval.standing import asked_by, standing_approvals
from sluice.errors import RefusedError
from sluice.evidence_changes import Change as PartChange
from sluice.evidence_changes import changes as parts_changed
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import contract_of
from sluice.policy import Policy
from sluice.review.changes import Change, changes
from sluice.review.glance import Note, glance
from sluice.review.inbox import may_sign, rights_of, title
from sluice.review.plain import plain_contract
from sluice.review.signatures import Line, signature_lines
from sluice.stages import GATES, Clock, Stage


@dataclass(frozen=True)
class Mine:
    """A role as which the viewer may decide here. Who only has a veto cannot approve."""

    role: str
    on_behalf_of: str | None
    approves: bool


@dataclass(frozen=True)
class Compared:
    """What is different from an earlier pack, in short and `whole`, part by part; `since` says which pack."""

    since: str
    found: list[Change]
    whole: tuple[PartChange, ...]


@dataclass(frozen=True)
class EvidenceView:
    """Everything on the page of one gate. `mine` are the roles as which the viewer may decide now, `revocable` those
    whose approval the viewer may take back; `why_not` says why there is nothing to decide.
    """

    request: Request
    gate: Stage
    title: str
    digest: str
    pack: Mapping[str, Any]
    contract: Mapping[str, Any]
    notes: tuple[Note, ...]
    lines: list[Line]
    open: bool
    mine: list[Mine]
    revocable: list[str]
    back_to: tuple[Stage, ...]
    why_not: str
    seen: Compared | None
    """What changed since the digest the viewer looked at before; None when that is this one."""
    earlier: list[Compared]
    """What changed since this gate was last asked here, and since the source's request before."""


def default_gate(tx: Transaction, request: Request) -> Stage:
    """The gate that is open, else the last one that has evidence."""
    clock = Clock(tx.events(request.id))
    asked = [g for g in GATES if tx.packs(request.id, g)]
    return ([g for g in asked if clock.is_open(g)] or asked or [GATES[0]])[-1]


def evidence_view(
    tx: Transaction,
    policy: Policy,
    request: Request,
    gate: Stage,
    person: Person,
    now: datetime,
    seen: str | None = None,
) -> EvidenceView:
    """The page's content. `seen`: the digest of the evidence that the viewer looked at before.

    Raises RefusedError (NO_EVIDENCE, 404) while the gate has none.
    """
    standing = gate_standing(tx, request, gate)
    pack = tx.evidence(request.id, gate, standing.evidence_digest) if standing.evidence_digest else None
    if pack is None:
        raise RefusedError("NO_EVIDENCE", f"the {gate} gate of {request.source} has no evidence yet", status=404,
                           mend="It is put together when the stages before the gate are done.")  # fmt: skip
    clock = Clock(tx.events(request.id))
    is_open = request.state is RequestState.OPEN and clock.is_open(gate)
    mine = _mine(tx, policy, request, standing, person, now) if is_open else []
    return EvidenceView(
        request, gate, title(pack, request), standing.evidence_digest, pack, plain_contract(contract_of(request)),
        glance(pack), signature_lines(tx, request, standing, clock), is_open, mine,
        _revocable(tx, request, gate, clock, person), BACK_TO[gate],
        _why_not(tx, policy, request, standing, person, now) if is_open and not mine else "",
        _since_seen(tx, request, gate, pack, seen), _since_earlier(tx, request, gate, pack),
    )  # fmt: skip


def _mine(
    tx: Transaction, policy: Policy, request: Request, standing: Standing, person: Person, now: datetime
) -> list[Mine]:
    askers = asked_by(tx, request)
    if person.name in askers:
        return []
    found = []
    for role, rights in rights_of(tx, policy, request, person, now).items():
        group, usable = standing.group(role), [r for r in rights if r.on_behalf_of not in askers]
        if not usable:
            continue
        if group is not None and group.missing and not any(s.decision.actor == person.name for s in group.signatures):
            right = next((r for r in usable if may_sign(tx, request, standing, role, person.name, r)), None)
            found.append(Mine(role, (right or usable[0]).on_behalf_of, right is not None))
        elif group is None and role in standing.vetoes:
            found.append(Mine(role, usable[0].on_behalf_of, approves=False))
    # Who has signed and must be another person for the next role has decided: a second form would only refuse.
    signed = any(d.actor == person.name for d in standing.signed)
    return [m for m in found if m.approves or not signed]


def _why_not(
    tx: Transaction, policy: Policy, request: Request, standing: Standing, person: Person, now: datetime
) -> str:
    if person.name in asked_by(tx, request):
        return "You asked for this yourself, so others decide."
    if signed := next((d for d in standing.signed if d.actor == person.name), None):
        return f"You have signed as {signed.role}."
    held = rights_of(tx, policy, request, person, now)
    if not set(held) & {*standing.required, *standing.vetoes}:
        return "None of your roles is asked here."
    return "Your role has already decided."


def _revocable(tx: Transaction, request: Request, gate: Stage, clock: Clock, person: Person) -> list[str]:
    if request.state is not RequestState.OPEN or (clock.attempt(Stage.PUBLISH) and clock.started(Stage.PUBLISH)):
        return []
    given = standing_approvals(d for d in tx.decisions(request.id) if d.gate is gate)
    return list(dict.fromkeys(d.role for d in given if d.actor == person.name))


def _since_seen(
    tx: Transaction, request: Request, gate: Stage, pack: Mapping[str, Any], seen: str | None
) -> Compared | None:
    if not seen or seen == pack["evidence_digest"]:
        return None
    before = tx.evidence(request.id, gate, seen)
    return _compared("you looked at it", request, before, request, pack) if before else None


def _since_earlier(tx: Transaction, request: Request, gate: Stage, pack: Mapping[str, Any]) -> list[Compared]:
    found = []
    here = [p for p in tx.packs(request.id, gate) if p.digest != pack["evidence_digest"]]
    if here and (before := tx.evidence(request.id, gate, here[-1].digest)):
        since = f"this gate was asked before, {here[-1].at:%d %b %Y, %H:%M} UTC"
        found.append(_compared(since, request, before, request, pack))
    asked = request.renewed_at or request.requested_at
    former = [
        r for r in tx.requests(source=request.source) if r.id != request.id and (r.renewed_at or r.requested_at) < asked
    ]
    for other in reversed(former):
        packs = tx.packs(other.id, gate)
        before = tx.evidence(other.id, gate, packs[-1].digest) if packs else None
        if before:
            since = (
                f"version {other.contract_version} was asked for, {other.requested_at:%d %b %Y} (it is {other.state})"
            )
            found.append(_compared(since, other, before, request, pack))
            break
    return found


def _compared(since: str, old: Request, before: Mapping[str, Any], new: Request, after: Mapping[str, Any]) -> Compared:
    whole = parts_changed((contract_of(old), before), (contract_of(new), after))
    return Compared(since, changes(before, after), whole)
