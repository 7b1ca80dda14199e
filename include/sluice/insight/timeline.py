"""One request's timeline as a Gantt chart: every stretch of work and wait, stage by stage, and who was asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sluice.flow import Kind, RequestFlow, Stretch
from sluice.flow.timeline import CalendarOf, always, by_calendar
from sluice.insight.stream import KIND_WORDS, kind_scale
from sluice.insight.tables import Chart, Column, Table, vega
from sluice.stages import Event
from sluice.words import duration

_LEGEND = {"orient": "bottom", "symbolType": "square", "symbolOpacity": 1}
Marks = tuple[tuple[str, datetime], ...]
_SHORT = 0.006
"""Part of the whole below which a stretch is marked by a point, as its bar is too thin to be seen."""


_LINE = 14
"""Pixels from one line of names to the next."""
_LETTER = 0.045
"""What a letter of a name takes of the chart's width on a phone; on anything wider there is more room."""


def _flags(marks: Marks, begin: datetime, whole: float) -> Iterator[tuple[str, datetime, int]]:
    """Each mark with the line above the chart in which its name stands, left of its rule; 1 is the lowest.

    A name stands higher than those it would meet and than the rules it would cross, however near the moments are.
    """
    taken: list[tuple[float, int]] = []
    for words, at in sorted(marks, key=lambda m: m[1]):
        place = (at - begin).total_seconds() / whole
        level = 1 + max((own for other, own in taken if other > place - _LETTER * (len(words) + 1)), default=0)
        taken.append((place, level))
        yield words, at, level


def gantt(flow: RequestFlow, now: datetime, marks: Marks = (), calendar_of: CalendarOf = always) -> Chart:
    """The timeline up to `now`; `marks` are named moments such as the forecast. Each role's wait is parted by its own
    opening hours."""
    stretches = list(_stretches(flow, calendar_of))
    columns = (
        Column("Stage"), Column("Of"), Column("From", "moment"), Column("To", "moment"), Column("Time", "seconds"), Column("Spent on"),
    )  # fmt: skip
    table = Table(
        "Timeline of work and waits",
        columns,
        [(r["stage"], r["of"], r["begin"], r["end"], r["seconds"], r["spent on"]) for r in stretches],
    )
    if not stretches:
        return Chart("timeline", table, "", None)
    begin, end = min(r["begin"] for r in stretches), max(r["end"] for r in stretches)
    whole = max((max([end, *(at for _, at in marks)]) - begin).total_seconds(), 1.0)
    order = list(dict.fromkeys(_row(r) for r in stretches))
    values = [
        {
            "row": _row(r), "begin": r["begin"].isoformat(), "end": r["end"].isoformat(), "spent on": r["spent on"],
            "time": duration(r["seconds"]), "short": r["seconds"] / whole < _SHORT,
        }
        for r in stretches
    ]  # fmt: skip
    y: dict[str, Any] = {"field": "row", "type": "nominal", "sort": order, "title": None}
    colour = {
        "field": "spent on",
        "type": "nominal",
        "title": None,
        "scale": kind_scale(),
        "legend": _LEGEND,
    }
    tooltip = [{"field": f, "type": "nominal"} for f in ("row", "spent on", "time")]
    x = {"field": "begin", "type": "temporal", "title": None, "axis": {"format": "%d %b %H:%M", "labelOverlap": True}}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": values},
            "mark": {"type": "bar", "height": {"band": 0.7}},
            "encoding": {"y": y, "x": x, "x2": {"field": "end"}, "color": colour, "tooltip": tooltip},
        },
        {
            "data": {"values": [v for v in values if v["short"]]},
            "mark": {"type": "tick", "thickness": 3, "height": {"band": 0.7}},
            "encoding": {"y": y, "x": x, "color": colour, "tooltip": tooltip},
        },
    ]
    height = 26 * len(order)
    for words, at, level in _flags(marks, begin, whole):
        data, top = {"values": [{"at": at.isoformat(), "words": words}]}, -6 - _LINE * level
        place = {"field": "at", "type": "temporal"}
        layers += [
            {"data": data, "mark": {"type": "rule", "strokeDash": [5, 4]}, "encoding": {"x": place, "y": {"value": top}, "y2": {"value": height}, "tooltip": [{"field": "words", "type": "nominal"}]}},
            {"data": data, "mark": {"type": "text", "align": "right", "baseline": "top", "dx": -4}, "encoding": {"x": place, "y": {"value": top}, "text": {"field": "words"}}},
        ]  # fmt: skip
    spec = vega(height=height, layer=layers)
    said = f"{duration(flow.lead)} so far, of which {duration(flow.work)} were work." if flow.ended is None else (
        f"{duration(flow.lead)} from asked to the end, of which {duration(flow.work)} were work."
    )  # fmt: skip
    return Chart("timeline", table, said, spec)


def _row(r: dict[str, Any]) -> str:
    return f"{r['stage']}: {r['of']}" if r["of"] else str(r["stage"])


def _stretches(flow: RequestFlow, calendar_of: CalendarOf) -> Iterator[dict[str, Any]]:
    """What the chart draws: each stage's stretches and each role's questions at it, then what lay between stages."""
    for stage in flow.stages:
        for s in stage.stretches:
            yield _drawn(stage.stage.value, "", s.begin, s.end, KIND_WORDS[s.kind])
        for ask in stage.asks:
            until = ask.answered or max([s.end for s in stage.stretches] or [ask.asked])
            if until > ask.asked:
                asked = Stretch(ask.asked, until, Kind.APPROVER, frozenset([ask.role]))
                for s in by_calendar(asked, calendar_of):
                    yield _drawn(stage.stage.value, ask.role, s.begin, s.end, KIND_WORDS[s.kind])

    staged = [s for stage in flow.stages for s in stage.stretches]
    for s in flow.stretches:
        if not any(t.begin < s.end and s.begin < t.end for t in staged):
            yield _drawn("between stages", "", s.begin, s.end, KIND_WORDS[s.kind])


def _drawn(stage: str, of: str, begin: datetime, end: datetime, spent: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "of": of,
        "begin": begin,
        "end": end,
        "seconds": (end - begin).total_seconds(),
        "spent on": spent,
    }


def answers(flow: RequestFlow) -> Table:
    """Who was asked and when they answered, at every gate and in every attempt."""
    columns = (
        Column("Gate"), Column("Role"), Column("Asked", "moment"), Column("Answered", "moment"), Column("Answer"),
        Column("Time on the clock", "seconds"), Column("Business hours", "seconds"),
    )  # fmt: skip
    rows = [
        (s.stage.value, a.role, a.asked, a.answered, _said(a.answer), a.wall, a.business) for s in flow.stages for a in s.asks
    ]  # fmt: skip
    return Table("Questions and answers", columns, rows)


def _said(answer: Event | None) -> str:
    return "not yet" if answer is None else answer.value
