"""sluice cost: what published sources cost, against what was estimated; and as FOCUS for FinOps tools."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from sluice.cli.console import emit_json, heading, table
from sluice.errors import BadInputError
from sluice.settings import load


@click.command()
@click.argument("source", required=False)
@click.option("--measure", is_flag=True, help="Measure what is stored first, by listing the lake.")
@click.option("--focus", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write FOCUS 1.0 rows as CSV to FILE; - for the terminal.")  # fmt: skip
@click.option("--billing-account", default="sluice", show_default=True, help="Who is billed, in FOCUS rows.")
@click.option("--reads", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="Take in what consumers read: CSV with source, table, at, by, bytes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def cost(
    source: str | None, measure: bool, focus: Path | None, billing_account: str, reads: Path | None, as_json: bool
) -> None:  # fmt: skip
    """What SOURCE costs a month, or every published source: estimated, actual, by how much they differ."""
    from sluice.running import costs
    from sluice.running.focus import as_csv, rows
    from sluice.stream.costing import measure_storage, record_reads, summary
    from sluice.stream.tools import connect

    tools = connect(load())
    if reads is not None:
        click.echo(f"{record_reads(tools, _reads(reads))} readings are new", err=True)
    found = summary(tools, source)
    if source is not None and not found:
        raise BadInputError("NOT_PUBLISHED", f"{source!r} is not published", mend="`sluice cost` lists what is.")
    if measure or any(c.measured_at is None for c in found):
        for c in found:
            measure_storage(tools, c.source)
        found = summary(tools, source)
    if focus is not None:
        with tools.ledger.reading() as tx:
            text = as_csv(
                rows(
                    tx.records(source=source, kinds=("cost",)),
                    account=billing_account,
                    account_name=billing_account,
                    now=tools.now(),
                )
            )
        if str(focus) == "-":
            click.echo(text, nl=False)
        else:
            focus.write_text(text, "utf-8")
        return
    budgets = tools.policy().running.budgets
    told = [
        {"budget": b.name, "spent_usd": round(used, 6), "monthly_usd": b.monthly_usd, "state": how}
        for b, used, how in costs.alerts(budgets, found)
    ]
    if as_json:
        emit_json({"sources": [c.to_dict() for c in found], "budgets": told})
        return
    _show(found, told)


def _show(found: list[Any], told: list[dict[str, Any]]) -> None:
    if not found:
        click.echo("Nothing is published yet.")
        return
    rows_ = []
    for c in found:
        estimated = "" if c.estimated is None else f"{c.estimated:,.4f}"
        variance = "" if c.variance is None else f"{c.variance:+.0%}"
        rows_.append([c.source, c.owner, c.cost_centre, estimated, f"{c.monthly:,.4f}", variance, f"{sum(c.stored.values()):,}",
                      c.count, f"{c.compute_seconds:,.0f}", f"{c.saved:,.4f}"])  # fmt: skip
    table(["source", "owner", "cost centre", "estimated", "USD a month", "differs", "bytes stored", "runs", "seconds", "saved"], rows_,
          right=(3, 4, 5, 6, 7, 8, 9))  # fmt: skip
    for c in found:
        for name in c.unused:
            click.secho(f"  {c.source}.{name}: nobody has been seen to read it", fg="yellow")
    if told:
        heading("Budgets")
        for b in told:
            click.secho(
                f"  {b['budget']}: {b['spent_usd']:,.2f} of {b['monthly_usd']:,.2f} USD a month ({b['state']})",
                fg="red" if b["state"] == "over" else "yellow",
            )


def _reads(file: Path) -> list[tuple[str, str, datetime, str, int]]:
    found = []
    with file.open(encoding="utf-8", newline="") as text:
        for number, row in enumerate(csv.DictReader(text), start=2):
            try:
                at = datetime.fromisoformat(row["at"])
                found.append(
                    (row["source"], row["table"], at if at.tzinfo else at.astimezone(), row["by"], int(row["bytes"]))
                )
            except (KeyError, TypeError, ValueError) as error:
                raise BadInputError("READS", f"line {number} cannot be read: {error}", where=str(file),
                                    mend="Columns: source, table, at (ISO 8601), by, bytes.") from error  # fmt: skip
    return found
