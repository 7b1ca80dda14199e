"""sluice delegate: who signs for whom, and from when to when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import click

from sluice.adapters.airflow_api import AirflowApi
from sluice.cli.console import emit_json, table
from sluice.cli.identity import session
from sluice.errors import UsageError
from sluice.settings import load
from sluice.words import minute


@click.command()
@click.argument("to", required=False, metavar="[PERSON]")
@click.option("--from", "begins", help="First day away (2026-12-24), or an instant; default now.")
@click.option("--until", "ends", help="Last day away, or an instant.")
@click.option("--role", default="", help="Only this role; default all.")
@click.option("--for", "principal", default="", help="Who is away; a platform owner may say so for somebody else.")
@click.option("--reason", default="")
@click.option("--away", is_flag=True, help="Only say that you are away; nobody signs for you.")
@click.option("--end", "number", type=int, help="End the delegation of this number, at once.")
@click.option(
    "--list", "listing", is_flag=True, help="Delegations that hold or will, yours and those you stand in for."
)
@click.option("--user", help="Who says it; default SLUICE_USER.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def delegate(
    to: str | None,
    begins: str | None,
    ends: str | None,
    role: str,
    principal: str,
    reason: str,
    away: bool,
    number: int | None,
    listing: bool,
    user: str | None,
    as_json: bool,
) -> None:
    """Let PERSON sign for you while you are away: `sluice delegate dan --from 2026-12-24 --until 2027-01-02`.

    It holds at once and stays on record. A delegate never signs a request of their own, nor twice at one gate.
    """
    settings = load()
    with session(settings, user=user) as api:
        if number is not None:
            _tell(api.post(f"/sluice/delegations/{number}/end", {}), as_json, f"Ended: delegation {number}.")
        elif listing or (to is None and not away):
            _list(api, as_json)
        else:
            if ends is None:
                raise UsageError("UNTIL", "say until when", mend="Give --until 2027-01-02.")
            body = {"delegate": to or "", "role": role, "reason": reason, "principal": principal} | _period(
                begins, ends
            )
            made = api.post("/sluice/delegations", body)
            who = f"{to} signs for {made['principal']}" if to else f"{made['principal']} is away"
            _tell(
                made,
                as_json,
                f"Recorded as delegation {made['number']}: {who} from {made['begins']} to {made['ends']}.",
            )


def _period(begins: str | None, ends: str) -> dict[str, str]:
    """Days, both included, or instants: whichever was given."""
    if begins is None and _is_day(ends):
        begins = date.today().isoformat()  # noqa: DTZ011 - the person's own day
    begins = begins or datetime.now(UTC).isoformat()
    if _is_day(begins) != _is_day(ends):
        raise UsageError("DATES", "give two days or two instants", mend="--from 2026-12-24 --until 2027-01-02")
    names = ("first_day", "last_day") if _is_day(ends) else ("begins", "ends")
    return dict(zip(names, (begins, ends), strict=True))


def _is_day(text: str) -> bool:
    return len(text) == len("2026-12-24")


def _tell(made: Any, as_json: bool, words: str) -> None:
    if as_json:
        emit_json(made)
    else:
        click.echo(words)


def _list(api: AirflowApi, as_json: bool) -> None:
    entries = api.get("/sluice/delegations")
    if as_json:
        emit_json(entries)
    elif not entries:
        click.echo("No delegations.")
    else:
        table(["no", "away", "signs", "role", "from", "until", "why", "set by"],
              [[str(e["number"]), e["principal"], f"ends {e['ends_number']}" if e["ends_number"] else e["delegate"] or "nobody", e["role"] or "all", minute(e["begins"]), minute(e["ends"]), e["reason"], e["set_by"]]
               for e in entries])  # fmt: skip
