"""A request on one screen."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import click

from sluice.cli.console import heading, state, table
from sluice.cli.contracts import show_checks
from sluice.words import duration, minute, moment

GATES = ("admission", "publication")


def show_request(overview: dict[str, Any]) -> None:
    """A request on one screen."""
    heading(f"{overview['source']} {overview['version']}: {state(overview['state'])}")
    click.echo(
        f"  request {overview['id']}, asked by {overview['requester']} at {minute(overview['requested_at'])} UTC"
    )
    if overview["reason"]:
        click.echo(f"  why: {overview['reason']}")
    if overview["at"]:
        click.echo(f"  now at: {', '.join(overview['at'])}")
    if overview["waiting_for"]:
        click.echo(f"  waits for: {', '.join(overview['waiting_for'])}")
    if overview["state"] == "open" and "forecast" in overview:
        click.echo(f"  should be done: {_expected(overview['forecast'])}")
    show_flow(overview["flow"])
    if overview["tables"]:
        heading("Tables")
        table(
            ["table", "read", "staged", "quarantined", "published", "where"],
            [[t["name"], f"{t['rows_read']:,}", f"{t['rows_staged']:,}", f"{t['rows_quarantined']:,}",
              f"{t['rows_published']:,}" if "rows_published" in t else "-", t.get("table", "not visible yet")]
             for t in overview["tables"]],
            right=(1, 2, 3, 4),
        )  # fmt: skip
    if locations := [t["location"] for t in overview["tables"] if "location" in t]:
        click.echo(f"  Iceberg tables, files below {common_folder(locations)}/")
    if overview["checks"]:
        show_checks(overview["checks"])
    decisions = [(gate, d) for gate in GATES for d in overview["gates"][gate]["decisions"]]
    if decisions:
        heading("Decisions")
        table(["gate", "role", "decision", "by", "comment"],
              [[gate, d["role"], d["verdict"], d["by"], d["comment"]] for gate, d in decisions])  # fmt: skip


def _expected(forecast: dict[str, Any]) -> str:
    if not forecast["p50"] or not forecast["p85"]:
        return f"no forecast yet: {forecast['reason']}"
    dates = f"half of such cases by {moment(forecast['p50'])}, 85% by {moment(forecast['p85'])}"
    return f"{dates} (from {forecast['samples']} before)"


def common_folder(locations: list[str]) -> str:
    """The deepest folder above all of these URIs."""
    parts = [location.split("/")[:-1] for location in locations]
    shared = takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False))
    return "/".join(level[0] for level in shared)


def show_flow(flow: dict[str, Any]) -> None:
    """Stage durations, work told from wait."""
    heading("Stage durations")
    table(
        ["stage", "elapsed", "queue", "work", "wait"],
        [
            [s["stage"] + ("" if s["done"] else " …"), *(duration(s[k]) for k in ("elapsed", "queue", "work", "wait"))]
            for s in flow["stages"]
        ],
        right=(1, 2, 3, 4),
    )
    click.echo(f"  lead time {duration(flow['lead_seconds'])}, of it work {duration(flow['work_seconds'])}"
               f" (flow efficiency {flow['efficiency']:.0%})")  # fmt: skip
