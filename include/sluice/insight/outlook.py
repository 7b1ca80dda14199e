"""When everything will be done: open requests' forecasts and the roadmaps of use cases, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from sluice.forecast import Calibration, Experience, Forecast, Roadmap, Slip, roadmap
from sluice.insight.board import place_of
from sluice.insight.choice import Chosen
from sluice.insight.columns import instant
from sluice.insight.tables import Chart, Column, Table, vega
from sluice.words import day, duration

DRAWN = 40
"""Requests drawn in the chart; the table has all."""


@dataclass(frozen=True)
class Outlooks:
    """What was forecast at a time: by request, with what the past teaches and how right it was."""

    at: datetime
    forecasts: Mapping[str, Forecast]
    experience: Experience
    calibration: Calibration
    promises: Mapping[str, datetime] = field(default_factory=dict)
    """By request, what it was promised: its P85 when it was asked for."""
    slips: Mapping[str, Slip] = field(default_factory=dict)
    """By request, promises that are not 85% sure any more."""

    def sentence(self, chosen: Chosen) -> str:
        """When what is under way will be done, for the top of a page; the reason when nothing can be said."""
        mine = [f for i in chosen.open.ids if (f := self.forecasts.get(i)) is not None]
        known = [f for f in mine if f.p85 is not None]
        if not mine:
            return ""
        if not known:
            return f"No forecast: {mine[0].reason}."
        soonest, last = min(f.p85 for f in known if f.p85), max(f.p85 for f in known if f.p85)
        return f"With 85% odds each, the first is published by {day(soonest)} and the last by {day(last)}."

    def slipping(self, chosen: Chosen) -> str:
        """How many promises do not hold any more, and which slips most and why; "" while all hold."""
        known = dict(zip(chosen.open.ids, chosen.open.source, strict=True))
        mine = {i: s for i, s in self.slips.items() if i in known}
        if not mine:
            return ""
        worst = max(mine, key=lambda i: mine[i].late)
        promised = sum(i in known for i in self.promises)
        are = "date is" if promised == 1 else "dates are"
        missed = sum(s.likely for s in mine.values())
        said = f"{len(mine):,} of {promised:,} promised {are} not 85% sure any more"
        said += f", {missed:,} will probably be missed" if missed else ""
        how = f"{known[worst]} comes {duration(mine[worst].late)} later with 85% odds"
        return f"{said}. The worst: {how}: {mine[worst].cause}."


def forecasts_chart(chosen: Chosen, found: Outlooks, now: datetime) -> Chart:
    """Every open request's P50 and P85, the one that is done first on top."""
    c = chosen.open
    age = c.lead(now)
    rows = []
    for i in range(len(c)):
        forecast = found.forecasts.get(c.ids[i])
        standing = place_of(c.places[i])
        rows.append(
            (
                c.ids[i], c.source[i], c.use_case[i], standing.at, float(age[i]), standing.waits_for,
                forecast.p50 if forecast else None, forecast.p85 if forecast else None,
                (forecast.reason if forecast else _UNKNOWN.reason), instant(c.requested[i]),
                found.promises.get(c.ids[i]), *_late(found.slips.get(c.ids[i])),
            )
        )  # fmt: skip
    rows.sort(key=lambda r: (r[7] is None, r[7] or now, r[0]))
    columns = (
        Column("Request", "request"), Column("Source"), Column("Use case"), Column("At"), Column("Age", "seconds"),
        Column("Waits for"), Column("Half of such by (P50)", "moment"), Column("85% by (P85)", "moment"), Column("Note"), Column("Asked", "moment"),
        Column("Promised", "moment"), Column("Slips by", "seconds"), Column("Because"),
    )  # fmt: skip
    values = [
        {
            "source": r[1], "use case": r[2] or "none", "at": r[3], "waits for": r[5] or "nobody", "P50": r[6].isoformat(), "P85": r[7].isoformat(),
            "half of such by": day(r[6]), "85% by": day(r[7]), "age": duration(r[4]), "row": f"{r[1]} · {r[0][-6:]}", "href": f"requests/{r[0]}",
        }
        for r in rows[:DRAWN]
        if r[6] is not None and r[7] is not None
    ]  # fmt: skip
    y = {"field": "row", "type": "nominal", "sort": [v["row"] for v in values], "title": None}
    tooltip = [
        {"field": f, "type": "nominal"}
        for f in ("source", "use case", "at", "age", "waits for", "half of such by", "85% by")
    ]
    spec = vega(
        data={"values": values},
        height=22 * len(values),
        layer=[
            {
                "mark": {"type": "bar", "height": 8, "color": "var(--queue)", "cursor": "pointer"},
                "encoding": {"y": y, "x": {"field": "P50", "type": "temporal", "title": "published by: point P50, end of the bar P85", "axis": {"format": "%d %b", "tickCount": "day", "labelOverlap": True}}, "x2": {"field": "P85"}, "tooltip": tooltip},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "color": "var(--work)", "cursor": "pointer"},
                "encoding": {"y": y, "x": {"field": "P50", "type": "temporal"}, "tooltip": tooltip},
            },
        ],
    )  # fmt: skip
    said = "Half of such requests were done by the point, 85% by the end of the bar." if values else ""
    if len(rows) > len(values) and values:
        said += f" The first {len(values)} of {len(rows)} are drawn."
    return Chart("forecast", Table("When open requests will be done", columns, rows), said, spec if values else None,
                 empty="Nothing is under way.")  # fmt: skip


def _late(found: Slip | None) -> tuple[float | None, str]:
    return (found.late, found.cause) if found else (None, "")


def roadmap_of(
    chosen: Chosen, found: Outlooks, now: datetime, *, use_case: str | None, not_asked: int = 0, wip_limit: int | None = None
) -> Roadmap:  # fmt: skip
    """When the last of a use case (None: of the choice) is published, `not_asked` more that are to come included."""
    c = chosen.all
    mine = np.ones(len(c), dtype=np.bool_) if use_case is None else c.named("use_case", use_case)
    under_way = [found.forecasts.get(i) or _UNKNOWN for i in c.ids[mine & c.open]]
    done = int((mine & c.published).sum())
    return roadmap(under_way, found.experience, done=done, not_asked=not_asked, now=now, wip_limit=wip_limit)


_UNKNOWN = Forecast(None, None, 0, "asked for since the forecasts were made")


def roadmaps_table(chosen: Chosen, found: Outlooks, now: datetime) -> Chart:
    """A line for each use case that has something under way: how much is done, and when the last will be."""
    alive = chosen.open
    names = alive.distinct("use_case")
    lines: list[tuple[str, Roadmap]] = [(n, roadmap_of(chosen, found, now, use_case=n)) for n in names[:200]]
    columns = (
        Column("Use case"), Column("Requests", "number"), Column("Published", "number"), Column("Under way", "number"),
        Column("Last one, even odds (P50)", "day"), Column("Last one, 85% (P85)", "day"), Column("Note"),
    )  # fmt: skip
    rows = sorted(
        ((n or "no use case", r.total, r.done, r.under_way, r.p50, r.p85, r.reason) for n, r in lines),
        key=lambda row: (row[5] is None, row[5] or now, row[0]),
    )
    return Chart("roadmaps", Table("When each use case will be done", columns, rows), "", None,
                 empty="No use case has anything under way.")  # fmt: skip


def assumptions(found: Outlooks, more: Sequence[str] = ()) -> list[str]:
    """What the forecasts assume, each sentence once."""
    said = dict.fromkeys(a for f in found.forecasts.values() for a in f.assumptions if not a.startswith("drawn from"))
    return [*(f"drawn from {found.experience.n} published requests" for _ in [0] if found.experience.n), *said, *more]
