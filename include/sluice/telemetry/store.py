"""What metrics ask of the ledger beside the lines of the flow pages."""

from __future__ import annotations

from typing import Protocol


class TelemetryStore(Protocol):
    """Part of a ledger Transaction."""

    def return_counts(self) -> dict[tuple[str, str], int]:
        """(stage, reason) → how often live requests were sent back. The reason is its code, or the role that did."""
