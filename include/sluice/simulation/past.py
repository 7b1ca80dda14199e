"""Simulated requests for the ledger: demonstration data, marked wherever it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sluice.flow.log import Case, History
from sluice.histories import Origin
from sluice.ledger import Request, RequestState, Transaction
from sluice.simulation.engine import numbered, simulate
from sluice.simulation.model import Scenario
from sluice.stages import Event, Stage, StageEvent

STATEMENT = "simulated: made by sluice.simulation to show the pages, not measured anywhere"
_STATES = {
    "open": RequestState.OPEN,
    "published": RequestState.PUBLISHED,
    "failed": RequestState.FAILED,
    "returned": RequestState.RETURNED,
}


def simulated_past(scenario: Scenario, *, requests: int, now: datetime, seed: int, name: str = "sim") -> list[History]:
    """Requests asked for so that the last are still open `now`, none of it in the future."""
    begin = now - timedelta(weeks=requests / scenario.per_week)
    return simulate(scenario, requests=requests, begin=begin, seed=seed, name=name, until=now)


def load_past(
    tx: Transaction, histories: Sequence[History], *, signatures: Mapping[str, list[str]], policy_digest: str = ""
) -> int:
    """Write simulated requests with all their events; gives the number of events. The ledger numbers them anew."""
    return tx.load_history(
        (_request(h.case, signatures, policy_digest, h.events) for h in histories), numbered(list(histories))
    )


def _request(
    case: Case, signatures: Mapping[str, list[str]], policy_digest: str, events: Sequence[StageEvent]
) -> Request:
    state = _STATES[case.state]
    return Request(
        id=case.id, source=case.source, contract_digest=case.id.rjust(64, "0")[-64:], contract_version=case.version,
        contract_text=f"# {STATEMENT}", contract_file="", base="", attempt=1, run_id=case.id, requester="simulated", use_case=case.use_case,
        priority=case.priority, comment=STATEMENT, tables=case.tables, tier=case.tier, tier_reasons=(STATEMENT,),
        signatures={gate: list(roles) for gate, roles in signatures.items()}, policy_digest=policy_digest,
        requested_at=case.requested_at, state=state, state_reason=_why(state, events), closed_at=case.closed_at,
        origin=Origin.SIMULATED.value,
    )  # fmt: skip


def _why(state: RequestState, events: Sequence[StageEvent]) -> str:
    if state in (RequestState.OPEN, RequestState.PUBLISHED):
        return ""
    ends = [e for e in events if e.event in (Event.FAILED, Event.RETURNED) and e.role is None]
    return f"{ends[-1].stage if ends else Stage.REQUEST}: {ends[-1].reason if ends else 'simulated'}"
