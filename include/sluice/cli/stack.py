"""sluice up, down, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sluice.cli.console import emit_json
from sluice.errors import SluiceError
from sluice.settings import Settings, load

if TYPE_CHECKING:
    from sluice.adapters.airflow_api import AirflowApi
    from sluice.ledger import Request


@click.command()
def up() -> None:
    """Start the local stack (idempotent): PostgreSQL, AWS (moto) and Airflow, on this machine alone."""
    start(load())


def start(settings: Settings) -> None:
    """Start the stack, then put right what the embedded lake forgot while it was down."""
    from sluice.cli.identity import ADMIN, development_users, session
    from sluice.recovery import reconcile
    from sluice.stack.local import up as start_stack
    from sluice.stream.tools import connect, use_aws

    def prepare() -> None:
        from sluice.adapters.ledger import migrate
        from sluice.adapters.s3 import ensure_bucket

        use_aws(settings)
        migrate(settings.ledger)
        if settings.embedded_aws:
            ensure_bucket(settings.lake, settings.region)
        settings.sources.mkdir(parents=True, exist_ok=True)

    start_stack(settings, development_users(settings), click.echo, prepare)
    tools = connect(settings)
    outcome = reconcile(tools)
    for request in outcome.lost:
        click.echo(
            f"  {request.id} was published, but the lake was restarted and no longer has it; `sluice request` onboards it again"
        )
    if outcome.again:
        with session(settings, user=ADMIN) as api:
            for request in outcome.again:
                try:
                    land_again(api, request)
                except SluiceError as error:  # the next `up` finds it again
                    click.echo(f"  {request.id} cannot land again yet: {error}", err=True)
                else:
                    click.echo(f"  {request.id} lands again: the lake was restarted while it was under way")


def land_again(api: AirflowApi, request: Request) -> None:
    """Have the request's run land its tables again."""
    from sluice.cli.intake import revive

    run = api.run(request.run_id)
    if run is None or run["state"] == "failed":
        revive(api, request.run_id, {"contract_yaml": request.contract_text, "base": request.base or None})
    else:
        api.clear(request.run_id, ["land.table"])


@click.command()
def down() -> None:
    """Stop exactly what `sluice up` started, also after a crash."""
    from sluice.stack.local import down as stop

    stop(load(), click.echo)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(as_json: bool) -> None:
    """Say how each part of the stack is: airflow, aws, ledger, buckets, database. Exit 1 if one is not well."""
    from sluice.stack.local import doctor as examine

    settings = load()
    parts = examine(settings, lambda: _buckets(settings))
    if parts["ledger"]["healthy"]:
        from sluice.adapters.ledger import schema_is_current

        if not schema_is_current(settings.ledger):
            parts["ledger"] |= {"healthy": False, "detail": "its tables are not at the newest version; run `sluice up`"}
    if as_json:
        emit_json(parts)
    else:
        for name, part in parts.items():
            mark = click.style("ok ", fg="green") if part["healthy"] else click.style("BAD", fg="red", bold=True)
            click.echo(f"  {mark}  {name:<9} {part['address']}  {part['detail']}")
    if not all(part["healthy"] for part in parts.values()):
        raise click.exceptions.Exit(1)


def _buckets(settings: Settings) -> str:
    from sluice.adapters.s3 import bucket_exists
    from sluice.errors import StackError
    from sluice.stream.tools import use_aws

    use_aws(settings)
    if not bucket_exists(settings.lake):
        raise StackError(
            "NO_BUCKET", f"the lake {settings.lake} does not exist", mend="`sluice up` makes it on the embedded AWS."
        )
    return settings.lake
