"""The record of grants in the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.access import Grant, GrantEvent, Granting
from sluice.adapters.ledger import tables as t


class GrantRows:
    """See sluice.access.GrantRecord for every method."""

    _connection: Connection

    def add_grant_event(self, event: GrantEvent) -> None:
        seq = self._connection.scalar(sa.select(sa.func.coalesce(sa.func.max(t.access_grant.c.seq), 0) + 1))
        grant = event.grant
        self._connection.execute(
            t.access_grant.insert().values(
                seq=seq,
                source=event.source,
                identifier=grant.identifier,
                principal=grant.principal,
                role=event.role,
                permissions=list(grant.permissions),
                columns=None if grant.columns is None else list(grant.columns),
                event=event.event.value,
                expires_at=event.expires_at,
                request_id=event.request_id,
                actor=event.actor,
                reason=event.reason,
                at=event.at,
            )
        )

    def grant_events(self, source: str) -> list[GrantEvent]:
        rows = self._connection.execute(
            sa.select(t.access_grant).where(t.access_grant.c.source == source).order_by(t.access_grant.c.seq)
        )
        return [
            GrantEvent(
                source=row.source,
                grant=Grant(
                    row.principal,
                    row.identifier,
                    tuple(row.permissions),
                    None if row.columns is None else tuple(row.columns),
                ),
                role=row.role,
                event=Granting(row.event),
                expires_at=row.expires_at,
                request_id=row.request_id,
                actor=row.actor,
                reason=row.reason,
                at=row.at,
            )
            for row in rows
        ]
