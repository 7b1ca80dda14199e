"""The event log becomes lineage: read in order, once, and sent through the outbox, so a sink that is down loses nothing."""

from __future__ import annotations

from itertools import islice

from sluice.outbox import Message, MessageState, Settled
from sluice.stream.tools import Tools
from sluice.telemetry.lineage import stage_runs

READER = LANE = "lineage"
AT_ONCE = 500
"""Events of the log per round: a long history is told over several."""


def read_lineage(tools: Tools) -> int:
    """Turn new events of the log into lineage messages; how many. Nothing is read while no transport is configured."""
    from sluice.adapters.lineage import event

    if not tools.settings.openlineage:
        return 0
    with tools.ledger.reading() as tx:
        if tx.newest_event() <= tx.cursor(READER):
            return 0
    with tools.ledger.transaction() as tx:
        read = list(islice(tx.all_events(since=tx.cursor(READER)), AT_ONCE))
        if not read:
            return 0
        runs = stage_runs(tx, read)
        for run in runs:
            tx.enqueue("lineage.run", f"lineage/{run.seq}", event(run), tools.now(), lane=LANE)
        tx.move_cursor(READER, read[-1].seq)
    return len(runs)


def send_lineage(tools: Tools, message: Message) -> Settled:
    """Give one event to the configured transport."""
    from sluice.adapters.lineage import emit

    if not tools.settings.openlineage:
        return Settled(
            MessageState.DROPPED, "no lineage transport is configured any more: SLUICE_OPENLINEAGE is not set"
        )
    emit(tools.settings.openlineage, message.payload)
    return Settled(MessageState.DELIVERED)
