"""Publish: exactly what was checked and approved becomes visible, one atomic commit per table.

The ledger is read again first and the stage fails closed: no recorded approvals, no commit.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sluice.approval import require_approvals
from sluice.contract.model import digest_of
from sluice.errors import LakeUnavailableError, NotApprovedError
from sluice.lake import Manifest, ObjectStore
from sluice.ledger import Artifact, Request, Transaction
from sluice.onboarding import begin, complete, contract_of, found
from sluice.running.incidents import require_no_incident
from sluice.running.refreshes import announce
from sluice.stages import Stage
from sluice.stream.gate import assemble
from sluice.stream.tools import LAND_AGAIN, Tools


def publish(tools: Tools, request_id: str) -> dict[str, dict[str, Any]]:
    """Publish every table of the request; table → snapshot. Repeating it finds what is already there.

    Raises NotApprovedError (NOT_APPROVED, EVIDENCE_CHANGED), RefusedError (INCIDENT_OPEN) without having touched the lake.
    """
    from sluice.adapters import iceberg

    with tools.ledger.transaction() as tx:
        request = begin(tx, request_id, Stage.PUBLISH, tools.now())
        require_no_incident(tx, request.source)
        digest = _approved_digest(tx, request)
        manifests = {name: Manifest.from_dict(m) for name, m in found(tx, request, Stage.LAND).items()}
        entries = found(tx, request, Stage.REGISTER)
    for manifest in manifests.values():
        _still_there(manifest, tools.store)
    catalog = iceberg.catalog()
    for name in request.tables:
        iceberg.require_table(catalog, entries[name]["identifier"])
    snapshots = {}
    for name in request.tables:
        identifier = entries[name]["identifier"]
        done = iceberg.publish(catalog, identifier, [f.uri for f in manifests[name].staged], request.id, digest)
        snapshots[name] = {k: v for k, v in asdict(done).items() if k != "repeated"}
    with tools.ledger.transaction() as tx:
        uris = {n: f"glue://{s['identifier'].replace('.', '/')}" for n, s in snapshots.items()}
        announce(tx, contract_of(request), request, snapshots, uris, tools.now())
        complete(tx, request, Stage.PUBLISH, tools.now(),
                 found=Artifact(Stage.PUBLISH, None, digest_of(snapshots), snapshots))  # fmt: skip
    return snapshots


def _approved_digest(tx: Transaction, request: Request) -> str:
    require_approvals(tx, request)
    approved = next(a for a in tx.artifacts(request.id) if a.stage is Stage.PUBLICATION)
    seen = [t["content_digest"] for t in approved.content["tables"]]
    now = [t["content_digest"] for t in assemble(tx, request, Stage.PUBLICATION)["tables"]]
    if seen != now:
        raise NotApprovedError("EVIDENCE_CHANGED", "what was landed is not what was approved", where=request.id,
                               mend="The publication gate must be asked again on the new evidence.")  # fmt: skip
    return approved.digest


def _still_there(manifest: Manifest, store: ObjectStore) -> None:
    for staged in manifest.staged:
        info = store.head(staged.uri)
        if info is None or info.size != staged.size:
            raise LakeUnavailableError("STAGED_GONE", "a staged file is not there any more", where=staged.uri,
                                       mend=LAND_AGAIN)  # fmt: skip
