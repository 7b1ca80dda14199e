"""sluice outbox list, retry, deliver: what is still to be told, and what could not be."""

from __future__ import annotations

from dataclasses import asdict

import click

from sluice.cli.console import emit_json, table
from sluice.errors import UsageError
from sluice.outbox import MessageState
from sluice.settings import load
from sluice.words import minute

COLOURS = {MessageState.DELIVERED: "green", MessageState.DEAD: "red", MessageState.PENDING: "yellow"}


@click.group()
def outbox() -> None:
    """What people and other systems are told: waiting, delivered, given up."""


@outbox.command("list")
@click.option(
    "--state", type=click.Choice([s.value for s in MessageState]), help="Only these; default: all but the delivered."
)
@click.option("--lane", help="Only this channel.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(state: str | None, lane: str | None, limit: int, as_json: bool) -> None:
    """Messages, newest first. What was given up says why; `sluice outbox retry` sends it again."""
    from sluice.stream.tools import connect

    with connect(load()).ledger.reading() as tx:
        counts = tx.message_counts()
        states = [MessageState(state)] if state else [s for s in MessageState if s is not MessageState.DELIVERED]
        found = [m for s in states for m in tx.messages(state=s, lane=lane, limit=limit)]
    found = sorted(found, key=lambda m: -m.seq)[:limit]
    if as_json:
        lanes = [{"lane": name, "state": s, "messages": n} for (name, s), n in sorted(counts.items())]
        emit_json({"lanes": lanes, "messages": [asdict(m) for m in found]})
        return
    if not counts:
        click.echo("Nothing was ever told.")
        return
    table(["channel", "state", "messages"],
          [[name, click.style(s, fg=COLOURS.get(s)), n] for (name, s), n in sorted(counts.items())], right=(2,))  # fmt: skip
    if found:
        click.echo()
        table(["no.", "what", "channel", "state", "tried", "next try (UTC)", "why"],
              [[m.seq, m.key, m.lane, click.style(m.state, fg=COLOURS.get(m.state)), m.attempts,
                minute(m.due) if m.state is MessageState.PENDING else "-", m.note[:120]] for m in found],
              right=(0, 4))  # fmt: skip


@outbox.command()
@click.argument("numbers", nargs=-1, type=int)
@click.option("--dead", is_flag=True, help="All that were given up.")
@click.option("--lane", help="With --dead: only this channel's.")
def retry(numbers: tuple[int, ...], dead: bool, lane: str | None) -> None:
    """Send messages again that were given up or dropped: by number, or all of them."""
    from sluice.stream.tools import connect

    if bool(numbers) == dead:
        raise UsageError(
            "WHICH", "say which messages", mend="Give their numbers, or --dead for all that were given up."
        )
    tools = connect(load())
    with tools.ledger.transaction() as tx:
        seqs = (
            list(numbers) if numbers else [m.seq for m in tx.messages(state=MessageState.DEAD, lane=lane, limit=10_000)]
        )
        again = tx.retry_messages(seqs, tools.now())
    click.echo(f"{again} of {len(seqs)} will be sent again within a minute.")
    if again < len(seqs):
        click.echo("The others are on their way already, or were delivered.")
