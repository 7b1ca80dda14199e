"""sluice flow: where the time goes; histories in and out; baselines; what-ifs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from sluice.cli.console import emit_json
from sluice.errors import BadInputError, UsageError
from sluice.flow.log.model import FORMATS
from sluice.settings import load

if TYPE_CHECKING:
    from sluice.flow.comparison import Comparison
    from sluice.histories import Baseline, PastCase
    from sluice.ledger import Transaction
    from sluice.simulation.model import Scenario
    from sluice.stream.tools import Tools

DAY = 86400.0
MANY = 20_000


def since(text: str | None, now: datetime) -> datetime | None:
    """ "90d", "6w", "12h" before now, or a date. Raises UsageError (SINCE)."""
    if text is None:
        return None
    shape = re.fullmatch(r"(\d{1,4})\s*([hdw])", text.strip().lower())
    if shape:
        return now - timedelta(hours=int(shape[1]) * {"h": 1, "d": 24, "w": 168}[shape[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            "SINCE", f"{text!r} is no point in time", mend="Such as 90d, 6w, 12h or 2026-09-01."
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.group(invoke_without_command=True)
@click.option("--since", "period", metavar="D", help="Requests open or ended since: 90d, 6w, or a date. Default: all.")
@click.option("--tier", help="Only this risk tier.")
@click.option("--use-case", help="Only this use case.")
@click.option("--baseline", help="Compare with this baseline; default: the newest.")
@click.option(
    "--expect-days",
    type=click.FloatRange(0, min_open=True),
    default=7.0,
    show_default=True,
    help="85% should be published within so many days.",
)
@click.option("--simulated", is_flag=True, help="Show simulated requests instead of real ones.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_context
def flow(
    ctx: click.Context, period: str | None, tier: str | None, use_case: str | None, baseline: str | None, expect_days: float,
    simulated: bool, as_json: bool,
) -> None:  # fmt: skip
    """Where the time goes: lead time, work and waits by stage and role, and the bottleneck in a sentence."""
    if ctx.invoked_subcommand is not None:
        return
    if not isfinite(expect_days):  # a range of click lets NaN through
        raise UsageError("EXPECT_DAYS", f"{expect_days} is no number of days", mend="Such as 7.")
    from sluice.flow.baseline import past_flow
    from sluice.flow.comparison import compare
    from sluice.flow.reading import flows, origin_shown
    from sluice.flow.statistics import in_progress, in_progress_by_stage, service_level, throughput
    from sluice.flow.summary import as_json as summary_json
    from sluice.flow.summary import summarise
    from sluice.histories import Origin

    tools = _tools()
    now = tools.now()
    calendar_of = tools.policy().calendar_of
    with tools.ledger.reading() as tx:
        origin = origin_shown(tx, simulated=simulated)
        ids = tx.request_ids(since=since(period, now), origin=origin)
        if len(ids) > MANY:
            click.echo(f"Reading {len(ids):,} requests, which takes minutes; --since 90d is quicker.", err=True)
        kept = [
            (r, f) for r, f in flows(tx, ids, now, calendar_of)
            if tier in (None, r.tier) and use_case in (None, r.use_case)
        ]  # fmt: skip
        frozen = _baseline(tx, baseline)
    chosen = [f for _, f in kept]
    summary = summarise(chosen)
    cases = [c for r, f in kept if (c := past_flow(r.id, f, r.tier, r.use_case))]
    found = [compare(frozen, cases, tier=tier, simulated=origin is Origin.SIMULATED)] if frozen and cases else []
    level = service_level((f.lead for f in chosen if f.outcome == "published"), expect_days * DAY)
    weeks = throughput(chosen, until=now)
    if as_json:
        emit_json(summary_json(summary) | {
            "origin": origin.value, "simulated": origin is Origin.SIMULATED, "as_of": now.isoformat(), "since": period, "comparison": [comparison_json(c) for c in found],
            "service_level": {"share": level.share, "seconds": level.seconds, "n": level.n, "attained": level.attained, "met": level.met},
            "work_in_progress": {
                "requests": in_progress(chosen, now),
                "stages": {s.value: n for s, n in in_progress_by_stage(chosen, now).items()},
            },
            "weeks": [{"monday": w.monday.isoformat(), "published": w.published} for w in weeks],
        })  # fmt: skip
    elif not kept:
        click.echo("No requests in this choice yet. Ask with `sluice request CONTRACT`.")
    else:
        from sluice.cli.flow_views import show_flow

        show_flow(summary, weeks, level, found, in_progress_by_stage(chosen, now), simulated=origin is Origin.SIMULATED)


def comparison_json(found: Comparison) -> dict[str, Any]:
    """A comparison as plain data, in seconds."""
    return {
        "baseline": found.baseline, "measured": found.measured, "tier": found.tier, "outcome": found.outcome, "clock": found.clock,
        "before": vars(found.before), "now": vars(found.now), "saved_seconds": found.saved, "low": found.low, "high": found.high,
        "proven": found.proven, "reason": found.reason, "notes": list(found.notes), "said": found.said,
    }  # fmt: skip


@flow.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "obtained",
    type=click.Choice(["measured", "claimed"]),
    required=True,
    help="Measured: these cases happened. Claimed: somebody says so.",
)
@click.option("--name", required=True, help="The baseline's name; it is frozen under it.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the file's name.")
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="KEY=COLUMN",
    help='Which column is what, such as "case=Issue key", or "status:In review=approver"; see docs/flow.md.',
)
@click.option("--zone", help="Time zone of times that do not say theirs, such as Europe/Brussels.")
@click.option("--dates", help='How times are written when not ISO 8601, such as "%d/%m/%Y %H:%M".')
@click.option("--encoding", default="utf-8-sig", help="Of a CSV file; default UTF-8.")
@click.option("--calendar", help="Calendar of the policy for business hours.")
@click.option("--statement", default="", help="In words: which export of which system, or who claims it.")
@click.option("--user", help="Who freezes it; default SLUICE_USER.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def import_(
    file: Path, obtained: str, name: str, form: str | None, pairs: tuple[str, ...], zone: str | None, dates: str | None, encoding: str,
    calendar: str | None, statement: str, user: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Freeze a history as a baseline: tickets of Jira or ServiceNow (CSV), an event log (XES; OCEL 2.0 or 1.0 as JSON, XML, SQLite), or an export of Sluice."""
    from sluice.flow.baseline import freeze, happened
    from sluice.flow.log import format_of, read_log, read_mapping, untold
    from sluice.flow.log.moments import zone_of
    from sluice.histories import Obtained
    from sluice.stream.tools import sha256

    chosen = format_of(file, form)
    mapping = read_mapping(pairs, zone_of(zone), dates)
    found = read_log(file, chosen, mapping, encoding=encoding)
    tools = _tools()
    cases, left_open = _past_cases(found, mapping, tools, calendar)
    for note in untold(found, mapping):
        click.secho(f"note: {note}", dim=True, err=True)
    baseline = freeze(
        happened(cases, tools.now()), name=_name(name), obtained=Obtained(obtained), statement=statement or f"{file.name}", digest=sha256(file), form=chosen,
        now=tools.now(), by=user or tools.settings.user or "local",
    )  # fmt: skip
    with tools.ledger.transaction() as tx:
        tx.add_baseline(baseline)
    _tell_baseline(baseline, left_open=left_open, as_json=as_json)


def _past_cases(found: Sequence[Any], mapping: Any, tools: Tools, calendar: str | None) -> tuple[list[PastCase], int]:
    from sluice.flow.baseline import past_request, past_ticket
    from sluice.flow.log import History

    policy = tools.policy()
    if calendar is not None and calendar not in policy.calendars:
        raise BadInputError(
            "FLOW_CALENDAR", f"the policy has no calendar {calendar!r}", mend=f"Known: {', '.join(policy.calendars)}."
        )
    hours = policy.calendars[calendar] if calendar else None
    cases = [
        past_request(f, policy.calendar_of) if isinstance(f, History) else past_ticket(f, mapping, hours) for f in found
    ]
    kept = [c for c in cases if c is not None]
    return kept, len(cases) - len(kept)


@flow.command("export")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write; - for standard output."
)
@click.option("--since", "period", metavar="D", help="Requests open or ended since: 90d, 6w, or a date. Default: all.")
@click.option("--with-people", is_flag=True, help="With who did it and what they wrote; default: roles only.")
@click.option("--simulated", is_flag=True, help="Export simulated requests instead of real ones.")
def export(form: str, output: Path, period: str | None, with_people: bool, simulated: bool) -> None:
    """Write the event log: CSV for a spreadsheet, XES or OCEL 2.0 for a process mining tool."""
    from sluice.flow.log import without_people, write_log
    from sluice.flow.reading import exported
    from sluice.histories import Origin

    tools = _tools()
    with tools.ledger.reading() as tx:
        ids = tx.request_ids(since=since(period, tools.now()), origin=Origin.SIMULATED if simulated else Origin.LIVE)
        histories = exported(tx, ids)
        with _writing(output) as out:
            count = write_log(histories if with_people else without_people(histories), form, out)
    click.echo(f"{count:,} events of {len(ids):,} requests in {output}", err=str(output) == "-")


@contextmanager
def _writing(output: Path) -> Iterator[TextIO]:
    """The file, whole or not at all."""
    if str(output) == "-":
        yield sys.stdout
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as out:
            yield out
        part.replace(output)
    except OSError as error:
        raise BadInputError("FLOW_FILE", f"cannot be written: {error.strerror}", where=str(output)) from error
    finally:
        part.unlink(missing_ok=True)


@flow.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_context
def baseline(ctx: click.Context, as_json: bool) -> None:
    """The frozen baselines; a claim without data is added with `claim`."""
    if ctx.invoked_subcommand is not None:
        return
    with _tools().ledger.reading() as tx:
        found = tx.baselines()
    if as_json:
        emit_json([_baseline_json(b) for b in found])
    elif found:
        from sluice.cli.flow_views import show_baselines

        show_baselines(found)
    else:
        click.echo(
            'No baseline yet. `sluice flow import FILE --as measured --name before`, or `sluice flow baseline claim "3 weeks" --name before`.'
        )


@baseline.command()
@click.argument("length")
@click.option("--name", required=True, help="The baseline's name; it is frozen under it.")
@click.option("--statement", default="", help="In words: who says so, about what.")
@click.option("--user", help="Who freezes it; default SLUICE_USER.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def claim(length: str, name: str, statement: str, user: str | None, as_json: bool) -> None:
    """Freeze what somebody says it takes, such as "3 weeks". It is shown as claimed until there are data."""
    import hashlib

    from sluice.flow.baseline import claim as claimed
    from sluice.flow.baseline import claimed_duration

    seconds = claimed_duration(length)
    said = statement or f"said to take {length}"
    tools = _tools()
    digest = hashlib.sha256(f"{length}\n{said}".encode()).hexdigest()
    by = user or tools.settings.user or "local"
    frozen = claimed(said, seconds, name=_name(name), digest=digest, now=tools.now(), by=by)
    with tools.ledger.transaction() as tx:
        tx.add_baseline(frozen)
    _tell_baseline(frozen, left_open=0, as_json=as_json)


@flow.command()
@click.option(
    "--fitted", is_flag=True, help="Start from how your own published requests went, instead of the stated three weeks."
)
@click.option(
    "--requests", type=click.IntRange(50, 20_000), default=600, show_default=True, help="How many to simulate of each."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--faster", "faster_role", metavar="ROLE", help="What if this role looked in half the time?")
@click.option(
    "--pre-approve", "tiers", multiple=True, metavar="TIER", help="What if this tier were approved beforehand?"
)
@click.option("--wip", type=click.IntRange(1), help="What if at most so many were in progress?")
@click.option("--simulated", is_flag=True, help="Fit to simulated requests.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def simulate(
    fitted: bool,
    requests: int,
    seed: int,
    faster_role: str | None,
    tiers: tuple[str, ...],
    wip: int | None,
    simulated: bool,
    as_json: bool,
) -> None:
    """What if: approvals at once or one by one, tiers approved beforehand, a faster role, a limit of work in progress."""
    from sluice.simulation.model import faster, limited, parallel, pre_approved, serial
    from sluice.simulation.scenarios import STEPWISE
    from sluice.simulation.whatif import outcomes, overloaded

    begin = datetime(2026, 1, 5, tzinfo=UTC)
    scenarios: list[Scenario] = [_fitted(simulated)] if fitted else list(STEPWISE[:3])
    last = scenarios[-1]
    if faster_role is not None and faster_role not in last.roles:
        raise UsageError("ROLE", f"nobody signs as {faster_role!r}", mend=f"Roles: {', '.join(last.roles)}.")
    if unknown := [t for t in tiers if t not in last.tiers]:
        raise UsageError("TIER", f"there is no request of tier {unknown[0]!r}", mend=f"Tiers: {', '.join(last.tiers)}.")
    if fitted:
        scenarios += [serial(last), parallel(last)]
    scenarios += [pre_approved(last, tiers)] if tiers else []
    scenarios += [faster(last, faster_role)] if faster_role else []
    scenarios += [limited(last, wip)] if wip else []
    found = outcomes(scenarios, begin=begin, seed=seed, requests=requests)
    crowded = tuple(filter(None, (overloaded(s, o) for s, o in zip(scenarios, found, strict=True))))
    assumptions = (*last.assumptions, f"{requests:,} requests each, seed {seed}", *crowded)
    if as_json:
        emit_json({
            "simulation": True, "assumptions": list(assumptions),
            "outcomes": [
                {"name": o.name, "lead_seconds": vars(o.lead), "saved_seconds": o.saved, "saved_share": o.share, "work_seconds": o.summary.work,
                 "wait_seconds": {k.value: v for k, v in o.summary.waits.items()}} for o in found
            ],
        })  # fmt: skip
    else:
        from sluice.cli.flow_views import show_outcomes

        show_outcomes(found, assumptions)


def _fitted(simulated: bool) -> Scenario:
    from sluice.flow.reading import flows, origin_shown
    from sluice.simulation.fitting import fit

    tools = _tools()
    calendar_of = tools.policy().calendar_of
    with tools.ledger.reading() as tx:
        ids = tx.request_ids(origin=origin_shown(tx, simulated=simulated), published=True, newest=1000)
        return fit(((r.tier, f) for r, f in flows(tx, ids, tools.now(), calendar_of)), calendar_of)


def _tools() -> Tools:
    from sluice.stream.tools import connect

    return connect(load())


def _name(name: str) -> str:
    if not re.fullmatch(r"[\w][\w .-]{0,99}", name):
        raise BadInputError(
            "FLOW_NAME", f"{name!r} cannot be a baseline's name", mend="Letters, digits, spaces, . _ -, at most 100."
        )
    return name


def _baseline(tx: Transaction, name: str | None) -> Baseline | None:
    if name is None:
        known = tx.baselines()
        return tx.baseline(known[0].name) if known else None
    found = tx.baseline(name)
    if found is None:
        raise BadInputError("NO_BASELINE", f"there is no baseline {name!r}", mend="`sluice flow baseline` lists them.")
    return found


def _tell_baseline(kept: Baseline, *, left_open: int, as_json: bool) -> None:
    if as_json:
        emit_json(_baseline_json(kept) | {"left_open": left_open})
        return
    from sluice.cli.flow_views import show_baselines
    from sluice.flow.statistics import spread
    from sluice.words import duration

    show_baselines([kept])
    if kept.cases:
        lead = spread([c.lead for c in kept.cases])
        click.echo(f"  Half took {duration(lead.p50 or 0)} or less, 85% {duration(lead.p85 or 0)} or less.")
    if left_open:
        click.echo(
            f"  {left_open:,} {'was still open and is' if left_open == 1 else 'were still open and are'} not part of it."
        )


def _baseline_json(b: Baseline) -> dict[str, Any]:
    from sluice.flow.statistics import spread

    leads = spread([c.lead for c in b.cases])
    return {
        "name": b.name, "obtained": b.obtained.value, "statement": b.statement, "n": b.n, "first": b.first, "last": b.last, "digest": b.digest,
        "format": b.format, "recorded_at": b.recorded_at, "recorded_by": b.recorded_by, "claimed_seconds": b.claimed_seconds,
        **({"lead_seconds": vars(leads)} if b.cases else {}),
    }  # fmt: skip
