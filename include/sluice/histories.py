"""What the flow keeps in the ledger beside the event log, and how it reads many requests at once. A port.

A baseline is a history from before (or beside) Sluice, frozen with what it was made from: how many cases, from when
to when, the file's digest, and whether it was measured or only claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sluice.ledger import Request
    from sluice.stages import StageEvent


class Obtained(StrEnum):
    """How a baseline came to be."""

    MEASURED = "measured"
    CLAIMED = "claimed"


class Origin(StrEnum):
    """Where a request's history comes from. Everything that shows a SIMULATED one says so."""

    LIVE = "live"
    SIMULATED = "simulated"


@dataclass(frozen=True)
class PastCase:
    """One finished case of a history. Seconds; `business` is None when no calendar was given for it.

    `work` is None when the history does not tell work from wait; `spent` is time by what the history calls it.
    """

    id: str
    outcome: str
    tier: str
    use_case: str
    requested: datetime
    ended: datetime
    lead: float
    work: float | None = None
    business: float | None = None
    spent: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """A frozen history to compare with. A claim may have no cases: `claimed_seconds` is then all there is."""

    name: str
    obtained: Obtained
    statement: str
    """In words: whose claim, or which export of which system."""
    n: int
    first: datetime | None
    last: datetime | None
    digest: str
    format: str
    recorded_at: datetime
    recorded_by: str
    cases: tuple[PastCase, ...] = field(default=(), repr=False)
    claimed_seconds: float | None = None


class HistoryStore(Protocol):
    """Reads of many requests, whole histories and baselines; part of sluice.ledger.Transaction."""

    def all_events(self, *, since: int = 0, until: int | None = None) -> Iterator[StageEvent]:
        """Every request's events with `since` < seq ≤ `until`, in order, a few thousand at a time."""

    def events_of(self, request_ids: Iterable[str], *, whole: bool = False) -> dict[str, list[StageEvent]]:
        """The events of these requests, each in order; one question for all. `whole`: only those of whole stages, not
        of single tables or signatures."""

    def request_ids(
        self,
        *,
        since: datetime | None = None,
        origin: str | None = None,
        published: bool = False,
        newest: int | None = None,
    ) -> list[str]:
        """Ids of requests that are open or ended at or after `since`, in the order in which they were asked for.

        Of one origin, only published ones, only the `newest` so many by their end, when asked so.
        """

    def load_history(self, requests: Iterable[Request], events: Iterable[StageEvent]) -> int:
        """Add whole requests with their events at once (a simulated history); gives how many events.

        The events' sequence numbers are given anew, in their order, after the newest one.
        """

    def add_baseline(self, baseline: Baseline) -> None:
        """Freeze a baseline. Raises ConflictError (BASELINE_EXISTS) when the name is taken."""

    def baselines(self) -> list[Baseline]:
        """Baselines, newest first, without their cases."""

    def baseline(self, name: str) -> Baseline | None:
        """A baseline with its cases."""
