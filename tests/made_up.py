"""Made-up histories for tests of pages and of speed: requests through every stage, some stuck, some sent back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sluice.histories import Origin
from sluice.ledger import Request, RequestState
from sluice.stages import GATES, PER_TABLE, Event, Stage, StageEvent

ROLES = ("business", "compliance", "security", "governance", "architecture")
SLOW = {"security": 30.0, "compliance": 16.0}
"""Mean hours until a signature; the others take eight."""
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def request(number: int, at: datetime, **other: object) -> Request:
    """A request of a made-up source, asked for at this time."""
    values: dict[str, object] = {
        "id": f"onb-source_{number:05d}-{number:012x}", "source": f"source_{number:05d}", "contract_digest": f"{number:064x}",
        "contract_version": "1.0.0", "contract_text": "", "contract_file": "made_up.odcs.yaml", "base": "", "attempt": 1,
        "run_id": f"onb-source_{number:05d}-{number:012x}", "requester": "rita", "use_case": f"Use case {number % 12 + 1}",
        "priority": "standard", "comment": "", "tables": ("orders", "lines"), "tier": ("low", "standard", "high")[number % 3],
        "tier_reasons": (), "signatures": {gate.value: list(ROLES) for gate in GATES}, "policy_digest": "0" * 64,
        "requested_at": at, "origin": Origin.LIVE.value,
    }  # fmt: skip
    return Request(**(values | other))  # type: ignore[arg-type]


class Made:
    """One request's history as it is made up, event by event, until `until`."""

    def __init__(self, asked: Request, until: datetime, dice: random.Random) -> None:
        self.request, self.until, self.dice = asked, until, dice
        self.events: list[StageEvent] = []
        self.here = asked.requested_at
        self.state, self.closed = RequestState.OPEN, None

    def add(self, stage: Stage, event: Event, at: datetime, attempt: int = 1, **more: str) -> bool:
        if at > self.until:
            return False
        self.events.append(StageEvent(0, self.request.id, stage, attempt, event, at, **more))
        return True

    def hours(self, mean: float) -> timedelta:
        return timedelta(hours=self.dice.lognormvariate(0, 0.7) * mean)

    def run(self) -> Made:
        self.add(Stage.REQUEST, Event.REQUESTED, self.here, actor=self.request.requester)
        for stage in Stage:
            if stage is Stage.CHECK:
                continue  # beside profile
            if not self.pass_through(stage):
                return self
        self.state, self.closed = RequestState.PUBLISHED, self.here
        return self

    def pass_through(self, stage: Stage) -> bool:
        for attempt in (1, 2):
            beside = (Stage.PROFILE, Stage.CHECK) if stage is Stage.PROFILE else (stage,)
            if not min(self.add(s, Event.READY, self.here, attempt) for s in beside):
                return False
            self.here += timedelta(seconds=self.dice.expovariate(1 / 300))
            if not min(self.add(s, Event.STARTED, self.here, attempt) for s in beside):
                return False
            again = self.gate(stage, attempt) if stage in GATES else self.work(beside, attempt)
            if again is None:
                return False
            if not again:
                return True
        return True

    def gate(self, stage: Stage, attempt: int) -> bool | None:
        """Signatures in parallel: False when all are there, True to ask again, None when it ends here."""
        begin, answers = self.here, []
        for role in ROLES:
            self.add(stage, Event.SUBMITTED, begin, attempt, role=role)
            answers.append((begin + self.hours(SLOW.get(role, 8.0)), role))
        sent_back = attempt == 1 and self.dice.random() < 0.08
        for at, role in sorted(answers):
            last = (at, role) == max(answers)
            event = Event.RETURNED if last and sent_back else Event.APPROVED
            if not self.add(stage, event, at, attempt, role=role, actor=f"person of {role}"):
                return None
        self.here = max(answers)[0]
        if sent_back:
            self.add(stage, Event.RETURNED, self.here, attempt, reason="the owner is not named")
            self.here += self.hours(20)
            return True if self.here < self.until else None
        if self.dice.random() < 0.02:
            self.add(stage, Event.REJECTED, self.here, attempt, reason="no lawful ground")
            self.state, self.closed = RequestState.REJECTED, self.here
            return None
        return False if self.add(stage, Event.COMPLETED, self.here, attempt) else None

    def work(self, beside: tuple[Stage, ...], attempt: int) -> bool | None:
        end = self.here
        found: list[tuple[datetime, int, Stage, Event, dict[str, str]]] = []
        for order, stage in enumerate(beside):
            finish = self.here
            for table in self.request.tables if stage in PER_TABLE else ():
                finish = max(finish, self.here + timedelta(seconds=self.dice.expovariate(1 / 240) + 5))
                found += [
                    (self.here, order, stage, Event.STARTED, {"table": table}),
                    (finish, order, stage, Event.COMPLETED, {"table": table}),
                ]
            finish += timedelta(seconds=2 if stage in PER_TABLE else 20)
            found.append((finish, 9, stage, Event.COMPLETED, {}))
            end = max(end, finish)
        for at, _, stage, event, more in sorted(found, key=lambda f: (f[0], f[1])):
            if not self.add(stage, event, at, attempt, **more):
                return None
        self.here = end
        return False


def histories(
    count: int, *, days: float = 120, now: datetime = NOW, seed: int = 1, origin: Origin = Origin.LIVE
) -> Iterator[Made]:
    """`count` requests asked for over the last `days`, each as far as it had come at `now`."""
    from dataclasses import replace

    dice = random.Random(seed)
    for number in range(count):
        asked = now - timedelta(days=days * (1 - (number + dice.random()) / count))
        made = Made(request(number, asked, origin=origin.value), now, dice).run()
        made.request = replace(made.request, state=made.state, closed_at=made.closed)
        yield made


def load(ledger: object, made: list[Made]) -> int:
    """Put the histories into the ledger, their events in the order of their times; gives how many events."""
    events = sorted((e for m in made for e in m.events), key=lambda e: e.at)
    with ledger.transaction() as tx:  # type: ignore[attr-defined]
        count: int = tx.load_history([m.request for m in made], events)
    return count
