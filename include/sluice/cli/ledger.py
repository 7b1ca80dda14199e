"""sluice ledger verify."""

from __future__ import annotations

import click

from sluice.cli.console import emit_json
from sluice.settings import load


@click.group()
def ledger() -> None:
    """Audit the record of decisions."""


@ledger.command()
@click.option("--no-lake", is_flag=True, help="Do not compare with the anchors in the lake.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(no_lake: bool, as_json: bool) -> None:
    """Recompute the chains of decisions, delegations and policies, and compare them with what they speak of: requests,
    evidence, the stage clock, the rights of whoever decided, and the anchors in the lake.

    Exit 1 and name the first entry that was edited, removed, reordered, forged or cut off.
    """
    from sluice.record import broken_record
    from sluice.stream.anchor import against_anchors
    from sluice.stream.tools import connect

    tools = connect(load())
    with tools.ledger.reading() as tx:
        heads, problem = tx.heads(), broken_record(tx, None if no_lake else tools.store.read)
        anchors = None if no_lake else against_anchors(tools, tx)
    problem = problem or (anchors.problem if anchors else None)
    if as_json:
        entries = {name: {"entries": count, "head": digest} for name, (count, digest) in heads.items()}
        emit_json(
            {"whole": problem is None, "problem": problem, "chains": entries, "anchors": anchors and anchors.found}
        )
    elif problem:
        click.secho(f"Broken: {problem}.", fg="red", bold=True)
    else:
        counts = ", ".join(f"{count:,} {name}" for name, (count, _) in heads.items())
        click.echo(f"Whole: {counts}, each following the one before.")
        if anchors is not None:
            click.echo(f"  {anchors.found:,} anchors in the lake agree.")
    if problem:
        raise click.exceptions.Exit(1)
