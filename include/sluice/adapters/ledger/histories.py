"""Many requests at once, whole histories and baselines, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from itertools import batched
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.errors import ConflictError
from sluice.histories import Baseline, Obtained, PastCase
from sluice.ledger import Request
from sluice.stages import Event, Stage, StageEvent

BATCH = 5000


class Histories:
    """Part of the ledger's transaction; see sluice.histories.HistoryStore."""

    _connection: Connection

    def all_events(self, *, since: int = 0, until: int | None = None) -> Iterator[StageEvent]:
        e = t.stage_event.c
        query = sa.select(t.stage_event).where(e.seq > since).order_by(e.seq)
        if until is not None:
            query = query.where(e.seq <= until)
        streamed = self._connection.execution_options(yield_per=BATCH).execute(query)
        for row in streamed.mappings():
            yield event_of(row)

    def events_of(self, request_ids: Iterable[str]) -> dict[str, list[StageEvent]]:
        wanted = list(request_ids)
        found: dict[str, list[StageEvent]] = {identity: [] for identity in wanted}
        e = t.stage_event.c
        query = sa.select(t.stage_event).where(e.request_id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Text)))).order_by(e.seq)
        for row in self._connection.execute(query, {"ids": wanted}).mappings():
            event = event_of(row)
            found[event.request_id].append(event)
        return found
