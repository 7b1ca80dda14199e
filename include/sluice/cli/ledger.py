"""sluice ledger verify."""

from __future__ import annotations

import click

from sluice.settings import load


@click.group()
def ledger() -> None:
    """Audit the record of decisions."""


@ledger.command()
def verify() -> None:
    """Recompute the chain of decisions; exit 1 and name the first one that was edited, removed or reordered."""
    from sluice.chain import broken_record
    from sluice.stream.tools import connect

    with connect(load()).ledger.reading() as tx:
        decisions, problem = tx.decisions(), broken_record(tx)
    if problem:
        click.secho(f"Broken: {problem}.", fg="red", bold=True)
        raise click.exceptions.Exit(1)
    click.echo(f"Whole: {len(decisions)} decisions, each following the one before.")
