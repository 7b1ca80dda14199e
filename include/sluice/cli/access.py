"""sluice access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sluice.cli.console import emit_json, heading, table
from sluice.settings import load

if TYPE_CHECKING:
    from sluice.stream.access import Review

WORDS = {
    "missing": "declared and not granted",
    "expired": "granted, and its time is over",
    "withdrawn": "granted, and no longer declared",
    "foreign": "granted by somebody else, beyond the contract",
}


@click.command()
@click.argument("source", required=False)
@click.option("--repair", "mend", is_flag=True, help="Grant what is missing, take away what expired or was withdrawn.")
@click.option("--revoke-foreign", is_flag=True, help="With --repair: also take away what others granted.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def access(source: str | None, mend: bool, revoke_foreign: bool, as_json: bool) -> None:
    """Who may read the published tables, and where that differs from the contracts. Exit 1 if it differs.

    Without SOURCE, of every published source.
    """
    from sluice.stream.access import published_sources, repair, review_access
    from sluice.stream.tools import connect

    settings = load()
    tools = connect(settings)
    reviews = []
    for name in [source] if source else published_sources(tools):
        if mend:
            actor = settings.user or "operator"
            for done in repair(tools, name, actor=actor, reason="sluice access --repair", foreign=revoke_foreign):
                verb = "granted" if done.drift == "missing" else "revoked"
                if not as_json:
                    grant = done.grant
                    click.echo(f"  {verb}: {grant.principal} {', '.join(grant.permissions)} on {grant.identifier}")
        reviews.append(review_access(tools, name))
    if as_json:
        found = [r.to_dict(tools.now()) for r in reviews]
        emit_json(found[0] if source else found)
    else:
        for review in reviews:
            _show(review, tools.now())
        if not reviews:
            click.echo("Nothing is published.")
    if any(r.differences for r in reviews):
        raise click.exceptions.Exit(1)


def _show(review: Review, now: object) -> None:
    heading(f"{review.source} ({review.request_id})")
    if not review.enforced:
        click.secho(f"  {review.note}", fg="yellow")
    rows = [
        [
            w.role,
            w.grant.principal.rsplit("/", 1)[-1],
            w.grant.identifier,
            ", ".join(w.grant.permissions).lower(),
            "all" if w.grant.columns is None else ", ".join(w.grant.columns),
            "" if w.expires_at is None else f"{w.expires_at:%Y-%m-%d}" + ("" if w.in_force(now) else " (over)"),  # type: ignore[arg-type]
        ]
        for w in review.wanted
    ]
    if rows:
        table(["role", "principal", "table", "may", "columns", "until"], rows)
    else:
        click.echo("  The contract gives no role access.")
    for d in review.differences:
        click.secho(
            f"  {WORDS[d.drift]}: {d.grant.principal} {', '.join(d.grant.permissions)} on {d.grant.identifier}",
            fg="red",
        )
    if review.enforced and not review.differences:
        click.secho("  What is granted is what the contract declares.", fg="green")
    elif review.differences:
        click.echo(f"  mend: `sluice access {review.source} --repair`")
