"""The board: a column per stage from live state, a card per request, and who waits on whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from sluice.flow.statistics import Spread, band
from sluice.insight.choice import Chosen
from sluice.insight.columns import Columns, instant
from sluice.insight.packing import STAGES
from sluice.insight.stream import spread_of
from sluice.pull.classes import place_in_line
from sluice.stages import Stage

CARDS = 60
"""Cards drawn in one column, oldest first; the column says how many more there are."""


@dataclass(frozen=True)
class Standing:
    """Where a request stands, in words. `since` is when the longest open question was asked, or the stage was ready."""

    stage: str
    at: str
    roles: tuple[str, ...]
    waits_for: str
    blocked: str
    since: datetime | None


def place_of(places: Sequence[Mapping[str, Any]]) -> Standing:
    """One request's standing from its places as they are kept."""
    if not places:
        return Standing("", "between stages", (), "", "", None)
    roles = tuple(dict.fromkeys(role for p in places for role in p["waiting"]))
    blocked = next((p["blocked"] for p in places if p["blocked"]), "")
    sinces = [s for p in places for s in (*p["waiting"].values(), p.get("blocked_since") or p["ready"])]
    if not roles and all(p["started"] is None for p in places):
        blocked = blocked or "not started yet"
    words = ", ".join(roles) or (blocked if blocked else "")
    return Standing(
        places[0]["stage"], " and ".join(p["stage"] for p in places), roles, words, blocked,
        datetime.fromisoformat(min(sinces)),
    )  # fmt: skip


@dataclass(frozen=True)
class Card:
    """A request on the board. `age` seconds since it was asked for, `stage_age` since the stage was ready; `band`
    is where the age lies among the published: "50", "85", "95", "beyond", "" without any."""

    id: str
    source: str
    use_case: str
    tier: str
    priority: str
    requester: str
    asked: datetime
    stage: str
    age: float
    stage_age: float
    band: str
    standing: Standing
    waited: float
    """Seconds that the longest open question has waited."""
    due: date | None = None
    started: bool = True
    """Whether the stage has begun; what is ready and has not is in the ready queue."""


@dataclass(frozen=True)
class Lane:
    """A column of the board: `cards` are the oldest of those begun, `ready` the first of the ready queue in the order
    in which they will start; `begun` and `waiting` count all of them. `limit` is the stage's WIP limit."""

    name: str
    begun: int
    cards: tuple[Card, ...]
    waiting: int
    ready: tuple[Card, ...]
    limit: int | None = None
    oldest: float = 0.0

    @property
    def count(self) -> int:
        return self.begun + self.waiting

    @property
    def full(self) -> bool:
        return self.limit is not None and self.begun >= self.limit


@dataclass(frozen=True)
class Waiting:
    """One role's queue now: how many wait for it, and the one that waits longest."""

    role: str
    count: int
    longest: Card
    late: int
    """How many of them are older than 85% of what was published."""


@dataclass(frozen=True)
class Board:
    lanes: tuple[Lane, ...]
    waiting: tuple[Waiting, ...]
    swimlanes: tuple[tuple[str, Mapping[str, tuple[Card, ...]], int], ...]
    """Use case → cards by stage, and how many there are."""
    finished: Spread
    count: int
    late: int
    """Requests that are older than 85% of what was published."""

    @property
    def sentence(self) -> str:
        """What is stuck, on whom, since when; for the top of a page."""
        from sluice.words import duration

        if not self.count:
            return "Nothing is under way."
        said = f"{self.count:,} under way"
        if self.waiting:
            first = self.waiting[0]
            said += f"; {first.count:,} wait for {first.role}, the longest ({first.longest.source}) for {duration(first.longest.waited)}"
        if self.finished.p85 is not None:
            older = "none is" if not self.late else "1 is" if self.late == 1 else f"{self.late:,} are"
            said += f"; {older} older than 85% of what was published"
        return said + "."


def cards_of(columns: Columns, finished: Spread, now: datetime, limit: int | None = None) -> list[Card]:
    """Cards of open requests, oldest first; one that is at two stages has one card for each."""
    ordered = columns.take(np.argsort(columns.requested, kind="stable")[: limit or None])
    ages = ordered.lead(now)
    found = []
    for i in range(len(ordered)):
        places = ordered.places[i]
        for place in places:
            own = [place] if len(places) > 1 else places
            standing = place_of(own)
            since = datetime.fromisoformat(place["ready"])
            found.append(
                Card(
                    ordered.ids[i], ordered.source[i], ordered.use_case[i], ordered.tier[i], ordered.priority[i],
                    ordered.requester[i], instant(ordered.requested[i]), place["stage"], float(ages[i]), max((now - since).total_seconds(), 0.0),
                    band(float(ages[i]), finished), standing,
                    max((now - (standing.since or now)).total_seconds(), 0.0),
                    date.fromisoformat(place["due"]) if "due" in place else None, place["started"] is not None,
                )
            )  # fmt: skip
    return found


def board(chosen: Chosen, now: datetime, limits: Mapping[Stage, int] | None = None) -> Board:
    """The board as it is now."""
    finished = spread_of(chosen.published.lead(now))
    cards = cards_of(chosen.open, finished, now)
    by_stage: dict[str, list[Card]] = {s.value: [] for s in STAGES}
    for card in cards:
        by_stage.setdefault(card.stage, []).append(card)
    lanes = tuple(_lane(name, own, (limits or {}).get(Stage(name))) for name, own in by_stage.items())
    late = len({c.id for c in cards if c.band in ("95", "beyond")})
    return Board(lanes, _waiting(cards), _swimlanes(cards), finished, len(chosen.open), late)


def _lane(name: str, own: Sequence[Card], limit: int | None) -> Lane:
    begun = [c for c in own if c.started]
    ready = sorted((c for c in own if not c.started), key=lambda c: place_in_line(c.priority, c.due, c.asked, c.id))
    return Lane(
        name, len(begun), tuple(begun[:CARDS]), len(ready), tuple(ready[:CARDS]), limit, own[0].age if own else 0.0
    )


def _waiting(cards: Sequence[Card]) -> tuple[Waiting, ...]:
    queues: dict[str, list[Card]] = {}
    for card in cards:
        for role in card.standing.roles:
            queues.setdefault(role, []).append(card)
    found = [
        Waiting(role, len(own), max(own, key=lambda c: c.waited), sum(c.band in ("95", "beyond") for c in own))
        for role, own in queues.items()
    ]
    return tuple(sorted(found, key=lambda w: (-w.count, -w.longest.waited)))


def _swimlanes(cards: Sequence[Card]) -> tuple[tuple[str, Mapping[str, tuple[Card, ...]], int], ...]:
    lanes: dict[str, dict[str, list[Card]]] = {}
    for card in cards:
        lanes.setdefault(card.use_case, {}).setdefault(card.stage, []).append(card)
    found = [
        (name, {stage: tuple(own) for stage, own in by_stage.items()}, len({c.id for own in by_stage.values() for c in own}))
        for name, by_stage in lanes.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda lane: (-lane[2], lane[0])))
