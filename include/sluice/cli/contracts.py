"""sluice lint, sluice try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sluice.cli.console import emit_json, heading, table
from sluice.errors import BadInputError, Finding, InvalidContractError, SluiceError
from sluice.settings import load


@click.command()
@click.argument("contracts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def lint(contracts: tuple[Path, ...], as_json: bool) -> None:
    """Validate contracts: ODCS schema, Sluice's semantics, quality rules. Exit 2 if one cannot be used."""
    from sluice.linting import usable_contract

    bad = 0
    results = []
    for path in contracts:
        findings: list[Finding] = []
        try:
            contract = usable_contract(path)
        except InvalidContractError as error:
            findings = error.findings
        except BadInputError as error:
            findings = [Finding(error.code, error.message, str(path), mend=error.mend)]
        bad += bool(findings)
        results.append({"contract": str(path), "valid": not findings, "findings": [vars(f) for f in findings]})
        if not as_json:
            for finding in findings:
                click.echo(str(finding), err=True)
            if not findings:
                columns = sum(len(t.columns) for t in contract.tables)
                click.echo(
                    f"{path}: good ({contract.id} {contract.version}, {len(contract.tables)} tables, {columns} columns)"
                )
    if as_json:
        emit_json(results)
    if bad:
        raise click.exceptions.Exit(2)


@click.command("try")
@click.argument("contracts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where the results go.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def try_(contracts: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Request, land, profile and check on this machine. Exit 1 if a required check fails, 2 for bad input."""
    from sluice.linting import usable_contract
    from sluice.stream.trial import try_contract

    settings = load()
    worst = 0
    results: list[dict[str, Any]] = []
    for path in contracts:
        try:
            contract = usable_contract(path)
            evidence = try_contract(contract, str(path.resolve().parent), out, settings)
        except SluiceError as error:
            if len(contracts) == 1:
                raise
            click.echo(f"{path}: {error}", err=True)
            worst = max(worst, 2)
            continue
        results.append(evidence)
        if not evidence["quality"]["success"]:
            worst = max(worst, 1)
        if not as_json:
            show_evidence(evidence)
            click.echo(f"\n  Evidence, staged files and quarantine: {out / contract.id}")
    if as_json:
        emit_json(results)
    if worst:
        raise click.exceptions.Exit(worst)


def show_evidence(evidence: dict[str, Any]) -> None:
    """The evidence of a publication gate, on one screen."""
    heading(f"{evidence['source']}: tier {evidence['tier'] or '-'}")
    for reason in evidence["tier_reasons"]:
        click.echo(f"  {reason}")
    if "tables" in evidence:
        heading("Rows")
        table(
            ["table", "read", "staged", "quarantined", "why"],
            [[t["name"], f"{t['rows_read']:,}", f"{t['rows_staged']:,}", f"{t['rows_quarantined']:,}",
              ", ".join(f"{k} {v:,}" for k, v in t["quarantine_reasons"].items())] for t in evidence["tables"]],
            right=(1, 2, 3),
        )  # fmt: skip
        show_checks(evidence["quality"])
        click.echo(f"\n  Cost: about {evidence['cost']['monthly_usd']:.4f} USD a month")
    if "probe" in evidence:
        heading("Source")
        for name, seen in evidence["probe"].items():
            click.echo(f"  {name}: " + ", ".join(f"{f['name']} ({f['bytes']:,} bytes)" for f in seen["files"]))
    click.echo(f"\n  Evidence digest: {evidence['evidence_digest']}")


def show_checks(quality: dict[str, Any]) -> None:
    """The checks' verdict, and each rule that did not hold."""
    verdict = (
        click.style("passed", fg="green", bold=True)
        if quality["success"]
        else click.style("FAILED", fg="red", bold=True)
    )
    heading(
        f"Checks: {verdict} ({quality['evaluated']} evaluated, {quality['failed']} failed, {quality['warnings']} warnings)"
    )
    failures = quality.get("failures")
    if failures is None:
        failures = [
            {"table": r["table"], "rule": r["name"], "severity": r["severity"], "description": r["description"],
             "observed": r["observed"], "error": r["error"]}
            for r in quality["results"] if r["success"] is False
        ]  # fmt: skip
    for f in failures:
        colour = "red" if f["severity"] == "error" else "yellow"
        said = f["error"] or f"{f['description']} (found {f['observed']})"
        click.echo(f"  {click.style(f['severity'], fg=colour)}  {f['table']}.{f['rule']}: {said}")
