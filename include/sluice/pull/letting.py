"""Letting requests in, in order: whoever asks, those whose turn it is are let in, and nobody else."""

from __future__ import annotations

from datetime import datetime

from sluice.ledger import Transaction
from sluice.onboarding import live_request, require_ready
from sluice.policy.wip import WipLimits
from sluice.pull.floor import STRETCHES, Card, Floor, Held
from sluice.stages import Clock, Event, Stage


def let_in(tx: Transaction, limits: WipLimits, now: datetime) -> list[tuple[str, Stage]]:
    """Let in everybody whose turn it is, at every entry; who they were. In a writing transaction.

    Who is held back is recorded as paused with the reason's code, once an attempt; whoever comes in goes on.
    """
    floor = Floor.now(tx, limits)
    let: list[tuple[str, Stage]] = []
    for entry in STRETCHES:
        come, held = floor.turn(entry)
        for card in come:
            _let(tx, card, entry, now)
            let.append((card.request.id, entry))
        for waiting in held:
            _hold(tx, floor.cards[waiting.request.id], waiting, now)
    return let


def anything_to_do(tx: Transaction, limits: WipLimits) -> bool:
    """Whether somebody could be let in, or is held back without that being recorded yet."""
    floor = Floor.now(tx, limits)
    for entry in STRETCHES:
        come, held = floor.turn(entry)
        if come or any(_paused(floor.cards[h.request.id].clock, h.stage, h.attempt) is False for h in held):
            return True
    return False


def is_in(tx: Transaction, request_id: str, entry: Stage) -> bool:
    """Whether the request was let in at this entry. Raises what `live_request` and `require_ready` raise."""
    request = live_request(tx, request_id)
    clock = Clock(tx.events(request_id))
    require_ready(clock, request_id, entry)
    pulled = frozenset((stage, attempt) for _, stage, attempt in tx.pulls([request_id]))
    return Card(request, clock, pulled).let_in(entry)


def position(tx: Transaction, limits: WipLimits, request_id: str) -> Held | None:
    """The request's place in a ready queue and why; None when it is not held back."""
    floor = Floor.now(tx, limits)
    for entry in STRETCHES:
        for held in floor.turn(entry)[1]:
            if held.request.id == request_id:
                return held
    return None


def _let(tx: Transaction, card: Card, entry: Stage, now: datetime) -> None:
    attempt = card.clock.attempt(entry)
    tx.add_pull(card.request.id, entry, attempt, now)
    if _paused(card.clock, entry, attempt):
        tx.append(card.request.id, entry, attempt, Event.RESUMED, now, reason="let in")


def _hold(tx: Transaction, card: Card, held: Held, now: datetime) -> None:
    if not _paused(card.clock, held.stage, held.attempt):
        tx.append(
            card.request.id,
            held.stage,
            held.attempt,
            Event.PAUSED,
            now,
            reason=held.reason,
            reason_code=held.code.value,
        )


def _paused(clock: Clock, stage: Stage, attempt: int) -> bool:
    changes = [
        e.event
        for e in clock.events
        if e.stage is stage and e.attempt == attempt and e.event in (Event.PAUSED, Event.RESUMED) and e.role is None
    ]
    return bool(changes) and changes[-1] is Event.PAUSED
