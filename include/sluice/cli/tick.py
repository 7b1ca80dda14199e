"""sluice tick: one round of what keeps requests flowing, as the DAG keep_flowing does it every minute."""

from __future__ import annotations

from dataclasses import asdict

import click

from sluice.cli.console import emit_json, table
from sluice.settings import load, secret


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def tick(as_json: bool) -> None:
    """Remind, escalate, expire, restart and deliver now, once. Exit 1 when a step failed; the others were done."""
    from sluice.cli.identity import ADMIN, session
    from sluice.stream.keeping import Keeper, failures, keep
    from sluice.stream.rounds import STEPS
    from sluice.stream.tools import connect

    settings = load()
    outcomes = keep(Keeper(connect(settings), secret, lambda: session(settings, default=ADMIN)), STEPS)
    if as_json:
        emit_json([asdict(o) for o in outcomes])
    else:
        words = {s.name: s.words for s in STEPS}
        table(["step", "came of it", "seconds"],
              [[words[o.step], click.style(o.error, fg="red") if o.error else o.did or "nothing to do", o.seconds]
               for o in outcomes], right=(2,))  # fmt: skip
    if failures(outcomes):
        raise click.exceptions.Exit(1)
