"""Which changes of state are told of: each becomes a message of the outbox, in the same transaction.

A fact holds ids only; who is told, and in which words, is decided when it is planned (see planning.py).
"""

from __future__ import annotations

from datetime import datetime

from sluice.outbox import Draft
from sluice.stages import GATES, Event, StageEvent

PLANNING = "notify"
"""The lane of facts that are not yet letters."""
POLICY = "policy"
"""What the policy itself signs is no news."""
STALE_DAYS = 30
"""What happened longer ago than this is history that was imported or restored: nobody is told of it as news."""


def fact_of_event(event: StageEvent) -> Draft | None:
    """What a new event of the stage clock tells people, if anything."""
    told: dict[str, object] = {"request_id": event.request_id, "gate": event.stage.value}
    if event.stage not in GATES or event.role is None or event.actor == POLICY:
        return None
    if event.event is Event.SUBMITTED:
        # Asked once for the same evidence, however many roles it takes: one person may hold several.
        key = f"asked/{event.request_id}/{event.stage}/{event.attempt}/{(event.digest or '')[:16]}"
        return _fact("asked", key, told, event.at)
    if event.event in (Event.APPROVED, Event.REJECTED, Event.RETURNED):
        kind = "returned" if event.event is Event.RETURNED else "decided"
        key = f"{kind}/{event.request_id}/{event.seq}"
        told |= {"role": event.role, "actor": event.actor, "verdict": event.event.value, "comment": event.reason or ""}
        return _fact(kind, key, told, event.at)
    return None


def fact_of_closing(request_id: str, state: str, reason: str, at: datetime) -> Draft | None:
    """What the end of a request tells people. A rejection and a return are told by their decision."""
    if state not in ("published", "failed", "expired"):
        return None
    told: dict[str, object] = {"request_id": request_id, "gate": "", "reason": reason}
    return _fact(state, f"{state}/{request_id}/{at.isoformat()}", told, at)


def _fact(kind: str, key: str, told: dict[str, object], at: datetime) -> Draft:
    return Draft(f"{PLANNING}.{kind}", key, told | {"at": at.isoformat()}, at, PLANNING)
