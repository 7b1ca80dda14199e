"""Several decisions at a time: only where the policy lets the tier be decided so."""

from __future__ import annotations

from sluice.approval import Standing
from sluice.errors import RefusedError
from sluice.ledger import Request
from sluice.policy import Policy


def refuse_bulk(promised: Policy, standing: Standing, request: Request) -> None:
    """Raises RefusedError (NOT_IN_BULK, 403) unless the policy the request was promised lets its tier be decided in bulk."""
    if standing.tier not in promised.tiers.bulk:
        allowed = ", ".join(promised.tiers.bulk) or "none"
        raise RefusedError(
            "NOT_IN_BULK", f"{request.id} is of the tier {standing.tier}, which is decided one by one", status=403,
            mend=f"Look at its evidence and decide it there. In bulk: {allowed}.",
        )  # fmt: skip
