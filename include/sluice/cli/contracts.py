"""sluice lint, and how evidence looks on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sluice.cli.console import emit_json, heading, table
from sluice.drift import exceeded, in_words
from sluice.errors import BadInputError, Finding, InvalidContractError


@click.command()
@click.argument("contracts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def lint(contracts: tuple[Path, ...], as_json: bool) -> None:
    """Validate contracts: ODCS schema, Sluice's semantics, quality rules, suites. Exit 2 if one cannot be used."""
    from sluice.linting import usable_contract
    from sluice.settings import load
    from sluice.stream.suites import suite_findings

    settings = load()
    bad = 0
    results = []
    for path in contracts:
        findings: list[Finding] = []
        try:
            contract = usable_contract(path)
            findings = suite_findings(contract, settings)
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
        show_drift(evidence["tables"])
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
             "observed": r["observed"], "unexpected": r["unexpected_count"], "error": r["error"]}
            for r in quality["results"] if r["success"] is False
        ]  # fmt: skip
    for f in failures:
        colour = "red" if f["severity"] == "error" else "yellow"
        said = f["error"] or f"{f['description']}{_found(f['observed'], f.get('unexpected'))}"
        click.echo(f"  {click.style(f['severity'], fg=colour)}  {f['table']}.{f['rule']}: {said}")


def _found(observed: Any, unexpected: int | None) -> str:
    """What was found, where it may be told."""
    if observed is None and unexpected is None:
        return ""
    rows = f"{unexpected:,} {'row' if unexpected == 1 else 'rows'}" if unexpected is not None else ""
    return f" (found {rows if observed in (None, unexpected) else observed})"


def show_drift(tables: Sequence[Mapping[str, Any]]) -> None:
    """What lies farther from the delivery before than the contract expects; nothing where nothing was compared."""
    compared = [t["drift"] for t in tables if t.get("drift")]
    if not compared:
        return
    found = exceeded(compared)
    measures = sum(drift["measures"] for drift in compared)
    heading(f"Drift since {compared[0]['since'][:60]}: {len(found) or 'none'} of {measures:,} measures")
    for f in found:
        colour = "red" if f["severity"] == "error" else "yellow"
        place = f"{f['table']}.{f['column']}" if f["column"] else f["table"]
        click.echo(f"  {click.style(f['severity'], fg=colour)}  {place}: {in_words(f)}")
