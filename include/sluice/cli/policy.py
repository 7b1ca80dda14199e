"""sluice policy: what include/policy.yaml makes of a contract, and whether the file itself is sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sluice.cli.console import emit_json, heading
from sluice.contract.model import Contract
from sluice.errors import BadInputError, SluiceError
from sluice.policy import Facts, facts_of, load_policy
from sluice.settings import Settings, load


@click.group()
def policy() -> None:
    """Who must sign what, and why."""


@policy.command()
@click.argument("contract", type=click.Path(path_type=Path))
@click.option(
    "--evidence",
    type=click.Path(dir_okay=False, path_type=Path),
    help="evidence.json of `sluice try`: what the data says.",
)
@click.option(
    "--policy", "file", type=click.Path(dir_okay=False, path_type=Path), help="Another policy than the one in force."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def explain(contract: Path, evidence: Path | None, file: Path | None, as_json: bool) -> None:
    """Which tier a contract is in and why, who must sign at each gate, and what would make it lighter."""
    from sluice.linting import usable_contract
    from sluice.policy.explaining import explain as explained

    settings = load()
    read = usable_contract(contract)
    facts, assumed = _facts(settings, read, contract, evidence)
    found = explained(load_policy(file or settings.policy), facts) | {"contract": str(contract), "assumed": assumed}
    if as_json:
        emit_json(found)
    else:
        _show(read, found)


@policy.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def lint(file: Path | None, as_json: bool) -> None:
    """Validate a policy; exit 2 when it cannot be used. Warnings are told and change nothing."""
    from sluice.policy.linting import warnings
    from sluice.policy.reading import place_in

    path = file or load().policy
    read = load_policy(path)
    found = warnings(read, place_in(path))
    if as_json:
        emit_json({"policy": str(path), "valid": True, "digest": read.digest, "warnings": [vars(f) for f in found]})
        return
    for finding in found:
        click.echo(str(finding))
    tiers = ", ".join(read.tiers.names)
    click.echo(
        f"{path}: good ({len(read.roles)} roles, tiers {tiers}, {len(found)} warnings), digest {read.digest[:12]}"
    )


def _facts(settings: Settings, contract: Contract, path: Path, evidence: Path | None) -> tuple[Facts, list[str]]:
    """What is known of the contract before anything moves, and what had to be assumed."""
    known, assumed = _ask_ledger(settings, contract)
    if evidence is not None:
        known |= _found(evidence, contract)
    if (size := _size(settings, contract, path)) is not None:
        known["bytes"] = size
    return facts_of(contract, **known), assumed


def _ask_ledger(settings: Settings, contract: Contract) -> tuple[dict[str, Any], list[str]]:
    from sluice.adapters.ledger import PostgresLedger

    try:
        with PostgresLedger(settings.ledger).reading() as tx:
            return {"owner_known": tx.owner_published(contract.owner)}, []
    except Exception:  # the ledger is one source of facts; without it the answer is still worth having
        return {}, ["the ledger was not asked, so the owner counts as new"]


def _size(settings: Settings, contract: Contract, path: Path) -> int | None:
    from sluice.adapters.stores.local import FileStore
    from sluice.stream.source import probe

    if contract.server.type != "local":
        return None
    try:
        seen = probe(contract, str(path.resolve().parent), settings, FileStore())
    except SluiceError:
        return None
    return sum(int(file["bytes"]) for table in seen.values() for file in table["files"])


def _found(evidence: Path, contract: Contract) -> dict[str, Any]:
    try:
        pack = json.loads(evidence.read_text("utf-8"))
        rows = sum(t["rows_read"] for t in pack["tables"])
        aside = sum(t["rows_quarantined"] + t["rows_dropped"] for t in pack["tables"])
        found = {"pii_undeclared": tuple(pack["pii"]["undeclared"]), "rows": rows, "quarantined": aside / rows if rows else 0.0,
                 "monthly_usd": pack["cost"]["monthly_usd"]}  # fmt: skip
        source = pack["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            "EVIDENCE", f"{evidence} is no evidence: {error}", mend="`sluice try CONTRACT --out DIR` writes one."
        ) from error
    if source != contract.id:
        raise BadInputError(
            "EVIDENCE", f"the evidence is of {source!r}, the contract of {contract.id!r}", where=str(evidence)
        )
    return found


def _show(contract: Contract, found: dict[str, Any]) -> None:
    heading(f"{contract.id} {contract.version}: tier {found['tier']}")
    for reason in found["reasons"]:
        click.echo(f"  because {reason}")
    for gate, terms in found["gates"].items():
        heading(f"{gate.capitalize()}: who must sign")
        for one in terms["sign"]:
            who = ", ".join([*one["members"], *(f"group {g}" for g in one["groups"])])
            times = f" ({one['signatures']} different people)" if one["signatures"] > 1 else ""
            said = f"the policy itself: {one['pre_approved']}" if one["pre_approved"] else who
            click.echo(f"  {one['role']}{times}: {said}")
        if terms["may_object"]:
            click.echo(f"  may object: {', '.join(terms['may_object'])}")
        if terms["expires_after"]:
            click.echo(f"  ends unanswered after {terms['expires_after']}; that approves nothing")
    heading("What would make it lighter")
    for way in found["lighter"]:
        click.echo(f"  tier {way['tier']}, with {' and '.join(way['if'])}")
        for gate, said in way["then"].items():
            click.echo(f"    {gate}: {said}")
    if not found["lighter"]:
        click.echo("  Nothing: it is in the lightest tier that the rules allow.")
    if found["not_known_yet"]:
        heading("Not known before the data is read, and able to raise the tier")
        for what in found["not_known_yet"]:
            click.echo(f"  {what}")
    for what in found["assumed"]:
        click.echo(f"\n  Assumed: {what}.")
    click.echo(f"\n  Policy {found['policy_digest'][:12]}")
