"""Who may read and write a published table: what the contract declares, what is granted, and where the two differ.

`AccessControl` is a port: sluice.adapters.access implements it with AWS Lake Formation. A lake of files knows no
grants of its own; there the port says so (`enforced` is False), and what is declared is shown as not enforced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

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
