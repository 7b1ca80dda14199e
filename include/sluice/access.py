"""Who may read and write a published table: what the contract declares, what is granted, and where the two differ.

`AccessControl` is a port: sluice.adapters.access implements it with AWS Lake Formation. A lake of files knows no
grants of its own; there the port says so (`enforced` is False), and what is declared is shown as not enforced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sluice.contract.model import CLASSIFICATIONS, Contract, Role

READ = ("DESCRIBE", "SELECT")
WRITE = ("DELETE", "DESCRIBE", "INSERT", "SELECT")


@dataclass(frozen=True)
class Grant:
    """What one principal may do with one table.

    `principal` is an ARN; `permissions` are Lake Formation's words, sorted; `columns` are the only ones that may be
    selected, None for all of them.
    """

    principal: str
    identifier: str
    permissions: tuple[str, ...]
    columns: tuple[str, ...] | None = None


class AccessControl(Protocol):
    """Tags and grants. Every method raises LakeUnavailableError when it does not answer."""

    enforced: bool
    """Whether anything stands behind the grants."""
    note: str
    """What people are told of that, in one line."""

    def principal(self, role: str) -> str:
        """The principal of a role's name: an ARN stays what it is."""

    def tag(self, identifier: str, tags: Mapping[str, Any]) -> None:
        """Give database, table and columns their classification (sluice.registration.tags_of); safe to be repeated."""

    def tags(self, identifier: str, columns: Sequence[str]) -> dict[str, str]:
        """The tags that are in force: column → classification, inherited or its own."""

    def grant(self, grant: Grant) -> None:
        """Give the permissions; nothing happens when they are there."""

    def revoke(self, grant: Grant) -> None:
        """Take the permissions away; nothing happens when they are not there."""

    def granted(self, identifier: str) -> list[Grant]:
        """Every grant on the table, by whomever, one per principal and set of columns."""


class Granting(StrEnum):
    """What happened to a grant."""

    GRANTED = "granted"
    REVOKED = "revoked"


@dataclass(frozen=True)
class GrantEvent:
    """One entry of the record: a grant was given or taken away, by whom and why. `expires_at` None: it does not."""

    source: str
    grant: Grant
    role: str
    event: Granting
    expires_at: datetime | None
    request_id: str | None
    actor: str
    reason: str
    at: datetime


class GrantRecord(Protocol):
    """Appended to whenever a grant is given or taken away, never changed."""

    def add_grant_event(self, event: GrantEvent) -> None:
        """Write an entry."""

    def grant_events(self, source: str) -> list[GrantEvent]:
        """The source's entries, oldest first."""


@dataclass(frozen=True)
class Declared:
    """A grant that the contract asks for, by a role. It is in force until `expires_at` (None: for good)."""

    role: str
    grant: Grant
    expires_at: datetime | None

    def in_force(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or now < self.expires_at


def declared(contract: Contract, published_at: datetime, principal: Callable[[str], str]) -> list[Declared]:
    """What the contract's roles may do with its published tables. `principal` gives a role's ARN."""
    found = []
    for role in contract.roles:
        for table in contract.tables:
            if role.tables and table.name not in role.tables:
                continue
            columns = _columns(role, {c.field_name: c.classification for c in table.columns})
            if columns is not None and not columns:
                continue  # there is nothing in this table that the role may see
            permissions = READ if role.access == "read" else WRITE
            grant = Grant(principal(role.principal), f"{contract.id}.{table.table_name}", permissions, columns)
            found.append(Declared(role.name, grant, expiry(role, published_at)))
    return found


def expiry(role: Role, published_at: datetime) -> datetime | None:
    """When the role's access ends: with the day of `expires` in UTC, or its days after publication."""
    if role.expires is not None:
        return datetime.combine(role.expires, time(), UTC) + timedelta(days=1)
    return published_at + timedelta(days=role.expires_days) if role.expires_days is not None else None


def _columns(role: Role, classifications: Mapping[str, str]) -> tuple[str, ...] | None:
    if not role.up_to:
        return None
    rank = CLASSIFICATIONS.index
    seen = tuple(sorted(n for n, c in classifications.items() if rank(c) <= rank(role.up_to)))
    return None if len(seen) == len(classifications) else seen


class Drift(StrEnum):
    """How granted and declared differ."""

    MISSING = "missing"
    """Declared, and not granted, or not all of it."""
    EXPIRED = "expired"
    """Granted by us, declared, and its time is over."""
    WITHDRAWN = "withdrawn"
    """Granted by us, and the contract does not declare it any more, or less of it."""
    FOREIGN = "foreign"
    """Granted by somebody else, beyond what the contract declares."""


@dataclass(frozen=True)
class Difference:
    """One difference: `grant` is what is to be given (MISSING) or taken away (the others)."""

    drift: Drift
    grant: Grant
    role: str = ""
    expires_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        expires = self.expires_at.isoformat() if self.expires_at else None
        return {"drift": self.drift.value, **asdict(self.grant), "role": self.role, "expires_at": expires}


def differences(
    wanted: Sequence[Declared], granted: Sequence[Grant], ours: Sequence[Grant], now: datetime
) -> list[Difference]:
    """Where what is granted differs from what is declared and in force now. `ours` is what Sluice has granted."""
    due: dict[tuple[str, str, tuple[str, ...] | None], set[str]] = {}
    for w in (w for w in wanted if w.in_force(now)):
        for key, permission in _rights(w.grant):
            due.setdefault(key, set()).add(permission)
    there: dict[tuple[str, str, tuple[str, ...] | None], set[str]] = {}
    for grant in granted:
        for key, permission in _rights(grant):
            there.setdefault(key, set()).add(permission)
    mine = {right for grant in ours for right in _rights(grant)}
    found = []
    for w in wanted:
        if w.in_force(now) and any(p not in there.get(key, ()) for key, p in _rights(w.grant)):
            found.append(Difference(Drift.MISSING, w.grant, w.role, w.expires_at))
    expired = {right for w in wanted if not w.in_force(now) for right in _rights(w.grant)}
    for key, permissions in sorted(there.items(), key=str):
        by_drift: dict[Drift, list[str]] = {}
        for permission in sorted(permissions - due.get(key, set())):
            right = (key, permission)
            drift = (
                Drift.EXPIRED
                if right in mine and right in expired
                else Drift.WITHDRAWN
                if right in mine
                else Drift.FOREIGN
            )
            by_drift.setdefault(drift, []).append(permission)
        for drift, extra in by_drift.items():
            found.append(Difference(drift, Grant(key[0], key[1], tuple(extra), key[2])))
    return found


def _rights(grant: Grant) -> list[tuple[tuple[str, str, tuple[str, ...] | None], str]]:
    """Each single right: of a grant on columns, only SELECT is one on columns."""
    return [
        ((grant.principal, grant.identifier, grant.columns if p == "SELECT" else None), p) for p in grant.permissions
    ]


def in_hand(events: Sequence[GrantEvent]) -> list[Grant]:
    """What Sluice has granted and not taken away again, by its record."""
    held: dict[tuple[str, str, tuple[str, ...] | None], set[str]] = {}
    for event in events:
        grant = event.grant
        rights = held.setdefault((grant.principal, grant.identifier, grant.columns), set())
        if event.event is Granting.GRANTED:
            rights.update(grant.permissions)
        else:
            rights.difference_update(grant.permissions)
            if not rights and grant.columns is not None:
                held.pop((grant.principal, grant.identifier, grant.columns))
    return [Grant(who, what, tuple(sorted(rights)), columns) for (who, what, columns), rights in held.items() if rights]
