"""Profile: what the staged data looks like, the personal data found in it, and how far it drifted since it was last
published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluice.contract.model import Table, digest_of
from sluice.drift import drift_of, exceeded, in_words
from sluice.errors import ChecksFailedError
from sluice.lake import Manifest
from sluice.ledger import Artifact, Request, RequestState, Transaction
from sluice.onboarding import begin, complete, contract_of, found
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.tools import Tools


def profile(tools: Tools, request_id: str, table_name: str) -> int:
    """The stage's share for one table. Returns the number of columns profiled.

    Raises ChecksFailedError (DRIFT) after the profile is on record, where the contract lets drift stop.
    """
    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.PROFILE, tools.now(), table=table_name)
        manifest = Manifest.from_dict(found(tx, request, Stage.LAND)[table_name])
    files = tools.fetch(manifest, f"{request_id}/staged")
    table = contract_of(request).table(table_name)
    with tools.ledger.reading() as tx:
        previous, since = last_published(tx, request, table_name)
    result = profile_table(
        table, files, tools.settings, tools.scratch(f"{request_id}/profile-{table_name}"), previous, since
    )
    artifact = Artifact(Stage.PROFILE, table_name, digest_of(result), result)
    with tools.ledger.transaction() as tx:
        # On record first: what stops a request must outlive it.
        tx.add_artifact(request.id, artifact, tools.now())
    refuse_drift(result["drift"], f"{request.source}.{table_name}")
    with tools.ledger.transaction() as tx:
        complete(tx, request, Stage.PROFILE, tools.now(), table=table_name)
    return len(result["columns"])


def profile_table(
    table: Table,
    files: list[Path],
    settings: Settings,
    scratch: Path,
    previous: Mapping[str, Any] | None = None,
    since: str = "",
) -> dict[str, Any]:
    """Statistics of one table's staged files, as strict JSON data, and as `drift` how they differ from `previous`.

    `since` names the delivery that `previous` is the profile of.
    """
    from sluice.adapters.duck import profile as measure

    measured = measure(
        files, table, memory_limit=settings.memory_limit, threads=settings.threads, scratch=scratch
    ).to_dict()
    return {**measured, "drift": drift_of(table, measured, previous, since)}


def last_published(tx: Transaction, request: Request, table_name: str) -> tuple[Mapping[str, Any] | None, str]:
    """The table's profile in the source's newest publication, and that request's id; (None, "") without any."""
    published = [r for r in tx.requests(source=request.source) if r.state is RequestState.PUBLISHED and r.closed_at]
    for newest in sorted(published, key=lambda r: (r.closed_at, r.id), reverse=True)[:1]:
        profile = found(tx, newest, Stage.PROFILE).get(table_name)
        return profile, newest.id
    return None, ""


def refuse_drift(drift: Mapping[str, Any] | None, where: str) -> None:
    """Raises ChecksFailedError (DRIFT) when the contract says that drift like this stops."""
    if not drift or not drift["stops"]:
        return
    failed = [f for f in exceeded([drift]) if f["severity"] == "error"]
    said = [f"{f['column']}: {in_words(f)}" if f["column"] else in_words(f) for f in failed[:5]]
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    raise ChecksFailedError(
        "DRIFT", f"the delivery is too far from {drift['since']}: {'; '.join(said)}{more}", where=where,
        mend="Ask the source whether this is meant; if it is, widen the table's `drift` terms or make their severity warning.",
    )  # fmt: skip
