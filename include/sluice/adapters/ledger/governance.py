"""The rows of sluice.governance: evidence as asked about, policies as promised, delegations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sluice.adapters.ledger import tables as t
from sluice.chain import GENESIS, link_hash
from sluice.governance import Delegation, KeptPack, Pack, PolicyVersion
from sluice.stages import GATES, Stage

PACKS_AT_ONCE = 20
Link = TypeVar("Link", PolicyVersion, Delegation)


class GovernanceRows:
    """See sluice.governance.GovernanceStore."""

    _connection: Connection

    def packs(self, request_id: str, gate: Stage) -> list[Pack]:
        a = t.artifact.c
        query = (
            sa.select(a.seq, a.digest, a.at, a.content["tier"].astext, a.content["parts"])
            .where(a.request_id == request_id, a.stage == gate, a.table_name.is_(None))
            .order_by(a.seq)
        )
        return [
            Pack(seq, request_id, gate, digest, tier or "", dict(parts or {}), at.astimezone(UTC))
            for seq, digest, at, tier, parts in self._connection.execute(query)
        ]

    def evidence(self, request_id: str, gate: Stage, digest: str) -> dict[str, Any] | None:
        a = t.artifact.c
        query = (
            sa.select(a.content)
            .where(a.request_id == request_id, a.stage == gate, a.digest == digest, a.table_name.is_(None))
            .order_by(a.seq.desc())
            .limit(1)
        )
        content = self._connection.execute(query).scalar()
        return None if content is None else dict(content)

    def kept_packs(self, request_ids: Iterable[str]) -> Iterator[KeptPack]:
        a = t.artifact.c
        of_gates = (a.request_id.in_(list(request_ids)), a.stage.in_(GATES), a.table_name.is_(None))
        numbers = list(self._connection.execute(sa.select(a.seq).where(*of_gates).order_by(a.seq)).scalars())
        for first in range(0, len(numbers), PACKS_AT_ONCE):  # a pack can be large
            some = a.seq.in_(numbers[first : first + PACKS_AT_ONCE])
            query = sa.select(a.request_id, a.stage, a.digest, a.content).where(some).order_by(a.seq)
            for request_id, gate, digest, content in self._connection.execute(query).all():
                yield KeptPack(request_id, Stage(gate), digest, content)

    def first_gap(self, table: str) -> int | None:
        seq = t.metadata.tables[f"{t.SCHEMA}.{table}"].c.seq
        numbered = sa.select(seq, sa.func.row_number().over(order_by=seq).label("place")).subquery()
        query = sa.select(numbered.c.place).where(numbered.c.place != numbered.c.seq).order_by(numbered.c.place)
        gap = self._connection.execute(query.limit(1)).scalar()
        return None if gap is None else int(gap)

    def policy_version(self, digest: str) -> PolicyVersion | None:
        query = sa.select(t.policy_version).where(t.policy_version.c.digest == digest)
        row = self._connection.execute(query).mappings().one_or_none()
        return PolicyVersion(**_utc(row)) if row else None

    def policy_versions(self) -> list[PolicyVersion]:
        query = sa.select(t.policy_version).order_by(t.policy_version.c.seq)
        return [PolicyVersion(**_utc(row)) for row in self._connection.execute(query).mappings()]

    def add_policy_version(self, digest: str, content: str, now: datetime) -> None:
        known = sa.select(t.policy_version.c.seq).where(t.policy_version.c.digest == digest)
        if self._connection.execute(known).first() is None:
            self._chain(t.policy_version, PolicyVersion(0, digest, content, now, "", ""))

    def delegations(self) -> list[Delegation]:
        query = sa.select(t.delegation).order_by(t.delegation.c.seq)
        return [
            Delegation(**_utc(row) | {"groups": tuple(row["groups"])})
            for row in self._connection.execute(query).mappings()
        ]

    def add_delegation(
        self,
        principal: str,
        delegate: str,
        role: str,
        begins: datetime,
        ends: datetime,
        reason: str,
        set_by: str,
        now: datetime,
        *,
        ended: int | None = None,
        groups: tuple[str, ...] = (),
    ) -> Delegation:
        entry = Delegation(0, principal, delegate, role, begins, ends, reason, set_by, now, ended, groups, "", "")
        return self._chain(t.delegation, entry)

    def heads(self) -> dict[str, tuple[int, str]]:
        chains = {"decisions": t.decision, "delegations": t.delegation, "policies": t.policy_version}
        found = {name: self._head(table) for name, table in chains.items()}
        return {name: head or (0, GENESIS) for name, head in found.items()}

    def owner_published(self, owner: str) -> bool:
        # The newest state counts: one that was lost or offboarded was published too.
        query = (
            sa.select(t.stage_event.c.seq)
            .join(t.request, t.request.c.id == t.stage_event.c.request_id)
            .where(t.request.c.owner == owner, t.request.c.origin == "live", t.stage_event.c.stage == Stage.PUBLISH)
            .where(t.stage_event.c.event == "completed", t.stage_event.c.table_name.is_(None))
            .limit(1)
        )
        return bool(owner) and self._connection.execute(query).first() is not None

    def _chain(self, table: sa.Table, entry: Link) -> Link:
        number, previous = self._head(table) or (0, GENESIS)
        seq = number + 1
        unsigned = replace(entry, seq=seq, previous_hash=previous)
        link = replace(unsigned, hash=link_hash(unsigned))
        self._connection.execute(sa.insert(table).values(asdict(link)))
        return link

    def _head(self, table: sa.Table) -> tuple[int, str] | None:
        query = sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
        newest = self._connection.execute(query).first()
        return (int(newest[0]), str(newest[1])) if newest else None


def _utc(row: Any) -> dict[str, Any]:
    return {k: v.astimezone(UTC) if isinstance(v, datetime) else v for k, v in dict(row).items()}
