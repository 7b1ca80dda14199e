"""A trial: the machine's stages on a local folder, for a source owner who wants to know before asking."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.adapters.files import FileStore, local_path
from sluice.adapters.s3 import S3Store
from sluice.contract.model import Contract
from sluice.evidence import publication_pack
from sluice.lake import Layout, Manifest
from sluice.policy import load_policy
from sluice.settings import Settings
from sluice.stream.check import check_table
from sluice.stream.gate import strict_json
from sluice.stream.land import land_table
from sluice.stream.profile import profile_table


@dataclass(frozen=True)
class TrialLayout(Layout):
    """Where a trial's files lie: `<out>/<source>/staged/<table>/` and `quarantine/<table>/`; landing is passing."""

    passing: str = ""

    def landing(self, source: str, table: str, sha256: str, name: str) -> str:
        return f"{self.passing}/landing/{table}/{sha256}/{name}"

    def staged(self, source: str, table: str, attempt: str, name: str) -> str:
        return f"{self.root}/{source}/staged/{table}/{name}"

    def quarantine(self, source: str, table: str, attempt: str) -> str:
        return f"{self.root}/{source}/quarantine/{table}/part-0.parquet"

    def manifest(self, source: str, table: str, attempt: str) -> str:
        return f"{self.passing}/manifests/{table}/{attempt}.json"


def try_contract(contract: Contract, base: str, out: Path, settings: Settings) -> dict[str, Any]:
    """Land, profile and check every table into `out`; returns the evidence, also written to evidence.json.

    Raises SourceError for data that cannot be landed. A failed check is part of the evidence, not an error.
    """
    folder = out.resolve() / contract.id
    for stale in ("staged", "quarantine"):
        shutil.rmtree(folder / stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="sluice-try-") as name:
        passing = Path(name)
        layout = TrialLayout(out.resolve().as_uri(), passing.as_uri())
        manifests: dict[str, Manifest] = {}
        for table in contract.tables:
            scratch = passing / f"land-{table.table_name}"
            scratch.mkdir()
            manifests[table.name] = land_table(
                contract, table, base, settings, origin=S3Store(), store=FileStore(), layout=layout, scratch=scratch
            )
        files = {n: [local_path(f.uri) for f in m.staged] for n, m in manifests.items()}
        evidence = publication_pack(
            contract,
            load_policy(settings.policy),
            {n: m.to_dict() for n, m in manifests.items()},
            {t.name: profile_table(t, files[t.name], settings, passing) for t in contract.tables},
            {t.name: check_table(contract, t, files, settings, passing).to_dict() for t in contract.tables},
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.json").write_bytes(strict_json(evidence))
    return evidence
