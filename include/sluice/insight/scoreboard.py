"""Three weeks to one: what publishing takes now beside a frozen baseline, and how it has changed week by week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sluice.flow.comparison import FLOOR, Comparison, compare
from sluice.flow.statistics import EXPECTED_SECONDS, EXPECTED_SHARE, ServiceLevel, Spread
from sluice.histories import Baseline, PastCase
from sluice.insight.choice import Chosen
from sluice.insight.columns import Columns, instant
from sluice.insight.packing import Floats
from sluice.insight.stream import spread_of
from sluice.insight.tables import Chart, Column, Table, vega
from sluice.words import duration

COMPARED = 2000
"""Of more finished requests than these the newest are compared: the interval is narrow long before."""
DAY = 86400.0


@dataclass(frozen=True)
class Score:
    """A scoreboard line: percentiles now, and the comparison with the baseline if there is one. `tier` "" is all."""

    tier: str
    now: Spread
    first: datetime | None
    last: datetime | None
    against: Comparison | None
    level: ServiceLevel
    """Whether what was expected, 85% within 7 days, was met."""

    @property
    def enough(self) -> bool:
        """Whether so many were published that percentiles mean something."""
        return self.now.n >= FLOOR


def past_cases(published: Columns, now: datetime) -> list[PastCase]:
    """Published requests as cases to compare, at most the newest COMPARED."""
    newest = published.take(np.argsort(-published.ended, kind="stable")[:COMPARED])
    lead = newest.lead(now)
    return [
        PastCase(
            newest.ids[i], "published", newest.tier[i], newest.use_case[i], instant(newest.requested[i]),
            instant(newest.ended[i]), float(lead[i]),
        )
        for i in range(len(newest))
    ]  # fmt: skip


def score(chosen: Chosen, baseline: Baseline | None, now: datetime, tier: str = "") -> Score:
    """The line of a tier, or of all."""
    published = chosen.published
    if tier:
        published = published.take(published.named("tier", tier))
    against = None
    if baseline is not None:
        against = compare(
            baseline, past_cases(published, now), tier=tier or chosen.choice.tier or None, simulated=chosen.simulated
        )
    ended = published.ended
    return Score(
        tier, spread_of(published.lead(now)), instant(float(ended.min())) if len(ended) else None,
        instant(float(ended.max())) if len(ended) else None, against, _level(published.lead(now)),
    )  # fmt: skip


def _level(leads: Floats) -> ServiceLevel:
    share = float((leads <= EXPECTED_SECONDS).mean()) if len(leads) else None
    return ServiceLevel(EXPECTED_SHARE, EXPECTED_SECONDS, len(leads), share)


def scores_table(whole: Score, tiers: Sequence[Score]) -> Chart:
    """Percentiles by tier as a table."""
    columns = (
        Column("Risk tier"), Column("Published", "number"), Column("Half within", "seconds"), Column("85% within", "seconds"),
        Column("95% within", "seconds"), Column("Baseline, half within", "seconds"), Column("Less by", "seconds"),
        Column("At least (95% confidence)", "seconds"), Column("At most", "seconds"), Column("Within 7 days", "share"), Column("Note"),
    )  # fmt: skip
    rows = [
        (
            s.tier or "all", s.now.n, s.now.p50, s.now.p85, s.now.p95, s.against.before.p50 if s.against else None,
            s.against.saved if s.against else None, s.against.low if s.against else None,
            s.against.high if s.against else None, s.level.attained,
            "" if s.enough else f"{s.now.n} are too few to say much; it takes {FLOOR}",
        )
        for s in (whole, *tiers)
    ]  # fmt: skip
    return Chart("scores", Table("Lead time by risk tier", columns, rows))


def trend(chosen: Chosen, baseline: Baseline | None, now: datetime) -> Chart:
    """The lead time of what was published, week by week, beside the baseline."""
    published = chosen.published
    lead, ended = published.lead(now), published.ended
    columns = (
        Column("Week from", "day"), Column("Published", "number"), Column("Half within", "seconds"), Column("85% within", "seconds"),
    )  # fmt: skip
    order = np.argsort(ended)
    weeks, begins = np.unique(np.floor((ended[order] - _MONDAY) / (7 * DAY)).astype(np.int64), return_index=True)
    rows = []
    for week, own in zip(weeks, np.split(lead[order], begins[1:]), strict=True) if len(weeks) else ():
        s = spread_of(own)
        rows.append((instant(_MONDAY + int(week) * 7 * DAY), s.n, s.p50, s.p85))
    names = ("half within", "85% within")
    values = [
        {"week": monday.isoformat(), "published": n, "share": name, "days": round(v / DAY, 3), "time": duration(v)}
        for monday, n, p50, p85 in rows
        for name, v in zip(names, (p50, p85), strict=True)
        if v is not None
    ]
    layers = [
        {
            "data": {"values": values},
            "mark": {"type": "line", "point": {"size": 50}},
            "encoding": {
                "x": {"field": "week", "type": "temporal", "title": "week of publication"},
                "y": {"field": "days", "type": "quantitative", "title": "days from asked to published", "scale": {"zero": True}},
                "color": {"field": "share", "type": "nominal", "title": None, "scale": {"domain": list(names), "range": ["var(--work)", "var(--queue)"]}},
                "tooltip": [{"field": f, "type": "nominal"} for f in ("share", "time", "published")],
            },
        }
    ]  # fmt: skip
    before = _median(baseline)
    if before is not None and baseline is not None:
        data = {
            "values": [
                {"days": before / DAY, "words": f"baseline ({baseline.obtained.value}): half within {duration(before)}"}
            ]
        }
        y = {"field": "days", "type": "quantitative"}
        layers += [
            {"data": data, "mark": {"type": "rule", "strokeDash": [6, 4], "size": 2, "color": "var(--wait)"}, "encoding": {"y": y}},
            {"data": data, "mark": {"type": "text", "align": "left", "baseline": "bottom", "dx": 4, "dy": -3}, "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "words"}}},
        ]  # fmt: skip
    return Chart("trend", Table("Lead time week by week", columns, rows), "", vega(height=260, layer=layers) if rows else None,
                 empty="Nothing was published in this period.")  # fmt: skip


_MONDAY = (datetime.fromisoformat("2024-01-01T00:00:00+00:00")).timestamp()


def _median(baseline: Baseline | None) -> float | None:
    if baseline is None:
        return None
    if baseline.claimed_seconds is not None and not baseline.cases:
        return baseline.claimed_seconds
    leads = np.array([c.lead for c in baseline.cases if c.outcome == "published"])
    return spread_of(leads).p50
