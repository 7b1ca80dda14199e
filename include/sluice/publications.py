"""The order in which a contract's tables become visible, and the journal of what became visible when.

No catalog commits several tables at once. So all of them are prepared first, then committed in one order that
everybody can tell beforehand; a retry goes on forward from what the catalog shows, and a table that vanished
meanwhile puts those before it back. docs/publish.md says it in whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sluice.contract.model import Contract


class Step(StrEnum):
    """What happened to one table of a publication."""

    PREPARED = "prepared"
    COMMITTED = "committed"
    PUT_BACK = "put_back"


@dataclass(frozen=True)
class PublicationStep:
    """One entry of the journal. `position` counts from 1 in the order of commits; `base` is what readers saw before."""

    request_id: str
    identifier: str
    position: int
    step: Step
    snapshot_id: int | None
    base: int | None
    rows: int
    at: datetime
    reason: str = ""
    seq: int = 0


class PublicationJournal(Protocol):
    """Appended to by publishing, never changed."""

    def add_publication_step(self, step: PublicationStep) -> None:
        """Write an entry; `seq` is given by the ledger."""

    def publication_steps(self, *, request_id: str | None = None, source: str | None = None) -> list[PublicationStep]:
        """The entries of a request or of a source, oldest first."""


def commit_order(contract: Contract, tables: Sequence[str]) -> list[str]:
    """The tables, those that others refer to first: who sees a new row then finds what it refers to.

    Tables that refer to each other in a circle keep the contract's order.
    """
    needs = {
        t.name: {r.to_table for r in t.relationships if r.to_table != t.name} & set(tables) for t in contract.tables
    }
    order: list[str] = []
    left = list(tables)
    while left:
        free = [name for name in left if needs[name] <= set(order)] or left[:1]
        order.append(free[0])
        left.remove(free[0])
    return order
