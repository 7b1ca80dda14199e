"""How every signature of a gate stands, in words: given, carried over, void and why, taken back, waited for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sluice.approval import Group, Signature, Standing, asked_at, expiries, promised
from sluice.governance import Pack
from sluice.ledger import Decision, Request, RequestState, Transaction, Verdict
from sluice.policy import PARTS
from sluice.stages import Clock


@dataclass(frozen=True)
class Line:
    """One signature. `tone` is good, warn, bad, or empty while it is waited for."""

    role: str
    tone: str
    says: str
    comment: str = ""


def signature_lines(tx: Transaction, request: Request, standing: Standing, clock: Clock) -> list[Line]:
    """What is asked and given, role by role, and then what no longer counts."""
    lines = [line for group in standing.groups for line in _group(tx, request, standing, group, clock)]
    counted = {
        d.seq for s in standing.groups for signature in s.signatures for d in (signature.decision, signature.original)
    }
    at_gate = [d for d in tx.decisions(request.id) if d.gate is standing.gate and d.seq not in counted]
    return lines + [line for d in at_gate if (line := _past(tx, request, standing, d))]


def _group(tx: Transaction, request: Request, standing: Standing, group: Group, clock: Clock) -> Iterator[Line]:
    for signature in group.signatures:
        d = signature.decision
        yield Line(group.role, "good", _given(signature, group), signature.original.comment or d.comment)
    if not group.missing or not clock.is_open(standing.gate) or request.state is not RequestState.OPEN:
        if group.missing:
            yield Line(group.role, "", "was not given")
        return
    since = asked_at(clock, standing.gate, group.role)
    several = f", {group.missing} of {group.asked.signatures} still missing" if group.asked.signatures > 1 else ""
    says = f"asked {at(since)}, not answered yet{several}" if since else f"will be asked{several}"
    until = next((e.at for e in expiries(promised(tx, request), clock, standing) if e.role == group.role), None)
    yield Line(group.role, "", f"{says}; the request expires {at(until)}" if until else says)


def _given(signature: Signature, group: Group) -> str:
    d = signature.decision
    if signature.by_policy:
        return f"signed by the policy itself, {at(d.at)}: {group.asked.pre_approved}"
    by = _by(signature.original)
    if signature.carried:
        return f"approved by {by}, {at(signature.original.at)}, and carried over: nothing that {group.role} looks at has changed"
    return f"approved by {by}, {at(d.at)}"


def _past(tx: Transaction, request: Request, standing: Standing, d: Decision) -> Line | None:
    if d.verdict is Verdict.REJECT:
        return Line(d.role, "bad", f"rejected by {_by(d)}, {at(d.at)}", d.comment)
    if d.verdict is Verdict.RETURN:
        return Line(d.role, "bad", f"returned to {d.back_to or 'request'} by {_by(d)}, {at(d.at)}", d.comment)
    if d.verdict is Verdict.REVOKE:
        return Line(d.role, "warn", f"approval taken back by {_by(d)}, {at(d.at)}", d.comment)
    if d.verdict is Verdict.CARRY:
        return None  # the approval that it carried tells the story
    return Line(
        d.role,
        "warn",
        f"approved by {_by(d)}, {at(d.at)}: does not count, {_void(tx, request, standing, d)}",
        d.comment,
    )


def _void(tx: Transaction, request: Request, standing: Standing, d: Decision) -> str:
    if any(r.verdict is Verdict.REVOKE and r.carries == d.seq for r in tx.decisions(request.id)):
        return "it was taken back"
    if standing.group(d.role) is None:
        return "the role is not asked"
    if d.evidence_digest == standing.evidence_digest:
        return "somebody behind it has signed already, or asked for this"
    packs = {p.digest: p for p in tx.packs(request.id, standing.gate)}
    seen, current = packs.get(d.evidence_digest), packs.get(standing.evidence_digest)
    if seen is None or current is None:
        return "it was given on evidence that is not on record"
    changed = _changed(seen, current, promised(tx, request).concerns(d.role))
    return "the evidence changed afterwards" + (f" in {'; '.join(changed)}" if changed else "")


def _changed(seen: Pack, current: Pack, concerns: tuple[str, ...]) -> list[str]:
    return [PARTS[part] for part in concerns if seen.parts.get(part) != current.parts.get(part)]


def _by(d: Decision) -> str:
    return f"{d.actor}, standing in for {d.on_behalf_of}" if d.on_behalf_of else d.actor


def at(moment: datetime) -> str:
    """A moment in UTC as it stands within a sentence: 22 Nov 2026, 14:05 UTC."""
    return f"{moment:%d %b %Y, %H:%M} UTC"
