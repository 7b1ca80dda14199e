"""sluice restore and sluice incident: data that people cannot rely on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.console import emit_json, heading, table
from sluice.cli.identity import acting
from sluice.errors import BadInputError
from sluice.settings import Settings, load
from sluice.words import duration, moment

if TYPE_CHECKING:
    from sluice.running.incidents import Incident
    from sluice.stream.tools import Tools

_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")
_USER = click.option(
    "--user", help="Who acts; default SLUICE_USER, or you. On a running stack it must be able to log in."
)
_SEVERITY = click.Choice(("low", "medium", "high", "critical"))


@click.command()
@click.argument("source")
@click.option("--to", type=int, metavar="SNAPSHOT", help="The snapshot to show; default: the last good one.")
@click.option("--reason", default="", help="What is wrong with the data.")
@click.option("--severity", type=_SEVERITY)
@click.option(
    "--since", metavar="TIME", help="Since when the data is wrong (ISO 8601); default: since it was published."
)
@click.option("--list", "show", is_flag=True, help="Only show what could be put back.")
@_USER
@_JSON
def restore(
    source: str, to: int | None, reason: str, severity: str | None, since: str | None, show: bool, user: str | None, as_json: bool
) -> None:  # fmt: skip
    """Put the last good data of SOURCE back, at once, and open an incident."""
    from sluice.stream.restore import restore as put_back

    settings, tools = _connected()
    if show:
        _show_versions(tools, source, as_json)
        return
    done = put_back(
        tools, source, actor=acting(settings, user, offline=True), reason=reason or "the published data is wrong", to=to,
        severity=severity, occurred_at=_time(since),
    )  # fmt: skip
    if as_json:
        emit_json(_document(done.incident) | {
            "shown": done.version.run if done.version else None, "moved": dict(done.moved), "restore_seconds": done.seconds,
        })  # fmt: skip
        return
    if done.version is None:
        click.secho("There is no earlier publication to go back to: the tables show what they showed.", fg="yellow")
    else:
        said = f"{len(done.moved)} tables put back" if done.moved else "The tables show it already"
        click.echo(f"{said} in {duration(done.seconds)}: {source} shows what {done.version.run} published.")
    click.echo(f"  incident: {done.incident.id} ({done.incident.severity}); nothing is published until it is closed")
    click.echo(f"  then: sluice incident close {done.incident.id} --cause TEXT")


@click.group()
def incident() -> None:
    """Incidents: what is wrong, whom it hurts, when it will be over."""


@incident.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@_JSON
def list_(everything: bool, as_json: bool) -> None:
    """Open incidents."""
    from sluice.running.incidents import incidents

    _, tools = _connected()
    with tools.ledger.reading() as tx:
        found = [i for i in incidents(tx) if everything or i.is_open]
    if as_json:
        emit_json([_document(i) for i in found])
    elif not found:
        click.echo("No incidents." if everything else "No open incidents.")
    else:
        table(
            ["incident", "severity", "owner", "since", "over by", "what"],
            [[i.id, i.severity, i.owner or "nobody", moment(i.detected_at), moment(i.eta) if i.is_open and i.eta else "closed", i.reason]
             for i in found],
        )  # fmt: skip


@incident.command()
@click.argument("name", metavar="INCIDENT|SOURCE")
@_JSON
def show(name: str, as_json: bool) -> None:
    """An incident with its timeline and its times."""
    from sluice.running.incidents import incident as find

    _, tools = _connected()
    with tools.ledger.reading() as tx:
        _show(find(tx, name), as_json)


@incident.command()
@click.argument("name", metavar="INCIDENT|SOURCE")
@click.option("--comment", default="", help="News for everybody.")
@click.option("--eta", metavar="TIME", help="When it should be over (ISO 8601).")
@click.option("--severity", type=_SEVERITY)
@click.option("--owner", help="Who works on it.")
@click.option("--cause", help="What went wrong.")
@_USER
@_JSON
def update(
    name: str, comment: str, eta: str | None, severity: str | None, owner: str | None, cause: str | None, user: str | None, as_json: bool
) -> None:  # fmt: skip
    """Tell people how it goes."""
    from sluice.running.incidents import update as tell

    settings, tools = _connected()
    with tools.ledger.transaction() as tx:
        done = tell(tx, name, acting(settings, user), tools.policy().running.incidents, tools.now(), comment=comment,
                    eta=_time(eta), severity=severity, owner=owner, cause=cause)  # fmt: skip
    _show(done, as_json)


@incident.command()
@click.argument("name", metavar="INCIDENT|SOURCE")
@click.option("--cause", default="", help="What went wrong; needed, unless it was said before.")
@click.option("--resolution", default="", help="What was done about it.")
@_USER
@_JSON
def close(name: str, cause: str, resolution: str, user: str | None, as_json: bool) -> None:
    """End an incident, which lets its source be published again."""
    from sluice.running.incidents import close as end

    settings, tools = _connected()
    with tools.ledger.transaction() as tx:
        done = end(tx, name, acting(settings, user), cause, resolution, tools.now())
    _show(done, as_json)


@incident.command()
@click.argument("source")
@click.argument("what")
@click.option("--severity", type=_SEVERITY)
@click.option("--since", metavar="TIME", help="Since when the data is wrong (ISO 8601).")
@_USER
@_JSON
def report(source: str, what: str, severity: str | None, since: str | None, user: str | None, as_json: bool) -> None:
    """Say that data of SOURCE is bad: the version before it comes back at once, then people look into it."""
    from sluice.stream.restore import restore as put_back

    settings, tools = _connected()
    done = put_back(
        tools,
        source,
        actor=acting(settings, user, offline=True),
        reason=what,
        severity=severity,
        occurred_at=_time(since),
    )
    _show(done.incident, as_json)


def _connected() -> tuple[Settings, Tools]:
    from sluice.stream.tools import connect

    settings = load()
    return settings, connect(settings)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError("TIME", f"{text!r} is no time", mend="Write 2026-03-02T09:00Z.") from error
    return found.astimezone() if found.tzinfo is None else found


def _document(found: Incident) -> dict[str, Any]:
    from sluice.running.incident_pages import document

    return document(found)


def _show(found: Incident, as_json: bool) -> None:
    document = _document(found)
    if as_json:
        emit_json(document)
        return
    state = "open" if found.is_open else "closed"
    heading(f"{found.id} · {found.severity} · {state}")
    click.echo(f"  {found.reason}")
    for label, value in (
        ("owner", found.owner or "nobody"), ("hurts", ", ".join((*found.consumers, *found.use_cases)) or "nobody that is known"),
        ("over by", moment(found.eta) if found.is_open and found.eta else ""), ("cause", found.cause), ("resolution", found.resolution),
    ):  # fmt: skip
        if value:
            click.echo(f"  {label}: {value}")
    for name, m in document["measured"].items():
        if m["seconds"] is not None or m["promised"] is not None:
            took = "not yet" if m["seconds"] is None else duration(m["seconds"])
            limit = f", promised {duration(m['promised'])}" if m["promised"] is not None else ""
            mark = {True: " · kept", False: " · missed", None: ""}[m["kept"]]
            click.echo(f"  time to {name}: {took}{limit}{mark}")
    for entry in document["timeline"]:
        click.echo(f"  {moment(entry['at'])}  {entry['text']}")


def _show_versions(tools: Tools, source: str, as_json: bool) -> None:
    from sluice.running.history import live, versions

    with tools.ledger.reading() as tx:
        live(tx, source)
        known = versions(tx, source)
    if as_json:
        emit_json([{"run": v.run, "at": v.at, "tables": dict(v.tables), "bad": v.bad} for v in known])
        return
    rows = [
        [moment(v.at), v.run, name, t["snapshot_id"], f"{t['rows']:,}", "taken back" if v.bad else ""]
        for v in reversed(known) for name, t in v.tables.items()
    ]  # fmt: skip
    table(["published", "by", "table", "snapshot", "rows", ""], rows, right=(4,))
