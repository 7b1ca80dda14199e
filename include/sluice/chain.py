"""The hash chain over decisions: an edited, removed or reordered decision breaks every link after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC

from sluice.contract.model import digest_of
from sluice.ledger import Decision, Transaction
from sluice.stages import Event

GENESIS = "0" * 64


def decision_hash(decision: Decision) -> str:
    """SHA-256 over the canonical JSON of every field but `hash` itself."""
    fields = asdict(decision)
    del fields["hash"]
    fields["at"] = decision.at.astimezone(UTC).isoformat(timespec="microseconds")
    return digest_of(fields)


def broken_link(decisions: Iterable[Decision]) -> str | None:
    """What is wrong with the chain, naming the decision; None when it is whole. `decisions` in order of seq."""
    previous, expected = GENESIS, 1
    for decision in decisions:
        if decision.seq != expected:
            return f"decision {expected} is missing"
        if decision.previous_hash != previous:
            return f"decision {decision.seq} does not follow decision {decision.seq - 1}"
        if decision_hash(decision) != decision.hash:
            return f"decision {decision.seq} was changed after it was recorded"
        previous, expected = decision.hash, expected + 1
    return None


def broken_record(tx: Transaction) -> str | None:
    """What is wrong with the record of decisions: its chain, or a decision that only the stage clock remembers."""
    if problem := broken_link(tx.decisions()):
        return problem
    verdicts = (Event.APPROVED, Event.REJECTED, Event.RETURNED)
    for request in tx.requests():
        told = sum(e.event in verdicts and e.role is not None for e in tx.events(request.id))
        kept = len(tx.decisions(request.id))
        if told != kept:
            return f"{request.id} has {kept} decisions, its stage clock tells of {told}"
    return None
