"""The port through which the requests' lines are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sluice.insight.summary import Summary
    from sluice.ledger import Request


class SummaryStore(Protocol):
    """Keeps the lines. Part of the ledger's transaction."""

    def lines_state(self, reader: str) -> tuple[int, int, int]:
        """How far the reader of events has come, the newest event's number, and the newest line's `written`."""

    def unread_requests(self, after: int, until: int) -> list[str]:
        """Requests with events `after` < seq ≤ `until` that their lines do not hold yet."""

    def requests_of(self, request_ids: list[str]) -> list[Request]:
        """These requests, in any order."""

    def request_of_run(self, run_id: str) -> Request | None:
        """The request that this DAG run made, or None."""

    def put_summaries(self, lines: Iterable[Summary]) -> None:
        """Keep these lines instead of the requests' earlier ones; an older line never replaces a newer one.

        In a writing transaction: its number orders the lines as they were written, which is not the order of events.
        """

    def summary_rows(self, after: int) -> list[Mapping[str, Any]]:
        """Lines that were written after the one of this `written` number, in the order of writing, as they are kept:
        see adapters/ledger/insight.py. Lines of one transaction share a number."""
