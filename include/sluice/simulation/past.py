"""Simulated requests for the ledger: demonstration data, and the load of a performance test. Marked wherever it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
TILE = 2_000
"""Requests simulated at once; a larger load repeats them, whole weeks apart."""


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


def load_many(
    tx: Transaction, scenario: Scenario, *, requests: int, now: datetime, seed: int, signatures: Mapping[str, list[str]]
) -> int:
    """A hundred thousand requests and more: TILE simulated ones repeated, each time weeks earlier, all but the newest ended."""
    tile = simulated_past(scenario, requests=min(TILE, requests), now=now, seed=seed)
    span = timedelta(weeks=int(len(tile) / scenario.per_week) + 1)
    count = 0
    left = requests
    pieces: list[list[History]] = []
    while left > 0:
        chosen = (tile if not pieces else [h for h in tile if h.case.state != "open"])[-left:]
        number = len(pieces)
        pieces.append([_moved(h, -number * span, f"t{number}-") for h in chosen])
        left -= len(chosen)
    for moved in reversed(pieces):
        count += load_past(tx, moved, signatures=signatures)
    return count


def _moved(history: History, by: timedelta, prefix: str) -> History:
    case = history.case
    closed = None if case.closed_at is None else case.closed_at + by
    identity = prefix + case.id
    return History(
        replace(case, id=identity, source=case.source, requested_at=case.requested_at + by, closed_at=closed),
        tuple(replace(e, request_id=identity, at=e.at + by) for e in history.events),
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
