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

from sluice.catalog import RESTORED_PROPERTY
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
    What cannot be put back in all of its tables is put back in none: the incident is opened all the same, and then
    TerminalError (NO_SNAPSHOT, NOT_REGISTERED) says why. Raises TerminalError (NOT_PUBLISHED, OFFBOARDED, NO_SNAPSHOT).
    """
    began = time.monotonic()
    with tools.ledger.transaction() as tx:
        request = live(tx, source)
        known = versions(tx, source)
        before = incidents.open_incident_of(tx, source)
        if before and before.restored_at and to is None:  # reported again: what is shown now was good
            why = CHECKS
        choices = _choices(known, why, to, source)
        shown = newest_good(known)
        happened = occurred_at or (shown.at if shown and choices and choices[0] is not shown else tools.now())
        level = severity or ("high" if why == REPORT else "medium")
        current = incidents.begin(tx, source, reason, why, actor, level, happened, tools.now())
    crash_point("restore.begun")
    target, trouble = _whole(tools, choices)
    bad = [v for v in known[known.index(target) + 1 :] if not v.bad] if target else []
    moved = _put_back(tools, target, current.id) if target and trouble is None else {}
    seconds = time.monotonic() - began
    with tools.ledger.transaction() as tx:
        policy, contract = tools.policy(), contract_of(request)
        if target and trouble is None and (bad or moved or current.restored_at is None):
            incidents.record_restored(
                tx, current, moved, [v.run for v in bad], target.run, seconds, tools.now()
            )  # fmt: skip
        used = incidents.use_cases(contract, request)
        said = "" if trouble is None else f"The last good data could not be put back: {trouble.message}."
        opened = incidents.declare(tx, current, request, contract, policy.running.incidents, used, tools.now(), said)
    if trouble is not None:
        raise TerminalError(
            trouble.code, f"{trouble.message}; no table was moved, and {opened.id} is open", where=trouble.where,
            mend=f"Name another snapshot (`sluice restore {source} --list`), or onboard {source} anew when the incident is closed.",
        )  # fmt: skip
    return Restored(opened, target, moved, seconds)


def _choices(known: list[Version], why: str, to: int | None, source: str) -> list[Version]:
    """The versions that may be shown, the best first; `known` is in the order of the record."""
    if to is not None:
        named = next((v for v in known if any(t["snapshot_id"] == to for t in v.tables.values())), None)
        if named is None:
            raise TerminalError("NO_SNAPSHOT", f"no publication of {source} has the snapshot {to}", where=source,
                                mend=f"`sluice restore {source} --list` shows them.")  # fmt: skip
        return [named]
    good = [v for v in reversed(known) if not v.bad]
    return good[:1] if why == CHECKS else good[1:]


def _whole(tools: Tools, choices: list[Version]) -> tuple[Version | None, TerminalError | None]:
    """The first version that every table can still show, looked at before one of them moves; else the first, and why not.

    Whatever lies between it and what is shown counts as taken back, too.
    """
    troubles = []
    for version in choices:
        if (trouble := _trouble(tools, version)) is None:
            return version, None
        troubles.append(trouble)
    return (choices[0], troubles[0]) if choices else (None, None)


def _trouble(tools: Tools, version: Version) -> TerminalError | None:
    from sluice.adapters.catalogs import snapshots

    try:
        for table in version.tables.values():
            snapshots.require_snapshot(tools.catalog.source, table["identifier"], int(table["snapshot_id"]))
    except TerminalError as error:
        return error
    return None


def _put_back(tools: Tools, target: Version, incident_id: str) -> dict[str, dict[str, Any]]:
    """One commit per table; tables that show the snapshot already are left alone."""
    from sluice.adapters.catalogs import snapshots

    moved = {}
    for name, table in target.tables.items():
        done = snapshots.put_back(tools.catalog.source, table["identifier"], int(table["snapshot_id"]),
                                  {RESTORED_PROPERTY: incident_id})  # fmt: skip
        if done.before != done.after:
            moved[name] = {"identifier": done.identifier, "from": done.before, "to": done.after}
        crash_point("restore.put_back")
    return moved
