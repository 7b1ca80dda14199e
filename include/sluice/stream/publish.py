"""Publish: exactly what was checked and approved becomes visible, one atomic commit per table, all prepared first.

The ledger is read again first, and again whenever somebody else's commit came between; the stage fails closed: no
recorded approvals, no commit.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Any

from sluice.approval import require_approvals
from sluice.catalog import Marks, Prepared, Publication
from sluice.contract.model import digest_of
from sluice.crashing import crash_point
from sluice.errors import CommitConflictError, LakeUnavailableError, NotApprovedError, TerminalError
from sluice.lake import Manifest, ObjectStore
from sluice.ledger import Artifact, Request, RequestState, Transaction
from sluice.onboarding import begin, complete, contract_of, found
from sluice.publications import PublicationStep, Step, commit_order
from sluice.running.incidents import require_no_incident
from sluice.running.offboarding import require_staying
from sluice.running.refreshes import announce
from sluice.stages import Stage
from sluice.stream.costing import charge_onboarding
from sluice.stream.gate import assemble
from sluice.stream.tools import LAND_AGAIN, Tools

COMMIT_ATTEMPTS = 6
"""How often one table's commit is made again on top of somebody else's before the stage gives way."""


def publish(tools: Tools, request_id: str) -> dict[str, dict[str, Any]]:
    """Publish every table of the request; table → snapshot. Repeating it finds what is already there.

    Raises NotApprovedError (NOT_APPROVED, EVIDENCE_CHANGED) and RefusedError (INCIDENT_OPEN) without having touched
    what readers see, and TerminalError (TABLE_GONE) after it has put back what it had committed before it found that
    a table is gone.
    """
    with tools.ledger.transaction() as tx:
        if (recorded := _recorded(tx, request_id)) is not None:
            return recorded
        request = begin(tx, request_id, Stage.PUBLISH, tools.now())
        require_free(tx, request.source)
    crash_point("publish.begun")
    publishing = Publishing(tools, request)
    snapshots = {
        name: done.to_dict() | {"uri": tools.catalog.uri(done.identifier)} for name, done in publishing.run().items()
    }
    crash_point("publish.visible")
    with tools.ledger.transaction() as tx:
        if (recorded := _recorded(tx, request_id)) is not None:
            return recorded
        refused = blocked(tx, request.source)
        if refused is None:
            uris = {name: snapshot["uri"] for name, snapshot in snapshots.items()}
            announce(tx, contract_of(request), request, snapshots, uris, tools.now())
            complete(tx, request, Stage.PUBLISH, tools.now(),
                     found=Artifact(Stage.PUBLISH, None, digest_of(snapshots), snapshots))  # fmt: skip
    if refused is not None:  # opened while it committed; whoever opened it found nothing to move
        publishing.put_back(refused.message)
        raise refused
    crash_point("publish.recorded")
    charge_onboarding(tools, request_id)
    return snapshots


def blocked(tx: Transaction, source: str) -> TerminalError | None:
    """Why nothing of the source may be published now: an open incident, or its end."""
    try:
        require_free(tx, source)
    except TerminalError as error:
        return error
    return None


def require_free(tx: Transaction, source: str) -> None:
    """Raises RefusedError (INCIDENT_OPEN), TerminalError (OFFBOARDING)."""
    require_no_incident(tx, source)
    require_staying(tx, source)


def _recorded(tx: Transaction, request_id: str) -> dict[str, dict[str, Any]] | None:
    """What is on record already: whoever waited for the answer died before it came, or was not alone."""
    known = tx.request(request_id)
    if known is None or known.state is not RequestState.PUBLISHED:
        return None
    return dict(found(tx, known, Stage.PUBLISH)[""])


@dataclass
class Publishing:
    """One publication of a request's tables: checked, prepared, committed in order."""

    tools: Tools
    request: Request
    digest: str = ""
    manifests: dict[str, Manifest] = field(default_factory=dict)
    identifiers: dict[str, str] = field(default_factory=dict)
    done: dict[str, Publication] = field(default_factory=dict)

    def run(self) -> dict[str, Publication]:
        """Do it; table → publication, in the contract's order."""
        self.check()
        order, done = self.order(), self.done
        prepared: dict[str, Prepared] = {}
        gone: TerminalError | None = None
        try:
            for name in order:
                try:
                    ready = self.prepare(name)
                except TerminalError as error:
                    if error.code != "NOT_REGISTERED":
                        raise
                    gone = error  # the others are looked at all the same: an earlier try may have committed them
                    continue
                if isinstance(ready, Publication):
                    done[name] = ready
                else:
                    prepared[name] = ready
            if gone is not None:
                raise gone
            self._note(Step.PREPARED, order, prepared)
            crash_point("publish.prepared")
            self.approved()  # preparing takes a while, and people may have changed their minds
            for name in order:
                if name not in done:
                    done[name] = self._commit(name, prepared[name])
                    self._note(Step.COMMITTED, order, {name: done[name]})
                    crash_point("publish.committed")
        except TerminalError as error:
            if error.code == "NOT_REGISTERED":
                self.put_back("another table of the contract is gone")
                raise TerminalError(
                    "TABLE_GONE", f"a table of {self.request.source} is no longer in the catalog; none of this request is visible",
                    where=error.where, mend="Somebody removed it after it was registered. Ask again with `sluice request`.",
                ) from error  # fmt: skip
            raise
        return {name: done[name] for name in self.request.tables}

    def order(self) -> list[str]:
        """The order in which the tables become visible."""
        return commit_order(contract_of(self.request), self.request.tables)

    def check(self) -> None:
        """What is about to become visible is what people approved, by the ledger as it is now, and it is all there."""
        self.approved()
        with self.tools.ledger.reading() as tx:
            self.manifests = {n: Manifest.from_dict(m) for n, m in found(tx, self.request, Stage.LAND).items()}
            self.identifiers = {n: e["identifier"] for n, e in found(tx, self.request, Stage.REGISTER).items()}
        for manifest in self.manifests.values():
            require_staged(manifest, self.tools.store)

    def approved(self) -> None:
        """The approvals stand, no incident is open, its end is not agreed.

        Raises NotApprovedError, RefusedError (INCIDENT_OPEN), TerminalError (OFFBOARDING).
        """
        with self.tools.ledger.reading() as tx:
            require_free(tx, self.request.source)
            self.digest = approved_digest(tx, self.request)

    def prepare(self, name: str) -> Prepared | Publication:
        """The table's snapshot, written and not visible, or what is visible of this request already."""
        manifest = self.manifests[name]
        marks = Marks(
            self.request.id,
            self.digest,
            manifest.content_digest,
            {"sluice.contract-version": self.request.contract_version, "sluice.attempt": manifest.attempt},
        )
        return self.tools.catalog.prepare(self.identifiers[name], manifest.staged, marks)

    def _commit(self, name: str, ready: Prepared | Publication) -> Publication:
        for attempt in range(1, COMMIT_ATTEMPTS + 1):
            if isinstance(ready, Publication):
                return ready
            try:
                return self.tools.catalog.commit(ready)
            except CommitConflictError as error:
                # Somebody else's commit came first. What was approved must still hold on top of it.
                if attempt == COMMIT_ATTEMPTS:
                    raise LakeUnavailableError(
                        "COMMIT_CONFLICT", f"{attempt} commits were overtaken by others", where=self.identifiers[name]
                    ) from error
                time.sleep(random.uniform(0.05, 0.1) * 2**attempt)  # noqa: S311 (jitter is no secret)
                self.check()
                ready = self.prepare(name)
        raise AssertionError("unreachable")

    def put_back(self, why: str) -> None:
        """Readers see again what they saw before: all of the contract's tables, or none."""
        order = self.order()
        for name in reversed([n for n in order if n in self.done]):
            there = self.done[name]
            if self.tools.catalog.publication(there.identifier, self.request.id) is None:
                continue  # another request made it, of the same content
            try:
                self.tools.catalog.put_back(there.identifier, there.previous, expected=there.snapshot_id)
                reason = why
            except (CommitConflictError, TerminalError) as error:
                reason = f"left as it is: {error}"
            self._note(Step.PUT_BACK, order, {name: there}, reason)
            crash_point("publish.put_back")

    def _note(self, step: Step, order: list[str], what: dict[str, Any], reason: str = "") -> None:
        with self.tools.ledger.transaction() as tx:
            for name, ready in what.items():
                published = isinstance(ready, Publication)
                tx.add_publication_step(
                    PublicationStep(
                        request_id=self.request.id,
                        identifier=self.identifiers[name],
                        position=order.index(name) + 1,
                        step=step,
                        snapshot_id=ready.snapshot_id,
                        base=ready.previous if published else ready.base,
                        rows=self.manifests[name].rows_staged,
                        at=self.tools.now(),
                        reason=reason,
                    )
                )


def approved_digest(tx: Transaction, request: Request) -> str:
    """The digest of the evidence that people approved, as long as it is what was landed. Raises NotApprovedError."""
    require_approvals(tx, request)
    approved = next(a for a in tx.artifacts(request.id) if a.stage is Stage.PUBLICATION)
    seen = [t["content_digest"] for t in approved.content["tables"]]
    now = [t["content_digest"] for t in assemble(tx, request, Stage.PUBLICATION)["tables"]]
    if seen != now:
        raise NotApprovedError("EVIDENCE_CHANGED", "what was landed is not what was approved", where=request.id,
                               mend="The publication gate must be asked again on the new evidence.")  # fmt: skip
    return approved.digest


def require_staged(manifest: Manifest, store: ObjectStore) -> None:
    """Raises LakeUnavailableError (STAGED_GONE) unless every staged file is there with its size."""
    for staged in manifest.staged:
        info = store.head(staged.uri)
        if info is None or info.size != staged.size:
            raise LakeUnavailableError("STAGED_GONE", "a staged file is not there any more", where=staged.uri,
                                       mend=LAND_AGAIN)  # fmt: skip
