"""The ready queue as plain data: for REST, pages and the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sluice.pull.classes import ServiceClass
from sluice.pull.floor import STRETCHES, Floor


def entries(floor: Floor, now: datetime) -> list[dict[str, Any]]:
    """Each entry with its limits, what is in progress behind it, and who waits there in order; seconds and ISO 8601."""
    found = []
    for entry, stages in STRETCHES.items():
        come, held = floor.turn(entry)
        room, words = floor.room(entry)
        next_in = [
            {"request": c.request.id, "source": c.request.source, "use_case": c.request.use_case,
             "class_of_service": c.service.value, "due": c.request.due.isoformat() if c.request.due else None,
             "place": 0, "waited_seconds": (now - c.ready_since(entry)).total_seconds(), "code": "", "reason": "comes in next"}
            for c in come
        ]  # fmt: skip
        waiting = [
            {"request": h.request.id, "source": h.request.source, "use_case": h.request.use_case,
             "class_of_service": ServiceClass.of(h.request.priority).value,
             "due": h.request.due.isoformat() if h.request.due else None, "place": h.place,
             "waited_seconds": (now - h.since).total_seconds(), "code": h.code.value, "reason": h.reason}
            for h in held
        ]  # fmt: skip
        found.append({
            "entry": entry.value,
            "stages": [{"stage": s.value, "in_progress": floor.in_progress(s), "limit": floor.limits.stages.get(s)}
                       for s in stages],
            "room": room, "words": words, "queue": next_in + waiting,
        })  # fmt: skip
    return found
