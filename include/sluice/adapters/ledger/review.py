"""The rows of sluice.review: the sources there are."""

from __future__ import annotations

from datetime import UTC

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.review.store import SourceLine


class ReviewRows:
    """See sluice.review.store.ReviewStore."""

    _connection: Connection

    def source_lines(self, like: str = "", most: int = 100) -> list[SourceLine]:
        r = t.request.c
        last = sa.func.max(sa.func.coalesce(r.renewed_at, r.requested_at))
        found = (
            sa.select(r.source, sa.func.count().label("requests"), last.label("last"))
            .where(r.source.contains(like, autoescape=True))
            .group_by(r.source)
            .order_by(last.desc(), r.source)
            .limit(most)
        ).subquery()
        decisions = (
            sa.select(sa.func.count())
            .select_from(t.decision.join(t.request, r.id == t.decision.c.request_id))
            .where(r.source == found.c.source)
            .scalar_subquery()
        )
        rows = self._connection.execute(sa.select(found, decisions).order_by(found.c.last.desc(), found.c.source))
        return [SourceLine(source, count, at.astimezone(UTC), decided) for source, count, at, decided in rows]
