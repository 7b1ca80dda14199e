"""The flow of many requests in charts: cycle times, cumulative flow, throughput, ageing, and what was waited for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from sluice.flow.statistics import Spread
from sluice.flow.timeline import CalendarOf, always
from sluice.insight.board import place_of
from sluice.insight.choice import Chosen
from sluice.insight.columns import instant
from sluice.insight.packing import STAGES, Floats
from sluice.insight.stream import spread_of
from sluice.insight.tables import Chart, Column, Table, vega
from sluice.ledger import RequestState
from sluice.stages import Stage
from sluice.words import duration

DAY = 86400.0
POINTS = 1500
"""Points in one chart; percentiles and sums always cover all."""
ROWS = 200
"""Rows of a table on a page; its CSV has all."""


def _bands(s: Spread) -> list[dict[str, Any]]:
    return [
        {"days": round(v / DAY, 3), "band": f"{name}: {duration(v)}"}
        for name, v in (("50%", s.p50), ("85%", s.p85), ("95%", s.p95))
        if v is not None
    ]


def _rules(s: Spread) -> list[dict[str, Any]]:
    """Layers: the 50/85/95 bands as lines with their names."""
    data = {"values": _bands(s)}
    y = {"field": "days", "type": "quantitative"}
    return [
        {"data": data, "mark": {"type": "rule", "strokeDash": [5, 4]}, "encoding": {"y": y}},
        {
            "data": data,
            "mark": {"type": "text", "align": "left", "baseline": "bottom", "dx": 4, "dy": -2},
            "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "band"}},
        },
    ]


def _no_legend(field: str, domain: list[str], colours: list[str]) -> dict[str, Any]:
    return {"field": field, "type": "nominal", "title": None, "scale": {"domain": domain, "range": colours}}


def scatter(chosen: Chosen, now: datetime, rows: int | None = ROWS) -> Chart:
    """Every finished request: the day it ended against the days it took."""
    ended = chosen.recent.take(~chosen.recent.open)
    ended = ended.take(np.argsort(-ended.ended, kind="stable"))
    lead = ended.lead(now)
    spread = spread_of(lead[ended.published])
    columns = (
        Column("Request", "request"), Column("Source"), Column("Use case"), Column("Tier"), Column("Outcome"),
        Column("Ended", "moment"), Column("Lead time", "seconds"),
    )  # fmt: skip
    table = Table(
        "Lead time of every finished request", columns,
        [
            (ended.ids[i], ended.source[i], ended.use_case[i], ended.tier[i], ended.state[i], instant(ended.ended[i]), float(lead[i]))
            for i in range(min(len(ended), rows or len(ended)))
        ],
        len(ended),
    )  # fmt: skip
    values = [
        {
            "ended": instant(ended.ended[i]).isoformat(), "days": round(float(lead[i]) / DAY, 3), "source": ended.source[i],
            "use case": ended.use_case[i] or "none", "lead time": duration(float(lead[i])),
            "outcome": "published" if ended.state[i] in _DONE else str(ended.state[i]), "href": f"requests/{ended.ids[i]}",
        }
        for i in range(min(len(ended), POINTS))
    ]  # fmt: skip
    outcomes = ["published", *sorted({v["outcome"] for v in values} - {"published"})]
    spec = vega(
        height=320,
        layer=[
            {
                "data": {"values": values},
                "mark": {"type": "point", "filled": True, "size": 42, "opacity": 0.7, "cursor": "pointer"},
                "encoding": {
                    "x": {"field": "ended", "type": "temporal", "title": "ended"},
                    "y": {"field": "days", "type": "quantitative", "title": "days from asked to ended"},
                    "color": _no_legend("outcome", outcomes, ["var(--work)", *["var(--bad)"] * (len(outcomes) - 1)]),
                    "shape": {"field": "outcome", "type": "nominal", "title": None, "scale": {"domain": outcomes}},
                    "tooltip": [{"field": f, "type": "nominal"} for f in ("source", "use case", "outcome", "lead time")],
                },
            },
            *_rules(spread),
        ],
    )  # fmt: skip
    said = ""
    if spread.p50 is not None and spread.p85 is not None:
        said = f"Half of {spread.n:,} published requests took {duration(spread.p50)} or less, 85% {duration(spread.p85)} or less."
        said += f" The newest {POINTS:,} are drawn." if len(ended) > POINTS else ""
    return Chart("cycle-times", table, said, spec if values else None)


_DONE = (RequestState.PUBLISHED.value, RequestState.LOST.value, RequestState.OFFBOARDED.value)
_FLOW = (
    ("request", (Stage.REQUEST,)), ("admission", (Stage.ADMISSION,)), ("land", (Stage.LAND,)),
    ("profile and check", (Stage.PROFILE, Stage.CHECK)), ("publication", (Stage.PUBLICATION,)),
    ("register", (Stage.REGISTER,)), ("publish", (Stage.PUBLISH,)),
)  # fmt: skip
"""Stages in a row; the two that run side by side are one band."""
ENDED = "ended"


def cumulative(chosen: Chosen, now: datetime, rows: int | None = None) -> Chart:
    """Cumulative flow: how many requests had come to each stage by each day; a band's height is what was in it."""
    days = _days(chosen, now)
    # What had ended before the period began is in none of its bands.
    c = chosen.all.take(~(chosen.all.ended < days[0])) if len(days) else chosen.all
    ended = np.where(np.isnan(c.ended), np.inf, c.ended)
    reached: dict[str, Floats] = {}
    ready = c.stage("ready")
    for name, stages in _FLOW:
        first = np.nan_to_num(ready[:, [STAGES.index(s) for s in stages]], nan=np.inf).min(axis=1, initial=np.inf)
        reached[name] = np.searchsorted(np.sort(np.minimum(first, ended)), days, side="right").astype(float)
    reached[ENDED] = np.searchsorted(np.sort(ended), days, side="right").astype(float)
    names = list(reached)
    columns = (Column("Day", "day"), *(Column(f"Came to {n}" if n != ENDED else "Ended", "number") for n in names))
    table = Table(
        "Cumulative flow", columns,
        [(instant(d), *(int(reached[n][i]) for n in names)) for i, d in enumerate(days)],
    )  # fmt: skip
    values = []
    for i, day in enumerate(days):
        for place, name in enumerate(names):
            after = reached[names[place + 1]][i] if place + 1 < len(names) else 0.0
            values.append(
                {
                    "day": instant(day).isoformat(),
                    "at": name,
                    "requests": int(reached[name][i] - after),
                    "order": -place,
                }
            )
    spec = vega(
        data={"values": values},
        height=300,
        mark={"type": "area"},
        encoding={
            "x": {"field": "day", "type": "temporal", "title": None},
            "y": {"field": "requests", "type": "quantitative", "stack": "zero", "title": "requests since the period began"},
            "color": _no_legend("at", names, _BANDS),
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [
                {"field": "day", "type": "temporal", "title": "day"}, {"field": "at", "type": "nominal"},
                {"field": "requests", "type": "quantitative"},
            ],
        },
    )  # fmt: skip
    in_work = int(c.open.sum())
    said = f"{in_work:,} requests are under way now. A band that widens is a queue that grows."
    return Chart("cumulative-flow", table, said if len(c) else "", spec if len(c) else None)


_BANDS = [
    "var(--band-a)", "var(--wait)", "var(--band-b)", "var(--band-c)", "var(--band-d)", "var(--band-e)", "var(--band-f)",
    "var(--queue)",
]  # fmt: skip


def _days(chosen: Chosen, now: datetime) -> Floats:
    """At most 120 evenly spread instants over the period, the last one now."""
    end = now.timestamp()
    first = float(chosen.all.requested.min()) if len(chosen.all) else end
    begin = max(first, end - chosen.choice.days * DAY) if chosen.choice.days else first
    count = int(min(max((end - begin) / DAY, 1), 119))
    return np.linspace(begin, end, count + 1) if len(chosen.all) else np.array([])


def throughput(chosen: Chosen, now: datetime, rows: int | None = None) -> Chart:
    """Published requests per week; the week that is not over is marked."""
    published = chosen.published
    weeks = ((published.ended - _MONDAY) // (7 * DAY)).astype(np.int64)
    last = int((now.timestamp() - _MONDAY) // (7 * DAY))
    counts = np.bincount(weeks - weeks.min(), minlength=last - weeks.min() + 1) if len(weeks) else np.array([])
    first = weeks.min() if len(weeks) else 0
    listed = [
        (instant(_MONDAY + (first + i) * 7 * DAY), int(n), "so far" if first + i == last else "")
        for i, n in enumerate(counts)
    ]
    columns = (Column("Week from", "day"), Column("Published", "number"), Column("Note"))
    whole = [n for _, n, note in listed if not note]
    values = [
        {"week": f"{monday:%d %b %Y}", "published": n, "week is": note or "over", "i": i}
        for i, (monday, n, note) in enumerate(listed)
    ]
    spec = vega(
        data={"values": values},
        height=200,
        mark={"type": "bar", "color": "var(--work)"},
        encoding={
            "x": {"field": "week", "type": "ordinal", "sort": [v["week"] for v in values], "title": "week from Monday", "axis": {"labelOverlap": True}},
            "y": {"field": "published", "type": "quantitative", "title": "published", "axis": {"tickMinStep": 1}},
            "opacity": {"condition": {"test": "datum['week is'] == 'so far'", "value": 0.5}, "value": 1},
            "tooltip": [{"field": f, "type": "nominal"} for f in ("week", "published", "week is")],
        },
    )  # fmt: skip
    said = f"Half of the whole weeks published {np.median(whole):.0f} requests or more." if whole else ""
    return Chart("throughput", Table("Published per week", columns, listed), said, spec if values else None)


_MONDAY = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def ageing(chosen: Chosen, now: datetime, rows: int | None = ROWS) -> Chart:
    """What is under way: the stage it is at against its age, on the bands of what was published."""
    c = chosen.open.take(np.argsort(chosen.open.requested, kind="stable"))
    age = c.lead(now)
    finished = spread_of(chosen.published.lead(now))
    columns = (
        Column("Request", "request"), Column("Source"), Column("Use case"), Column("At"), Column("Age", "seconds"),
        Column("Waits for"), Column("Waits since", "moment"),
    )  # fmt: skip
    shown = min(len(c), max(rows or len(c), ROWS))
    places = [place_of(c.places[i]) for i in range(shown)]
    listed = [
        (c.ids[i], c.source[i], c.use_case[i], p.at, float(age[i]), p.waits_for, p.since) for i, p in enumerate(places)
    ]
    values = [
        {
            "source": c.source[i], "use case": c.use_case[i] or "none", "at": p.stage, "days": round(float(age[i]) / DAY, 3),
            "age": duration(float(age[i])), "waits for": p.waits_for or "nobody: being worked on", "lane": i % 9,
            "standing": _standing(float(age[i]), finished), "href": f"requests/{c.ids[i]}",
        }
        for i, p in enumerate(places[:POINTS])
    ]  # fmt: skip
    spec = vega(
        height=300,
        layer=[
            {
                "data": {"values": values},
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.85, "cursor": "pointer"},
                "encoding": {
                    "x": {"field": "at", "type": "nominal", "scale": {"domain": [s.value for s in STAGES]}, "title": None, "axis": {"labelAngle": -30}},
                    "xOffset": {"field": "lane", "type": "nominal"},
                    "y": {"field": "days", "type": "quantitative", "title": "days since it was asked for"},
                    "color": _no_legend("standing", list(STANDINGS), ["var(--good)", "var(--work)", "var(--wait)", "var(--bad)"]),
                    "shape": {"field": "standing", "type": "nominal", "scale": {"domain": list(STANDINGS)}},
                    "tooltip": [{"field": f, "type": "nominal"} for f in ("source", "use case", "at", "age", "waits for")],
                },
            },
            *_rules(finished),
        ],
    )  # fmt: skip
    late = int((age > (finished.p85 or np.inf)).sum())
    said = (
        f"{late:,} of {len(c):,} under way {'is' if late == 1 else 'are'} older than 85% of what was published."
        if len(c)
        else ""
    )
    return Chart("ageing", Table("Age of what is under way", columns, listed, len(c)), said, spec if values else None,
                 empty="Nothing is under way.")  # fmt: skip


STANDINGS = ("younger than half", "younger than 85%", "younger than 95%", "older than 95%")


def _standing(age: float, finished: Spread) -> str:
    edges = (finished.p50, finished.p85, finished.p95)
    return STANDINGS[sum(edge is not None and age > edge for edge in edges)]


def pareto(chosen: Chosen, now: datetime, rows: int | None = None, calendar_of: CalendarOf = always) -> Chart:
    """What was waited for, most first, and how much of all waiting the first few make together; what is open counts
    up to now."""
    words, sums, counts = chosen.recent.ticked(now, calendar_of).waited()
    codes = np.flatnonzero(counts)
    names = [words[code] for code in codes]
    sums, counts = sums[codes], counts[codes]
    order = np.argsort(-sums, kind="stable")
    whole = float(sums.sum())
    together = np.cumsum(sums[order]) / whole if whole else np.zeros(len(order))
    columns = (
        Column("Waited for"), Column("Requests", "number"), Column("Time", "seconds"), Column("Share", "share"),
        Column("Together", "share"),
    )  # fmt: skip
    listed = [
        (str(names[p]), int(counts[p]), float(sums[p]), float(sums[p]) / whole if whole else 0.0, float(together[i]))
        for i, p in enumerate(order)
    ]
    values = [
        {"cause": name, "days": round(seconds / DAY, 3), "time": duration(seconds), "share": f"{share:.0%}", "together": round(total, 4), "i": i}
        for i, (name, _, seconds, share, total) in enumerate(listed[:12])
    ]  # fmt: skip
    y = {"field": "cause", "type": "nominal", "sort": [v["cause"] for v in values], "title": None}
    tooltip = [{"field": f, "type": "nominal"} for f in ("cause", "time", "share")]
    tooltip.append({"field": "together", "type": "quantitative", "format": ".0%"})
    spec = vega(
        data={"values": values},
        height=26 * len(values),
        layer=[
            {"mark": {"type": "bar", "color": "var(--wait)"}, "encoding": {"y": y, "x": {"field": "days", "type": "quantitative", "title": "days of waiting, all requests together"}, "tooltip": tooltip}},
            {"mark": {"type": "text", "align": "left", "dx": 4}, "encoding": {"y": y, "x": {"field": "days", "type": "quantitative"}, "text": {"field": "share"}}},
        ],
    )  # fmt: skip
    few = next((i + 1 for i, row in enumerate(listed) if row[4] >= 0.8), 0)
    said = ""
    if listed and whole:
        said = f"{listed[0][0][:1].upper()}{listed[0][0][1:]} makes {listed[0][3]:.0%} of all waiting; the first {few} of {len(listed)} causes make 80%. While several roles are missing, they share the wait."
    return Chart("pareto", Table("What was waited for", columns, listed), said, spec if values else None)
