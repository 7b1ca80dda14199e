"""sluice refresh: bring in what is new at a published source, here and now."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.console import emit_json, table
from sluice.cli.identity import acting
from sluice.settings import load
from sluice.words import moment

if TYPE_CHECKING:
    from sluice.running.refreshes import Refresh


@click.command()
@click.argument("source")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Load files of this day and later again.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day of a backfill, included.")
@click.option("--everything", is_flag=True, help="Load all files again.")
@click.option("--again", is_flag=True, help="Also files that an incident took back.")
@click.option("--list", "show", is_flag=True, help="Only list the refreshes that were.")
@click.option("--user", help="Who asks; default SLUICE_USER, or you.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def refresh(
    source: str, since: datetime | None, until: datetime | None, everything: bool, again: bool, show: bool, user: str | None, as_json: bool
) -> None:  # fmt: skip
    """Refresh SOURCE: land what is new or changed, check it, publish it. Exit 1 when it was refused."""
    from sluice.running.holdings import Window
    from sluice.running.refreshes import Asked, refreshes
    from sluice.stream.refreshing.run import run
    from sluice.stream.tools import connect

    settings = load()
    tools = connect(settings)
    if show:
        with tools.ledger.reading() as tx:
            found = refreshes(tx, source)
        if as_json:
            emit_json([document(r) for r in found])
        else:
            rows = [
                [r.id, moment(r.opened_at), r.state, r.by, r.reason or "; ".join(n["text"] for n in r.noticed)]
                for r in reversed(found)
            ]
            table(["refresh", "begun", "state", "by", ""], rows)
        return
    window = Window(since.date() if since else None, until.date() if until else None)
    asked = Asked(f"cli-{secrets.token_hex(8)}", acting(settings, user, offline=True), window, everything, again)
    done = run(tools, source, asked)
    if as_json:
        emit_json(document(done))
    else:
        click.echo(f"{done.id}: {done.state}{f' ({done.reason})' if done.reason else ''}")
        for name, t in done.outcome.get("tables", {}).items():
            click.echo(f"  {name}: {t['rows']:,} rows, snapshot {t['snapshot_id']}")
        for noticed in done.noticed:
            click.secho(f"  {noticed['what']}: {noticed['text']}", fg="yellow")
    if done.state not in ("published", "unchanged"):
        raise click.exceptions.Exit(1)


def document(found: Refresh) -> dict[str, Any]:
    """A refresh as strict JSON data."""
    return {
        "id": found.id, "source": found.source, "state": found.state, "reason": found.reason, "by": found.by,
        "opened_at": found.opened_at.isoformat(), "closed_at": found.closed_at.isoformat() if found.closed_at else None,
        "since": found.window.since, "until": found.window.until, "noticed": list(found.noticed),
        "tables": dict(found.outcome.get("tables", {})),
    }  # fmt: skip
