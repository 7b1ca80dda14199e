"""When a request will be done: Monte Carlo over what is left, given how long it has taken already.

Each trial draws what is left of the open stage from the finished requests that took longer than this one has so far,
then every later stage; a gate is done when its slowest role has answered in that role's own hours. P50 and P85 are
percentiles of the trials. Method: shared/reference/flow-metrics.md, item 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sluice.flow.request import RequestFlow, StageFlow
from sluice.flow.timeline import CalendarOf
from sluice.forecast.clock import Clocks, instant
from sluice.forecast.experience import FLOOR, Experience, Samples
from sluice.stages import GATES, PREDECESSORS, Event, Stage

if TYPE_CHECKING:
    from sluice.forecast.clock import Floats

TRIALS = 2000
TAIL = 5
"""With fewer longer ones in the history, an age says nothing any more."""


@dataclass(frozen=True)
class Forecast:
    """P50 and P85 in UTC, or None with the `reason`. `samples` finished requests were drawn from."""

    p50: datetime | None
    p85: datetime | None
    samples: int
    reason: str
    assumptions: tuple[str, ...] = ()
    trials: Floats | tuple[float, ...] = field(default=(), repr=False, compare=False)
    """The trials' ends, seconds since 1970, in the order drawn (a roadmap needs them one by one)."""


def forecast(
    flow: RequestFlow, required: Mapping[Stage, Sequence[str]], experience: Experience, calendar_of: CalendarOf, *,
    now: datetime, tier: str = "", seed: int = 1, trials: int = TRIALS, clocks: Clocks | None = None,
) -> Forecast:  # fmt: skip
    """The forecast of an open request. `required`: the roles that sign at each gate. Deterministic with the seed.

    `clocks` of the same time are made once when there are many to forecast.
    """
    if flow.outcome != "open":
        return Forecast(None, None, experience.n, f"it is {flow.outcome}")
    known = experience.of(tier)
    if not known.enough:
        return Forecast(None, None, known.n, f"only {known.n} requests were published, and it takes {FLOOR} to say")
    ends, old = _Trials(flow, required, known, calendar_of, clocks or Clocks(now), seed, trials).run()
    import numpy as np

    p50, p85 = (instant(float(np.percentile(ends, q))) for q in (50, 85))
    return Forecast(p50, p85, known.n, "", _assumptions(known, experience, tier, old), ends)


def _assumptions(known: Experience, experience: Experience, tier: str, old: Sequence[Stage]) -> tuple[str, ...]:
    whose = (
        f"of tier {tier}"
        if known is not experience
        else "of all tiers, since its own has too few"
        if tier
        else "of all tiers"
    )
    said = [
        f"drawn from {known.n} requests {whose}, published from {known.first:%Y-%m-%d} to {known.last:%Y-%m-%d}",
        "what is left of the open stage is drawn from those that took longer than this one has so far",
        "each role answers as it did, in its own hours; roles and stages do not influence each other",
        "as often as before it is sent back, and then takes as much longer as then",
        "it is published in the end: what was rejected or withdrawn teaches nothing about dates",
    ]
    said += [f"{stage} has taken longer than nearly all before; it is drawn as if it began now" for stage in old]
    return tuple(said)


class _Trials:
    def __init__(
        self, flow: RequestFlow, required: Mapping[Stage, Sequence[str]], known: Experience, calendar_of: CalendarOf,
        clocks: Clocks, seed: int, trials: int,
    ) -> None:  # fmt: skip
        import numpy as np

        self.flow, self.required, self.known, self.now, self.size = flow, required, known, clocks.now, trials
        self.random = np.random.default_rng(seed)
        self.calendar_of = calendar_of
        self.old: list[Stage] = []
        self._clocks = clocks

    def run(self) -> tuple[Floats, list[Stage]]:
        import numpy as np

        here = np.full(self.size, self.now.timestamp()) + self._correction()
        ends: dict[Stage, Floats] = {}
        for stage, before in PREDECESSORS.items():
            ready = np.maximum.reduce([ends[b] for b in before]) if before else here
            own = self.flow.stage(stage)
            if own is not None and own.done and all(self._done(b) for b in before):
                ends[stage] = here
            elif own is not None and own.open:
                ends[stage] = self._open_gate(stage, own) if stage in GATES else self._open_stage(stage, own)
            else:
                ends[stage] = (
                    self._gate(stage, ready) if stage in GATES else ready + self._draw(self.known.stages.get(stage, ()))
                )
        done = np.maximum(ends[Stage.PUBLISH], here)
        if not self._done(Stage.PUBLICATION):
            done = done + self._draw(self.known.reworks)
        return done, self.old

    def _correction(self) -> Floats:
        """What is left of the time for which the requester has it; nothing when a stage has it."""
        import numpy as np

        ended = [p for f in self.flow.stages for p in f.passes if p.ended is not None]
        last = max(ended, key=lambda p: p.end_seq or 0, default=None)
        if (
            any(f.open for f in self.flow.stages)
            or last is None
            or last.ended is None
            or last.outcome is not Event.RETURNED
        ):
            return np.zeros(self.size)
        age = max((self.now - last.ended).total_seconds(), 0.0)
        return (
            self._left(self.known.corrections, age, Stage.REQUEST) - age
            if self.known.corrections
            else np.zeros(self.size)
        )

    def _done(self, stage: Stage) -> bool:
        own = self.flow.stage(stage)
        return own is not None and own.done and all(self._done(b) for b in PREDECESSORS[stage])

    def _draw(self, samples: Samples) -> Floats:
        import numpy as np

        return self.random.choice(np.array(samples), self.size) if samples else np.zeros(self.size)

    def _left(self, samples: Samples, age: float, stage: Stage) -> Floats:
        """Whole durations drawn from those longer than `age`; from all of them, on top of it, when hardly any is."""
        import numpy as np

        values = np.array(samples)
        longer = values[values > age]
        if len(longer) >= min(TAIL, len(values)) and len(longer):
            whole: Floats = self.random.choice(longer, self.size)
            return whole
        if stage not in self.old:
            self.old.append(stage)
        again: Floats = age + self._draw(samples)
        return again

    def _open_stage(self, stage: Stage, own: StageFlow) -> Floats:
        began = own.passes[-1].ready
        age = max((self.now - began).total_seconds(), 0.0)
        ends: Floats = began.timestamp() + self._left(self.known.stages.get(stage, ()), age, stage)
        return ends

    def _open_gate(self, stage: Stage, own: StageFlow) -> Floats:
        import numpy as np

        here = np.full(self.size, self.now.timestamp())
        waiting = [a for a in own.asks if a.answered is None]
        last = own.passes[-1]
        if last.started is None:
            age = max((self.now - last.ready).total_seconds(), 0.0)
            return self._gate(
                stage, last.ready.timestamp() + self._left(self.known.queues.get(stage, ()), age, stage), queued=True
            )
        ends = [here]
        for ask in waiting:
            calendar = self.calendar_of(ask.role)
            age = calendar.seconds_between(ask.asked, self.now)
            whole = self._left(self.known.answers.get(ask.role, ()), age, stage)
            ends.append(self._clocks.of(calendar).after(here, np.maximum(whole - age, 0.0)))
        answered = {a.role for a in own.asks if a.asked >= last.ready}
        later = [r for r in self.required.get(stage, ()) if r not in answered] if not waiting else []
        ends += [self._answer(role, here) for role in later]
        latest: Floats = np.maximum.reduce(ends)
        return latest

    def _gate(self, stage: Stage, ready: Floats, *, queued: bool = False) -> Floats:
        import numpy as np

        asked = ready if queued else ready + self._draw(self.known.queues.get(stage, ()))
        ends = [asked, *(self._answer(role, asked) for role in self.required.get(stage, ()))]
        latest: Floats = np.maximum.reduce(ends)
        return latest

    def _answer(self, role: str, asked: Floats) -> Floats:
        return self._clocks.of(self.calendar_of(role)).after(asked, self._draw(self.known.answers.get(role, ())))


@dataclass(frozen=True)
class Slip:
    """A promise that will probably not be kept. `late` seconds at P85; `likely` when even P50 is late; `cause` in words."""

    promise: datetime
    late: float
    likely: bool
    stage: Stage | None
    roles: tuple[str, ...]
    cause: str


def promise(found: Forecast) -> datetime | None:
    """What to promise when a request is made: its P85."""
    return found.p85


def slip(
    promised: datetime,
    found: Forecast,
    flow: RequestFlow,
    experience: Experience,
    *,
    now: datetime,
    tolerance: timedelta = timedelta(hours=4),
) -> Slip | None:
    """Whether the promise will slip by more than the tolerance, and why; None while it holds or nothing can be said."""
    from sluice.flow.statistics import percentile
    from sluice.words import duration, moment

    end = found.p85 if found.p85 is not None else (now if now > promised else None)
    if end is None or end <= promised + tolerance or flow.outcome != "open":
        return None
    over = {f.stage: f.elapsed - (percentile(experience.elapsed.get(f.stage, ()), 0.5) or 0.0) for f in flow.stages}
    worst = max(over, key=lambda s: over[s], default=None)
    own = flow.stage(worst) if worst is not None else None
    late, likely = (end - promised).total_seconds(), found.p50 is not None and found.p50 > promised
    if own is None or over[own.stage] <= 0:
        return Slip(promised, late, likely, None, (), "what is left usually takes longer than the time that is left")
    waiting = sorted((a for a in own.asks if a.answered is None), key=lambda a: a.asked)
    cause = f"{own.stage.value} has taken {duration(own.elapsed)}, {duration(over[own.stage])} more than half of the earlier ones"
    if waiting:
        cause += f"; waiting for {', '.join(a.role for a in waiting)} since {moment(waiting[0].asked)}"
    elif own.attempts > 1:
        cause += f"; it was done {own.attempts} times"
    return Slip(promised, late, likely, own.stage, tuple(a.role for a in waiting), cause)
