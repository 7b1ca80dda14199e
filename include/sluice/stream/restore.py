"""Restore: the last good snapshot comes back first, in seconds; then the incident is opened and people are told.

Safe to be killed anywhere and to be run again: the source stays blocked from the first record on, and a second run
goes on where the first one stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sluice.crashing import crash_point
from sluice.errors import TerminalError
from sluice.onboarding import contract_of
from sluice.running import incidents
from sluice.running.history import Version, live, newest_good, versions
from sluice.running.incidents import CHECKS, REPORT, Incident
from sluice.stream.tools import Tools


@dataclass(frozen=True)
class Restored:
    """What a restore did: the incident, the version now shown (None: there is no earlier one), tables that moved."""

    incident: Incident
    version: Version | None
    moved: Mapping[str, Mapping[str, Any]]
    seconds: float


def restore(
    tools: Tools,
    source: str,
    *,
    actor: str,
    reason: str,
    why: str = REPORT,
    to: int | None = None,
    severity: str | None = None,
    occurred_at: datetime | None = None,
) -> Restored:
    """Put the last good snapshots of all of the source's tables back, then open the incident.

    `why` REPORT: what is visible is bad, so the version before it comes back. CHECKS: a delivery was refused, so what
    is visible should be the newest version, and is made so where a refresh stopped half-way. `to` names a snapshot of
    one of the tables: the version that it belongs to comes back.
    Raises TerminalError (NOT_PUBLISHED, OFFBOARDED, NO_SNAPSHOT).
    """
    began = time.monotonic()
    with tools.ledger.transaction() as tx:
        request = live(tx, source)
        known = versions(tx, source)
        before = incidents.open_incident_of(tx, source)
        if before and before.restored_at and to is None:  # reported again: what is shown now was good
            why = CHECKS
        target, bad = _target(known, why, to, source)
        happened = occurred_at or (bad[-1].at if bad else tools.now())
        level = severity or ("high" if why == REPORT else "medium")
        current = incidents.begin(tx, source, reason, why, actor, level, happened, tools.now())
    crash_point("restore.begun")
    moved = _put_back(tools, target, current.id) if target else {}
    seconds = time.monotonic() - began
    with tools.ledger.transaction() as tx:
        policy, contract = tools.policy(), contract_of(request)
        if target and (bad or moved or current.restored_at is None):
            incidents.record_restored(
                tx, current, moved, [v.run for v in bad], target.run, seconds, tools.now()
            )  # fmt: skip
        used = incidents.use_cases(contract, request)
        opened = incidents.declare(tx, current, request, contract, policy.running.incidents, used, tools.now())
    return Restored(opened, target, moved, seconds)


def _target(known: list[Version], why: str, to: int | None, source: str) -> tuple[Version | None, list[Version]]:
    """The version to show, and those that are bad because of it; `known` is in the order of the record."""
    good = newest_good(known)
    if to is not None:
        named = next((v for v in known if any(t["snapshot_id"] == to for t in v.tables.values())), None)
        if named is None:
            raise TerminalError("NO_SNAPSHOT", f"no publication of {source} has the snapshot {to}", where=source,
                                mend=f"`sluice restore {source} --list` shows them.")  # fmt: skip
        return named, [v for v in known[known.index(named) + 1 :] if not v.bad]
    if why == CHECKS or good is None:
        return good, []
    earlier = newest_good(known[: known.index(good)])
    return (earlier, [good]) if earlier else (None, [])


def _put_back(tools: Tools, target: Version, incident_id: str) -> dict[str, dict[str, Any]]:
    """One commit per table; tables that show the snapshot already are left alone."""
    from sluice.adapters.catalogs import snapshots

    moved = {}
    for name, table in target.tables.items():
        done = snapshots.put_back(tools.catalog.source, table["identifier"], int(table["snapshot_id"]),
                                  {"sluice.restored-by": incident_id})  # fmt: skip
        if done.before != done.after:
            moved[name] = {"identifier": done.identifier, "from": done.before, "to": done.after}
        crash_point("restore.put_back")
    return moved
