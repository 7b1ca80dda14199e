"""The rows of sluice.review: evidence as it once was."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.stages import Stage


class ReviewRows:
    """See sluice.review.store.ReviewStore."""

    _connection: Connection

    def evidence_of(self, request_id: str, gate: Stage, digest: str) -> dict[str, Any] | None:
        a = t.artifact.c
        query = (
            sa.select(a.content)
            .where(a.request_id == request_id, a.stage == gate, a.digest == digest)
            .order_by(a.seq.desc())
            .limit(1)
        )
        found = self._connection.execute(query).scalar_one_or_none()
        return dict(found) if found else None
