"""Check: the contract's rules and people's expectations, on exactly the files that would be published."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sluice.checks.failing import Keeper
from sluice.checks.report import CheckReport
from sluice.checks.run import run_checks
from sluice.contract.model import Contract, Table, digest_of
from sluice.errors import ChecksFailedError
from sluice.lake import Manifest
from sluice.ledger import Artifact
from sluice.onboarding import begin, complete, contract_of, found
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.suites import rules_of
from sluice.stream.tools import Tools

FAILED = "failed_rows"


def check(tools: Tools, request_id: str, table_name: str) -> int:
    """The stage's share for one table. Returns the number of rules evaluated.

    Raises ChecksFailedError after the report is on record.
    """
    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.CHECK, tools.now(), table=table_name)
        manifests = {n: Manifest.from_dict(m) for n, m in found(tx, request, Stage.LAND).items()}
    contract = contract_of(request)
    files = {name: tools.fetch(m, f"{request_id}/staged") for name, m in manifests.items()}
    table, scratch = contract.table(table_name), tools.scratch(f"{request_id}/check-{table_name}")
    report = check_table(contract, table, files, tools.settings, scratch)
    attempt = secrets.token_hex(4)
    for path in failed_files(scratch):
        tools.store.put(path, tools.layout.failed_rows(contract.id, table.table_name, attempt, path.name))
    content = report.to_dict()
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
    contract: Contract, table: Table, files: Mapping[str, list[Path]], settings: Settings, scratch: Path
) -> CheckReport:
    """Evaluate one table's rules; `files` are the staged files of every table of the contract.

    The rows that break a rule are left in `scratch`, one file for a rule: `failed_files` names them.
    """
    from sluice.adapters import gx
    from sluice.adapters.duck import Staged

    rules = rules_of(contract, table, settings)
    shutil.rmtree(scratch / FAILED, ignore_errors=True)
    with Staged(
        files, memory_limit=settings.memory_limit, threads=settings.threads, scratch=scratch,
        seconds=settings.sql_seconds,
    ) as queries:  # fmt: skip
        keep = Keeper(scratch / FAILED, queries, settings.failed_rows)
        engine = partial(gx.validate, data=queries, memory=settings.memory_bytes, keep=keep)
        return run_checks(table, rules, files, queries, engine, keep)


def failed_files(scratch: Path) -> list[Path]:
    """The files of rows that break a rule, as `check_table` left them."""
    return sorted((scratch / FAILED).glob("*.parquet"))


def _why(report: CheckReport) -> str:
    failed = [r for r in report.results if r.success is False and r.severity == "error"]
    said = [r.description or r.name for r in failed[:5]]
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    return f"{len(failed)} required {'check' if len(failed) == 1 else 'checks'} failed: {'; '.join(said)}{more}"
