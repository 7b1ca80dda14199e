"""The evidence page's content: one gate's pack, its signatures, and what changed since people last looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sluice.approval import Standing, gate_standing
from sluice.errors import RefusedError
from sluice.ledger import Decision, Request, RequestState, Transaction, Verdict
from sluice.onboarding import contract_of
from sluice.policy import Policy
from sluice.review.changes import Change, changes
from sluice.review.glance import Note, glance
from sluice.review.inbox import asked_at, pack_of, title
from sluice.review.plain import plain_contract
from sluice.stages import GATES, Clock, Stage


@dataclass(frozen=True)
class Line:
    """How one signature stands. `tone` is good, warn, bad, or empty while it is waited for."""

    role: str
    tone: str
    says: str
    comment: str = ""


@dataclass(frozen=True)
class Compared:
    """What is different from an earlier pack; `since` says in words which one."""

    since: str
    found: list[Change]


@dataclass(frozen=True)
class EvidenceView:
    """Everything on the page of one gate. `mine` are the roles as which the viewer may decide now."""

    request: Request
    gate: Stage
    title: str
    digest: str
    pack: dict[str, Any]
    contract: dict[str, Any]
    notes: tuple[Note, ...]
    lines: list[Line]
    open: bool
    mine: list[str]
    why_not: str
    seen: Compared | None
    """What changed since the digest the viewer looked at before; None when that is this one."""
    published: Compared | None
    """What changed since the source was last published."""


def default_gate(tx: Transaction, request: Request) -> Stage:
    """The gate that is open, else the last one that has evidence."""
    clock = Clock(tx.events(request.id))
    asked = [g for g in GATES if pack_of(tx, request.id, g)]
    now = [g for g in asked if clock.started(g) and not clock.completed(g)]
    return (now or asked or [GATES[0]])[-1]


def evidence_view(
    tx: Transaction, policy: Policy, request: Request, gate: Stage, user: str, now: datetime, seen: str | None = None
) -> EvidenceView:
    """The page's content. `seen`: the digest of the evidence that the viewer looked at before.

    Raises RefusedError (NO_EVIDENCE, 404) while the gate has none.
    """
    kept = pack_of(tx, request.id, gate)
    if kept is None:
        raise RefusedError("NO_EVIDENCE", f"the {gate} gate of {request.source} has no evidence yet", status=404,
                           mend="It is put together when the stages before the gate are done.")  # fmt: skip
    clock = Clock(tx.events(request.id))
    standing = gate_standing(tx, request, gate)
    is_open = request.state is RequestState.OPEN and clock.started(gate) and not clock.completed(gate)
    mine, why_not = _mine(policy, request, standing, user, is_open=is_open)
    return EvidenceView(
        request, gate, title(kept.content, request), kept.digest, kept.content, plain_contract(contract_of(request)),
        glance(kept.content), signature_lines(tx, standing, clock), is_open, mine, why_not,
        _since_seen(tx, request, gate, kept.content, seen), _since_published(tx, request, gate, kept.content),
    )  # fmt: skip


def signature_lines(tx: Transaction, standing: Standing, clock: Clock) -> list[Line]:
    """How the signature of each role stands, and which ones no longer count, with the reason."""
    given = {d.role: d for d in standing.signed}
    decisions = [d for d in tx.decisions(standing_request(clock)) if d.gate is standing.gate]
    lines = []
    for role in standing.required:
        if role in given:
            lines.append(
                Line(role, "good", f"approved by {given[role].actor}, {_at(given[role])}", given[role].comment)
            )
        else:
            since = asked_at(clock, standing.gate, role)
            lines.append(Line(role, "", f"asked {since:%d %b %Y, %H:%M} UTC, not answered yet"))
    for d in decisions:
        if d.verdict is Verdict.APPROVE and d not in standing.signed:
            lines.append(
                Line(
                    d.role, "warn", f"approved by {d.actor}, {_at(d)}: does not count, {_void(d, standing)}", d.comment
                )
            )
        elif d.verdict is not Verdict.APPROVE:
            lines.append(Line(d.role, "bad", f"{_PAST[d.verdict]} by {d.actor}, {_at(d)}", d.comment))
    return lines


_PAST = {Verdict.REJECT: "rejected", Verdict.RETURN: "returned for correction"}


def standing_request(clock: Clock) -> str:
    """The request whose events these are."""
    return clock.events[0].request_id


def _void(decision: Decision, standing: Standing) -> str:
    if decision.evidence_digest != standing.evidence_digest:
        return "the evidence changed afterwards"
    return "the role is not asked" if decision.role not in standing.required else "the same person signed already"


def _at(decision: Decision) -> str:
    return f"{decision.at:%d %b %Y, %H:%M} UTC"


def _mine(policy: Policy, request: Request, standing: Standing, user: str, *, is_open: bool) -> tuple[list[str], str]:
    if not is_open:
        return [], ""
    if request.requester == user:
        return [], "You asked for this yourself, so others decide."
    if signed := next((d for d in standing.signed if d.actor == user), None):
        return [], f"You have signed as {signed.role}."
    roles = [r for r in standing.missing if r in policy.roles_of(user)]
    if not roles and not set(policy.roles_of(user)) & set(standing.required):
        return [], "None of your roles is asked here."
    return roles, "" if roles else "Your role has already decided."


def _since_seen(
    tx: Transaction, request: Request, gate: Stage, pack: dict[str, Any], seen: str | None
) -> Compared | None:
    if not seen or seen == pack["evidence_digest"]:
        return None
    before = tx.evidence_of(request.id, gate, seen)
    return Compared("you looked at it", changes(before, pack)) if before else None


def _since_published(tx: Transaction, request: Request, gate: Stage, pack: dict[str, Any]) -> Compared | None:
    published = [
        r
        for r in tx.requests(source=request.source, state=RequestState.PUBLISHED)
        if r.id != request.id and r.closed_at
    ]
    if not published:
        return None
    last = max(published, key=lambda r: (r.closed_at or r.requested_at, r.id))
    before = pack_of(tx, last.id, gate)
    if before is None:
        return None
    return Compared(
        f"version {last.contract_version} was published, {last.closed_at:%d %b %Y}", changes(before.content, pack)
    )
