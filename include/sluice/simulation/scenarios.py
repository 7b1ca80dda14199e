"""The ways of working that docs/lead-time.md compares: the serial three weeks, and Sluice. Every number is named.

Nothing here was measured in the field. The answer times of people are the same in both: what differs is the order in
which they are asked, what machines do instead of hands, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time

from sluice.calendars import Calendar
from sluice.flow.kinds import ReasonCode
from sluice.policy import Policy
from sluice.simulation.model import HOUR, Constant, Lognormal, Pause, Role, Scenario, Step
from sluice.stages import Stage

OFFICE = Calendar("office", "1", "Europe/Brussels", dict.fromkeys(range(5), ((time(9), time(17)),)))
DAY = 8 * HOUR
ROLES = ("business", "compliance", "security", "governance", "architecture")
ANSWER = Lognormal(0.52 * DAY, 1.5 * DAY)
"""Business time until somebody of a role looks: the one number fitted so that the serial process takes the three weeks
that its users claim."""
GATES = {gate: dict.fromkeys(("low", "standard", "high"), ROLES) for gate in (Stage.ADMISSION, Stage.PUBLICATION)}
BY_HAND = {
    Stage.REQUEST: Step(Lognormal(2 * HOUR, 8 * HOUR), Lognormal(2 * HOUR, 4 * HOUR), OFFICE, by_hand=True),
    Stage.LAND: Step(Lognormal(4 * HOUR, 16 * HOUR), Lognormal(6 * HOUR, 12 * HOUR), OFFICE, by_hand=True),
    Stage.PROFILE: Step(Constant(0.0), Lognormal(2 * HOUR, 4 * HOUR), OFFICE, by_hand=True),
    Stage.CHECK: Step(Lognormal(2 * HOUR, 8 * HOUR), Lognormal(4 * HOUR, 8 * HOUR), OFFICE, by_hand=True),
    Stage.REGISTER: Step(Lognormal(2 * HOUR, 8 * HOUR), Lognormal(1 * HOUR, 2 * HOUR), OFFICE, by_hand=True),
    Stage.PUBLISH: Step(Lognormal(4 * HOUR, 16 * HOUR), Lognormal(0.5 * HOUR, 1 * HOUR), OFFICE, by_hand=True),
}
BY_MACHINE = {
    Stage.REQUEST: Step(Constant(5.0), Lognormal(20.0, 60.0)),
    Stage.LAND: Step(Constant(5.0), Lognormal(120.0, 900.0)),
    Stage.PROFILE: Step(Constant(5.0), Lognormal(60.0, 300.0)),
    Stage.CHECK: Step(Constant(5.0), Lognormal(60.0, 300.0)),
    Stage.REGISTER: Step(Constant(5.0), Lognormal(20.0, 60.0)),
    Stage.PUBLISH: Step(Constant(5.0), Lognormal(20.0, 60.0)),
}


@dataclass(frozen=True)
class Assumption:
    """A number of the simulation, and where it comes from."""

    what: str
    value: str
    source: str


ASSUMPTIONS = (
    Assumption("Who signs, at both gates", ", ".join(ROLES), "include/policy.yaml: every role at every tier"),
    Assumption("Business time until a role looks", "half within 0.52 of a day, 85% within 1.5 days of 8 hours",
               "fitted, the only fitted number: it makes the serial process take the three weeks that its users claim (a claim, not a measurement)"),
    Assumption("The people are no faster with Sluice", "the same answer times in both", "deliberately cautious: reminders and evidence at hand are not counted"),
    Assumption("Work per signature", "15 minutes, two people per role", "assumed"),
    Assumption("Opening hours", "Monday to Friday 9:00-17:00, Europe/Brussels, no holidays", "assumed; the office in include/policy.yaml is alike"),
    Assumption("Requests", "5 a week, at random moments of opening hours", "assumed; a migration of thirty use cases in about six weeks"),
    Assumption("Sent back", "10% at admission, 10% at publication, corrected in half a day to three days", "assumed, the same in both"),
    Assumption("Serial: work by hand", "request 2 h, land 6 h, profile 2 h, check 4 h, register 1 h, publish 0.5 h at the median, in office hours",
               "assumed; the nights over which a piece of work lies count as work here, and still it is about a seventh of the lead time (published value-stream cases: about 11%)"),
    Assumption("Serial: waiting before each piece of work", "2 to 4 hours at the median, 1 to 2 days at the 85th percentile", "assumed: somebody else's list"),
    Assumption("Sluice: work by machine", "20 s to 2 min at the median per stage, 85% within 15 min, at any hour",
               "assumed, above what `sluice demo` needs for all stages together (45 to 80 s on two cores, README); larger sources take longer (docs/benchmarks.md)"),
)  # fmt: skip


def roles(calendar: Calendar = OFFICE) -> dict[str, Role]:
    """The five roles, with the answer times that both ways of working share."""
    return {name: Role(name, ANSWER, calendar=calendar) for name in ROLES}


RETURNS: Mapping[Stage, float] = {Stage.ADMISSION: 0.10, Stage.PUBLICATION: 0.10}
SERIAL = Scenario(
    "serial, by hand", roles(), BY_HAND, GATES, serial=True, returns=RETURNS, correction=Lognormal(0.5 * DAY, 3 * DAY), requesters=OFFICE,
    assumptions=tuple(f"{a.what}: {a.value} ({a.source})" for a in ASSUMPTIONS),
)  # fmt: skip
SLUICE = replace(SERIAL, name="Sluice", steps=BY_MACHINE, serial=False)
STEPWISE = (
    SERIAL,
    replace(SERIAL, name="serial, work by machine", steps=BY_MACHINE),
    SLUICE,
    replace(
        SLUICE, name="Sluice, tier low approved beforehand",
        gates={g: {**by_tier, "low": ()} for g, by_tier in GATES.items()},
    ),
)  # fmt: skip
"""One change at a time, so that each one's part can be read off."""

PACE = {"security": 1.6, "architecture": 1.2, "compliance": 1.0, "governance": 0.8, "business": 0.6}
"""Roles of the demonstration, relative to ANSWER: one is slower than the others, so that there is something to see."""


def as_governed(policy: Policy) -> Scenario:
    """Sluice with the policy's own roles, calendars and gates: what `sluice up --with-history` simulates."""
    named = {role: PACE.get(role, 1.0) for role in policy.roles}
    return replace(
        SLUICE, name="as the policy says",
        roles={n: Role(n, Lognormal(ANSWER.median * f, ANSWER.p85 * f), calendar=policy.calendar_of(n)) for n, f in named.items()},
        gates=policy.signatures, failures={Stage.CHECK: 0.03}, per_week=6.0,
        pauses={
            Stage.LAND: Pause(0.15, Lognormal(6 * HOUR, 30 * HOUR), ReasonCode.SOURCE_ACCESS.value),
            Stage.REGISTER: Pause(0.05, Lognormal(1 * HOUR, 4 * HOUR), ReasonCode.OUTAGE.value),
        },
    )  # fmt: skip


__all__ = [
    "ASSUMPTIONS",
    "BY_HAND",
    "BY_MACHINE",
    "OFFICE",
    "SERIAL",
    "SLUICE",
    "STEPWISE",
    "Assumption",
    "as_governed",
    "roles",
]
