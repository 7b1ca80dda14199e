"""The record of a published source: what happened to it, in order, never changed.

A refresh, an incident, an offboarding is a `run`: its state is what its records add up to, as with the stage clock.
Kinds are `subject.happening`, such as `refresh.published` or `incident.opened`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Record:
    """One thing that happened to a source. `seq` orders records, whatever the clocks said; `at` is UTC.

    `run` is the refresh, incident or offboarding it belongs to ("" for what belongs to none); `content` is plain JSON
    data, and its shape goes by `kind`.
    """

    seq: int
    source: str
    run: str
    kind: str
    at: datetime
    table: str | None = None
    actor: str | None = None
    digest: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class PublishedSource:
    """A source's newest publication by onboarding, without its contract's text."""

    source: str
    request_id: str
    contract_digest: str
    closed_at: datetime


class RunningStore(Protocol):
    """The part of a ledger transaction that keeps published sources' records."""

    def record(
        self,
        source: str,
        run: str,
        kind: str,
        now: datetime,
        *,
        table: str | None = None,
        actor: str | None = None,
        digest: str | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> Record:
        """Append a record."""

    def records(
        self,
        *,
        source: str | None = None,
        run: str | None = None,
        kinds: Sequence[str] = (),
        since: datetime | None = None,
    ) -> list[Record]:
        """Records in order; `kinds` are whole kinds or subjects (`incident` for every `incident.…`)."""

    def newest_records(self, kind: str) -> list[Record]:
        """The newest record of this kind of every source, in the order of the sources' names."""

    def published_sources(self) -> list[PublishedSource]:
        """Every source that onboarding published, with its newest publication, in the order of the names; no simulated one."""
