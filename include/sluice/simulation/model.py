"""What is simulated: stages with work and waits, roles with calendars and queues, the mix of requests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from sluice.calendars import CONTINUOUS, Calendar
from sluice.stages import Stage

HOUR = 3600.0


@dataclass(frozen=True)
class Constant:
    """Always the same number of seconds."""

    seconds: float

    def draw(self, random: Random) -> float:
        """The seconds."""
        return self.seconds


@dataclass(frozen=True)
class Lognormal:
    """Seconds with a long tail, told by what half and what 85% stay below: what waits on people look like."""

    median: float
    p85: float

    def draw(self, random: Random) -> float:
        """A random number of seconds."""
        sigma = math.log(self.p85 / self.median) / 1.0364333894937898  # the standard normal's 85th percentile
        return self.median * math.exp(sigma * random.gauss(0.0, 1.0))


@dataclass(frozen=True)
class Observed:
    """Seconds as they were measured, drawn again with the same frequency."""

    values: tuple[float, ...]

    def draw(self, random: Random) -> float:
        """One of the measured values."""
        return random.choice(self.values)


Distribution = Constant | Lognormal | Observed


@dataclass(frozen=True)
class Role:
    """Who signs. `latency`: business seconds until somebody looks; `effort`: business seconds of work per signature.

    At most `people` of the role work at once, so a crowd of requests queues.
    """

    name: str
    latency: Distribution
    effort: Distribution = Constant(900.0)
    people: int = 2
    calendar: Calendar = CONTINUOUS


@dataclass(frozen=True)
class Step:
    """A stage that is worked on. `queue`: seconds before it starts, `work`: seconds, both in the calendar's hours."""

    queue: Distribution
    work: Distribution
    calendar: Calendar = CONTINUOUS
    by_hand: bool = False


@dataclass(frozen=True)
class Pause:
    """A stage that is held up now and then, for a reason of sluice.flow.kinds.ReasonCode."""

    chance: float
    length: Distribution
    reason_code: str


@dataclass(frozen=True)
class Scenario:
    """A way of working. `gates`: who signs at a gate, by tier; `serial`: one after the other instead of at once.

    `returns`: the chance that a gate sends a request back; `correction`: business seconds until it comes again.
    `wip_limit`: how many requests may be between admission and publication at once. `per_week`: requests asked for.
    """

    name: str
    roles: Mapping[str, Role]
    steps: Mapping[Stage, Step]
    gates: Mapping[Stage, Mapping[str, tuple[str, ...]]]
    tiers: Mapping[str, float] = field(default_factory=lambda: {"low": 0.5, "standard": 0.35, "high": 0.15})
    serial: bool = False
    returns: Mapping[Stage, float] = field(default_factory=dict)
    correction: Distribution = Lognormal(8 * HOUR, 24 * HOUR)
    failures: Mapping[Stage, float] = field(default_factory=dict)
    pauses: Mapping[Stage, Pause] = field(default_factory=dict)
    per_week: float = 5.0
    wip_limit: int | None = None
    requesters: Calendar = CONTINUOUS
    assumptions: tuple[str, ...] = ()


# What-ifs: each gives a scenario that differs from the given one in one thing.


def serial(scenario: Scenario) -> Scenario:
    """Approvers one after the other."""
    return replace(scenario, name="approvals one after the other", serial=True)


def parallel(scenario: Scenario) -> Scenario:
    """All approvers at once."""
    return replace(scenario, name="approvals at once", serial=False)


def pre_approved(scenario: Scenario, tiers: Sequence[str] = ("low",)) -> Scenario:
    """Nobody signs for these tiers: the policy says yes beforehand."""
    gates = {
        g: {t: () if t in tiers else roles for t, roles in by_tier.items()} for g, by_tier in scenario.gates.items()
    }
    return replace(scenario, name=f"tier {', '.join(tiers)} approved beforehand", gates=gates)


def faster(scenario: Scenario, role: str, factor: float = 0.5) -> Scenario:
    """A role that looks sooner: `factor` times its latency. Raises KeyError for a role that is not there."""
    known = scenario.roles[role]
    sooner = replace(known, latency=_scaled(known.latency, factor))
    return replace(scenario, name=f"{role} looks in {factor:.0%} of the time", roles={**scenario.roles, role: sooner})


def limited(scenario: Scenario, limit: int) -> Scenario:
    """At most `limit` requests in progress."""
    return replace(scenario, name=f"at most {limit} in progress", wip_limit=limit)


def _scaled(d: Distribution, factor: float) -> Distribution:
    if isinstance(d, Constant):
        return Constant(d.seconds * factor)
    if isinstance(d, Lognormal):
        return Lognormal(d.median * factor, d.p85 * factor)
    return Observed(tuple(v * factor for v in d.values))


WhatIf = Callable[[Scenario], Scenario]
