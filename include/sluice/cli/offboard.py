"""sluice offboard and sluice hold: the end of a source's life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sluice.cli.console import emit_json, heading
from sluice.cli.identity import acting
from sluice.settings import load
from sluice.words import moment

if TYPE_CHECKING:
    from sluice.running.offboarding import Offboarding

_USER = click.option(
    "--user", help="Who acts; default SLUICE_USER, or you. On a running stack it must be able to log in."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.command()
@click.argument("source")
@click.option("--reason", default="", help="Why it ends; consumers read it.")
@click.option("--destroy", is_flag=True, help="Ask for the data to be destroyed, unless retention or a hold keeps it.")
@click.option("--approve", "verdict", flag_value="approve", help="Agree, as another person; then it is done at once.")
@click.option("--reject", "verdict", flag_value="reject", help="Say no; needs --reason.")
@click.option("--status", "show", is_flag=True, help="Only show where it stands.")
@_USER
@_JSON
def offboard(
    source: str, reason: str, destroy: bool, verdict: str | None, show: bool, user: str | None, as_json: bool
) -> None:  # fmt: skip
    """Ask for the end of SOURCE, or agree to it: readers told, access revoked, tables unpublished, data kept or destroyed.

    One person asks, another agrees. Run again after a failure, it goes on where it stopped.
    """
    from sluice.errors import BadInputError
    from sluice.running import offboarding as rules
    from sluice.stream.offboard import ask
    from sluice.stream.offboard import offboard as end
    from sluice.stream.tools import connect

    settings = load()
    tools = connect(settings)
    if show:
        with tools.ledger.reading() as tx:
            known = rules.offboardings(tx, source)
        if not known:
            raise BadInputError("NOTHING_ASKED", f"nobody has asked to offboard {source}")
        _show(known[-1], as_json)
        return
    with tools.ledger.reading() as tx:
        going = rules.current(tx, source)
    if verdict is not None and (going is None or going.state == "asked"):
        person = acting(settings, user)
        with tools.ledger.transaction() as tx:
            going = rules.decide(tx, tools.policy(), source, person, verdict == "approve", reason, tools.now())
    elif going is None:
        going = ask(tools, source, acting(settings, user), reason, destroy=destroy)
    if going.state == "agreed":
        going = end(tools, source)
    _show(going, as_json)


@click.command()
@click.argument("source")
@click.option("--reason", default="", help="The case that asks for it.")
@click.option("--lift", is_flag=True, help="End the hold.")
@_USER
@_JSON
def hold(source: str, reason: str, lift: bool, user: str | None, as_json: bool) -> None:
    """Put SOURCE under a legal hold: nothing of it is destroyed until the hold is lifted."""
    from sluice.running import offboarding as rules
    from sluice.stream.tools import connect

    settings = load()
    tools = connect(settings)
    with tools.ledger.transaction() as tx:
        change = rules.lift_hold if lift else rules.place_hold
        change(tx, source, acting(settings, user), reason, tools.now())
    if as_json:
        emit_json({"source": source, "held": not lift})
    else:
        click.echo(f"{source} is {'no longer held' if lift else 'held: nothing of it is destroyed'}.")


def _show(going: Offboarding, as_json: bool) -> None:
    from sluice.running.offboarding_pages import document, in_words

    if as_json:
        emit_json(document(going))
        return
    heading(f"{going.id} · {going.state}")
    click.echo(f"  {going.reason}")
    for record in going.records:
        click.echo(f"  {moment(record.at)}  {in_words(record)}")
    if going.state == "asked":
        click.echo(f"  Another person agrees with: sluice offboard {going.source} --approve")
    elif going.data.get("fate") == "kept":
        until = f" until {moment(going.data['until'])}" if going.data.get("until") else ""
        click.echo(f"  The data is kept{until}: {going.data['reason']}")
    elif going.data:
        click.echo(f"  {going.data['objects']:,} objects destroyed; proof: {going.data['proof']}")
