"""PostgresLedger: the ledger's transactions, and the migration that makes its tables."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Connection, Engine

from sluice.adapters.ledger import tables as t
from sluice.adapters.ledger.access import GrantRows
from sluice.adapters.ledger.governance import GovernanceRows
from sluice.adapters.ledger.histories import Histories, event_of
from sluice.adapters.ledger.insight import InsightRows
from sluice.adapters.ledger.outbox import OutboxRows
from sluice.adapters.ledger.publications import PublicationRows
from sluice.adapters.ledger.pull import PullRows
from sluice.adapters.ledger.review import ReviewRows
from sluice.adapters.ledger.running import RunningRecords
from sluice.adapters.ledger.telemetry import TelemetryRows
from sluice.chain import GENESIS, link_hash
from sluice.errors import BadInputError, ConflictError, LedgerUnavailableError
from sluice.histories import Origin
from sluice.ledger import Artifact, Decision, Request, RequestState, Verdict
from sluice.notifications.facts import fact_of_closing, fact_of_event
from sluice.outbox import Draft
from sluice.stages import Event, Stage, StageEvent

WRITERS_LOCK = 0x51_0C_E0
"""Advisory lock that puts writing transactions in a row: gap-free numbers, one chain, one winner."""


_MIGRATING = threading.Lock()
"""Alembic keeps its context in the module, so one thread of a process at a time; processes wait in the database."""


@cache
def _engine(url: str) -> Engine:
    return sa.create_engine(url, pool_pre_ping=True, pool_size=2, max_overflow=8, connect_args={"connect_timeout": 10})


def forget_connections(url: str) -> None:
    """Close the pooled connections to a ledger: before its database is dropped, or in a forked process."""
    _engine(url).dispose()


class PostgresLedger:
    """The ledger at a SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)

    @contextmanager
    def transaction(self) -> Iterator[_Transaction]:
        """See sluice.ledger.Ledger."""
        with _translated(), self._engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITERS_LOCK)))
            yield _Transaction(connection)

    @contextmanager
    def reading(self) -> Iterator[_Transaction]:
        """See sluice.ledger.Ledger."""
        with _translated(), self._engine.connect() as connection:
            yield _Transaction(connection)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sa.exc.DataError as error:
        raise BadInputError(
            "NOT_STORABLE", "a text holds a character that the ledger cannot keep, such as NUL", mend="Remove it."
        ) from error
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
        raise LedgerUnavailableError(
            "LEDGER_UNAVAILABLE",
            f"the ledger's database does not answer: {reason}",
            mend="`sluice doctor` says what runs.",
        ) from error


class _Transaction(
    OutboxRows,
    PullRows,
    Histories,
    RunningRecords,
    InsightRows,
    GovernanceRows,
    TelemetryRows,
    PublicationRows,
    GrantRows,
    ReviewRows,
):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def request(self, request_id: str) -> Request | None:
        query = sa.select(t.request).where(t.request.c.id == request_id)
        row = self._connection.execute(query).mappings().one_or_none()
        return request_of(row) if row else None

    def request_of_run(self, run_id: str) -> Request | None:
        query = sa.select(t.request).where(t.request.c.run_id == run_id)
        row = self._connection.execute(query).mappings().one_or_none()
        return request_of(row) if row else None

    def requests(
        self, *, source: str | None = None, digest: str | None = None, state: RequestState | None = None,
        origin: str = Origin.LIVE, limit: int | None = None, offset: int = 0,
    ) -> list[Request]:  # fmt: skip
        asked = sa.func.coalesce(t.request.c.renewed_at, t.request.c.requested_at)
        query = sa.select(t.request).where(t.request.c.origin == origin).order_by(asked, t.request.c.id)
        if source is not None:
            query = query.where(t.request.c.source == source)
        if digest is not None:
            query = query.where(t.request.c.contract_digest == digest)
        if state is not None:
            query = query.where(t.request.c.state == state)
        if limit is not None:
            query = query.limit(limit).offset(offset)
        return [request_of(row) for row in self._connection.execute(query).mappings()]

    def add_request(self, request: Request) -> None:
        try:
            self._connection.execute(sa.insert(t.request).values(asdict(request)))
        except sa.exc.IntegrityError as error:
            raise ConflictError(
                "REQUEST_EXISTS", f"{request.source} with this contract is requested already",
                where=request.id, mend=f"See it with `sluice status {request.id}`.",
            ) from error  # fmt: skip

    def close_request(self, request_id: str, state: RequestState, reason: str, now: datetime) -> None:
        self._connection.execute(
            sa.update(t.request)
            .where(t.request.c.id == request_id)
            .values(state=state, state_reason=reason, closed_at=now)
        )  # fmt: skip
        self._tell(fact_of_closing(request_id, state.value, reason, now))

    def events(self, request_id: str) -> list[StageEvent]:
        query = sa.select(t.stage_event).where(t.stage_event.c.request_id == request_id).order_by(t.stage_event.c.seq)
        return [event_of(row) for row in self._connection.execute(query).mappings()]

    def newest_event(self) -> int:
        return self._next(t.stage_event) - 1

    def moved_since(self, seq: int) -> dict[str, int]:
        e = t.stage_event.c
        query = sa.select(e.request_id, sa.func.max(e.seq)).where(e.seq > seq).group_by(e.request_id)
        return {request_id: int(newest) for request_id, newest in self._connection.execute(query)}

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
        seq = self._next(t.stage_event)
        recorded = StageEvent(
            seq, request_id, stage, attempt, event, now, table, actor, role, reason, digest, reason_code
        )
        values = asdict(recorded)
        values["table_name"] = values.pop("table")
        self._connection.execute(sa.insert(t.stage_event).values(values))
        self._tell(fact_of_event(recorded))

    def decisions(self, request_id: str | None = None, *, actor: str | None = None) -> list[Decision]:
        query = sa.select(t.decision).order_by(t.decision.c.seq)
        if request_id is not None:
            query = query.where(t.decision.c.request_id == request_id)
        if actor is not None:
            query = query.where(t.decision.c.actor == actor)
        return [_decision(row) for row in self._connection.execute(query).mappings()]

    def decisions_of(self, request_ids: Iterable[str]) -> dict[str, list[Decision]]:
        found: dict[str, list[Decision]] = {identity: [] for identity in request_ids}
        query = sa.select(t.decision).where(t.decision.c.request_id.in_(list(found))).order_by(t.decision.c.seq)
        for row in self._connection.execute(query).mappings():
            found[row["request_id"]].append(_decision(row))
        return found

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
        newest = sa.select(t.decision.c.hash).order_by(t.decision.c.seq.desc()).limit(1)
        previous = self._connection.execute(newest).scalar() or GENESIS
        seq = self._next(t.decision)
        unsigned = Decision(seq, request_id, gate, role, verdict, actor, comment, digest, now, previous, "",
                            carries, back_to, on_behalf_of, delegation, policy_digest)  # fmt: skip
        decision = replace(unsigned, hash=link_hash(unsigned))
        self._connection.execute(sa.insert(t.decision).values(asdict(decision)))
        return decision

    def decisions_numbered(self, numbers: Collection[int]) -> list[Decision]:
        query = sa.select(t.decision).where(t.decision.c.seq.in_(numbers)).order_by(t.decision.c.seq)
        return [_decision(row) for row in self._connection.execute(query).mappings()] if numbers else []

    def artifacts(self, request_id: str, *, stage: Stage | None = None) -> list[Artifact]:
        a = t.artifact.c
        query = (
            sa.select(t.artifact)
            .where(a.request_id == request_id, sa.true() if stage is None else a.stage == stage)
            .ext(distinct_on(a.stage, a.table_name))
            .order_by(a.stage, a.table_name, a.seq.desc())
        )
        return [
            Artifact(Stage(row["stage"]), row["table_name"], row["digest"], row["content"])
            for row in self._connection.execute(query).mappings()
        ]

    def add_artifact(self, request_id: str, artifact: Artifact, now: datetime) -> None:
        self._connection.execute(
            sa.insert(t.artifact).values(
                seq=self._next(t.artifact), request_id=request_id, stage=artifact.stage,
                table_name=artifact.table, digest=artifact.digest, content=artifact.content, at=now,
            )
        )  # fmt: skip

    def _tell(self, fact: Draft | None) -> None:
        """What people must be told is recorded with what it tells of: it cannot be forgotten, nor told in vain."""
        if fact is not None:
            self.enqueue(fact.kind, fact.key, fact.payload, fact.due, lane=fact.lane)

    def _next(self, table: sa.Table) -> int:
        # Not a sequence: those leave gaps after a rollback. The writers' lock makes this safe.
        return int(self._connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.seq), 0) + 1)).scalar_one())


def request_of(row: Any) -> Request:
    values = dict(row)
    values["state"] = RequestState(values["state"])
    values["tables"] = tuple(values["tables"])
    values["tier_reasons"] = tuple(values["tier_reasons"])
    values["requested_at"] = values["requested_at"].astimezone(UTC)
    for name in ("closed_at", "renewed_at"):
        values[name] = values[name] and values[name].astimezone(UTC)
    return Request(**values)


def _decision(row: Any) -> Decision:
    values = dict(row)
    values |= {"gate": Stage(values["gate"]), "verdict": Verdict(values["verdict"]), "at": values["at"].astimezone(UTC)}
    return Decision(**values)


def _alembic_config(url: str) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = _engine(url)
    return config


def migrate(url: str) -> None:
    """Bring the ledger's tables to the newest version; safe to run again, and by two at once."""
    from alembic import command

    with _translated(), _MIGRATING:
        command.upgrade(_alembic_config(url), "head")


def schema_is_current(url: str) -> bool:
    """Whether the ledger's tables are at the newest version."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_alembic_config(url)).get_current_head()
    with _translated(), _engine(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": t.SCHEMA})
        return context.get_current_revision() == head
