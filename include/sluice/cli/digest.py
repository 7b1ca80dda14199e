"""sluice digest: the morning digest and the weekly report, now."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.cli.console import emit_json, heading, table
from sluice.settings import load


@click.command()
@click.option("--weekly", is_flag=True, help="The weekly report instead.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page that can be forwarded."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def digest(weekly: bool, html: Path | None, as_json: bool) -> None:
    """What moved, what is stuck and on whom, what is due; or the week in numbers."""
    from sluice.notifications.wording import letter
    from sluice.stream.digesting import digest_now
    from sluice.stream.tools import connect

    settings = load()
    found = digest_now(connect(settings), weekly=weekly)
    if html is not None:
        kind, page = ("report", "scoreboard") if weekly else ("digest", "board")
        about = found.as_dict() | {"facts": [], "why": ""}
        html.write_text(letter(kind, about, link=f"{settings.public_url}/sluice/pages/{page}").html, "utf-8")
    if as_json:
        emit_json(found.as_dict())
        return
    click.secho(found.title, bold=True)
    for sentence in found.sentences:
        click.echo(f"  {sentence}")
    for section in found.sections:
        heading(section.heading)
        if section.rows:
            table(section.columns, section.rows)
            if section.left_out:
                click.echo(f"  and {section.left_out} more")
        else:
            click.echo(f"  {section.empty}")
