"""The outbox: what people and other systems must be told, recorded together with the state it tells of.

A message is written in the transaction that made it true, and delivered afterwards by whoever holds its lease.
So nothing is told that did not happen, and nothing that happened goes untold because a channel was down.
Delivery is at least once: a lease that runs out in the middle of a sending is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sluice.errors import SluiceError, TerminalError

MAX_ATTEMPTS = 16
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
LEASE = timedelta(minutes=3)
"""How long one deliverer has for one message; every sending must give up well before."""
NOTE_LENGTH = 1000
KEPT = timedelta(days=90)
"""How long a letter is kept after it was delivered."""


class MessageState(StrEnum):
    """How a message stands. All but PENDING are final until somebody asks for a retry."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up: tried MAX_ATTEMPTS times, or it can never succeed as it is. `note` says why."""
    DROPPED = "dropped"
    """Not worth sending any more, or nobody to send it to. `note` says why."""


@dataclass(frozen=True)
class Message:
    """One message. `key` names what it tells, so that the same thing is told once; `lane` is whatever may be
    down on its own, such as a channel: messages of one lane never wait for another's.
    """

    seq: int
    key: str
    kind: str
    lane: str
    payload: Mapping[str, Any] = field(repr=False)
    due: datetime
    state: MessageState
    attempts: int
    note: str
    settled_at: datetime | None
    holder: str | None = None


@dataclass(frozen=True)
class Draft:
    """A message that is to be written."""

    kind: str
    key: str
    payload: Mapping[str, Any]
    due: datetime
    lane: str


@dataclass(frozen=True)
class Settled:
    """How an attempt ended: the new state, when to try again (`due`, if pending), and messages that follow from it."""

    state: MessageState
    note: str = ""
    due: datetime | None = None
    follow: Sequence[Draft] = ()


class OutboxStore(Protocol):
    """The outbox inside a ledger transaction."""

    def enqueue(
        self, kind: str, key: str, payload: Mapping[str, Any], due: datetime, *, lane: str | None = None
    ) -> bool:
        """Record a message to be delivered from `due` on; False when this key is recorded already.

        Without `lane` it takes the part of `kind` before the first dot.
        """

    def message(self, key: str) -> Message | None:
        """The message with this key."""

    def payloads(self, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What the messages with these keys hold, by key."""

    def enqueued(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that are recorded already."""

    def is_enqueued(self, key: str) -> bool:
        """Whether this key is recorded already."""

    def lanes_due(self, now: datetime) -> list[str]:
        """Lanes with a message that may be delivered now."""

    def claim(self, lane: str, holder: str, now: datetime, until: datetime) -> Message | None:
        """Lease the message of the lane that is due longest, if there is one; nobody else gets it before `until`."""

    def settle(self, message: Message, settled: Settled, now: datetime) -> bool:
        """Record how the attempt ended; False when the lease was lost to somebody else meanwhile."""

    def messages(
        self, *, state: MessageState | None = None, lane: str | None = None, limit: int = 100
    ) -> list[Message]:
        """Messages, newest first."""

    def message_counts(self) -> dict[tuple[str, MessageState], int]:
        """(lane, state) → how many."""

    def retry_messages(self, seqs: Sequence[int], now: datetime) -> int:
        """Dead and dropped messages become pending again, with all their attempts; how many there were."""

    def prune_letters(self, before: datetime, most: int) -> int:
        """Let go of at most so many letters and lineage messages that were settled before then, and at least a month
        ago; how many. What they told of stays, so that nothing is told twice, and so does what was given up.
        """

    def cursor(self, reader: str) -> int:
        """How far a reader of the event log has come: the number of the last event it has turned into messages."""

    def move_cursor(self, reader: str, seq: int) -> None:
        """Record how far a reader of the event log has come."""


def lane_of(kind: str) -> str:
    """The lane of a message that names none."""
    return kind.split(".", maxsplit=1)[0]


def pause_after(attempts: int) -> timedelta:
    """How long to wait after that many attempts: doubling from FIRST_PAUSE up to LONGEST_PAUSE."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)


def after_failure(message: Message, error: Exception, now: datetime) -> Settled:
    """What becomes of a message whose delivery failed: tried again later, or given up.

    Only what is known to be terminal is given up at once; a mistake of ours is tried again like an outage,
    because it may be mended tomorrow.
    """
    said = str(error) if isinstance(error, SluiceError) else f"[INTERNAL] {type(error).__name__}: {error}"
    note = said[:NOTE_LENGTH]
    if isinstance(error, TerminalError):
        return Settled(MessageState.DEAD, note)
    if message.attempts >= MAX_ATTEMPTS:
        return Settled(MessageState.DEAD, f"given up after {message.attempts} attempts: {note}")
    return Settled(MessageState.PENDING, note, now + pause_after(message.attempts))
