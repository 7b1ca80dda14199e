"""Requests and their flow from the ledger, a few hundred at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sluice.flow.log import History, case_of
from sluice.flow.request import RequestFlow, request_flow
from sluice.flow.timeline import CalendarOf, always
from sluice.histories import Origin
from sluice.ledger import Request, Transaction
from sluice.stages import StageEvent

PIECE = 300
T = TypeVar("T")


def histories(tx: Transaction, ids: Sequence[str]) -> Iterator[tuple[Request, list[StageEvent]]]:
    """These requests with their events, in order."""
    for piece in _pieces(ids):
        requests = {r.id: r for r in tx.requests_of(piece)}
        events = tx.events_of(piece)
        yield from ((requests[i], events[i]) for i in piece if i in requests)


def flows(
    tx: Transaction, ids: Sequence[str], now: datetime, calendar_of: CalendarOf = always
) -> Iterator[tuple[Request, RequestFlow]]:
    """These requests with their flow up to now."""
    for request, events in histories(tx, ids):
        yield request, request_flow(events, now, calendar_of=calendar_of, request=request)


def exported(tx: Transaction, ids: Sequence[str]) -> Iterator[History]:
    """These requests as they are exported."""
    return (History(case_of(request), tuple(events)) for request, events in histories(tx, ids))


def origin_shown(tx: Transaction, *, simulated: bool = False) -> Origin:
    """Which requests to show: simulated ones when asked, or when there is nothing else to show; never both together."""
    if simulated:
        return Origin.SIMULATED
    if tx.request_ids(origin=Origin.LIVE, newest=1) or not tx.request_ids(origin=Origin.SIMULATED, newest=1):
        return Origin.LIVE
    return Origin.SIMULATED


def _pieces(ids: Iterable[T]) -> Iterator[list[T]]:
    piece: list[T] = []
    for one in ids:
        piece.append(one)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
