"""A scenario from a history: each stage's work and waits as they were measured, so that a what-if starts from facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sluice.calendars import Calendar
from sluice.errors import BadInputError
from sluice.flow.kinds import Kind
from sluice.flow.request import RequestFlow
from sluice.flow.timeline import CalendarOf
from sluice.simulation.model import Constant, Distribution, Lognormal, Observed, Role, Scenario, Step
from sluice.stages import GATES, Event, Stage

FLOOR = 20
"""Fewer published requests say too little about any stage."""
CROWD = 1000
"""People per fitted role: the measured answer times hold the queue already, so none is added."""


def fit(flows: Iterable[tuple[str, RequestFlow]], calendar_of: CalendarOf, *, name: str = "as measured") -> Scenario:
    """The scenario of (tier, flow) pairs. Raises BadInputError (TOO_FEW) below FLOOR published requests."""
    known = list(flows)
    done = [(tier, f) for tier, f in known if f.outcome == "published"]
    if len(done) < FLOOR:
        raise BadInputError("TOO_FEW", f"{len(done)} published requests are too few to say what would change; it takes {FLOOR}",
                            mend="Wait for more, or look at a simulated history: `sluice up --with-history`.")  # fmt: skip
    answers: dict[str, list[float]] = {}
    gates: dict[Stage, dict[str, tuple[str, ...]]] = {gate: {} for gate in GATES}
    for tier, flow in done:
        for gate in GATES:
            own = flow.stage(gate)
            asked = tuple(dict.fromkeys(a.role for a in own.asks)) if own else ()
            gates[gate][tier] = tuple(dict.fromkeys((*gates[gate].get(tier, ()), *asked)))
            for ask in own.asks if own else ():
                if ask.answer is not None:
                    answers.setdefault(ask.role, []).append(ask.business)
    first = min(f.requested for _, f in known if f.requested)
    last = max(f.requested for _, f in known if f.requested)
    weeks = max((last - first).total_seconds() / 604800.0, 1.0)
    return Scenario(
        name, {r: Role(r, Observed(tuple(v)), Constant(0.0), CROWD, _calendar(calendar_of, r)) for r, v in answers.items()},
        {stage: _step(stage, done) for stage in Stage if stage not in GATES}, gates,
        tiers={t: n / len(done) for t, n in sorted(Counter(t for t, _ in done).items())},
        returns={gate: _returned(gate, known) for gate in GATES}, correction=_correction(done), per_week=len(known) / weeks,
        assumptions=(
            f"{len(done)} published requests, from {first:%Y-%m-%d} to {last:%Y-%m-%d}",
            "every stage and every role takes as long as it did, independent of the others",
            "a role's answer times include its queue of then; more or fewer requests do not change them",
            "requests that failed or were cancelled are left out",
        ),
    )  # fmt: skip


def _calendar(calendar_of: CalendarOf, role: str) -> Calendar:
    return calendar_of(role)


def _step(stage: Stage, done: list[tuple[str, RequestFlow]]) -> Step:
    own = [f for _, flow in done if (f := flow.stage(stage)) is not None]
    if not own:
        return Step(Constant(0.0), Constant(0.0))
    waited = [p.queue for f in own for p in f.passes[:1]]
    worked = [max(f.passes[0].elapsed - f.passes[0].queue, 0.0) for f in own]
    return Step(Observed(tuple(waited)), Observed(tuple(worked)))


def _returned(gate: Stage, known: list[tuple[str, RequestFlow]]) -> float:
    ends = [p.outcome for _, flow in known if (f := flow.stage(gate)) for p in f.passes if p.outcome is not None]
    return sum(o is Event.RETURNED for o in ends) / len(ends) if ends else 0.0


def _correction(done: list[tuple[str, RequestFlow]]) -> Distribution:
    waited = tuple(f.waits[Kind.REQUESTER] for _, f in done if f.waits[Kind.REQUESTER] > 0)
    return Observed(waited) if waited else Lognormal(8 * 3600.0, 24 * 3600.0)
