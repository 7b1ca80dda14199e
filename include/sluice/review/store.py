"""What review asks of the ledger beside what everybody does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class SourceLine:
    """A source that was asked for: how often, when last, and how many decisions there are about it."""

    source: str
    requests: int
    last: datetime
    decisions: int


class ReviewStore(Protocol):
    """The rows; part of a ledger Transaction."""

    def source_lines(self, like: str = "", most: int = 100) -> list[SourceLine]:
        """Sources whose name holds `like`, the one that was asked for last first."""
