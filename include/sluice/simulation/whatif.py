"""What would change: a scenario beside variations of it, each simulated with the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sluice.flow.kinds import Kind
from sluice.flow.request import request_flow
from sluice.flow.statistics import Spread
from sluice.flow.summary import StreamSummary, summarise
from sluice.simulation.engine import simulate
from sluice.simulation.model import Scenario

REQUESTS = 600
WEEK = 604800.0


def overloaded(scenario: Scenario, found: Outcome) -> str:
    """Whether the limit of work in progress is too low for what is asked for, in words; "" when it is not."""
    waited = found.summary.waits[Kind.QUEUE] / max(found.summary.requests, 1)
    if scenario.wip_limit is None or waited < WEEK:
        return ""
    return (
        f"{found.name}: too low for {scenario.per_week:g} requests a week, so the queue grows as long as it runs; "
        "the dates say how long this simulation ran, and nothing else"
    )


@dataclass(frozen=True)
class Outcome:
    """A simulated way of working. `saved` is the median's difference to the first one, in seconds; `share` of it."""

    name: str
    lead: Spread
    saved: float
    share: float
    summary: StreamSummary


def outcomes(
    scenarios: Sequence[Scenario], *, begin: datetime, seed: int = 1, requests: int = REQUESTS
) -> list[Outcome]:
    """Each scenario's outcome, compared with the first. A simulation, not a measurement: say so where it is shown."""
    found: list[Outcome] = []
    for scenario in scenarios:
        summary = summarised(scenario, begin=begin, seed=seed, requests=requests)
        median = summary.lead.p50 or 0.0
        first = found[0].lead.p50 or 0.0 if found else median
        found.append(
            Outcome(scenario.name, summary.lead, first - median, (first - median) / first if first else 0.0, summary)
        )
    return found


def summarised(scenario: Scenario, *, begin: datetime, seed: int, requests: int) -> StreamSummary:
    """The summary of one simulated history, its off-hours by each role's calendar."""
    calendars = {name: role.calendar for name, role in scenario.roles.items()}
    histories = simulate(scenario, requests=requests, begin=begin, seed=seed)
    return summarise(
        request_flow(h.events, begin, calendar_of=lambda role: calendars.get(role, scenario.requesters))
        for h in histories
    )
