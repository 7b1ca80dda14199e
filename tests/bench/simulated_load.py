"""A hundred thousand requests for a performance test: simulated ones, repeated whole weeks apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sluice.flow.log import History
from sluice.ledger import Transaction
from sluice.simulation.model import Scenario
from sluice.simulation.past import load_past, simulated_past

TILE = 2_000
"""Requests simulated at once."""


def load_many(
    tx: Transaction, scenario: Scenario, *, requests: int, now: datetime, seed: int, signatures: Mapping[str, list[str]]
) -> int:
    """Write this many requests, each repetition weeks earlier, all but the newest ended; gives the number of events."""
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
