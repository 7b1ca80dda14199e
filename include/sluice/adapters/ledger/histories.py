"""Many requests at once, whole histories and baselines, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.errors import ConflictError
from sluice.histories import Baseline, Obtained, PastCase
from sluice.ledger import Request, RequestState
from sluice.stages import Event, Stage, StageEvent

BATCH = 5000
_WERE_PUBLISHED = (RequestState.PUBLISHED, RequestState.LOST, RequestState.OFFBOARDED)
"""What happened to a published table later changes nothing about how long it took to publish it."""


class Histories:
    """Part of the ledger's transaction; see sluice.histories.HistoryStore."""

    _connection: Connection

    def all_events(self, *, since: int = 0, until: int | None = None) -> Iterator[StageEvent]:
        e = t.stage_event.c
        query = sa.select(t.stage_event).where(e.seq > since).order_by(e.seq)
        if until is not None:
            query = query.where(e.seq <= until)
        with self._connection.execute(query, execution_options={"yield_per": BATCH}) as streamed:
            for row in streamed.mappings():
                yield event_of(row)

    def events_of(self, request_ids: Iterable[str], *, whole: bool = False) -> dict[str, list[StageEvent]]:
        wanted = list(request_ids)
        found: dict[str, list[StageEvent]] = {identity: [] for identity in wanted}
        e = t.stage_event.c
        query = sa.select(t.stage_event).where(e.request_id == sa.any_(sa.literal(wanted, sa.ARRAY(sa.Text))))
        if whole:
            query = query.where(e.table_name.is_(None), e.role.is_(None))
        for row in self._connection.execute(query.order_by(e.seq)).mappings():
            event = event_of(row)
            found[event.request_id].append(event)
        return found

    def request_ids(
        self,
        *,
        since: datetime | None = None,
        origin: str | None = None,
        published: bool = False,
        newest: int | None = None,
    ) -> list[str]:
        r = t.request.c
        query = sa.select(r.id, r.requested_at)
        if since is not None:
            query = query.where(sa.or_(r.closed_at.is_(None), r.closed_at >= since))
        if origin is not None:
            query = query.where(r.origin == origin)
        if published:
            query = query.where(r.state.in_(_WERE_PUBLISHED))
        if newest is not None:
            query = query.order_by(r.closed_at.desc().nulls_last(), r.id).limit(newest)
        rows = self._connection.execute(query).all()
        return [identity for identity, _ in sorted(rows, key=lambda row: (row[1], row[0]))]

    def load_history(self, requests: Iterable[Request], events: Iterable[StageEvent]) -> int:
        self._copy(t.request, (asdict(request) for request in requests))
        newest = self._connection.execute(sa.select(sa.func.coalesce(sa.func.max(t.stage_event.c.seq), 0))).scalar_one()
        return self._copy(t.stage_event, (_row(replace(e, seq=newest + i)) for i, e in enumerate(events, start=1)))

    def _copy(self, table: sa.Table, rows: Iterable[dict[str, Any]]) -> int:
        """PostgreSQL's COPY: a hundred times as fast as inserts, in the same transaction and under the same rules."""
        names = [c.name for c in table.columns]
        columns = ", ".join(f'"{n}"' for n in names)
        documents = {c.name for c in table.columns if isinstance(c.type, sa.JSON)}
        cursor = self._connection.connection.cursor()
        count = 0
        with cursor.copy(f"COPY {table.schema}.{table.name} ({columns}) FROM STDIN") as copy:
            for count, row in enumerate(rows, start=1):  # noqa: B007 - the last number is the answer
                copy.write_row([json.dumps(row[n]) if n in documents else row[n] for n in names])
        cursor.close()
        return count

    def add_baseline(self, baseline: Baseline) -> None:
        values = asdict(baseline) | {"cases": [_case_row(c) for c in baseline.cases]}
        try:
            with self._connection.begin_nested():
                self._connection.execute(sa.insert(t.baseline).values(values))
        except sa.exc.IntegrityError as error:
            raise ConflictError("BASELINE_EXISTS", f"there is a baseline {baseline.name!r} already, and a baseline is frozen",
                                mend="Choose another name; `sluice flow baseline` lists them.") from error  # fmt: skip

    def baselines(self) -> list[Baseline]:
        kept = [c for c in t.baseline.columns if c.name != "cases"]
        query = sa.select(*kept).order_by(t.baseline.c.recorded_at.desc(), t.baseline.c.name)
        return [_baseline(row, ()) for row in self._connection.execute(query).mappings()]

    def baseline(self, name: str) -> Baseline | None:
        row = self._connection.execute(sa.select(t.baseline).where(t.baseline.c.name == name)).mappings().one_or_none()
        return _baseline(row, row["cases"]) if row else None


def event_of(row: Any) -> StageEvent:
    """A row of stage_event as the domain knows it."""
    values = dict(row)
    values["table"] = values.pop("table_name")
    values |= {"stage": Stage(values["stage"]), "event": Event(values["event"]), "at": values["at"].astimezone(UTC)}
    return StageEvent(**values)


_EVENT_FIELDS = tuple(f.name for f in fields(StageEvent))


def _row(event: StageEvent) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in _EVENT_FIELDS}
    return values | {"table_name": values["table"]}


def _case_row(case: PastCase) -> dict[str, Any]:
    return asdict(case) | {"requested": case.requested.isoformat(), "ended": case.ended.isoformat()}


def _baseline(row: Any, cases: Sequence[dict[str, Any]]) -> Baseline:
    values = dict(row)
    for name in ("first", "last", "recorded_at"):
        values[name] = values[name] and values[name].astimezone(UTC)
    read = tuple(
        PastCase(**(c | {name: datetime.fromisoformat(c[name]) for name in ("requested", "ended")})) for c in cases
    )
    return Baseline(**(values | {"cases": read, "obtained": Obtained(values["obtained"])}))
