"""The event log goes out to systems that follow it: every event once, numbered without gaps, through the outbox."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import Any

from sluice.notifications.planning import SENDING
from sluice.stages import StageEvent
from sluice.stream.tools import Tools

AT_ONCE = 500
"""Events per channel and round: a long history goes out over several."""


def send_event_log(tools: Tools) -> int:
    """Write a message for every new event of the log and channel of `notifications.event_log`; how many."""
    written = 0
    for channel in tools.policy().notifications.event_log:
        reader = f"event-log/{channel}"
        with tools.ledger.reading() as tx:
            if tx.newest_event() <= tx.cursor(reader):
                continue
        with tools.ledger.transaction() as tx:
            read = list(islice(tx.all_events(since=tx.cursor(reader)), AT_ONCE))
            for event in read:
                # A lane of its own: a notice to the same system does not wait behind a thousand events.
                key = f"event/{event.seq}>{channel}"
                tx.enqueue(f"{SENDING}.event", key, _message(event, channel), tools.now(), lane=f"{channel}.log")
            if read:
                tx.move_cursor(reader, read[-1].seq)
        written += len(read)
    return written


def _message(event: StageEvent, channel: str) -> dict[str, Any]:
    data = {k: v for k, v in asdict(event).items() if v is not None} | {"at": event.at.isoformat()}
    words = f"{event.request_id}: {event.stage} {event.event}"
    return {
        "channel": channel, "address": None, "subject": words, "text": words, "html": words, "kind": "event",
        "event": {"id": f"event-{event.seq}", "type": f"sluice.stage.{event.event}", "subject": event.request_id,
                  "time": event.at.isoformat(), "sequence": f"{event.seq:020d}", "data": data},
    }  # fmt: skip
