"""sluice up, down, doctor."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.console import emit_json
from sluice.errors import SluiceError, StackError, UsageError
from sluice.settings import Settings, load

if TYPE_CHECKING:
    from sluice.adapters.airflow_api import AirflowApi
    from sluice.ledger import Request


@click.command()
@click.option("--lake", "folder", metavar="DIR",
              help="Keep the lake in this folder, of any size and across restarts; remembered until another is given. "
                   "`--lake embedded` goes back to the embedded AWS, which forgets at a restart.")  # fmt: skip
@click.option(
    "--with-history",
    is_flag=True,
    help="Add simulated requests, labelled as such, so that the flow pages have something to show.",
)
def up(folder: str | None, with_history: bool) -> None:
    """Start the local stack (idempotent): PostgreSQL, AWS (moto) and Airflow, on this machine alone."""
    settings = load()
    if folder is not None:
        settings = _choose_lake(settings, folder)
    start(settings)
    if with_history:
        from sluice.cli.history import add_history
        from sluice.stream.tools import connect

        tools = connect(settings)
        click.echo(f"  {add_history(tools.ledger, tools.policy(), tools.now())}")


def _choose_lake(settings: Settings, folder: str) -> Settings:
    """The settings with that lake, which the home remembers from now on.

    Raises UsageError when SLUICE_LAKE says something else, StackError while the stack runs on another lake.
    """
    from sluice.settings import DEFAULT_LAKE, lake_uri
    from sluice.stack.local import is_up

    given = DEFAULT_LAKE if folder == "embedded" else folder
    wanted = lake_uri(given if "://" in given else Path(given).expanduser().resolve().as_uri())
    said = os.environ.get("SLUICE_LAKE")
    if said and lake_uri(said) != wanted:
        raise UsageError("LAKE_TWICE", f"--lake says {wanted} and SLUICE_LAKE says {said}", mend="Give one of them.")
    if wanted != settings.lake and is_up(settings):
        raise StackError("OTHER_LAKE", f"the stack runs on {settings.lake}", mend="Run `sluice down` first.")
    settings.home.mkdir(parents=True, exist_ok=True)
    kept = settings.home / "lake"
    part = kept.with_suffix(".part")
    part.write_text(f"{wanted}\n", "utf-8")
    part.replace(kept)
    return replace(settings, lake=wanted)


def start(settings: Settings) -> None:
    """Start the stack, then put right what the embedded lake forgot while it was down."""
    from sluice.cli.identity import ADMIN, development_users, session
    from sluice.recovery import reconcile
    from sluice.stack.local import up as start_stack
    from sluice.stream.tools import connect, use_aws

    def prepare() -> None:
        from sluice.adapters.ledger import migrate

        use_aws(settings)
        migrate(settings.ledger)
        if settings.local_lake:
            from sluice.adapters.stores.local import ensure_folder

            ensure_folder(settings.lake)
        elif settings.embedded_aws:
            from sluice.adapters.stores.s3 import ensure_bucket

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
    from sluice.stream.tools import use_aws

    use_aws(settings)
    if settings.local_lake:
        return _folder(settings)
    from sluice.adapters.stores.s3 import bucket_exists

    if not bucket_exists(settings.lake):
        raise StackError(
            "NO_BUCKET", f"the lake {settings.lake} does not exist", mend="`sluice up` makes it on the embedded AWS."
        )
    return settings.lake


def _folder(settings: Settings) -> str:
    import shutil

    from sluice.adapters.catalogs import open_catalog
    from sluice.adapters.stores.local import folder_is_usable, local_path

    if not folder_is_usable(settings.lake):
        raise StackError(
            "NO_LAKE", f"the lake {settings.lake} is not there or cannot be written", mend="`sluice up` makes it."
        )
    tables = open_catalog(settings, settings.lake).count()
    free = shutil.disk_usage(local_path(settings.lake)).free
    return f"a folder, kept across restarts; {tables:,} tables in its catalog; {free / 1e9:,.0f} GB free"
