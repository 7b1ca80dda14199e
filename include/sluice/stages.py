"""The value stream: its stages, their order, and the events that are its clock."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Stage(StrEnum):
    """A step of the value stream, named as in the UI, the ledger and the metrics."""

    REQUEST = "request"
    ADMISSION = "admission"
    LAND = "land"
    PROFILE = "profile"
    CHECK = "check"
    PUBLICATION = "publication"
    REGISTER = "register"
    PUBLISH = "publish"


PREDECESSORS: dict[Stage, tuple[Stage, ...]] = {
    Stage.REQUEST: (),
    Stage.ADMISSION: (Stage.REQUEST,),
    Stage.LAND: (Stage.ADMISSION,),
    Stage.PROFILE: (Stage.LAND,),
    Stage.CHECK: (Stage.LAND,),
    Stage.PUBLICATION: (Stage.PROFILE, Stage.CHECK),
    Stage.REGISTER: (Stage.PUBLICATION,),
    Stage.PUBLISH: (Stage.REGISTER,),
}
"""The one statement of the order; the DAG and the ledger both follow it, and a test holds them together."""

GATES = (Stage.ADMISSION, Stage.PUBLICATION)
PER_TABLE = (Stage.LAND, Stage.PROFILE, Stage.CHECK, Stage.REGISTER)


def successors(stage: Stage) -> tuple[Stage, ...]:
    """The stages that wait for this one."""
    return tuple(s for s, before in PREDECESSORS.items() if stage in before)


class Event(StrEnum):
    """What can happen to a stage (shared/reference/flow-metrics.md)."""

    REQUESTED = "requested"
    READY = "ready"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    EXPIRED = "expired"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class StageEvent:
    """One line of the stage clock. `seq` orders events, whatever the clocks said; `at` is UTC.

    With `table` the event is about that table's share of the stage, without it about the whole stage. `reason` is in
    words; `reason_code` says why a stage is paused or blocked (sluice.flow.kinds.ReasonCode).
    """

    seq: int
    request_id: str
    stage: Stage
    attempt: int
    event: Event
    at: datetime
    table: str | None = None
    actor: str | None = None
    role: str | None = None
    reason: str | None = None
    digest: str | None = None
    reason_code: str | None = None


_SIGNATURES = re.compile(r"(\d+) signatures")


def signatures_wanted(count: int) -> str | None:
    """What the `submitted` of a role says when more than one person of it must sign."""
    return f"{count} signatures" if count > 1 else None


def signatures_asked(event: StageEvent) -> int:
    """How many people of the role a `submitted` asks."""
    found = _SIGNATURES.fullmatch(event.reason or "")
    return int(found[1]) if found else 1


class Clock:
    """What the events say about where a request stands. Events of one request, in any order."""

    def __init__(self, events: Iterable[StageEvent]) -> None:
        self.events = sorted(events, key=lambda e: e.seq)
        self._attempts: dict[Stage, int] = {}
        self._last: dict[tuple[Stage, Event], StageEvent] = {}
        self._completed: dict[Stage, bool] = {}
        for e in self.events:
            self._attempts[e.stage] = max(e.attempt, self._attempts.get(e.stage, 0))
            if e.table is None and e.role is None:
                self._last[e.stage, e.event] = e

    def attempt(self, stage: Stage) -> int:
        """The stage's current attempt; 0 when it was never ready."""
        return self._attempts.get(stage, 0)

    def last(self, stage: Stage, event: Event) -> StageEvent | None:
        """The newest event of this kind of the whole stage."""
        return self._last.get((stage, event))

    def started(self, stage: Stage) -> bool:
        """Whether the current attempt has started."""
        event = self.last(stage, Event.STARTED)
        return event is not None and event.attempt == self.attempt(stage)

    def completed(self, stage: Stage) -> bool:
        """Whether the current attempt is complete, and no earlier stage was done again since."""
        if stage not in self._completed:
            self._completed[stage] = self._complete(stage)
        return self._completed[stage]

    def _complete(self, stage: Stage) -> bool:
        event = self.last(stage, Event.COMPLETED)
        if event is None or event.attempt != self.attempt(stage):
            return False
        for before in PREDECESSORS[stage]:
            done = self.last(before, Event.COMPLETED)
            if done is None or done.seq > event.seq or not self.completed(before):
                return False
        return True

    def is_open(self, gate: Stage) -> bool:
        """Whether people are asked at the gate now."""
        return self.started(gate) and not self.completed(gate) and all(self.completed(b) for b in PREDECESSORS[gate])

    def sent_back(self) -> StageEvent | None:
        """The newest event by which somebody sent the request back to a stage that is not complete again, if any."""
        back = [e for e in self.events if e.event is Event.READY and e.actor is not None]
        return next((e for e in reversed(back) if not self.completed(e.stage)), None)

    def tables_done(self, stage: Stage) -> set[str]:
        """Tables whose share of the stage is complete, and since then no earlier stage was done again, and nobody
        sent the request back to this one.
        """
        voiding = [e for before in PREDECESSORS[stage] if (e := self.last(before, Event.COMPLETED))]
        voiding += [e for e in self.events if e.stage is stage and e.event is Event.READY and e.actor is not None]
        since = max((e.seq for e in voiding), default=0)
        newest = {e.table: e for e in self.events if e.stage is stage and e.table is not None}
        return {t for t, e in newest.items() if e.event is Event.COMPLETED and e.seq > since}

    def current(self) -> tuple[Stage, ...]:
        """The stages that are ready or under way."""
        return tuple(
            s for s, before in PREDECESSORS.items()
            if self.attempt(s) and not self.completed(s) and all(self.completed(b) for b in before)
        )  # fmt: skip
