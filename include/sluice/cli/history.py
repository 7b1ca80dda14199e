"""`sluice up --with-history`: simulated requests for the flow pages, marked as simulated wherever they are shown."""

from __future__ import annotations

from datetime import datetime

from sluice.histories import Origin
from sluice.ledger import Ledger
from sluice.policy import Policy

REQUESTS = 180
SEED = 20261122


def add_history(ledger: Ledger, policy: Policy, now: datetime, *, requests: int = REQUESTS) -> str:
    """Write simulated requests, once; gives what was done in words."""
    from sluice.simulation.past import load_past, simulated_past
    from sluice.simulation.scenarios import as_governed

    with ledger.reading() as tx:
        known = tx.request_ids(origin=Origin.SIMULATED)
    if known:
        return f"{len(known)} simulated requests are there already"
    scenario = as_governed(policy)
    past = simulated_past(scenario, requests=requests, now=now, seed=SEED)
    signatures = {
        gate.value: sorted({r for roles in by_tier.values() for r in roles}) for gate, by_tier in scenario.gates.items()
    }
    with ledger.transaction() as tx:
        events = load_past(tx, past, signatures=signatures, policy_digest=policy.digest)
    from sluice.insight.reading import catch_up

    catch_up(ledger, lambda: True, policy.calendar_of)
    return (
        f"{len(past)} simulated requests with {events:,} events; they are labelled as simulated wherever they are shown"
    )
