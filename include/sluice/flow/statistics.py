"""Percentiles, service levels, work in progress and throughput. Never a mean of skewed data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sluice.flow.request import RequestFlow
from sluice.stages import Stage

BANDS = (0.50, 0.85, 0.95)
EXPECTED_SECONDS, EXPECTED_SHARE = 7 * 86_400.0, 0.85
"""The service level expectation: 85% within 7 days (shared/reference/flow-metrics.md)."""


@dataclass(frozen=True)
class Spread:
    """How `n` values lie, in their own unit; None where there is no value."""

    n: int
    p50: float | None
    p85: float | None
    p95: float | None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the values lie; None without values.

    Linear between the two nearest ranks (Hyndman and Fan 1996, type 7): what numpy, Excel's PERCENTILE.INC and
    PostgreSQL's percentile_cont give, so a page computed in SQL and a command computed here say the same.
    """
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Sequence[float]) -> Spread:
    """The 50th, 85th and 95th percentiles."""
    ordered = sorted(values)
    return Spread(len(ordered), *(percentile(ordered, share) for share in BANDS))


def band(age: float, finished: Spread) -> str:
    """Where an age lies among finished ones: "50", "85", "95" (at most that percentile), "beyond"; "" without any."""
    edges = (("50", finished.p50), ("85", finished.p85), ("95", finished.p95))
    if finished.p50 is None:
        return ""
    return next((name for name, edge in edges if edge is not None and age <= edge), "beyond")


@dataclass(frozen=True)
class ServiceLevel:
    """An expectation such as "85% within 7 days" and how it was met; `attained` is None when nothing has finished."""

    share: float
    seconds: float
    n: int
    attained: float | None

    @property
    def met(self) -> bool | None:
        return None if self.attained is None else self.attained >= self.share


def service_level(
    finished: Iterable[float], seconds: float = EXPECTED_SECONDS, share: float = EXPECTED_SHARE
) -> ServiceLevel:
    """How many of the finished took at most `seconds`."""
    values = list(finished)
    within = sum(v <= seconds for v in values)
    return ServiceLevel(share, seconds, len(values), within / len(values) if values else None)


def in_progress(flows: Iterable[RequestFlow], at: datetime) -> int:
    """Requests started and not finished at this instant."""
    return sum(f.started is not None and f.started <= at and (f.ended is None or at < f.ended) for f in flows)


def in_progress_by_stage(flows: Iterable[RequestFlow], at: datetime) -> dict[Stage, int]:
    """Requests that have started a stage and not finished it, by stage, at this instant."""
    counts = dict.fromkeys(Stage, 0)
    for flow in flows:
        for own in flow.stages:
            counts[own.stage] += any(
                p.started is not None and p.started <= at and (p.ended is None or at < p.ended) for p in own.passes
            )
    return counts


@dataclass(frozen=True)
class Week:
    """A calendar week from Monday, and how many requests were published in it."""

    monday: date
    published: int


def throughput(flows: Iterable[RequestFlow], zone: str = "UTC", *, until: datetime | None = None) -> list[Week]:
    """Published requests per week of the zone, the weeks without any included, up to `until` when it is given."""
    local = ZoneInfo(zone)
    days = [f.ended.astimezone(local).date() for f in flows if f.ended is not None and f.outcome == "published"]
    if not days:
        return []
    counts: dict[date, int] = {}
    for day in days:
        monday = day - timedelta(days=day.weekday())
        counts[monday] = counts.get(monday, 0) + 1
    last = max(counts) if until is None else max(*counts, until.astimezone(local).date())
    weeks = range((last - min(counts)).days // 7 + 1)
    return [Week(m, counts.get(m, 0)) for m in (min(counts) + timedelta(weeks=w) for w in weeks)]
