"""What one more expedited request would cost the others, weighed in the open before it is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sluice.ledger import Transaction
from sluice.policy import Policy
from sluice.pull.classes import ServiceClass
from sluice.pull.floor import STRETCHES, Floor
from sluice.stages import GATES, Stage

WEEKS = 8
"""How far back the pace is measured."""
FEWEST = 5
"""Fewer completions say nothing about a pace."""


@dataclass(frozen=True)
class Delay:
    """A request that goes behind the expedited one at an entry. `days`: None while nothing says how fast it goes."""

    request_id: str
    source: str
    use_case: str
    at: Stage
    days: float | None


@dataclass(frozen=True)
class Cost:
    """What an expedited request delays now. `pace` is days between completions at each entry, where it is known;
    `refused` says why it would have to wait itself, empty when it would not.
    """

    delays: tuple[Delay, ...]
    overtaken_at_gates: int
    pace: Mapping[Stage, float] = field(default_factory=dict)
    assumed: bool = False
    """Whether a pace was taken from the service levels, because too few have been finished."""
    refused: str = ""

    @property
    def days(self) -> float | None:
        """Days of delay of all together; None while a pace is not known."""
        known = [d.days for d in self.delays]
        return None if None in known else sum(d for d in known if d is not None)

    @property
    def words(self) -> str:
        """The cost in sentences for people."""
        said = [self.refused] if self.refused else []
        if not self.delays:
            said.append("It delays nobody who waits to start: nobody is held back now.")
        else:
            each = sorted({d.days for d in self.delays if d.days is not None})
            few = f"fewer than {FEWEST} were finished in {WEEKS} weeks"
            amount = (
                f"by about {_span(each)} days each, {self.days:.1f} days together"
                if self.days is not None
                else f"by an unknown time: {few}"
            )
            amount += f" (assumed from the service levels: {few})" if self.assumed and self.days is not None else ""
            names = ", ".join(d.source for d in self.delays[:5]) + (" and more" if len(self.delays) > 5 else "")
            said.append(f"It delays {len(self.delays)} that wait to start ({names}) {amount}.")
        if self.overtaken_at_gates:
            said.append(f"{self.overtaken_at_gates} that wait for signatures come after it in every inbox.")
        return " ".join(said)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for REST and pages."""
        return {
            "words": self.words,
            "days": None if self.days is None else round(self.days, 2),
            "assumed": self.assumed,
            "refused": self.refused,
            "overtaken_at_gates": self.overtaken_at_gates,
            "delays": [
                {"request": d.request_id, "source": d.source, "use_case": d.use_case, "at": d.at.value,
                 "days": None if d.days is None else round(d.days, 2)}
                for d in self.delays
            ],
        }  # fmt: skip


def cost_of_expediting(tx: Transaction, policy: Policy, now: datetime) -> Cost:
    """What an expedited request that is asked for now would delay.

    At an entry where requests are held back it takes the next place that comes free, so each of them comes in one
    place later: by the mean time between two completions there, measured over the last weeks. While too few have been
    finished, by what the service levels of those stages and the limit imply (Little's law: time / work in progress).
    """
    limits = policy.wip
    floor = Floor.now(tx, limits)
    pace: dict[Stage, float] = {}
    delays: list[Delay] = []
    assumed = False
    for entry, stages in STRETCHES.items():
        behind = [h for h in floor.turn(entry)[1] if ServiceClass.of(h.request.priority) is not ServiceClass.EXPEDITE]
        done = tx.completions(stages[-1], now - timedelta(weeks=WEEKS)) if behind else 0
        days = WEEKS * 7 / done if done >= FEWEST else _promised(policy, floor, entry)
        assumed |= bool(behind) and done < FEWEST and days is not None
        if days is not None:
            pace[entry] = days
        delays += [Delay(h.request.id, h.request.source, h.request.use_case, entry, days) for h in behind]
    waiting = sum(
        any(c.let_in(gate) and not c.clock.completed(gate) for gate in GATES)
        for c in floor.cards.values()
        if c.service is not ServiceClass.EXPEDITE
    )
    refused = ""
    if len(floor.expedited) >= limits.expedite:
        others = ", ".join(c.request.source for c in floor.expedited)
        refused = f"It would wait itself: at most {limits.expedite} expedited at a time, and {others} is on its way."
    return Cost(tuple(delays), waiting, pace, assumed, refused)


def _promised(policy: Policy, floor: Floor, entry: Stage) -> float | None:
    """Days between two completions if the stages take as long as the service levels allow and the room is full."""
    spans = [span for stage in STRETCHES[entry] if (span := policy.service_levels.stages.get(stage))]
    inside = [limit for stage in STRETCHES[entry] if (limit := policy.wip.stages.get(stage))]
    inside += [policy.wip.total] if entry is Stage.ADMISSION and policy.wip.total else []
    return sum(s.days for s in spans) / min(inside) if spans and inside else None


def _span(days: list[float]) -> str:
    return f"{days[0]:.1f}" if len(days) == 1 else f"{days[0]:.1f} to {days[-1]:.1f}"
