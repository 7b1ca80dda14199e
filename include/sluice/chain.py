"""Hash chains over decisions, delegations and policies: an edited, removed or reordered entry breaks every link after it.

A chain cannot show that its newest entries were cut off: for that its head is anchored in the lake beside the
evidence (sluice.stream.anchor), and the stage clock tells of every decision too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sluice.contract.model import digest_of
from sluice.governance import Delegation, PolicyVersion
from sluice.ledger import Decision, Request, Transaction, Verdict
from sluice.stages import Event, Stage, StageEvent

GENESIS = "0" * 64
_LATER = ("carries", "back_to", "on_behalf_of", "delegation", "policy_digest")
"""Fields that decisions did not have at first: left out of the hash where they are empty."""
TOLD = {
    Verdict.APPROVE: Event.APPROVED,
    Verdict.CARRY: Event.APPROVED,
    Verdict.REJECT: Event.REJECTED,
    Verdict.RETURN: Event.RETURNED,
    Verdict.REVOKE: Event.CANCELLED,
}
"""How the stage clock tells of a decision."""


def link_hash(link: Decision | Delegation | PolicyVersion) -> str:
    """SHA-256 over the canonical JSON of every field but `hash` itself."""
    fields: dict[str, Any] = asdict(link)
    del fields["hash"]
    for name in _LATER if isinstance(link, Decision) else ():
        if fields[name] is None:
            del fields[name]
    return digest_of({k: _text(v) if isinstance(v, datetime) else v for k, v in fields.items()})


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def broken_link(links: Iterable[Decision | Delegation | PolicyVersion], noun: str = "decision") -> str | None:
    """What is wrong with the chain, naming the entry; None when it is whole. `links` in order of seq."""
    previous, expected = GENESIS, 1
    for link in links:
        if link.seq != expected:
            return f"{noun} {expected} is missing"
        if link.previous_hash != previous:
            return f"{noun} {link.seq} does not follow {noun} {link.seq - 1}"
        if link_hash(link) != link.hash:
            return f"{noun} {link.seq} was changed after it was recorded"
        previous, expected = link.hash, expected + 1
    return None


def broken_near(tx: Transaction, decisions: Sequence[Decision]) -> str | None:
    """The same for some decisions and the ones before them: what a request rests on, however long the chain is."""
    before = {d.seq: d.hash for d in tx.decisions_numbered([d.seq - 1 for d in decisions])}
    for decision in decisions:
        if link_hash(decision) != decision.hash:
            return f"decision {decision.seq} was changed after it was recorded"
        if decision.previous_hash != (GENESIS if decision.seq == 1 else before.get(decision.seq - 1)):
            return f"decision {decision.seq} does not follow decision {decision.seq - 1}"
    return None


def broken_part(tx: Transaction, requests: Iterable[Request]) -> str | None:
    """What is wrong with what these requests rest on: their decisions, the stage clock, their policies."""
    versions = {v.digest: v for v in tx.policy_versions()}
    for request in requests:
        version = versions.get(request.policy_digest)
        decisions = tx.decisions(request.id)
        wrong = wrong_policy(version) if version else None
        if problem := wrong or broken_near(tx, decisions) or disagreement(request, tx.events(request.id), decisions):
            return problem
    return None


def wrong_policy(version: PolicyVersion) -> str | None:
    """What is wrong with a policy on record; None when it is what its digest says."""
    return None if digest_of(json.loads(version.content)) == version.digest else f"policy version {version.seq} is not what its digest says"  # fmt: skip


def disagreement(request: Request, events: Sequence[StageEvent], decisions: Sequence[Decision]) -> str | None:
    """Where the stage clock and the decisions tell different stories."""
    asked = next((e for e in events if e.event is Event.REQUESTED), None)
    if asked is not None and asked.digest != request.contract_digest:
        return f"{request.id}: its contract is not the one that was asked for"
    if asked is not None and asked.actor != request.requester:
        return f"{request.id} says that {request.requester} asked for it, its stage clock tells of {asked.actor}"
    kept: Counter[tuple[Any, ...]] = Counter(
        (d.gate, TOLD[d.verdict], d.role, d.actor, d.evidence_digest) for d in decisions
    )
    told: Counter[tuple[Any, ...]] = Counter(
        _told(e) for e in events if e.event in TOLD.values() and e.role is not None
    )
    if kept.total() != told.total():
        return f"{request.id} has {kept.total()} decisions, its stage clock tells of {told.total()}"
    if kept != told:
        (gate, event, role, actor, _), _count = next(iter((told - kept).items()))
        return f"{request.id}: the stage clock tells that {actor} ({role}) {event} at {gate}, which no decision says"
    return None


def _told(event: StageEvent) -> tuple[Stage, Event, str | None, str | None, str | None]:
    return (event.stage, event.event, event.role, event.actor, event.digest)
