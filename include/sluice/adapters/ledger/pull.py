"""Who was let in where; see sluice.pull.floor.PullStore."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.stages import Event, Stage

p = t.pull.c


class PullRows:
    """Part of the ledger's transaction."""

    _connection: Connection

    def pulls(self, request_ids: list[str]) -> set[tuple[str, Stage, int]]:
        wanted = sa.any_(sa.literal(request_ids, sa.ARRAY(sa.Text)))
        query = sa.select(p.request_id, p.stage, p.attempt).where(p.request_id == wanted)
        return {(request_id, Stage(stage), attempt) for request_id, stage, attempt in self._connection.execute(query)}

    def add_pull(self, request_id: str, stage: Stage, attempt: int, now: datetime) -> None:
        values = {"request_id": request_id, "stage": stage, "attempt": attempt, "at": now}
        self._connection.execute(insert(t.pull).values(values).on_conflict_do_nothing())

    def completions(self, stage: Stage, since: datetime) -> int:
        e = t.stage_event.c
        query = (
            sa.select(sa.func.count())
            .select_from(t.stage_event.join(t.request))
            .where(
                e.stage == stage, e.event == Event.COMPLETED, e.table_name.is_(None), e.role.is_(None), e.at >= since,
                t.request.c.origin == "live",
            )
        )  # fmt: skip
        return int(self._connection.execute(query).scalar_one())
