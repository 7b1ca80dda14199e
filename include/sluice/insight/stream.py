"""The value stream of many requests from their columns: the same `StreamSummary` that `sluice.flow` makes of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from math import prod
from typing import Any

import numpy as np

from sluice.flow.kinds import WAITS, Kind
from sluice.flow.statistics import Spread
from sluice.flow.summary import RoleSummary, StageSummary, StreamSummary
from sluice.flow.timeline import CalendarOf, always
from sluice.insight.columns import Columns, instant
from sluice.insight.packing import STAGES, Floats
from sluice.insight.tables import Chart, Column, Table, vega
from sluice.words import duration

TargetOf = Callable[[str], float | None]


def spread_of(values: Floats) -> Spread:
    """The 50th, 85th and 95th percentiles, as `sluice.flow.statistics.spread` gives them."""
    found = values[~np.isnan(values)]
    if not len(found):
        return Spread(0, None, None, None)
    return Spread(len(found), *(float(v) for v in np.percentile(found, (50, 85, 95))))


def no_target(_: str) -> float | None:
    """Nobody has said how soon a role should answer."""
    return None


def stream_summary(
    columns: Columns, now: datetime, target_of: TargetOf = no_target, calendar_of: CalendarOf = always
) -> StreamSummary:
    """The requests summed up, what is open included up to `now`. `target_of`: a role's business seconds to answer."""
    c = columns.ticked(now, calendar_of)
    lead = c.lead(now)
    published = c.published
    total, work = float(lead.sum()), float(c.spent(Kind.WORK).sum())
    business = float(np.maximum(lead - c.spent(Kind.OFF_HOURS), c.spent(Kind.WORK)).sum())
    stages = _stages(c, total)
    accepted = [s.complete_accurate for s in stages if s.complete_accurate is not None]
    return StreamSummary(
        requests=len(c), outcomes=dict(Counter(c.state.tolist())), lead=spread_of(lead[published]),
        cycle=spread_of((c.ended - c.started)[published]), work=work,
        waits={k: float(c.spent(k).sum()) for k in WAITS}, efficiency=work / total if total else None,
        business_efficiency=work / business if business else None,
        rolled_complete_accurate=prod(accepted) if accepted else None, stages=stages, roles=_roles(c, target_of),
    )  # fmt: skip


_SUMMED = ("elapsed", *(kind.value for kind in Kind), "critical", "rework", "attempts", "judged", "accepted")


def _stages(c: Columns, total: float) -> tuple[StageSummary, ...]:
    elapsed = c.stage("elapsed")
    here = ~np.isnan(elapsed)
    counts, alive = here.sum(axis=0), (c.stage("ticking") > 0).sum(axis=0)
    sums = {name: c.stage(name).sum(axis=0, where=here) for name in _SUMMED}
    found = []
    for i in np.flatnonzero(counts):
        requests, attempts, judged = int(counts[i]), int(sums["attempts"][i]), float(sums["judged"][i])
        found.append(
            StageSummary(
                stage=STAGES[i], requests=requests, open=int(alive[i]), attempts=attempts,
                elapsed=spread_of(elapsed[:, i]), total=float(sums["elapsed"][i]), work=float(sums["work"][i]),
                waits={k: float(sums[k.value][i]) for k in WAITS},
                critical_share=float(sums["critical"][i]) / total if total else 0.0,
                complete_accurate=float(sums["accepted"][i]) / judged if judged else None,
                rework_attempts=attempts - requests, rework_seconds=float(sums["rework"][i]),
            )
        )  # fmt: skip
    return tuple(found)


def _roles(c: Columns, target_of: TargetOf) -> tuple[RoleSummary, ...]:
    asked, wall, business = c.ask("asked"), c.ask("wall"), c.ask("business")
    unanswered = np.isnan(c.ask("answered"))
    alive = np.zeros(int(c.key.max(initial=0)) + 1, dtype=np.bool_)
    alive[c.key[c.open]] = True
    found = []
    for role, code in c.asks.by_name():
        mine = np.flatnonzero(c.asks.code == code)
        open_ = mine[unanswered[mine]]
        target = target_of(role)
        done, waiting = mine[~unanswered[mine]], open_[alive[c.asks.of[open_]]]
        found.append(
            RoleSummary(
                role, len(mine), len(done), len(waiting),
                instant(float(asked[waiting].min())) if len(waiting) else None,
                spread_of(wall[done]), spread_of(business[done]), target,
                float((business[done] <= target).mean()) if target is not None and len(done) else None,
            )
        )  # fmt: skip
    return tuple(found)


KIND_WORDS = {
    Kind.WORK: "work", Kind.QUEUE: "queue", Kind.APPROVER: "waiting for approvers", Kind.REQUESTER: "waiting for the requester",
    Kind.SYSTEM: "waiting for a system", Kind.OFF_HOURS: "off hours of those asked",
}  # fmt: skip
KIND_COLOURS = {
    Kind.WORK: "var(--work)", Kind.QUEUE: "var(--queue)", Kind.APPROVER: "var(--wait)", Kind.REQUESTER: "var(--asked)",
    Kind.SYSTEM: "var(--system)", Kind.OFF_HOURS: "var(--night)",
}  # fmt: skip


def kind_scale(kinds: tuple[Kind, ...] = tuple(Kind)) -> dict[str, Any]:
    """Colours of work and waits, the same in every chart."""
    return {"domain": [KIND_WORDS[k] for k in kinds], "range": [KIND_COLOURS[k] for k in kinds]}


def stages_chart(summary: StreamSummary) -> Chart:
    """Where the time goes: each stage's part of all requests' time, split into work and every kind of wait."""
    columns = (
        Column("Stage"), Column("Requests", "number"), Column("Open now", "number"), Column("Half take", "seconds"),
        Column("85% take at most", "seconds"), Column("Share of lead time", "share"),
        *(Column(f"{KIND_WORDS[k].capitalize()}, all together", "seconds") for k in Kind), Column("%C&A", "share"),
        Column("Done again", "number"), Column("Time of rework, all together", "seconds"),
    )  # fmt: skip
    rows = [
        (
            s.stage.value, s.requests, s.open, s.elapsed.p50, s.elapsed.p85, s.critical_share, *_spent(s),
            s.complete_accurate, s.rework_attempts, s.rework_seconds,
        )
        for s in summary.stages
    ]  # fmt: skip
    whole = sum(s.total for s in summary.stages) or 1.0
    values = [
        {
            "stage": s.stage.value, "spent on": KIND_WORDS[k], "share": round(v / whole, 6), "of all time": f"{v / whole:.1%}",
            "of this stage": f"{v / s.total:.1%}", "half take": duration(s.elapsed.p50 or 0.0), "order": i,
        }
        for s in summary.stages
        for i, (k, v) in enumerate(zip(Kind, _spent(s), strict=True))
        if v > 0
    ]  # fmt: skip
    spec = vega(
        data={"values": values},
        height=34 * len(summary.stages),
        mark={"type": "bar"},
        encoding={
            "y": {"field": "stage", "type": "nominal", "sort": [s.value for s in STAGES], "title": None},
            "x": {"field": "share", "type": "quantitative", "axis": {"format": "%"}, "title": "of all the time that requests spent in stages"},
            "color": {"field": "spent on", "type": "nominal", "scale": kind_scale(), "title": None},
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [
                {"field": f, "type": "nominal"} for f in ("stage", "spent on", "of all time", "of this stage", "half take")
            ],
        },
    )  # fmt: skip
    said = summary.bottleneck[:1].upper() + summary.bottleneck[1:]
    return Chart("stages", Table("Work and wait by stage", columns, rows), said, spec)


def _spent(s: StageSummary) -> list[float]:
    return [s.work if k is Kind.WORK else s.waits[k] for k in Kind]


def roles_chart(summary: StreamSummary) -> Chart:
    """How long each role's queue takes to answer; roles, never people."""
    columns = (
        Column("Role"), Column("Asked", "number"), Column("Answered", "number"), Column("Waiting now", "number"),
        Column("Oldest unanswered since", "moment"), Column("Half answer within", "seconds"), Column("85% within", "seconds"),
        Column("Half, business hours", "seconds"), Column("85%, business hours", "seconds"),
        Column("Should, business hours", "seconds"), Column("Did", "share"),
    )  # fmt: skip
    rows = [
        (r.role, r.asked, r.answered, r.waiting, r.oldest, r.wall.p50, r.wall.p85, r.business.p50, r.business.p85, r.target, r.within)
        for r in summary.roles
    ]  # fmt: skip
    values = [
        {"role": r.role, "share": name, "hours": round(v / 3600, 2), "time": duration(v), "clock": clock}
        for r in summary.roles
        for clock, s in (("wall clock", r.wall), ("business hours", r.business))
        for name, v in (("half answer within", s.p50), ("85% answer within", s.p85))
        if v is not None
    ]  # fmt: skip
    spec = vega(
        data={"values": values},
        height=40 * len(summary.roles),
        transform=[{"filter": "datum.clock == 'wall clock'"}],
        mark={"type": "bar"},
        encoding={
            "y": {"field": "role", "type": "nominal", "title": None, "sort": {"field": "hours", "op": "max", "order": "descending"}},
            "yOffset": {"field": "share", "type": "nominal", "sort": ["half answer within", "85% answer within"]},
            "x": {"field": "hours", "type": "quantitative", "title": "hours until an answer, wall clock"},
            "color": {
                "field": "share", "type": "nominal", "title": None,
                "scale": {"domain": ["half answer within", "85% answer within"], "range": ["var(--wait)", "var(--queue)"]},
            },
            "tooltip": [{"field": f, "type": "nominal"} for f in ("role", "share", "time")],
        },
    )  # fmt: skip
    slow = max((r for r in summary.roles if r.wall.p50), key=lambda r: r.wall.p50 or 0.0, default=None)
    said = (
        f"The slowest queue is {slow.role}: half of its answers take {duration(slow.wall.p50 or 0)} or more."
        if slow
        else ""
    )
    if slow and slow.target is not None and slow.within is not None:
        said += (
            f" It should answer within {duration(slow.target)} of business time; {slow.within:.0%} of its answers did."
        )
    return Chart("roles", Table("Waiting by role", columns, rows), said, spec)
