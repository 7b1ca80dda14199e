"""Incidents as pages, machines and the command line show them: plain data, with every record in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sluice.running import incidents as i
from sluice.running.incidents import Incident
from sluice.running.records import Record


def document(found: Incident) -> dict[str, Any]:
    """The whole incident as strict JSON data; times in ISO 8601."""
    times = {
        n: getattr(found, n)
        for n in ("occurred_at", "detected_at", "notified_at", "restored_at", "closed_at", "eta", "due")
    }
    return {
        "id": found.id, "source": found.source, "open": found.is_open, "severity": found.severity, "owner": found.owner,
        "reason": found.reason, "why": found.why, "consumers": list(found.consumers), "use_cases": list(found.use_cases),
        **{n: t.isoformat() if t else None for n, t in times.items()},
        "restored": {n: dict(m) for n, m in found.restored.items()}, "cause": found.cause, "resolution": found.resolution,
        "measured": found.measured(), "channels": [dict(c) for c in found.channels],
        "timeline": [{"at": r.at.isoformat(), "by": r.actor or "", "text": in_words(r)} for r in found.timeline],
    }  # fmt: skip


def lines(found: list[Incident]) -> list[dict[str, Any]]:
    """Open incidents first, the most severe first; then those that are over, the newest first."""
    ordered = sorted(
        found,
        key=lambda x: (not x.is_open, -i.SEVERITIES.index(x.severity) if x.is_open else 0, -x.detected_at.timestamp()),
    )
    return [document(x) for x in ordered]


def in_words(record: Record) -> str:
    """A record of an incident's timeline as a sentence."""
    c, who = record.content, record.actor or "Sluice"
    words = _WORDS.get(record.kind)
    if words is not None:
        return words(c, who)
    said = [f"{k} {c[k]}" for k in ("severity", "owner", "eta", "cause") if c.get(k)]
    return f"{who}: {'; '.join(filter(None, [c.get('comment', ''), *said])) or 'a timed update was due'}"


def _begun(c: Mapping[str, Any], who: str) -> str:
    begun = "A delivery was refused" if c["why"] == i.CHECKS else f"{who} reported bad data"
    return f"{begun}: {c['reason']}. Nothing is published from here on."


def _notified(c: Mapping[str, Any], _: str) -> str:
    channels = "one channel" if c["channels"] == 1 else f"{c['channels']} channels"
    return f"People are told ({channels}): {c['text']}"


_WORDS: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    i.BEGUN: _begun,
    i.RESTORED: lambda c, _: (
        f"The last good data is back ({', '.join(c['tables']) or 'no table had to move'}), in {c['seconds']:g} s."
    ),
    i.OPENED: lambda c, _: f"The incident is open; {c['owner'] or 'nobody'} owns it.",
    i.REPORTED: lambda c, who: f"{who} reported again: {c['reason']}.",
    i.NOTIFIED: _notified,
    i.CLOSED: lambda c, who: f"{who} closed it. Cause: {c['cause']}",
}
