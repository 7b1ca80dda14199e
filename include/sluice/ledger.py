"""The ledger as the domain sees it: requests, the stage clock, decisions and what the stages found.

A port: sluice.adapters.ledger keeps it in PostgreSQL. Everything written in one `Transaction` becomes true
together or not at all, and transactions that write follow one another, so sequence numbers have no gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from sluice.access import GrantRecord
from sluice.governance import GovernanceStore
from sluice.histories import HistoryStore, Origin
from sluice.insight.store import SummaryStore
from sluice.outbox import OutboxStore
from sluice.publications import PublicationJournal
from sluice.pull.store import PullStore
from sluice.review.store import ReviewStore
from sluice.running.records import RunningStore
from sluice.stages import Event, Stage, StageEvent
from sluice.telemetry.store import TelemetryStore


class RequestState(StrEnum):
    """How a request stands as a whole. All but OPEN and PUBLISHED are final."""

    OPEN = "open"
    PUBLISHED = "published"
    REJECTED = "rejected"
    RETURNED = "returned"
    EXPIRED = "expired"
    """A signature went unanswered too long."""
    FAILED = "failed"
    OFFBOARDED = "offboarded"
    """It was published until its source's life ended."""
    CANCELLED = "cancelled"
    """Its requester did not want it any more."""
    LOST = "lost"
    """It was published, but the lake no longer has it (the embedded lake forgets at a restart)."""


MACHINE = "sluice"
"""The requester of what Sluice itself asks for: a change that it found in a delivery."""


@dataclass(frozen=True)
class Request:
    """An onboarding request. `signatures` is what was promised when it was made: gate → roles.

    `policy_digest` names the policy it was promised, which is kept in the ledger. One that was returned to its
    requester, or expired, and asked again `continues` the earlier one: `requested_at` is when the first of them was
    asked (the clock never stops), `renewed_at` when this one was.
    """

    id: str
    source: str
    contract_digest: str
    contract_version: str
    contract_text: str
    contract_file: str
    base: str
    """Folder where the contract's relative paths start."""
    attempt: int
    run_id: str
    requester: str
    use_case: str
    priority: str
    """The class of service (sluice.pull.ServiceClass); older requests have a priority that is read as one."""
    comment: str
    tables: tuple[str, ...]
    tier: str
    tier_reasons: tuple[str, ...]
    signatures: dict[str, list[str]]
    policy_digest: str
    requested_at: datetime
    state: RequestState = RequestState.OPEN
    state_reason: str = ""
    closed_at: datetime | None = None
    origin: str = Origin.LIVE.value
    """A sluice.histories.Origin; whatever shows a simulated request says that it is."""
    owner: str = ""
    """Who owns the source, as the contract says."""
    continues: str | None = None
    renewed_at: datetime | None = None
    due: date | None = None
    """The day after which it is worth less; of the class of service `fixed_date` only."""


class Verdict(StrEnum):
    """What can be decided at a gate. All but CARRY are for people."""

    APPROVE = "approve"
    REJECT = "reject"
    RETURN = "return"
    REVOKE = "revoke"
    """Takes back one's own approval."""
    CARRY = "carry"
    """An approval stays good on new evidence, because the parts it depends on are the same."""


@dataclass(frozen=True)
class Decision:
    """A role's recorded decision. `hash` covers every other field and the previous decision's hash.

    `carries` is the number of the approval that a CARRY or REVOKE is about; `back_to` the stage of a RETURN;
    `on_behalf_of` and `delegation` say for whom a delegate signed; `policy_digest` is the policy in force, which
    said who may sign.
    """

    seq: int
    request_id: str
    gate: Stage
    role: str
    verdict: Verdict
    actor: str
    comment: str
    evidence_digest: str
    at: datetime
    previous_hash: str
    hash: str
    carries: int | None = None
    back_to: str | None = None
    on_behalf_of: str | None = None
    delegation: int | None = None
    policy_digest: str | None = None


@dataclass(frozen=True)
class Artifact:
    """What a stage found; the newest counts.

    request: what the probe saw; admission, publication: the evidence pack; land: a manifest per table;
    profile: a profile per table; check: a report per table; register: a catalog entry per table; publish: snapshots.
    """

    stage: Stage
    table: str | None
    digest: str
    content: dict[str, Any] = field(repr=False)


class Transaction(
    OutboxStore,
    PullStore,
    HistoryStore,
    RunningStore,
    SummaryStore,
    GovernanceStore,
    PublicationJournal,
    GrantRecord,
    ReviewStore,
    TelemetryStore,
    Protocol,
):
    """Reads and writes that belong together."""

    def request(self, request_id: str) -> Request | None:
        """The request, or None."""

    def requests(
        self, *, source: str | None = None, digest: str | None = None, state: RequestState | None = None,
        origin: str = Origin.LIVE, limit: int | None = None, offset: int = 0,
    ) -> list[Request]:  # fmt: skip
        """Requests, in the order in which they were asked; of one source, one contract digest, one state; at most
        `limit` of them after the first `offset`.

        Live ones unless asked otherwise: nobody is reminded of, decides on or restores a simulated one.
        """

    def request_of_run(self, run_id: str) -> Request | None:
        """The request that this DAG run carries, or None."""

    def add_request(self, request: Request) -> None:
        """Record a new request. Raises ConflictError (REQUEST_EXISTS) if the same contract is open or published."""

    def close_request(self, request_id: str, state: RequestState, reason: str, now: datetime) -> None:
        """Set the request's state."""

    def events(self, request_id: str) -> list[StageEvent]:
        """The request's events in order."""

    def newest_event(self) -> int:
        """The number of the newest event of all requests; 0 when there is none."""

    def moved_since(self, seq: int) -> dict[str, int]:
        """Requests with events after this number, each with its newest event's number."""

    def append(
        self,
        request_id: str,
        stage: Stage,
        attempt: int,
        event: Event,
        now: datetime,
        *,
        table: str | None = None,
        actor: str | None = None,
        role: str | None = None,
        reason: str | None = None,
        digest: str | None = None,
        reason_code: str | None = None,
    ) -> None:
        """Append to the stage clock. A pause needs a `reason_code` (sluice.flow.kinds.ReasonCode)."""

    def decisions(self, request_id: str | None = None, *, actor: str | None = None) -> list[Decision]:
        """Decisions in order, of one request or of all; only one person's with `actor`."""

    def decisions_of(self, request_ids: Iterable[str]) -> dict[str, list[Decision]]:
        """The decisions of each of these requests, in order."""

    def decide(
        self,
        request_id: str,
        gate: Stage,
        role: str,
        verdict: Verdict,
        actor: str,
        comment: str,
        digest: str,
        now: datetime,
        *,
        carries: int | None = None,
        back_to: str | None = None,
        on_behalf_of: str | None = None,
        delegation: int | None = None,
        policy_digest: str | None = None,
    ) -> Decision:
        """Append a decision to the chain."""

    def decisions_numbered(self, numbers: Collection[int]) -> list[Decision]:
        """The decisions with these numbers, in order."""

    def artifacts(self, request_id: str, *, stage: Stage | None = None) -> list[Artifact]:
        """The newest artifact of each stage and table; of one stage alone when it is given."""

    def add_artifact(self, request_id: str, artifact: Artifact, now: datetime) -> None:
        """Record what a stage found."""


class Ledger(Protocol):
    """Opens transactions. Raises LedgerUnavailableError when the database does not answer."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction that may write; commits at the end of the block, rolls back on an exception."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that only reads and makes nobody wait."""
