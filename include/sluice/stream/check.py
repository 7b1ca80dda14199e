"""Check: the contract's rules and people's expectations, on exactly the files that would be published."""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sluice.checks.discreet import Discretion
from sluice.checks.failing import Keeper
from sluice.checks.report import CheckReport
from sluice.checks.rules import Rule
from sluice.checks.run import run_checks
from sluice.contract.model import Contract, Table, digest_of
from sluice.errors import ChecksFailedError
from sluice.lake import Manifest
from sluice.ledger import Artifact
from sluice.onboarding import begin, complete, contract_of, found
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.data_docs import keep_docs
from sluice.stream.profile import profile_table
from sluice.stream.suites import rules_of
from sluice.stream.tools import Tools

FAILED = "failed_rows"
log = logging.getLogger(__name__)

Private = Callable[[Collection[str]], Collection[str]]
"""Which of these columns (lake names) hold personal data."""


@dataclass(frozen=True)
class Checked:
    """What the checks of a table found, and the same in GX's result format; neither tells a value that is private.

    `shown` are the lake names of the columns of which they may tell values.
    """

    report: CheckReport
    results: dict[str, Any]
    shown: frozenset[str]


def check(tools: Tools, request_id: str, table_name: str) -> int:
    """The stage's share for one table. Returns the number of rules evaluated.

    Raises ChecksFailedError after the report is on record.
    """
    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.CHECK, tools.now(), table=table_name)
        manifests = {n: Manifest.from_dict(m) for n, m in found(tx, request, Stage.LAND).items()}
        profiled = found(tx, request, Stage.PROFILE).get(table_name)
    contract = contract_of(request)
    files = {name: tools.fetch(m, f"{request_id}/staged") for name, m in manifests.items()}
    table, scratch = contract.table(table_name), tools.scratch(f"{request_id}/check-{table_name}")
    if profiled:
        private = partial(found_private, profiled)
    else:  # the two stages run side by side
        private = partial(_look_for_private, table, files[table_name], tools.settings, scratch)
    checked = check_table(contract, table, files, tools.settings, scratch, private)
    report = checked.report
    attempt = secrets.token_hex(4)
    for path in failed_files(scratch):
        tools.store.put(path, tools.layout.failed_rows(contract.id, table.table_name, attempt, path.name))
    docs = keep_docs(tools.store, tools.layout, contract, table, checked.results)
    log.info(
        "Data Docs of %s: %s (%s)", table_name, f"/sluice/requests/{request_id}/data-docs/{table_name}", docs["page"]
    )
    content = report.to_dict() | {"data_docs": docs | {"shown": sorted(checked.shown)}}
    artifact = Artifact(Stage.CHECK, table_name, digest_of(content), content)
    with tools.ledger.transaction() as tx:
        # On record first: a report that says no must outlive the request it ends.
        tx.add_artifact(request.id, artifact, tools.now())
    if not report.success:
        raise ChecksFailedError("CHECKS_FAILED", _why(report), where=f"{contract.id}.{table_name}",
                                mend="Mend the data or the contract, then ask again.")  # fmt: skip
    with tools.ledger.transaction() as tx:
        complete(tx, request, Stage.CHECK, tools.now(), table=table_name)
    return report.evaluated


def check_table(
    contract: Contract,
    table: Table,
    files: Mapping[str, list[Path]],
    settings: Settings,
    scratch: Path,
    private: Private,
) -> Checked:
    """Evaluate one table's rules; `files` are the staged files of every table of the contract.

    The rows that break a rule are left in `scratch`, one file for a rule: `failed_files` names them. `private` is
    asked about the columns of which the results would tell values.
    """
    from sluice.adapters import gx
    from sluice.adapters.duck import Staged
    from sluice.adapters.duck.reading import reading
    from sluice.adapters.gx.data_docs import suite_result
    from sluice.adapters.gx.pythonic import pythonic

    rules = rules_of(contract, table, settings)
    seen = _Seen(rules)
    shutil.rmtree(scratch / FAILED, ignore_errors=True)
    with Staged(
        files, memory_limit=settings.memory_limit, threads=settings.threads, scratch=scratch,
        seconds=settings.sql_seconds,
    ) as queries:  # fmt: skip
        keep = Keeper(scratch / FAILED, queries, table, settings.failed_rows)
        engine = partial(gx.validate, data=queries, memory=settings.memory_bytes, keep=keep, seen=seen)
        meant = [pythonic(rule, queries) for rule in rules]
        report = run_checks(table, meant, files, queries, engine, keep)
    discretion = Discretion(table, tables=[t.name for t in contract.tables], reading=reading)
    report, shown = _discreet(discretion, rules, report)
    if shown and (personal := frozenset(private(shown)) & shown):
        discretion = replace(discretion, private=personal)
        report, shown = _discreet(discretion, rules, report)
    return Checked(report, suite_result(contract, rules, report, seen.results, discretion), shown)


class _Seen:
    """GX's own results, by the place of their rule."""

    def __init__(self, rules: list[Rule]) -> None:
        self._places = {id(rule): i for i, rule in enumerate(rules)}
        self.results: dict[int, Any] = {}

    def __call__(self, rule: Rule, result: Any) -> None:
        self.results[self._places[id(rule)]] = result


def _discreet(discretion: Discretion, rules: list[Rule], report: CheckReport) -> tuple[CheckReport, frozenset[str]]:
    results = tuple(discretion.of(rule, result) for rule, result in zip(rules, report.results, strict=True))
    shown = [discretion.shown(rule, result) for rule, result in zip(rules, results, strict=True)]
    return replace(report, results=results), frozenset().union(*shown)


def found_private(profile: Mapping[str, Any], columns: Collection[str]) -> list[str]:
    """Those of the columns whose values the profile withholds."""
    return [c["field_name"] for c in profile["columns"] if c["withheld"] and c["field_name"] in columns]


def _look_for_private(
    table: Table, files: list[Path], settings: Settings, scratch: Path, columns: Collection[str]
) -> list[str]:
    """The profile's own answer for these columns, when the profile is not there yet."""
    some = replace(table, columns=tuple(c for c in table.columns if c.field_name in columns))
    return found_private(profile_table(some, files, settings, scratch), columns)


def failed_files(scratch: Path) -> list[Path]:
    """The files of rows that break a rule, as `check_table` left them."""
    return sorted((scratch / FAILED).glob("*.parquet"))


def _why(report: CheckReport) -> str:
    failed = [r for r in report.results if r.success is False and r.severity == "error"]
    said = [r.description or r.name for r in failed[:5]]
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    return f"{len(failed)} required {'check' if len(failed) == 1 else 'checks'} failed: {'; '.join(said)}{more}"
