"""The records of published sources in PostgreSQL (sluice.running.records.RunningStore)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.histories import Origin
from sluice.ledger import RequestState
from sluice.running.records import PublishedSource, Record


class RunningRecords:
    """A mixin of the ledger's transaction."""

    _connection: Connection

    def record(
        self,
        source: str,
        run: str,
        kind: str,
        now: datetime,
        *,
        table: str | None = None,
        actor: str | None = None,
        digest: str | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> Record:
        # Not a sequence: those leave gaps after a rollback. The writers' lock makes this safe.
        newest = sa.select(sa.func.coalesce(sa.func.max(t.source_record.c.seq), 0))
        seq = int(self._connection.execute(newest).scalar_one()) + 1
        made = Record(seq, source, run, kind, now, table, actor, digest, dict(content or {}))
        self._connection.execute(
            sa.insert(t.source_record).values(
                seq=seq, source=source, run=run, kind=kind, at=now, table_name=table, actor=actor, digest=digest,
                content=made.content,
            )
        )  # fmt: skip
        return made

    def records(
        self,
        *,
        source: str | None = None,
        run: str | None = None,
        kinds: Sequence[str] = (),
        since: datetime | None = None,
    ) -> list[Record]:
        r = t.source_record.c
        query = sa.select(t.source_record).order_by(r.seq)
        if source is not None:
            query = query.where(r.source == source)
        if run is not None:
            query = query.where(r.run == run)
        if kinds:
            query = query.where(sa.or_(*(r.kind == k if "." in k else r.kind.like(f"{k}.%") for k in kinds)))
        if since is not None:
            query = query.where(r.at >= since)
        return [_record(row) for row in self._connection.execute(query).mappings()]

    def newest_records(self, kind: str) -> list[Record]:
        r = t.source_record.c
        query = (
            sa.select(t.source_record)
            .where(r.kind == kind)
            .ext(distinct_on(r.source))
            .order_by(r.source, r.seq.desc())
        )  # fmt: skip
        return [_record(row) for row in self._connection.execute(query).mappings()]

    def published_sources(self) -> list[PublishedSource]:
        r = t.request.c
        query = (
            sa.select(r.source, r.id, r.contract_digest, r.closed_at)
            .where(r.state == RequestState.PUBLISHED, r.origin == Origin.LIVE, r.closed_at.is_not(None))
            .ext(distinct_on(r.source))
            .order_by(r.source, r.closed_at.desc(), r.id.desc())
        )
        return [
            PublishedSource(row.source, row.id, row.contract_digest, row.closed_at.astimezone(UTC))
            for row in self._connection.execute(query)
        ]


def _record(row: Any) -> Record:
    values = dict(row)
    values["table"] = values.pop("table_name")
    values["at"] = values["at"].astimezone(UTC)
    return Record(**values)
