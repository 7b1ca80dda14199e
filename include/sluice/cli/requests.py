"""sluice request, status, inbox, evidence, decide: through the same routes as everybody else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sluice.adapters.airflow_api import AirflowApi
from sluice.cli.console import emit_json, state, table
from sluice.cli.contracts import show_evidence
from sluice.cli.identity import ADMIN, REQUESTER, local_log_ins, session
from sluice.cli.intake import ask, follow, request_conf, wait_for_record
from sluice.cli.views import GATES, show_request
from sluice.data_docs import address as docs_address
from sluice.errors import BadInputError, UsageError
from sluice.pull import ServiceClass
from sluice.pull.classes import OLD, chosen_class
from sluice.settings import Settings, load
from sluice.words import day, duration, minute

TONES = {"good": "green", "warn": "yellow", "bad": "red"}


@click.command()
@click.argument("contract", type=click.Path(path_type=Path))
@click.option("--use-case", default="", help="The use case that waits for this data.")
@click.option(
    "--class",
    "--priority",
    "service",
    type=click.Choice([*(c.value for c in ServiceClass), *OLD]),
    default="standard",
    show_default=True,
    help="Class of service; what an expedited request delays is shown first.",
)
@click.option(
    "--due", type=click.DateTime(["%Y-%m-%d"]), help="For --class fixed_date: the day after which it is worth less."
)
@click.option("--yes", is_flag=True, help="Accept what an expedited request delays without being asked.")
@click.option("--comment", default="", help="For those who will be asked to approve.")
@click.option("--wait", is_flag=True, help="Stay until the request has ended; exit 1 unless it is published.")
@click.option("--user", help="Who asks; default SLUICE_USER, or the local stack's demo requester.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def request(
    contract: Path,
    use_case: str,
    service: str,
    due: datetime | None,
    yes: bool,
    comment: str,
    wait: bool,
    user: str | None,
    as_json: bool,
) -> None:
    """Ask for a source to be onboarded. Asking twice gives the same request."""
    from sluice.linting import usable_contract

    settings = load()
    asked = usable_contract(contract)
    chosen_class(service, due and due.date(), datetime.now(UTC).date())
    conf = request_conf(settings, asked, contract) | {
        "use_case": use_case or None,
        "class_of_service": OLD.get(service, service),
        "due_date": due.date().isoformat() if due else None,
        "accept_delay": False,
        "comment": comment or None,
    }
    with session(settings, user=user, default=REQUESTER) as api:
        if service == ServiceClass.EXPEDITE:
            conf["accept_delay"] = weighed(api, yes=yes, as_json=as_json)
        identity, fresh = ask(api, asked, conf)
        if not as_json:
            click.echo(f"{'Asked for' if fresh else 'Already asked for'}: {identity}")
            click.echo(f"  watch it: {run_address(settings, identity)}")
        overview = wait_for_record(api, identity)
        if wait:
            overview = follow(api, identity, (lambda _: None) if as_json else click.echo)
        if as_json:
            emit_json(overview)
        elif wait or not fresh:
            show_request(overview)
        if wait and overview["state"] != "published":
            raise click.exceptions.Exit(1)


def weighed(api: AirflowApi, *, yes: bool, as_json: bool) -> bool:
    """Show what an expedited request would delay and ask whether to accept that. Raises UsageError when not."""
    cost = api.get("/sluice/queue/expedite")
    if not as_json:
        click.echo(f"An expedited request goes before everything. {cost['words']}")
        table(["delayed", "use case", "before", "days"],
              [[d["source"], d["use_case"], d["at"], "?" if d["days"] is None else f"{d['days']:.1f}"] for d in cost["delays"]],
              right=(3,)) if cost["delays"] else None  # fmt: skip
    if not yes and (as_json or not click.confirm("Do you accept that?")):
        raise UsageError("EXPEDITE_NOT_ACCEPTED", f"not asked for: {cost['words']}",
                         mend="Accept it with --yes, or choose --class standard.")  # fmt: skip
    return True


@click.command()
@click.argument("name", required=False, metavar="[REQUEST|SOURCE]")
@click.option("--user", help="Who looks.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(name: str | None, user: str | None, as_json: bool) -> None:
    """Where a request stands and who is waited on; without a name, all requests."""
    settings = load()
    with session(settings, user=user, default=ADMIN) as api:
        if name is None:
            lines = api.requests()
            if as_json:
                emit_json(lines)
            elif not lines:
                click.echo("No requests yet. Ask with `sluice request CONTRACT`.")
            else:
                table(
                    ["request", "source", "version", "state", "requested", "why"],
                    [[r["id"], r["source"], r["version"], state(r["state"]), minute(r["requested_at"]), r["reason"]]
                     for r in lines],
                )  # fmt: skip
            return
        overview = api.get(f"/sluice/requests/{resolve(api, name)}", forecast="true")
        if as_json:
            emit_json(overview)
        else:
            show_request(overview)
            if (overview["checks"] or {}).get("data_docs"):
                click.echo(f"\n  Data Docs of the checks: {settings.airflow_url}{docs_address(overview['id'])}")
            click.echo(f"\n  In Airflow: {run_address(settings, overview['run_id'])}")


def resolve(api: AirflowApi, name: str) -> str:
    """A request's id from its id or its source's name (then its newest request)."""
    if name.startswith("onb-"):
        return name
    found = api.requests(source=name)
    if not found:
        raise BadInputError(
            "NO_REQUEST", f"there is no request for {name!r}", mend="`sluice status` lists all requests."
        )
    return str(found[-1]["id"])


@click.command()
@click.option("--user", help="Whose inbox; default SLUICE_USER, else that of every role of the local stack.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def inbox(user: str | None, as_json: bool) -> None:
    """What waits for me, longest wait first."""
    settings = load()
    people = [user or settings.user] if user or settings.user else role_holders(settings)
    waiting: list[dict[str, Any]] = []
    for person in people:
        with session(settings, user=person) as api:
            waiting += [w | {"user": person} for w in api.get("/sluice/inbox")]
    if as_json:
        emit_json(waiting)
    elif not waiting:
        click.echo("Nothing waits for you." if len(people) == 1 else "Nothing waits for anybody.")
    else:
        table(
            [
                "request",
                "gate",
                "role",
                "who",
                "tier",
                "asked by",
                "waits",
                "in business hours",
                "answer by",
                "expires",
            ],
            [
                [
                    w["request"],
                    w["gate"],
                    w["role"] + (f" for {w['on_behalf_of']}" if w["on_behalf_of"] else ""),
                    w["user"],
                    w["tier"],
                    w["requester"],
                    duration(w["waiting_seconds"]),
                    duration(w["waiting_business_seconds"]),
                    _answer_by(w),
                    day(w["expires_at"]) if w["expires_at"] else "",
                ]
                for w in waiting
            ],
        )
        for asked, notes in {w["request"]: w["at_a_glance"] for w in waiting}.items():
            click.echo(f"\n  {asked}")
            for note in notes:
                click.echo(f"    {note['part']}: " + click.style(note["says"], fg=TONES.get(note["tone"])))
            click.echo(f"    Evidence: {settings.airflow_url}/sluice/pages/requests/{asked}/evidence")
        documented = dict.fromkeys(w["request"] for w in waiting if w["data_docs"])
        for asked in documented:
            click.echo(f"  What the checks of {asked} found: {settings.airflow_url}{docs_address(asked)}")


def _answer_by(waiting: dict[str, Any]) -> str:
    levels = waiting["service_levels"]
    if not levels:
        return ""
    missed = any(level["standing"] == "missed" for level in levels)
    return day(waiting["should_by"]) + (", late" if missed else "")


@click.command()
@click.argument("name", metavar="REQUEST|SOURCE")
@click.option("--gate", type=click.Choice(GATES), required=True)
@click.option("--user", help="Who looks.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def evidence(name: str, gate: str, user: str | None, as_json: bool) -> None:
    """Show what a gate decides on."""
    settings = load()
    with session(settings, user=user, default=ADMIN) as api:
        identity = resolve(api, name)
        pack = api.get(f"/sluice/requests/{identity}/evidence", gate=gate)
    if as_json:
        emit_json(pack)
    else:
        show_evidence(pack)
        if any(pack.get("quality", {}).get("data_docs", {}).values()):
            click.echo(f"  Data Docs of the checks: {settings.airflow_url}{docs_address(identity)}")


@click.command()
@click.argument("name", metavar="REQUEST|SOURCE")
@click.option("--gate", type=click.Choice(GATES), required=True)
@click.option("--role", required=True, help="The role you sign as.")
@click.option("--approve", "verdict", flag_value="approve", help="Yes.")
@click.option("--reject", "verdict", flag_value="reject", help="No, for good; needs a comment.")
@click.option("--return", "verdict", flag_value="return", help="Back for correction (see --to); needs a comment.")
@click.option(
    "--revoke", "verdict", flag_value="revoke", help="Take your own approval back, before publication; needs a comment."
)
@click.option(
    "--to",
    "back_to",
    type=click.Choice(["request", "land", "profile", "check"]),
    help="Where to return to; default request: the contract must change.",
)
@click.option("--comment", default="")
@click.option("--evidence", "digest", help="Digest of the evidence you saw; default: the evidence as it is now.")
@click.option("--user", help="Who decides; default SLUICE_USER, or the local stack's demo user of that role.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def decide(
    name: str,
    gate: str,
    role: str,
    verdict: str | None,
    back_to: str | None,
    comment: str,
    digest: str | None,
    user: str | None,
    as_json: bool,
) -> None:
    """Decide at a gate, as one of your roles. Exit 1 when the decision is refused, with the reason."""
    if verdict is None:
        raise UsageError("VERDICT", "say what you decide", mend="Give --approve, --reject, --return or --revoke.")
    if back_to is not None and verdict != "return":
        raise UsageError("BACK_TO", "only a return goes back to a stage", mend="Give --return with --to.")
    settings = load()
    with session(settings, user=user, default=demo_user(settings, role)) as api:
        identity = resolve(api, name)
        if digest is None and verdict != "revoke":
            digest = str(api.get(f"/sluice/requests/{identity}/evidence", gate=gate)["evidence_digest"])
        to = back_to or ("request" if verdict == "return" else None)
        recorded = api.decide(identity, gate, role, verdict, comment, digest, to)
    if as_json:
        emit_json(recorded)
    else:
        where = f", back to {to}" if to else f", on evidence {digest[:12]}" if digest else ""
        click.echo(f"Recorded: {verdict} by {recorded['by']} as {role} at {gate} of {identity}{where}")


def role_holders(settings: Settings) -> list[str]:
    """Users of the local stack who may sign as some role."""
    from sluice.policy import load_policy

    policy = load_policy(settings.policy)
    people = [u for u in local_log_ins(settings) if policy.roles_of(u)]
    if not people:
        raise UsageError("WHO", "say whose inbox", mend="Set SLUICE_USER and SLUICE_PASSWORD, or give --user.")
    return people


def demo_user(settings: Settings, role: str) -> str | None:
    """The local stack's user who may sign as this role; its administrator when nobody may, to be told so."""
    from sluice.policy import load_policy

    known = local_log_ins(settings)
    if not known:
        return None
    holder = load_policy(settings.policy).roles.get(role)
    return next((m for m in holder.members if m in known), ADMIN) if holder else ADMIN


def run_address(settings: Settings, run_id: str) -> str:
    """The run's page in the Airflow UI."""
    return f"{settings.airflow_url}/dags/onboard_source/runs/{run_id}"
