"""The flow in the terminal: stages as strips of work and wait, role queues, weeks, comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sluice.cli.console import heading
from sluice.flow import Kind
from sluice.flow.comparison import Comparison
from sluice.flow.statistics import ServiceLevel, Spread, Week
from sluice.flow.summary import StageSummary, StreamSummary
from sluice.histories import Baseline, Obtained
from sluice.simulation.whatif import Outcome
from sluice.stages import Stage
from sluice.words import duration, moment

COLOURS = {
    Kind.WORK: ("green", "█"), Kind.QUEUE: ("yellow", "▒"), Kind.APPROVER: ("red", "▓"), Kind.REQUESTER: ("magenta", "▓"),
    Kind.SYSTEM: ("blue", "▒"), Kind.OFF_HOURS: ("bright_black", "░"),
}  # fmt: skip
NAMES = {
    Kind.WORK: "work", Kind.QUEUE: "queue", Kind.APPROVER: "approvers", Kind.REQUESTER: "requester", Kind.SYSTEM: "systems",
    Kind.OFF_HOURS: "off hours",
}  # fmt: skip
STRIP = 40
SIMULATED = "Simulated requests: made up to show how this looks, measured nowhere."


def console() -> Console:
    """Where tables go: as wide as they need when nobody is looking at a terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=160)


def show_flow(
    summary: StreamSummary,
    weeks: Sequence[Week],
    level: ServiceLevel,
    comparisons: Sequence[Comparison],
    begun: Mapping[Stage, int],
    *,
    simulated: bool,
) -> None:
    """All of the flow on one screen."""
    if simulated:
        click.secho(SIMULATED, fg="yellow", bold=True)
    _headline(summary, level)
    if at := ", ".join(f"{n} at {stage}" for stage, n in begun.items() if n):
        click.echo(f"  In progress: {at}")
    if summary.bottleneck:
        click.echo(f"  Bottleneck: {summary.bottleneck}")
    for found in comparisons:
        show_comparison(found)
    heading("Where the time goes")
    _stages(summary.stages)
    if summary.roles:
        heading("Who is waited for (queues of roles)")
        _roles(summary)
    if weeks:
        heading("Published per week")
        _weeks(weeks)


def _headline(summary: StreamSummary, level: ServiceLevel) -> None:
    said = ", ".join(f"{n} {name}" for name, n in sorted(summary.outcomes.items(), key=lambda pair: -pair[1]))
    heading(f"{summary.requests} {'request' if summary.requests == 1 else 'requests'}: {said}")
    click.echo(f"  Lead time (published): {_spread(summary.lead)}")
    click.echo(f"  Cycle time:            {_spread(summary.cycle)}")
    if summary.efficiency is not None:
        click.echo(f"  Flow efficiency: {summary.efficiency:.1%} of the lead time is work; "
                   f"{summary.business_efficiency or 0:.1%} without the hours in which everybody asked was off duty")  # fmt: skip
    if summary.rolled_complete_accurate is not None:
        click.echo(f"  Right the first time through every stage (rolled %C&A): {summary.rolled_complete_accurate:.0%}")
    if level.attained is not None:
        met = click.style("met", fg="green") if level.met else click.style("missed", fg="red")
        click.echo(f"  Expected: {level.share:.0%} within {duration(level.seconds)}; {level.attained:.0%} were: {met}")


def _spread(s: Spread) -> str:
    if s.p50 is None or s.p85 is None or s.p95 is None:
        return "nothing is published yet"
    return f"half within {duration(s.p50)}, 85% within {duration(s.p85)}, 95% within {duration(s.p95)}"


def _stages(stages: Sequence[StageSummary]) -> None:
    longest = max((s.total / s.requests for s in stages), default=0.0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  stage")
    for name in ("half within", "of lead", "%C&A", "redone"):
        table.add_column(name, justify="right")
    table.add_column("average request: work and waits")
    for s in stages:
        spent = {Kind.WORK: s.work, **s.waits}
        whole = s.total / s.requests / longest if longest else 0.0
        accurate = "-" if s.complete_accurate is None else f"{s.complete_accurate:.0%}"
        table.add_row(f"  {s.stage.value}", duration(s.elapsed.p50 or 0.0), f"{s.critical_share:.0%}", accurate,
                      str(s.rework_attempts or ""), strip(spent, round(STRIP * whole)))  # fmt: skip
    screen = console()
    screen.print(table)
    legend = Text("  ")
    for kind, (colour, mark) in COLOURS.items():
        legend.append(mark * 2, colour).append(f" {NAMES[kind]}  ")
    screen.print(legend)


def strip(spent: Mapping[Kind, float], width: int) -> Text:
    """Kinds of time side by side, each as long as its share of `width`."""
    total, drawn, text, reached = sum(spent.values()), 0, Text(), 0.0
    for kind, (colour, mark) in COLOURS.items():
        reached += spent.get(kind, 0.0)
        until = round(width * reached / total) if total else 0
        text.append(mark * (until - drawn), colour)
        drawn = until
    return text


def _roles(summary: StreamSummary) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  role")
    for name in ("asked", "waiting now", "half answer within", "85% within", "on the wall clock (half)"):
        table.add_column(name, justify="right")
    table.add_column("oldest question")
    for r in summary.roles:
        table.add_row(f"  {r.role}", str(r.asked), str(r.waiting or ""), _said(r.business.p50), _said(r.business.p85), _said(r.wall.p50),
                      moment(r.oldest) if r.oldest else "")  # fmt: skip
    console().print(table)


def _said(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def _weeks(weeks: Sequence[Week]) -> None:
    shown = weeks[-12:]
    most = max(w.published for w in shown) or 1
    for week in shown:
        click.echo(f"  {week.monday:%d %b}  {'█' * round(STRIP * week.published / most)} {week.published}")


def show_comparison(found: Comparison) -> None:
    """A comparison in a sentence, with what to know about it."""
    click.echo(f"  Against a baseline: {found.said}")
    for note in found.notes:
        click.secho(f"    note: {note}", dim=True)


def show_baselines(baselines: Sequence[Baseline]) -> None:
    """The frozen baselines."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("  name", "obtained", "n", "from", "to", "frozen", "by", "statement"):
        table.add_column(name, justify="right" if name == "n" else "left")
    for b in baselines:
        n = str(b.n) if b.n else "unknown"
        claimed = f"{duration(b.claimed_seconds)}: " if b.claimed_seconds is not None else ""
        obtained = Text(b.obtained.value, "green" if b.obtained is Obtained.MEASURED else "yellow")
        table.add_row(
            f"  {b.name}",
            obtained,
            n,
            _day(b.first),
            _day(b.last),
            _day(b.recorded_at),
            b.recorded_by,
            f"{claimed}{b.statement}",
        )
    console().print(table)


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "-"


def show_outcomes(found: Sequence[Outcome], assumptions: Sequence[str]) -> None:
    """What-ifs side by side, told from measurements."""
    click.secho("A simulation, not a measurement.", fg="yellow", bold=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  way of working")
    for name in ("half within", "85% within", "95% within", "saves (median)"):
        table.add_column(name, justify="right")
    table.add_column("work and waits")
    longest = max((o.lead.p50 or 0.0 for o in found), default=0.0)
    for o in found:
        saved = (
            ""
            if o is found[0]
            else f"{duration(abs(o.saved))} {'less' if o.saved >= 0 else 'more'}, {abs(o.share):.0%}"
        )
        width = round(STRIP * (o.lead.p50 or 0.0) / longest) if longest else 0
        spent = {Kind.WORK: o.summary.work, **o.summary.waits}
        table.add_row(
            f"  {o.name}", _said(o.lead.p50), _said(o.lead.p85), _said(o.lead.p95), saved, strip(spent, width)
        )
    console().print(table)
    heading("Assumptions")
    for assumption in assumptions:
        click.echo(f"  - {assumption}")
