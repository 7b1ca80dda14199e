"""Discrete-event simulation (SimPy) of the value stream: it writes the same events as the real one.

So every metric of sluice.flow measures a simulated history exactly as it measures a real one. Deterministic with a
seed. Time is UTC seconds since 1970; people work in their role's calendar, machines always.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import simpy

from sluice.calendars import Calendar
from sluice.flow.kinds import ReasonCode
from sluice.flow.log import Case, History
from sluice.histories import Origin
from sluice.simulation.model import Role, Scenario
from sluice.stages import PER_TABLE, Event, Stage, StageEvent

MAX_RETURNS = 3
WEEK = timedelta(weeks=1)
Flow = Generator[Any, Any, None]


@dataclass
class _Ticket:
    id: str
    tier: str
    asked: float
    lines: list[tuple[float, int, StageEvent]]
    attempts: dict[Stage, int]
    returned: int = 0
    ended: float | None = None
    state: str = "open"


def simulate(
    scenario: Scenario, *, requests: int, begin: datetime, seed: int, name: str = "sim", until: datetime | None = None
) -> list[History]:
    """Requests asked for from `begin` on, each with its events in order; sequence numbers count over all of them.

    Arrivals are a Poisson process in the requesters' hours, `per_week` a week. With `until` all are asked for by then
    (a Poisson process of which the count is known: uniform order statistics, Ross, Introduction to Probability Models,
    5.3), nothing is written after it, and what has not ended by then is open.
    """
    world = _World(scenario, begin, seed)
    waits = world.waits(requests) if until is None else world.waits_within(requests, until)
    world.env.process(world.arrivals(waits, name))
    world.env.run(until=None if until is None else until.timestamp())
    return list(world.histories())


class _World:
    def __init__(self, scenario: Scenario, begin: datetime, seed: int) -> None:
        self.scenario = scenario
        self.random = Random(seed)  # noqa: S311 - reproducible, and guards nothing
        self.env = simpy.Environment(initial_time=begin.timestamp())
        self.begin = begin
        self.people = {r.name: simpy.Resource(self.env, capacity=max(r.people, 1)) for r in scenario.roles.values()}
        self.places = simpy.Resource(self.env, capacity=scenario.wip_limit) if scenario.wip_limit else None
        self.tickets: list[_Ticket] = []
        self._order = 0

    def waits(self, requests: int) -> Iterator[float]:
        """Seconds of the requesters' hours before each request, `per_week` of them a week."""
        open_week = self.scenario.requesters.seconds_between(self.begin, self.begin + WEEK)
        gap = (open_week or WEEK.total_seconds()) / self.scenario.per_week
        return (self.random.expovariate(1.0) * gap for _ in range(requests))

    def waits_within(self, requests: int, until: datetime) -> Iterator[float]:
        """The same for as many requests between begin and `until`."""
        open_time = self.scenario.requesters.seconds_between(self.begin, until)
        moments = sorted(self.random.random() * open_time for _ in range(requests))
        return (after - before for before, after in pairwise([0.0, *moments]))

    def arrivals(self, waits: Iterable[float], name: str) -> Flow:
        tiers, weights = list(self.scenario.tiers), list(self.scenario.tiers.values())
        for number, wait in enumerate(waits, start=1):
            yield self._until(self.scenario.requesters, wait)
            tier = self.random.choices(tiers, weights)[0]
            ticket = _Ticket(f"{name}-{number:06}", tier, self.env.now, [], {})
            self.tickets.append(ticket)
            self.env.process(self.request(ticket))

    def request(self, ticket: _Ticket) -> Flow:
        """The request's life: asked, through the stages, perhaps back to the requester, to its end."""
        self._write(ticket, Stage.REQUEST, Event.REQUESTED, attempt=1)
        place = None
        while True:
            yield self.env.process(self.step(ticket, Stage.REQUEST))
            self._ready(ticket, Stage.ADMISSION)
            if self.places is not None and place is None:
                place = self.places.request()
                yield place
            done = yield self.env.process(self.stream(ticket))
            if done != "again":
                break
        if place is not None and self.places is not None:
            self.places.release(place)
        ticket.state, ticket.ended = done, self.env.now

    def stream(self, ticket: _Ticket) -> Generator[Any, Any, str]:
        """Admission to publish; "again" when it was sent back, else how it ended."""
        answer = yield self.env.process(self.gate(ticket, Stage.ADMISSION))
        if answer != "approved":
            return str(answer)
        if (yield self.env.process(self.step(ticket, Stage.LAND))):
            return "failed"
        both = [self.env.process(self.step(ticket, s)) for s in (Stage.PROFILE, Stage.CHECK)]
        outcome = yield self.env.all_of(both)
        if any(outcome.values()):
            return "failed"
        self._ready(ticket, Stage.PUBLICATION)
        answer = yield self.env.process(self.gate(ticket, Stage.PUBLICATION))
        if answer != "approved":
            return str(answer)
        for stage in (Stage.REGISTER, Stage.PUBLISH):
            if (yield self.env.process(self.step(ticket, stage))):
                return "failed"
        return "published"

    def step(self, ticket: _Ticket, stage: Stage) -> Generator[Any, Any, bool]:
        """A stage of work; whether it failed for good."""
        step = self.scenario.steps[stage]
        self._ready(ticket, stage)
        yield self._until(step.calendar, step.queue.draw(self.random))
        self._write(ticket, stage, Event.STARTED)
        table = "main" if stage in PER_TABLE else None
        if table:
            self._write(ticket, stage, Event.STARTED, table=table)
        pause = self.scenario.pauses.get(stage)
        if pause is not None and self.random.random() < pause.chance:
            self._write(ticket, stage, Event.PAUSED, reason="simulated pause", reason_code=pause.reason_code)
            yield self._until(step.calendar, pause.length.draw(self.random))
            self._write(ticket, stage, Event.RESUMED, reason_code=pause.reason_code)
        yield self._until(step.calendar, step.work.draw(self.random))
        if self.random.random() < self.scenario.failures.get(stage, 0.0):
            self._write(ticket, stage, Event.FAILED, table=table, reason="simulated failure")
            if table:
                self._write(ticket, stage, Event.FAILED, reason="simulated failure")
            return True
        if table:
            self._write(ticket, stage, Event.COMPLETED, table=table)
        self._write(ticket, stage, Event.COMPLETED)
        return False

    def gate(self, ticket: _Ticket, gate: Stage) -> Generator[Any, Any, str]:
        """Everybody is asked, at once or one by one; "approved", "again" or "returned" for good."""
        roles = [self.scenario.roles[r] for r in self.scenario.gates[gate].get(ticket.tier, ())]
        self._write(ticket, gate, Event.STARTED)
        sent_back = self.random.random() < self.scenario.returns.get(gate, 0.0) and bool(roles)
        judge = self.random.choice(roles).name if sent_back else None
        if self.scenario.serial:
            for role in roles:
                yield self.env.process(self.signature(ticket, gate, role, judge))
                if role.name == judge:
                    break
        elif roles:
            yield self.env.all_of([self.env.process(self.signature(ticket, gate, role, judge)) for role in roles])
        if judge is None:
            self._write(ticket, gate, Event.COMPLETED)
            return "approved"
        self._write(
            ticket, gate, Event.RETURNED, reason="simulated return", reason_code=ReasonCode.CONTRACT_CHANGE.value
        )
        ticket.returned += 1
        if ticket.returned > MAX_RETURNS:
            return "returned"
        yield self._until(self.scenario.requesters, self.scenario.correction.draw(self.random))
        return "again"

    def signature(self, ticket: _Ticket, gate: Stage, role: Role, judge: str | None) -> Flow:
        """One role's answer: noticed after a while, then worked on by one of its people."""
        self._write(ticket, gate, Event.SUBMITTED, role=role.name)
        yield self._until(role.calendar, role.latency.draw(self.random))
        with self.people[role.name].request() as person:
            yield person
            yield self._until(role.calendar, role.effort.draw(self.random))
        self._write(ticket, gate, Event.RETURNED if role.name == judge else Event.APPROVED, role=role.name)

    def _until(self, calendar: Calendar, seconds: float) -> Any:
        if calendar.name == "continuous":
            return self.env.timeout(seconds)
        now = datetime.fromtimestamp(self.env.now, UTC)
        return self.env.timeout(max(calendar.after(now, seconds).timestamp() - self.env.now, 0.0))

    def _ready(self, ticket: _Ticket, stage: Stage) -> None:
        ticket.attempts[stage] = ticket.attempts.get(stage, 0) + 1
        self._write(ticket, stage, Event.READY)

    def _write(self, ticket: _Ticket, stage: Stage, event: Event, *, attempt: int | None = None, **more: Any) -> None:
        self._order += 1
        at = datetime.fromtimestamp(round(self.env.now, 3), UTC)
        line = StageEvent(self._order, ticket.id, stage, attempt or ticket.attempts.get(stage, 1), event, at, **more)
        ticket.lines.append((self.env.now, self._order, line))

    def histories(self) -> Iterator[History]:
        for ticket in self.tickets:
            if ticket.state == "failed":
                self._cut(ticket)
            closed = None if ticket.ended is None else datetime.fromtimestamp(round(ticket.ended, 3), UTC)
            asked = datetime.fromtimestamp(round(ticket.asked, 3), UTC)
            case = Case(ticket.id, f"source_{ticket.id[-6:]}", "1.0.0", f"use case {1 + int(ticket.id[-6:]) % 30}", ticket.tier, "standard",
                        ticket.state, asked, closed, Origin.SIMULATED.value, ("main",))  # fmt: skip
            yield History(case, tuple(line for _, _, line in ticket.lines))

    def _cut(self, ticket: _Ticket) -> None:
        """A failure ends the request at once: what ran beside it is not heard of any more."""
        end = next(i for i, (_, _, e) in enumerate(ticket.lines) if e.event is Event.FAILED and e.table is None)
        ticket.ended = ticket.lines[end][0]
        del ticket.lines[end + 1 :]


def numbered(histories: list[History]) -> Iterator[StageEvent]:
    """All events in the order in which they happened, numbered from 1."""
    merged = sorted((e.at, e.seq, e) for h in histories for e in h.events)
    return (replace(e, seq=seq) for seq, (_, _, e) in enumerate(merged, start=1))
