"""What must happen to published sources between their runs: timed updates, late deliveries, budgets, adopted changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sluice.errors import SluiceError
from sluice.ledger import Transaction
from sluice.running import incidents, refreshes
from sluice.running.history import REFRESHED
from sluice.running.refreshes import UNCHANGED
from sluice.stream.change import adopt
from sluice.stream.costing import warn
from sluice.stream.offboard import carry_out, destroy_due
from sluice.stream.read_model import in_ledger
from sluice.stream.tools import Tools
from sluice.words import minute

log = logging.getLogger(__name__)


def watch(tools: Tools) -> dict[str, list[str]]:
    """One round, each step on its own: what one cannot do does not keep the others from their work."""
    steps: dict[str, Callable[[Tools], list[str]]] = {
        "told": _tell, "late": notice_late, "adopted": adopt, "budgets": warn,
        "ended": carry_out, "destroyed": destroy_due,
    }  # fmt: skip
    done: dict[str, list[str]] = {}
    for name, step in steps.items():
        try:
            done[name] = step(tools)
        except SluiceError as error:
            log.warning("%s: %s", name, error)
            done[name] = []
    return done


def _tell(tools: Tools) -> list[str]:
    terms = tools.policy().running.incidents
    with tools.ledger.transaction() as tx:
        return incidents.tell_what_is_due(tx, terms, tools.now())


def notice_late(tools: Tools) -> list[str]:
    """Sources whose next delivery is late: told once for each time that it was due."""
    late, now = [], tools.now()
    with tools.ledger.transaction() as tx:
        seen = {r.source: r for kind in (UNCHANGED, REFRESHED) for r in _newer(tx, kind)}
        for terms in in_ledger(tx):
            record = seen.get(terms["source"])
            newest = record.content.get("newest") if record else None
            if not newest:
                continue
            since = refreshes.overdue(terms, datetime.fromisoformat(newest), now)
            if since is None:
                continue
            text = f"{terms['source']}: a new delivery was due {minute(since)} UTC; the newest file is of {minute(newest)} UTC."
            payload = {
                "source": terms["source"], "title": f"{terms['source']}: late", "sentences": [text],
                "people": [terms["owner"]] if terms["owner"] else [], "channels": terms["channels"],
                "link": f"/sluice/pages/sources/{terms['source']}",
            }  # fmt: skip
            if tx.enqueue("notify.incident.late", f"late/{terms['source']}/{since.isoformat()}", payload, now):
                late.append(terms["source"])
    return late


def _newer(tx: Transaction, kind: str) -> list[Any]:
    """The newest records of a kind, but for sources whose other kind is newer."""
    other = {r.source: r.seq for r in tx.newest_records(REFRESHED if kind == UNCHANGED else UNCHANGED)}
    return [r for r in tx.newest_records(kind) if r.seq > other.get(r.source, 0)]
