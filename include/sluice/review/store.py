"""What review asks of the ledger beside what everybody does."""

from __future__ import annotations

from typing import Any, Protocol

from sluice.stages import Stage


class ReviewStore(Protocol):
    """The rows; part of a ledger Transaction."""

    def evidence_of(self, request_id: str, gate: Stage, digest: str) -> dict[str, Any] | None:
        """The evidence pack that the gate was asked about under this digest, however old; None when there was none."""
