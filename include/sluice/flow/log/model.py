"""The event log as it leaves Sluice and comes back: histories of requests, and ticket histories of other systems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sluice.ledger import Request
from sluice.stages import StageEvent

FORMATS = ("csv", "xes", "ocel")
MAX_BYTES = 256 * 1024 * 1024
"""A larger file is refused: a history of a hundred thousand tickets is a tenth of it."""


@dataclass(frozen=True)
class Case:
    """What an exported history says about its request. `state` is a RequestState's value."""

    id: str
    source: str
    version: str
    use_case: str
    tier: str
    priority: str
    state: str
    requested_at: datetime
    closed_at: datetime | None
    origin: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """A request and its events, in order."""

    case: Case
    events: tuple[StageEvent, ...]


@dataclass(frozen=True)
class TicketEvent:
    """Something happened to a ticket of another system. `transition` is "start", "complete" or "" when not told."""

    at: datetime
    activity: str
    transition: str = ""


@dataclass(frozen=True)
class Ticket:
    """A ticket of another system. `ended` is None while it is open; without events only its ends are known."""

    id: str
    requested: datetime
    ended: datetime | None
    outcome: str
    tier: str = ""
    use_case: str = ""
    events: tuple[TicketEvent, ...] = ()


def case_of(request: Request) -> Case:
    """What of a request is exported: nothing about people, and not the contract's text."""
    return Case(
        request.id, request.source, request.contract_version, request.use_case, request.tier, request.priority,
        str(request.state), request.requested_at, request.closed_at, request.origin, request.tables,
    )  # fmt: skip


def without_people(histories: Iterable[History]) -> Iterator[History]:
    """The histories by role only: who did it, and what people wrote, stays in the ledger."""
    for history in histories:
        yield replace(history, events=tuple(replace(e, actor=None, reason=None) for e in history.events))
