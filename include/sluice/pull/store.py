"""What the ledger keeps of pulling: who was let in where."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sluice.stages import Stage


class PullStore(Protocol):
    """Who was let in where; part of a ledger Transaction."""

    def pulls(self, request_ids: list[str]) -> set[tuple[str, Stage, int]]:
        """(request, stage, attempt) that were let in."""

    def add_pull(self, request_id: str, stage: Stage, attempt: int, now: datetime) -> None:
        """Record that a request was let in; once."""

    def completions(self, stage: Stage, since: datetime) -> int:
        """How many times the whole stage was completed since then, in live requests."""
