"""Where every open request is now, how much room there is, and who goes next: derived from the ledger each time.

A request is let in at four places, where a task of the stream waits for it: before admission, land, publication and
register. What follows land and register by itself counts there too, so that a limit on any stage holds back starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sluice.flow.kinds import ReasonCode
from sluice.ledger import Request, RequestState, Transaction
from sluice.policy.wip import WipLimits
from sluice.pull.classes import ServiceClass, place_in_line
from sluice.stages import PREDECESSORS, Clock, Event, Stage

STRETCHES: dict[Stage, tuple[Stage, ...]] = {
    Stage.ADMISSION: (Stage.ADMISSION,),
    Stage.LAND: (Stage.LAND, Stage.PROFILE, Stage.CHECK),
    Stage.PUBLICATION: (Stage.PUBLICATION,),
    Stage.REGISTER: (Stage.REGISTER, Stage.PUBLISH),
}
"""Where a request is let in → the stages it then goes through without being held back again."""


@dataclass(frozen=True)
class Held:
    """A request in the ready queue: its place (from 1), and why it is not let in."""

    request: Request
    stage: Stage
    attempt: int
    place: int
    of: int
    since: datetime
    code: ReasonCode
    reason: str


@dataclass(frozen=True)
class Card:
    """An open request with its clock and where it was let in."""

    request: Request
    clock: Clock
    pulled: frozenset[tuple[Stage, int]]

    @property
    def service(self) -> ServiceClass:
        return ServiceClass.of(self.request.priority)

    def let_in(self, entry: Stage) -> bool:
        """Whether the request is past this entry in its current attempt, be it that Airflow was told to go on."""
        return (entry, self.clock.attempt(entry)) in self.pulled or self.clock.started(entry)

    def ready(self, entry: Stage) -> bool:
        """Whether it waits to be let in here."""
        return (
            self.clock.attempt(entry) > 0
            and not self.let_in(entry)
            and all(self.clock.completed(before) for before in PREDECESSORS[entry])
        )

    def under_way(self, entry: Stage, stage: Stage) -> bool:
        """Whether it takes up room at this stage."""
        return self.let_in(entry) and not self.clock.completed(stage)

    def ready_since(self, entry: Stage) -> datetime:
        """When it became ready for this entry."""
        event = self.clock.last(entry, Event.READY)
        return event.at if event else self.request.requested_at


class Floor:
    """All open requests, and the limits."""

    def __init__(self, cards: Mapping[str, Card], limits: WipLimits) -> None:
        self.cards = cards
        self.limits = limits

    @classmethod
    def now(cls, tx: Transaction, limits: WipLimits) -> Floor:
        """The floor as the ledger says it is."""
        requests = tx.requests(state=RequestState.OPEN)
        ids = [r.id for r in requests]
        events, pulls = tx.events_of(ids, whole=True), tx.pulls(ids)
        by_request: dict[str, set[tuple[Stage, int]]] = {}
        for request_id, stage, attempt in pulls:
            by_request.setdefault(request_id, set()).add((stage, attempt))
        return cls({r.id: Card(r, Clock(events[r.id]), frozenset(by_request.get(r.id, ()))) for r in requests}, limits)

    def queue(self, entry: Stage) -> list[Card]:
        """What is ready here, the first to be let in first."""
        ready = [c for c in self.cards.values() if c.ready(entry)]
        return sorted(
            ready, key=lambda c: place_in_line(c.request.priority, c.request.due, c.request.requested_at, c.request.id)
        )

    def in_progress(self, stage: Stage) -> int:
        """How many requests take up room at this stage."""
        entry = next(e for e, stages in STRETCHES.items() if stage in stages)
        return sum(c.under_way(entry, stage) for c in self.cards.values())

    @cached_property
    def started(self) -> int:
        """How many requests are on their way: let in at admission and not finished."""
        return sum(c.let_in(Stage.ADMISSION) for c in self.cards.values())

    @cached_property
    def expedited(self) -> list[Card]:
        """The expedited requests that are on their way."""
        return [c for c in self.cards.values() if c.service is ServiceClass.EXPEDITE and c.let_in(Stage.ADMISSION)]

    def room(self, entry: Stage) -> tuple[int | None, str]:
        """How many more may be let in here (None: no limit), and what the tightest limit is, in words."""
        found: list[tuple[int, str]] = []
        for stage in STRETCHES[entry]:
            if (limit := self.limits.stages.get(stage)) is not None:
                used = self.in_progress(stage)
                found.append((limit - used, f"{used} of at most {limit} are at {stage}"))
        if entry is Stage.ADMISSION and self.limits.total is not None:
            found.append(
                (self.limits.total - self.started, f"{self.started} of at most {self.limits.total} are on their way")
            )
        return min(found, default=(None, ""), key=lambda f: f[0])

    def turn(self, entry: Stage) -> tuple[list[Card], list[Held]]:
        """Who may come in here now, and who is held back with what reason."""
        room, words = self.room(entry)
        free = len(self.cards) if room is None else max(room, 0)
        expedites = len(self.expedited)
        line = self.queue(entry)
        come: list[Card] = []
        held: list[Held] = []
        for card in line:
            urgent = card.service is ServiceClass.EXPEDITE and entry is Stage.ADMISSION
            if urgent and expedites >= self.limits.expedite:
                other = next((c.request.source for c in self.expedited), "another")
                why = f"at most {self.limits.expedite} expedited at a time, and {other} is on its way"
                held.append(_held(card, entry, len(held) + 1, ReasonCode.EXPEDITE, why))
            elif free > 0:
                come.append(card)
                free -= 1
                expedites += urgent
            else:
                ahead = [h.request.source for h in held[:3]]
                why = f"{words}; place {len(held) + 1}" + (f", behind {', '.join(ahead)}" if ahead else "")
                why += f" and {len(held) - 3} more" if len(held) > 3 else ""
                held.append(_held(card, entry, len(held) + 1, ReasonCode.WIP_LIMIT, why))
        return come, [_of(h, len(held)) for h in held]


def _held(card: Card, entry: Stage, place: int, code: ReasonCode, reason: str) -> Held:
    attempt = card.clock.attempt(entry)
    return Held(card.request, entry, attempt, place, 0, card.ready_since(entry), code, reason)


def _of(held: Held, count: int) -> Held:
    return Held(held.request, held.stage, held.attempt, held.place, count, held.since, held.code, held.reason)
