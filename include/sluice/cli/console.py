"""What the terminal shows: tables, durations, marks; the same words as everywhere else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from sluice.errors import ChecksFailedError, InvalidContractError, SluiceError


def emit_json(document: Any) -> None:
    """Strict JSON for machines."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """A plain table; `right` lists the columns to align right."""
    cells = [[str(c) for c in row] for row in rows]
    widths = [max(len(click.unstyle(c)) for c in column) for column in zip(headers, *cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - len(click.unstyle(cell)))
            padded.append(space + cell if i in right else cell + space)
        return "  " + "  ".join(padded).rstrip()

    click.secho(line(headers), dim=True)
    for row in cells:
        click.echo(line(row))


def heading(text: str) -> None:
    """A line that begins a part."""
    click.echo()
    click.secho(text, bold=True)


def state(name: str) -> str:
    """A request's state, coloured."""
    colour = {"published": "green", "open": "cyan"}.get(name, "red")
    return click.style(name, fg=colour, bold=True)


def show_error(error: SluiceError, *, as_json: bool) -> None:
    """An error on stderr: what, where, how to mend it; for machines one JSON object on a line."""
    findings = error.findings if isinstance(error, InvalidContractError) else []
    if as_json:
        body: dict[str, Any] = {"code": error.code, "message": error.message, "where": error.where, "mend": error.mend}
        if findings:
            body["findings"] = [vars(f) for f in findings]
        click.echo(json.dumps({"error": body}, ensure_ascii=False), err=True)
        return
    if findings:
        for finding in findings[:20]:
            click.echo(str(finding), err=True)
        if len(findings) > 20:
            click.echo(f"… and {len(findings) - 20} more", err=True)
        return
    label = click.style("No" if isinstance(error, ChecksFailedError) else "Error", fg="red", bold=True)
    click.echo(f"{label} [{error.code}] {error.message}", err=True)
    if error.where:
        click.echo(f"  where: {error.where}", err=True)
    if error.mend:
        click.echo(f"  mend:  {error.mend}", err=True)
