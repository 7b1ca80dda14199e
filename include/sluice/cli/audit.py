"""sluice audit: who decided what about a source, when, as whom, on which evidence, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sluice.cli.console import emit_json, heading, table
from sluice.settings import load
from sluice.words import minute


@click.command()
@click.argument("source")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page to this file.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def audit(source: str, page: Path | None, as_json: bool) -> None:
    """Everything that was decided about a source. Exit 1 when the record was tampered with."""
    from sluice.audit import audit_page, source_audit
    from sluice.stream.tools import connect

    tools = connect(load())
    with tools.ledger.reading() as tx:
        report = source_audit(tx, source, tools.now())
    if page is not None:
        page.write_text(audit_page(report), "utf-8")
    if as_json:
        emit_json(report)
    elif page is not None:
        click.echo(f"Written: {page}")
    else:
        _show(report)
    if not report["record"]["whole"]:
        if not as_json:
            click.secho(f"The record is broken: {report['record']['problem']}.", fg="red", bold=True, err=True)
        raise click.exceptions.Exit(1)


def _show(report: dict[str, Any]) -> None:
    for request in report["requests"]:
        heading(f"{request['id']}: {request['state']}")
        click.echo(
            f"  asked by {request['requester']} at {minute(request['renewed_at'] or request['requested_at'])}, tier {request['tier']}"
        )
        if request["continues"]:
            click.echo(f"  continues {request['continues']}, first asked at {minute(request['requested_at'])}")
        if request["reason"]:
            click.echo(f"  {request['reason']}")
        rows = [
            [str(d["seq"]), minute(d["at"]), gate["gate"], d["role"], d["verdict"] + (f" to {d['back_to']}" if d["back_to"] else ""),
             d["by"] + (f" for {d['on_behalf_of']}" if d["on_behalf_of"] else ""), d["evidence_digest"][:12], d["effect"], d["comment"]]
            for gate in request["gates"] for d in gate["decisions"]
        ]  # fmt: skip
        table(["no", "when (UTC)", "gate", "role", "decision", "by", "evidence", "effect", "why"], rows)
