"""What the terminal shows: tables, durations, marks; the same words as everywhere else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click


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


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 3 min 20 s, 4 h 05 min, 3 d 2 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def state(name: str) -> str:
    """A request's state, coloured."""
    colour = {"published": "green", "open": "cyan"}.get(name, "red")
    return click.style(name, fg=colour, bold=True)
