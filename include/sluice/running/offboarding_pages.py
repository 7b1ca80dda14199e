"""Offboardings as pages, machines and the command line show them: plain data, with every step in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sluice.running import offboarding as o
from sluice.running.offboarding import Offboarding
from sluice.running.records import Record

STATES = {"asked": "waits for another person", "agreed": "agreed, and under way", "rejected": "refused", "done": "done"}


def document(found: Offboarding) -> dict[str, Any]:
    """The whole offboarding as strict JSON data; times in ISO 8601."""
    return {
        "id": found.id, "source": found.source, "state": found.state, "in_words": STATES[found.state], "reason": found.reason,
        "destroy": found.destroy, "asked_by": found.asked_by, "asked_at": found.asked_at.isoformat(),
        "agreed_by": found.agreed_by or None, "data": dict(found.data),
        "steps": [
            {"step": r.kind.partition(".")[2], "at": r.at.isoformat(), "by": r.actor, "text": in_words(r), **dict(r.content)}
            for r in found.records
        ],
    }  # fmt: skip


def lines(found: list[Offboarding]) -> list[dict[str, Any]]:
    """Those that are not over first; then the newest first."""
    return [
        document(x) for x in sorted(found, key=lambda x: (x.state in ("rejected", "done"), -x.asked_at.timestamp()))
    ]


def in_words(record: Record) -> str:
    """A record of an offboarding as a sentence."""
    words = _WORDS.get(record.kind)
    return words(record.content, record.actor or "Sluice").strip() if words else record.kind


_WORDS: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    o.REQUESTED: lambda c, who: (
        f"{who} asked for it, {'with its data destroyed' if c['destroy'] else 'its data kept'}."
    ),
    o.APPROVED: lambda c, who: f"{who} ({c['role']}) agreed. {c['comment']}",
    o.REJECTED: lambda c, who: f"{who} ({c['role']}) refused: {c['comment']}",
    o.TOLD: lambda c, _: f"People are told; it is used by {', '.join(c['consumers']) or 'nobody that is known'}.",
    o.REVOKED: lambda c, _: f"Grants taken away: {c['grants']}.",
    o.LOCATED: lambda c, _: f"Where a table lies is on record: {c['metadata']}.",
    o.UNPUBLISHED: lambda c, _: f"The tables are out of the catalog: {', '.join(c['tables'])}.",
    o.LISTED: lambda c, _: f"Objects listed, each with its checksum: {c['objects']:,}.",
    o.DESTROYED: lambda c, _: f"Objects destroyed, and seen to be gone: {c['objects']:,}.",
    o.KEPT: lambda c, _: f"The data is kept: {c['reason']}.",
    o.COMPLETED: lambda *_: "It is over.",
}
