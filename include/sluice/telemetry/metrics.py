"""The metrics of the flow, by the names in shared/reference/flow-metrics.md; never labelled by source or person.

Everything is derived from the ledger: counters never go back, whatever restarts, and every server process says the
same. Sums and counts are over requests that have ended; their quantiles over those of the last 90 days, exact,
because percentiles of weeks do not come from histograms. Simulated histories count nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from sluice.flow import Kind
from sluice.insight.columns import Columns, Mask
from sluice.insight.packing import STAGES, Floats
from sluice.outbox import MessageState
from sluice.stages import Stage

QUANTILES = (0.5, 0.85, 0.95)
RECENT = timedelta(days=90)


@dataclass(frozen=True)
class Sample:
    """One line of a metric: `suffix` such as `_sum`, and its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True)
class Metric:
    """A metric with its samples; `kind` is summary, gauge or counter."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def flow_metrics(
    lines: Columns, returns: Mapping[tuple[str, str], int], held: Mapping[Stage, int], now: datetime
) -> list[Metric]:
    """The metrics of all live requests as of now. `returns` by (stage, reason); `held` requests in each ready queue."""
    live = lines.take(~lines.simulated).ticked(now)
    ended = live.take(~np.isnan(live.ended))
    recent = ended.ended >= (now - RECENT).timestamp()
    published = ended.take(ended.published)
    lately = published.ended >= (now - RECENT).timestamp()
    is_open = live.open
    ready, done = live.stage("ready"), live.stage("ended")
    here = is_open[:, None] & ~np.isnan(ready) & np.isnan(done)
    begun = _begun(live.take(is_open), here[is_open])
    age = np.where(here, now.timestamp() - ready, 0.0).max(axis=0, initial=0.0)
    return [
        Metric("onboarding_stage_seconds", "summary", "Seconds that ended requests spent in a stage: in queue, at work, waiting otherwise.",
               tuple(_by_stage(ended, recent))),
        Metric("onboarding_lead_time_seconds", "summary", "Seconds from requested to published, on the wall clock.",
               tuple(_summary(published.ended - published.requested, lately, {}))),
        Metric("onboarding_wip", "gauge", "Open requests that have started a stage and not finished it.",
               tuple(Sample(float(begun[i]), {"stage": s.value}) for i, s in enumerate(STAGES))),
        Metric("onboarding_oldest_age_seconds", "gauge", "How long the oldest open request has been ready or under way at a stage.",
               tuple(Sample(float(age[i]), {"stage": s.value}) for i, s in enumerate(STAGES))),
        Metric("onboarding_returns_total", "counter", "Times a request was sent back, by the stage that did and why.",
               tuple(Sample(float(n), {"stage": stage, "reason": reason}, "_total") for (stage, reason), n in sorted(returns.items()))),
        Metric("onboarding_held_back", "gauge", "Requests that limits on work in progress hold back before a stage.",
               tuple(Sample(float(n), {"stage": s.value}) for s, n in held.items())),
    ]  # fmt: skip


def outbox_metric(counts: Mapping[tuple[str, MessageState], int]) -> Metric:
    """How the outbox stands, by channel."""
    return Metric("sluice_outbox_messages", "gauge", "Messages for people and systems, by channel and how they stand.",
                  tuple(Sample(float(n), {"channel": lane, "state": state.value}) for (lane, state), n in sorted(counts.items())))  # fmt: skip


def _begun(alive: Columns, here: Mask) -> list[int]:
    """How many of the open requests have started each stage that they are at."""
    counts = [0] * len(STAGES)
    for row, places in enumerate(alive.places):
        for place in places:
            stage = STAGES.index(Stage(place["stage"]))
            counts[stage] += bool(place["started"] and here[row, stage])
    return counts


def _by_stage(ended: Columns, recent: Mask) -> Iterator[Sample]:
    elapsed = ended.stage("elapsed")
    queue, work = ended.stage(Kind.QUEUE.value), ended.stage(Kind.WORK.value)
    parts = {"queue": queue, "work": work, "wait": np.maximum(elapsed - queue - work, 0.0)}
    for i, stage in enumerate(STAGES):
        passed = ~np.isnan(elapsed[:, i])
        for kind, seconds in parts.items():
            yield from _summary(seconds[passed, i], recent[passed], {"stage": stage.value, "kind": kind})


def _summary(seconds: Floats, recent: Mask, labels: dict[str, str]) -> Iterator[Sample]:
    lately = seconds[recent]
    if len(lately):
        for share, value in zip(QUANTILES, np.quantile(lately, QUANTILES), strict=True):
            yield Sample(float(value), labels | {"quantile": f"{share:g}"})
    yield Sample(float(seconds.sum()), labels, "_sum")
    yield Sample(float(len(seconds)), labels, "_count")
