"""A whole refresh in one go: what `sluice refresh` does, and what the DAG does task by task."""

from __future__ import annotations

from sluice.running import refreshes
from sluice.running.refreshes import Asked, Refresh
from sluice.stream.refreshing.ends import conclude, guarded
from sluice.stream.refreshing.steps import check, land, open_refresh, publish
from sluice.stream.tools import Tools


def run(tools: Tools, source: str, asked: Asked) -> Refresh:
    """Refresh a source, here and now. Raises what its steps raise, after it is on record."""
    refresh = open_refresh(tools, source, asked)
    try:
        guarded(tools, refresh.id, land)
        if is_open(tools, refresh.id):
            guarded(tools, refresh.id, check)
            guarded(tools, refresh.id, publish)
    finally:
        tools.sweep(refresh.id)
    return conclude(tools, refresh.id)


def is_open(tools: Tools, refresh_id: str) -> bool:
    """Whether the refresh goes on."""
    with tools.ledger.reading() as tx:
        return refreshes.refresh(tx, refresh_id).state == "open"
