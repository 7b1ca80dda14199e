"""sluice janitor."""

from __future__ import annotations

import re
from datetime import timedelta

import click

from sluice.cli.console import emit_json, table
from sluice.settings import load
from sluice.words import minute

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _age(_: click.Context, __: click.Parameter, text: str) -> timedelta:
    shape = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip())
    if shape is None:
        raise click.BadParameter("give a number with s, m, h, d or w, such as 7d or 12h")
    return timedelta(**{_UNITS[shape[2]]: int(shape[1])})


@click.command()
@click.option("--older-than", default="7d", show_default=True, callback=_age, help="Spare what was written since.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def janitor(older_than: timedelta, dry_run: bool, as_json: bool) -> None:
    """Remove what abandoned landings left in the lake: staged files, quarantine, unfinished uploads.

    Never what a snapshot or a request refers to, nor what runs now. Exit 1 if a table had to be spared because
    its snapshots could not be read.
    """
    from sluice.stream.janitor import clean, find_litter
    from sluice.stream.tools import connect

    tools = connect(load())
    litter = find_litter(tools, older_than)
    if not dry_run:
        clean(tools, litter)
    if as_json:
        emit_json(
            {
                "removed": not dry_run,
                "attempts": [
                    {"source": a.source, "table": a.table, "attempt": a.attempt, "bytes": a.size, "newest": a.newest.isoformat(),
                     "objects": [o.uri for o in a.objects]} for a in litter.attempts
                ],
                "uploads": [{"uri": u.uri, "started": u.started.isoformat()} for u in litter.uploads],
                "spared": litter.spared,
            }
        )  # fmt: skip
    else:
        _show(litter.attempts, litter.uploads, "would go" if dry_run else "removed")
        for identifier, why in litter.spared.items():
            click.secho(f"  spared {identifier}: {why}", fg="yellow", err=True)
    if litter.spared:
        raise click.exceptions.Exit(1)


def _show(attempts: tuple, uploads: tuple, done: str) -> None:  # type: ignore[type-arg]
    if attempts:
        table(
            ["source", "table", "attempt", "files", "bytes", "last written"],
            [[a.source, a.table, a.attempt, len(a.objects), f"{a.size:,}", minute(a.newest)] for a in attempts],
            right=(3, 4),
        )  # fmt: skip
    for upload in uploads:
        click.echo(f"  unfinished upload of {minute(upload.started)}: {upload.uri}")
    click.echo(f"{len(attempts)} abandoned attempts and {len(uploads)} unfinished uploads {done}.")
