"""sluice forecast: P50 and P85 dates of open requests, and of a whole roadmap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sluice.cli.console import emit_json, heading, table
from sluice.errors import BadInputError
from sluice.settings import load
from sluice.words import duration, moment

if TYPE_CHECKING:
    from sluice.forecast import Calibration, Forecast, Roadmap
    from sluice.forecast.reading import Outlook


@click.command()
@click.argument("name", required=False, metavar="[REQUEST|SOURCE]")
@click.option("--use-case", help="The roadmap of one use case; default: of all.")
@click.option(
    "--not-asked",
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="So many more of the roadmap are still to be asked for.",
)
@click.option("--wip", type=click.IntRange(1), help="At most so many are in progress at once.")
@click.option("--simulated", is_flag=True, help="Forecast simulated requests.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def forecast(
    name: str | None, use_case: str | None, not_asked: int, wip: int | None, simulated: bool, as_json: bool
) -> None:
    """When it will be done: dates that half (P50) and 85% (P85) of similar cases kept, from your own history."""
    from sluice.flow.reading import origin_shown
    from sluice.forecast import roadmap
    from sluice.forecast.reading import Forecaster, calibration
    from sluice.forecast.reading import as_json as outlook_json
    from sluice.stream.tools import connect

    tools = connect(load())
    now, calendar_of = tools.now(), tools.policy().calendar_of
    forecaster = Forecaster(tools.ledger)
    with tools.ledger.reading() as tx:
        if name is not None:
            request = tx.request(name) or next(iter(reversed(tx.requests(source=name))), None)
            if request is None:
                raise BadInputError(
                    "NO_REQUEST", f"there is no request for {name!r}", mend="`sluice status` lists all requests."
                )
            found = forecaster.outlook(tx, request, calendar_of, now)
            emit_json(outlook_json(found)) if as_json else _show_one(found)
            return
        origin = origin_shown(tx, simulated=simulated)
        mine = [
            o
            for o in forecaster.outlooks(tx, calendar_of, now, origin=origin)
            if use_case in (None, o.request.use_case)
        ]
        ids = tx.request_ids(origin=origin, published=True)
        done = len([r for r in tx.requests_of(ids) if r.use_case == use_case]) if use_case else 0
        tested = calibration(tx, calendar_of, now, origin=origin)
    if use_case and not mine and not done and not not_asked:
        raise BadInputError(
            "NO_USE_CASE", f"no request is for {use_case!r}", mend="`sluice status` lists all requests."
        )
    known = forecaster.experience(origin, calendar_of, now)
    whole = roadmap([o.forecast for o in mine], known, done=done, not_asked=not_asked, now=now, wip_limit=wip)
    if as_json:
        emit_json({
            "as_of": now.isoformat(), "simulated": origin.value == "simulated", "requests": [outlook_json(o) for o in mine], "roadmap": _roadmap_json(whole),
            "calibration": {"n": tested.n, "p50": tested.p50, "p85": tested.p85, "good": tested.good, "reason": tested.reason},
        })  # fmt: skip
    else:
        _show_all(mine, whole, tested, simulated=origin.value == "simulated")


def _roadmap_json(r: Roadmap) -> dict[str, Any]:
    return {
        "total": r.total, "done": r.done, "under_way": r.under_way, "not_asked": r.not_asked, "p50": r.p50.isoformat() if r.p50 else None,
        "p85": r.p85.isoformat() if r.p85 else None, "reason": r.reason, "assumptions": list(r.assumptions),
    }  # fmt: skip


def said(found: Forecast) -> str:
    """A forecast in a line."""
    if found.p50 is None or found.p85 is None:
        return f"no forecast: {found.reason}"
    return f"half of such cases by {moment(found.p50)}, 85% by {moment(found.p85)}"


def _show_one(found: Outlook) -> None:
    heading(f"{found.request.source}: {said(found.forecast)}")
    click.echo(f"  asked for {duration(found.flow.lead)} ago; {found.forecast.samples} finished requests to draw from")
    if found.promised:
        holds = f"slips by {duration(found.slip.late)}: {found.slip.cause}" if found.slip else "that holds"
        click.secho(f"  promised by {moment(found.promised)}; {holds}", fg="yellow" if found.slip else None)
    for assumption in found.forecast.assumptions:
        click.secho(f"  - {assumption}", dim=True)


def _show_all(mine: list[Outlook], whole: Roadmap, tested: Calibration, *, simulated: bool) -> None:
    if simulated:
        from sluice.cli.flow_views import SIMULATED

        click.secho(SIMULATED, fg="yellow", bold=True)
    if not mine and not whole.not_asked:
        click.echo("Nothing is under way.")
        return
    if mine:
        table(["request", "use case", "age", "half by (P50)", "85% by (P85)", ""],
              [[o.request.id, o.request.use_case, duration(o.flow.lead), moment(o.forecast.p50) if o.forecast.p50 else "-",
                moment(o.forecast.p85) if o.forecast.p85 else "-", o.forecast.reason] for o in mine], right=(2,))  # fmt: skip
    heading(f"All {whole.under_way + whole.not_asked} that are left")
    if whole.p50 and whole.p85:
        click.echo(f"  done by {moment(whole.p50)} with even odds, by {moment(whole.p85)} with 85%")
    else:
        click.echo(f"  no forecast: {whole.reason}")
    click.echo(f"  {tested.said}")
    for assumption in whole.assumptions:
        click.secho(f"  - {assumption}", dim=True)
