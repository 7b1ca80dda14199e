"""What metrics count in the event log."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.stages import Event


class TelemetryRows:
    """Part of the ledger's transaction."""

    _connection: Connection

    def return_counts(self) -> dict[tuple[str, str], int]:
        e = t.stage_event.c
        reason = sa.func.coalesce(e.reason_code, e.role)
        query = (
            sa.select(e.stage, reason, sa.func.count())
            .select_from(t.stage_event.join(t.request))
            .where(e.event == Event.RETURNED, e.role.is_not(None), t.request.c.origin == "live")
            .group_by(e.stage, reason)
        )
        return {(stage, why): count for stage, why, count in self._connection.execute(query)}
