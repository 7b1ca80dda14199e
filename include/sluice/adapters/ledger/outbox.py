"""The outbox's rows: leased with SKIP LOCKED, settled only by whoever holds the lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.outbox import Message, MessageState, Settled, lane_of

o = t.outbox.c


class OutboxRows:
    """See sluice.outbox.OutboxStore."""

    _connection: Connection

    def enqueue(
        self, kind: str, key: str, payload: Mapping[str, Any], due: datetime, *, lane: str | None = None
    ) -> bool:
        seq = sa.select(sa.func.coalesce(sa.func.max(o.seq), 0) + 1).scalar_subquery()  # safe: writers are in a row
        values = {
            "seq": seq, "key": key, "kind": kind, "lane": lane or lane_of(kind), "payload": dict(payload), "due": due,
            "state": MessageState.PENDING, "attempts": 0, "note": "",
        }  # fmt: skip
        written = insert(t.outbox).values(values).on_conflict_do_nothing(index_elements=[o.key]).returning(o.seq)
        return self._connection.execute(written).first() is not None

    def message(self, key: str) -> Message | None:
        row = self._connection.execute(sa.select(t.outbox).where(o.key == key)).mappings().one_or_none()
        return _message(row) if row else None

    def payloads(self, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        wanted = sa.any_(sa.literal(list(keys), sa.ARRAY(sa.Text)))
        found = self._connection.execute(sa.select(o.key, o.payload).where(o.key == wanted))
        return {row.key: row.payload for row in found}

    def enqueued(self, keys: Sequence[str]) -> set[str]:
        wanted = sa.any_(sa.literal(list(keys), sa.ARRAY(sa.Text)))
        return set(self._connection.execute(sa.select(o.key).where(o.key == wanted)).scalars())

    def is_enqueued(self, key: str) -> bool:
        return self._connection.execute(sa.select(o.seq).where(o.key == key)).first() is not None

    def lanes_due(self, now: datetime) -> list[str]:
        query = sa.select(o.lane).where(_deliverable(now)).distinct().order_by(o.lane)
        return list(self._connection.execute(query).scalars())

    def claim(self, lane: str, holder: str, now: datetime, until: datetime) -> Message | None:
        longest = (
            sa.select(o.seq)
            .where(o.lane == lane, _deliverable(now))
            .order_by(o.due, o.seq)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        leased = (
            sa.update(t.outbox)
            .where(o.seq == longest)
            .values(holder=holder, lease_until=until, attempts=o.attempts + 1)
            .returning(*t.outbox.c)
        )
        row = self._connection.execute(leased).mappings().one_or_none()
        return _message(row) if row else None

    def settle(self, message: Message, settled: Settled, now: datetime) -> bool:
        final = settled.state is not MessageState.PENDING
        written = (
            sa.update(t.outbox)
            .where(o.seq == message.seq, o.holder == message.holder, o.attempts == message.attempts)
            .values(
                state=settled.state, note=settled.note, due=settled.due or message.due, holder=None, lease_until=None,
                settled_at=now if final else None,
            )
        )  # fmt: skip
        if self._connection.execute(written).rowcount != 1:
            return False
        for draft in settled.follow:
            self.enqueue(draft.kind, draft.key, draft.payload, draft.due, lane=draft.lane)
        return True

    def messages(
        self, *, state: MessageState | None = None, lane: str | None = None, limit: int = 100
    ) -> list[Message]:
        query = sa.select(t.outbox).order_by(o.seq.desc()).limit(limit)
        if state is not None:
            query = query.where(o.state == state)
        if lane is not None:
            query = query.where(o.lane == lane)
        return [_message(row) for row in self._connection.execute(query).mappings()]

    def message_counts(self) -> dict[tuple[str, MessageState], int]:
        query = sa.select(o.lane, o.state, sa.func.count()).group_by(o.lane, o.state)
        return {(lane, MessageState(state)): count for lane, state, count in self._connection.execute(query)}

    def retry_messages(self, seqs: Sequence[int], now: datetime) -> int:
        again = (
            sa.update(t.outbox)
            .where(o.seq.in_(seqs), o.state.in_((MessageState.DEAD, MessageState.DROPPED)))
            .values(state=MessageState.PENDING, attempts=0, due=now, settled_at=None)
        )
        return self._connection.execute(again).rowcount

    def prune_letters(self, before: datetime, most: int) -> int:
        return int(self._connection.execute(sa.select(sa.func.sluice.prune_outbox(before, most))).scalar_one())

    def cursor(self, reader: str) -> int:
        query = sa.select(t.outbox_cursor.c.seq).where(t.outbox_cursor.c.reader == reader)
        return int(self._connection.execute(query).scalar() or 0)

    def move_cursor(self, reader: str, seq: int) -> None:
        moved = insert(t.outbox_cursor).values(reader=reader, seq=seq)
        self._connection.execute(moved.on_conflict_do_update(index_elements=["reader"], set_={"seq": seq}))


def _deliverable(now: datetime) -> sa.ColumnElement[bool]:
    free = o.lease_until.is_(None) | (o.lease_until <= now)
    return sa.and_(o.state == MessageState.PENDING, o.due <= now, free)


def _message(row: Any) -> Message:
    return Message(
        seq=row["seq"], key=row["key"], kind=row["kind"], lane=row["lane"], payload=row["payload"],
        due=row["due"].astimezone(UTC), state=MessageState(row["state"]), attempts=row["attempts"], note=row["note"],
        settled_at=row["settled_at"] and row["settled_at"].astimezone(UTC), holder=row["holder"],
    )  # fmt: skip
