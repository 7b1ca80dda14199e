"""The journal of publications in the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.publications import PublicationStep, Step


class PublicationRows:
    """See sluice.publications.PublicationJournal for every method."""

    _connection: Connection

    def add_publication_step(self, step: PublicationStep) -> None:
        seq = self._connection.scalar(sa.select(sa.func.coalesce(sa.func.max(t.publication.c.seq), 0) + 1))
        values = {c.name: getattr(step, c.name) for c in t.publication.c if c.name != "seq"}
        self._connection.execute(t.publication.insert().values(seq=seq, **values | {"step": step.step.value}))

    def publication_steps(self, *, request_id: str | None = None, source: str | None = None) -> list[PublicationStep]:
        query = sa.select(t.publication).order_by(t.publication.c.seq)
        if request_id is not None:
            query = query.where(t.publication.c.request_id == request_id)
        if source is not None:
            query = query.join(t.request, t.request.c.id == t.publication.c.request_id).where(
                t.request.c.source == source
            )
        return [PublicationStep(**{**row._mapping, "step": Step(row.step)}) for row in self._connection.execute(query)]
