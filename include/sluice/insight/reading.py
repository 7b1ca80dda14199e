"""Keeping the lines up with the events: level-triggered by sequence number, in pieces, safe to run side by side."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from sluice.flow.timeline import CalendarOf, always
from sluice.insight.packing import FORM
from sluice.insight.summary import summarise
from sluice.ledger import Ledger

READER = f"pages/{FORM}"
PIECE = 100
"""Requests per transaction: a fraction of a second of the writers' lock at most, as only the writing needs it."""


def catch_up(ledger: Ledger, more: Callable[[], bool], calendar_of: CalendarOf = always) -> int:
    """Renew the lines of requests that have new events, while `more()` says so; gives how many events are left.

    Whoever else does the same at the same time writes the same lines. The cursor moves only when all are written.
    """
    with ledger.reading() as tx:
        before, newest = tx.cursor(READER), tx.newest_event()
        if newest <= before:
            return 0
        unread = iter(tx.unread_requests(before, newest))
    while piece := list(islice(unread, PIECE)):
        with ledger.reading() as tx:
            requests, events = tx.requests_of(piece), tx.events_of(piece)
        lines = [summarise(r, events[r.id], calendar_of) for r in requests]
        with ledger.transaction() as tx:
            tx.put_summaries(lines)
        if not more():
            break
    if next(unread, None) is not None:
        return newest - before
    with ledger.transaction() as tx:
        if tx.cursor(READER) < newest:
            tx.move_cursor(READER, newest)
    return 0
