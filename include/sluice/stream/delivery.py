"""Delivering the outbox: a thread per lane, so that a channel that is down or slow holds up nobody but itself."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sluice.ledger import Ledger
from sluice.outbox import LEASE, MAX_ATTEMPTS, Message, MessageState, Settled, after_failure, lane_of

Handler = Callable[[Message], Settled]
"""Delivers one message and says how that ended. Raises TerminalError when it never can, anything else to be retried."""

LANES_AT_ONCE = 8
FAILURES_IN_A_ROW = 3
"""A lane that fails so often rests until the next round: it is down, and trying costs a time-out each."""


def deliver(
    ledger: Ledger, handlers: Mapping[str, Handler], now: Callable[[], datetime], *, seconds: float = 40.0
) -> Counter[MessageState]:
    """Deliver what is due, for at most about `seconds`; how many messages came to stand how.

    `handlers` goes by the first word of a message's kind. Messages that follow from others are delivered too.
    """
    done: Counter[MessageState] = Counter()
    until = time.monotonic() + seconds
    tried: set[str] = set()
    with ThreadPoolExecutor(LANES_AT_ONCE, thread_name_prefix="lane") as pool:
        while True:
            with ledger.reading() as tx:
                lanes = [lane for lane in tx.lanes_due(now()) if lane not in tried]
            if not lanes or time.monotonic() > until:
                return done
            tried.update(lanes)
            for counts in pool.map(lambda lane: _lane(ledger, handlers, now, lane, until), lanes):
                done += counts


def _lane(
    ledger: Ledger, handlers: Mapping[str, Handler], now: Callable[[], datetime], lane: str, until: float
) -> Counter[MessageState]:
    holder = secrets.token_hex(8)
    done: Counter[MessageState] = Counter()
    failures = 0
    while failures < FAILURES_IN_A_ROW and time.monotonic() < until:
        with ledger.transaction() as tx:
            message = tx.claim(lane, holder, now(), now() + LEASE)
        if message is None:
            break
        settled = _attempt(handlers, message, now)
        failures = failures + 1 if settled.state is MessageState.PENDING else 0
        with ledger.transaction() as tx:
            if tx.settle(message, settled, now()):
                done[settled.state] += 1
    return done


def _attempt(handlers: Mapping[str, Handler], message: Message, now: Callable[[], datetime]) -> Settled:
    if message.attempts > MAX_ATTEMPTS:
        return Settled(MessageState.DEAD, "every attempt ended with its deliverer")
    try:
        return handlers[lane_of(message.kind)](message)
    except Exception as error:  # whatever broke, this message must not stop the others
        return after_failure(message, error, now())
