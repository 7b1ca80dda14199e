"""sluice suite: every rule that a contract's tables are checked by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sluice.checks.rules import Rule
from sluice.cli.console import emit_json, heading, table


@click.command()
@click.argument("contract", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Suites that Great Expectations loads, one per table.")
def suite(contract: Path, as_json: bool) -> None:
    """Print what a contract is compiled to: every rule with its origin, engine, severity and dimension."""
    from sluice.linting import usable_contract
    from sluice.settings import load
    from sluice.stream.suites import files_of, rules_of

    settings, read = load(), usable_contract(contract)
    suites = {t.name: rules_of(read, t, settings) for t in read.tables}
    if as_json:
        files = [files_of(read, t, settings) for t in read.tables]
        named = zip(suites.items(), files, strict=True)
        emit_json([as_suite(f"{read.id}.{name}", rules, of_table) for (name, rules), of_table in named])
        return
    for name, rules in suites.items():
        heading(f"{read.id}.{name}: {len(rules)} rules")
        table(
            ["rule", "asks", "severity", "dimension", "engine", "origin"],
            [[r.name, asks(r), r.severity, r.dimension or "-", engine(r), r.origin] for r in rules],
        )


def asks(rule: Rule) -> str:
    """The rule in one line, nothing left out."""
    if rule.kind == "text":
        return f"(for people) {rule.description}"
    kwargs = {key: value for key, value in rule.kwargs.items() if key != "broken"}
    said = ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
    return f"{rule.expectation_type or rule.kind}({said})"


def engine(rule: Rule) -> str:
    """What evaluates the rule. An expectation that cannot be compiled runs on GX's pandas; a report says which."""
    return {"text": "people", "expectation": "gx on duckdb"}.get(rule.kind, "duckdb")


def as_suite(name: str, rules: list[Rule], files: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A suite in Great Expectations' serialised form. What is no expectation is kept in `meta`, so nothing is lost:
    `sluice_rules` are the other rules, `sluice_suites` what the suites' `files` say beside their expectations."""
    expectations, others = [], []
    for rule in rules:
        if rule.kind == "expectation":
            expectations.append(
                {"type": rule.expectation_type, "kwargs": dict(rule.kwargs), "severity": _SEVERITIES[rule.severity],
                 "description": rule.description or None, "meta": _about(rule), **rule.kept}
            )  # fmt: skip
        else:
            kwargs = {key: value for key, value in rule.kwargs.items() if key != "broken"}
            others.append({"kind": rule.kind, "kwargs": kwargs, "severity": rule.severity,
                           "description": rule.description, "column": rule.column, **_about(rule)})  # fmt: skip
    return {"name": name, "expectations": expectations, "meta": {"sluice_rules": others, "sluice_suites": list(files)}}


_SEVERITIES = {"error": "critical", "warning": "warning", "info": "info"}


def _about(rule: Rule) -> dict[str, Any]:
    """What people wrote about the rule, and what Sluice says of it; under `sluice` where the two share a key."""
    about = {"name": rule.name, "origin": rule.origin, "dimension": rule.dimension, "engine": engine(rule)}
    disputed = any(rule.meta.get(key, value) != value for key, value in about.items())
    return {**about, **rule.meta, **({"sluice": about} if disputed else {})}
