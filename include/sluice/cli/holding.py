"""sluice block, unblock, withdraw: why a request waits, and that it is not wanted any more."""

from __future__ import annotations

import click

from sluice.cli.console import emit_json
from sluice.cli.identity import REQUESTER, session
from sluice.cli.requests import resolve
from sluice.settings import load

BLOCK_CODES = (
    "requester_input", "contract_change", "source_access", "source_data", "approver_absent", "legal_review", "budget",
    "capacity", "change_freeze", "outage", "supplier", "other",
)  # fmt: skip
"""Those of sluice.holding.BLOCKABLE, without importing it for the help; a test holds them together."""


@click.command()
@click.argument("name", metavar="REQUEST|SOURCE")
@click.option("--reason", "code", type=click.Choice(BLOCK_CODES), required=True, help="What it waits for.")
@click.option("--comment", default="", help="The same in words.")
@click.option("--user", help="Who says so; default SLUICE_USER, or the local stack's demo requester.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def block(name: str, code: str, comment: str, user: str | None, as_json: bool) -> None:
    """Say what a request waits for. It stays inside the lead time; who has it is told from who works on it."""
    _post(name, "block", {"reason_code": code, "comment": comment}, user, as_json)


@click.command()
@click.argument("name", metavar="REQUEST|SOURCE")
@click.option("--comment", default="")
@click.option("--user", help="Who says so.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def unblock(name: str, comment: str, user: str | None, as_json: bool) -> None:
    """Say that a blocked request goes on."""
    _post(name, "unblock", {"comment": comment}, user, as_json)


@click.command()
@click.argument("name", metavar="REQUEST|SOURCE")
@click.option("--comment", required=True, help="Why it is not wanted any more.")
@click.option("--user", help="Who withdraws it.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def withdraw(name: str, comment: str, user: str | None, as_json: bool) -> None:
    """End a request that is not wanted any more; what was found so far stays on record."""
    _post(name, "withdraw", {"comment": comment}, user, as_json)


def _post(name: str, action: str, body: dict[str, str], user: str | None, as_json: bool) -> None:
    with session(load(), user=user, default=REQUESTER) as api:
        identity = resolve(api, name)
        answer = api.post(f"/sluice/requests/{identity}/{action}", body)
    if as_json:
        emit_json(answer)
        return
    stages = answer.get("blocked") or answer.get("unblocked") or []
    done = {"block": "Blocked", "unblock": "Goes on", "withdraw": "Withdrawn"}[action]
    click.echo(f"{done}: {identity}" + (f" at {', '.join(stages)}" if stages else ""))
