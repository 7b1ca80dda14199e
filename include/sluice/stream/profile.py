"""Profile: what the staged data looks like, column by column, and the personal data found in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sluice.contract.model import Table, digest_of
from sluice.lake import Manifest
from sluice.ledger import Artifact
from sluice.onboarding import begin, complete, contract_of, found
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.tools import Tools


def profile(tools: Tools, request_id: str, table_name: str) -> int:
    """The stage's share for one table. Returns the number of columns profiled."""
    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.PROFILE, tools.now(), table=table_name)
        manifest = Manifest.from_dict(found(tx, request, Stage.LAND)[table_name])
    files = tools.fetch(manifest, f"{request_id}/staged")
    table = contract_of(request).table(table_name)
    result = profile_table(table, files, tools.settings, tools.scratch(f"{request_id}/profile-{table_name}"))
    with tools.ledger.transaction() as tx:
        complete(tx, request, Stage.PROFILE, tools.now(), table=table_name,
                 found=Artifact(Stage.PROFILE, table_name, digest_of(result), result))  # fmt: skip
    return len(result["columns"])


def profile_table(table: Table, files: list[Path], settings: Settings, scratch: Path) -> dict[str, Any]:
    """Statistics of one table's staged files, as strict JSON data."""
    from sluice.adapters.duck import profile as measure

    return measure(
        files, table, memory_limit=settings.memory_limit, threads=settings.threads, scratch=scratch
    ).to_dict()
