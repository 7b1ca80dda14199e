"""What approvals keep beside the decisions: evidence as it was asked about, policies as promised, delegations.

Append-only; policies and delegations are hash-chained like the decisions (sluice.chain).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sluice.stages import Stage


@dataclass(frozen=True)
class Pack:
    """An evidence pack as a gate was asked about it: `parts` gives each part's digest (sluice.policy.PARTS)."""

    seq: int
    request_id: str
    gate: Stage
    digest: str
    tier: str
    parts: Mapping[str, str]
    at: datetime


@dataclass(frozen=True)
class KeptPack:
    """An evidence pack with its content, as it lies in the ledger."""

    request_id: str
    gate: Stage
    digest: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class PolicyVersion:
    """A policy as it was when a request was promised it, or a decision made under it; `content` is canonical JSON."""

    seq: int
    digest: str
    content: str
    at: datetime
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class Delegation:
    """Somebody is away from `begins` to `ends` (exclusive), and `delegate` may sign for him meanwhile.

    `role` limits it to one of his roles, empty means all; without a `delegate` he is only away. `groups` are those he
    was in when he set it himself. With `ended` the entry ends the delegation of that number.
    """

    seq: int
    principal: str
    delegate: str
    role: str
    begins: datetime
    ends: datetime
    reason: str
    set_by: str
    at: datetime
    ended: int | None
    groups: tuple[str, ...]
    previous_hash: str
    hash: str


class GovernanceStore(Protocol):
    """The rows; part of a ledger Transaction."""

    def packs(self, request_id: str, gate: Stage) -> list[Pack]:
        """Every evidence pack the gate was asked about, oldest first, without its content."""

    def evidence(self, request_id: str, gate: Stage, digest: str) -> dict[str, Any] | None:
        """The content of an evidence pack the gate was asked about; None when it never was."""

    def kept_packs(self, request_ids: Iterable[str]) -> Iterator[KeptPack]:
        """Every evidence pack of these requests with its content, oldest first."""

    def first_gap(self, table: str) -> int | None:
        """The first number that is missing in a table that is numbered from 1 without gaps; None when it is whole."""

    def policy_version(self, digest: str) -> PolicyVersion | None:
        """The policy with this digest, or None when it was never used."""

    def policy_versions(self) -> list[PolicyVersion]:
        """Every policy that was ever used, oldest first."""

    def add_policy_version(self, digest: str, content: str, now: datetime) -> None:
        """Put a policy on record; nothing happens when it is there already."""

    def delegations(self) -> list[Delegation]:
        """Every delegation and every end of one, oldest first."""

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
        """Append a delegation, or with `ended` the end of one."""

    def heads(self) -> dict[str, tuple[int, str]]:
        """Where each chain ends: decisions, delegations, policies → number of entries and last hash."""

    def owner_published(self, owner: str) -> bool:
        """Whether a source of this owner was ever published."""
