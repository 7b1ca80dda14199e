"""The requests' lines in PostgreSQL: derived, so they may be replaced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.insight.packing import FORM, pack
from sluice.insight.summary import Summary, place_data
from sluice.ledger import Request

_JSON = ("asked", "causes", "places")


class InsightRows:
    """See sluice.insight.summary.SummaryStore."""

    _connection: Connection

    def lines_state(self, reader: str) -> tuple[int, int, int]:
        asked = (
            sa.select(t.outbox_cursor.c.seq).where(t.outbox_cursor.c.reader == reader).scalar_subquery(),
            sa.select(sa.func.max(t.stage_event.c.seq)).scalar_subquery(),
            sa.select(sa.func.max(t.request_summary.c.written)).scalar_subquery(),
        )
        found = self._connection.execute(sa.select(*(sa.func.coalesce(a, 0) for a in asked))).one()
        return int(found[0]), int(found[1]), int(found[2])

    def unread_requests(self, after: int, until: int) -> list[str]:
        e, line = t.stage_event.c, t.request_summary.c
        touched = (
            sa.select(e.request_id, sa.func.max(e.seq).label("newest"))
            .where(e.seq > after, e.seq <= until)
            .group_by(e.request_id)
            .subquery()
        )
        query = (
            sa.select(touched.c.request_id)
            .outerjoin(t.request_summary, line.request_id == touched.c.request_id)
            .where(sa.or_(sa.func.coalesce(line.seq, 0) < touched.c.newest, line.form != FORM))
        )
        return list(self._connection.execute(query).scalars())

    def requests_of(self, request_ids: list[str]) -> list[Request]:
        from sluice.adapters.ledger.store import request_of

        wanted = sa.bindparam("ids", type_=sa.ARRAY(sa.Text))
        query = sa.select(t.request).where(t.request.c.id == sa.any_(wanted))
        return [request_of(row) for row in self._connection.execute(query, {"ids": request_ids}).mappings()]

    def request_of_run(self, run_id: str) -> Request | None:
        from sluice.adapters.ledger.store import request_of

        row = (
            self._connection.execute(sa.select(t.request).where(t.request.c.run_id == run_id)).mappings().one_or_none()
        )
        return request_of(row) if row else None

    def put_summaries(self, lines: Iterable[Summary]) -> None:
        rows = [_row(line) for line in lines]
        if not rows:
            return
        newest = sa.select(sa.func.coalesce(sa.func.max(t.request_summary.c.written), 0))
        written = int(self._connection.execute(newest).scalar_one()) + 1  # safe: writers are in a row
        rows = [row | {"written": written} for row in rows]
        statement = insert(t.request_summary)
        fresh = {name: column for name, column in statement.excluded.items() if name != "request_id"}
        replaced = statement.on_conflict_do_update(
            index_elements=["request_id"], set_=fresh, where=t.request_summary.c.seq <= statement.excluded.seq
        )
        self._connection.execute(replaced, rows)

    def summary_rows(self, after: int) -> list[Mapping[str, Any]]:
        line = t.request_summary.c
        # JSON as text: lines say the same again and again, and reading a hundred thousand of them is mostly that.
        plain = [c if c.name not in _JSON else sa.cast(c, sa.Text).label(c.name) for c in t.request_summary.columns]
        query = sa.select(*plain).where(line.written > after, line.form == FORM).order_by(line.written)
        known: dict[str, Any] = {}

        def read(text: str) -> Any:
            return known[text] if text in known else known.setdefault(text, json.loads(text))

        rows = self._connection.execute(query).mappings()
        return [dict(row) | {name: read(row[name]) for name in _JSON} for row in rows]


def _row(line: Summary) -> dict[str, Any]:
    plain = {c.name: getattr(line, c.name) for c in t.request_summary.columns if hasattr(line, c.name)}
    return plain | {
        "form": FORM,
        "numbers": pack(line),
        "asked": [ask.role for ask in line.asks],
        "causes": list(line.causes),
        "places": [place_data(p) | ({"due": line.due.isoformat()} if line.due else {}) for p in line.places],
    }
