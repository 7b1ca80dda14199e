"""Incidents: data that people cannot rely on. The last good snapshot comes back first; questions are asked after.

An incident begins with `restore.begun`, which stops every publication of the source before anything moves, and it
ends only with a cause. What it went through is in its records; `Incident` is what they add up to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sluice.contract.model import Contract
from sluice.contract.terms import said
from sluice.errors import BadInputError, RefusedError
from sluice.ledger import Request, Transaction
from sluice.policy.running import IncidentTerms
from sluice.running.records import Record
from sluice.running.sla import promised

SEVERITIES = ("low", "medium", "high", "critical")
CHECKS, REPORT = "checks", "report"
"""Why an incident began: a delivery failed its checks, or somebody reported bad data."""

BEGUN, RESTORED, OPENED = "restore.begun", "incident.restored", "incident.opened"
REPORTED, UPDATED, NOTIFIED, CLOSED = "incident.reported", "incident.updated", "incident.notified", "incident.closed"
_KINDS = (BEGUN, RESTORED, OPENED, REPORTED, UPDATED, NOTIFIED, CLOSED)

MEASURES = ("detect", "notify", "restore", "repair")


@dataclass(frozen=True)
class Incident:
    """What an incident's records add up to. Times are UTC, None while it has not happened.

    `consumers` and `use_cases` are those affected; `restored` is table → `identifier`, `from`, `to` (snapshot ids);
    `promised` holds the contract's SLA in seconds by measure; `due` is when people hear of it again.
    """

    id: str
    source: str
    reason: str
    why: str
    severity: str
    owner: str
    consumers: tuple[str, ...]
    use_cases: tuple[str, ...]
    occurred_at: datetime
    detected_at: datetime
    notified_at: datetime | None
    restored_at: datetime | None
    closed_at: datetime | None
    eta: datetime | None
    due: datetime | None
    cause: str
    resolution: str
    restored: Mapping[str, Mapping[str, Any]]
    restore_seconds: float | None
    opened: bool
    promised: Mapping[str, float]
    channels: tuple[Mapping[str, Any], ...]
    timeline: tuple[Record, ...] = field(repr=False)

    @property
    def is_open(self) -> bool:
        """Whether it still blocks publication."""
        return self.closed_at is None

    def measured(self) -> dict[str, dict[str, Any]]:
        """Time to detect, notify, restore and repair: `seconds` (None: not yet), `promised` (None: nothing), `kept`."""
        ends = {
            "detect": self.detected_at,
            "notify": self.notified_at,
            "restore": self.restored_at,
            "repair": self.closed_at,
        }
        measured = {}
        for name, end in ends.items():
            begin = self.occurred_at if name == "detect" else self.detected_at
            seconds = None if end is None else max((end - begin).total_seconds(), 0.0)
            if name == "restore" and self.restore_seconds is not None:
                seconds = self.restore_seconds
            limit = self.promised.get(name)
            kept = None if seconds is None or limit is None else seconds <= limit
            measured[name] = {"seconds": seconds, "promised": limit, "kept": kept}
        return measured


def incidents(tx: Transaction, source: str | None = None) -> list[Incident]:
    """Every incident, oldest first."""
    by_run: dict[str, list[Record]] = {}
    for record in tx.records(source=source, kinds=("restore", "incident")):
        by_run.setdefault(record.run, []).append(record)
    return [_fold(records) for records in by_run.values()]


def incident(tx: Transaction, name: str) -> Incident:
    """The incident with this id, or a source's open one, or its newest. Raises BadInputError (NO_INCIDENT)."""
    if records := [r for r in tx.records(run=name) if r.kind in _KINDS]:
        return _fold(records)
    known = incidents(tx, name)
    if not known:
        raise BadInputError("NO_INCIDENT", f"there is no incident {name!r}", mend="`sluice incident list` shows them.")
    return next((i for i in known if i.is_open), known[-1])


def open_incident_of(tx: Transaction, source: str) -> Incident | None:
    """The source's open incident."""
    return next((i for i in incidents(tx, source) if i.is_open), None)


def require_no_incident(tx: Transaction, source: str) -> None:
    """Publication fails closed while an incident is open. Raises RefusedError (INCIDENT_OPEN)."""
    if blocking := open_incident_of(tx, source):
        raise RefusedError(
            "INCIDENT_OPEN", f"{source} cannot be published while {blocking.id} is open: {blocking.reason}", status=409,
            where=source, mend=f"Find the cause, then `sluice incident close {blocking.id} --cause …`.",
        )  # fmt: skip


def begin(
    tx: Transaction, source: str, reason: str, why: str, actor: str, severity: str, occurred_at: datetime, now: datetime
) -> Incident:
    """Stop publication; the first record of an incident, or another report of the one that is open already."""
    if severity not in SEVERITIES:
        raise BadInputError("SEVERITY", f"severity {severity!r}", mend=f"Use one of {', '.join(SEVERITIES)}.")
    if current := open_incident_of(tx, source):
        tx.record(source, current.id, REPORTED, now, actor=actor, content={"reason": reason, "why": why})
        return incident(tx, current.id)
    number = sum(1 for _ in incidents(tx, source)) + 1
    identity = f"inc-{source}-{number}"
    record = tx.record(source, identity, BEGUN, now, actor=actor, content={
        "reason": reason, "why": why, "severity": severity, "occurred_at": min(occurred_at, now).isoformat(),
    })  # fmt: skip
    return _fold([record])


def record_restored(
    tx: Transaction, current: Incident, moved: Mapping[str, Mapping[str, Any]], bad: Sequence[str], to: str, seconds: float, now: datetime
) -> None:  # fmt: skip
    """The last good snapshots are visible again; `bad` are the versions that were taken back, `to` the one shown."""
    content = {
        "tables": {n: dict(m) for n, m in moved.items()},
        "bad": list(bad),
        "to": to,
        "seconds": round(seconds, 3),
    }
    tx.record(current.source, current.id, RESTORED, now, content=content)


def declare(
    tx: Transaction, current: Incident, request: Request, contract: Contract, terms: IncidentTerms, use_cases: Iterable[str], now: datetime,
    trouble: str = "",
) -> Incident:  # fmt: skip
    """Open the incident: who owns it, whom it hurts, when it should be over. Doing it again changes nothing.

    `trouble` is what kept the last good data from coming back: people hear of it too.
    """
    if current.opened:
        return current
    rule = terms.by_severity[current.severity]
    repair = promised(contract, "timeToRepair") or rule.repair_within
    names = {m: promised(contract, f"timeTo{m.capitalize()}") for m in MEASURES}
    tx.record(current.source, current.id, OPENED, now, content={
        "owner": contract.owner,
        "consumers": list(consumers(contract)),
        "use_cases": sorted({u for u in use_cases if u}),
        "request_id": request.id,
        "contract_version": contract.version,
        "eta": (current.detected_at + repair).isoformat(),
        "due": (now + rule.update_every).isoformat(),
        "promised": {m: d.total_seconds() for m, d in names.items() if d},
        "channels": [dict(c) for c in contract.document.get("support") or ()],
    })  # fmt: skip
    opened = incident(tx, current.id)
    notify(tx, opened, "incident.opened", f"{opened.source}: {opened.reason}. {trouble}".removesuffix(". "), now)
    return incident(tx, current.id)


def update(
    tx: Transaction, name: str, actor: str, terms: IncidentTerms, now: datetime, *, comment: str = "",
    eta: datetime | None = None, severity: str | None = None, owner: str | None = None, cause: str | None = None,
) -> Incident:  # fmt: skip
    """Say how it goes; people hear of it at once, and again when the next update is due.

    Raises BadInputError (NOTHING_SAID, SEVERITY), RefusedError (INCIDENT_CLOSED).
    """
    current = _still_open(tx, name)
    said = {
        "comment": comment.strip(),
        "eta": eta and eta.isoformat(),
        "severity": severity,
        "owner": owner,
        "cause": cause and cause.strip(),
    }
    content = {k: v for k, v in said.items() if v}
    if not content:
        raise BadInputError("NOTHING_SAID", "there is nothing to tell people", mend="Give a comment, a time, an owner or a cause.")  # fmt: skip
    if severity is not None and severity not in SEVERITIES:
        raise BadInputError("SEVERITY", f"severity {severity!r}", mend=f"Use one of {', '.join(SEVERITIES)}.")
    due = now + terms.by_severity[severity or current.severity].update_every
    tx.record(current.source, current.id, UPDATED, now, actor=actor, content=content | {"due": due.isoformat()})
    notify(tx, incident(tx, current.id), "incident.updated", comment or "There is news of the incident.", now)
    return incident(tx, current.id)


def close(tx: Transaction, name: str, actor: str, cause: str, resolution: str, now: datetime) -> Incident:
    """End it, which lets the source be published again. Raises BadInputError (CAUSE_NEEDED) without a cause."""
    current = _still_open(tx, name)
    cause = cause.strip() or current.cause
    if not cause:
        raise BadInputError("CAUSE_NEEDED", f"{current.id} cannot close without its cause", where=current.id,
                            mend=f"Say what went wrong: `sluice incident close {current.id} --cause TEXT`.")  # fmt: skip
    if not current.opened:
        raise RefusedError("NOT_RESTORED", f"the restore of {current.source} is still under way", status=409, where=current.id,
                           mend=f"Run `sluice restore {current.source}` again: it goes on where it stopped.")  # fmt: skip
    tx.record(
        current.source, current.id, CLOSED, now, actor=actor, content={"cause": cause, "resolution": resolution.strip()}
    )
    notify(tx, incident(tx, current.id), "incident.closed", f"The incident is over. Cause: {cause}", now)
    return incident(tx, current.id)


def tell_what_is_due(tx: Transaction, terms: IncidentTerms, now: datetime) -> list[str]:
    """Timed updates: open incidents of which people have not heard for too long. Returns their ids."""
    told = []
    for current in incidents(tx):
        if current.is_open and current.opened and current.due and current.due <= now:
            due = now + terms.by_severity[current.severity].update_every
            last = next((r.content["comment"] for r in reversed(current.timeline) if r.content.get("comment")), "")
            text = f"Still open. {last}".strip()
            tx.record(
                current.source,
                current.id,
                UPDATED,
                now,
                actor="sluice",
                content={"due": due.isoformat(), "timed": True},
            )
            notify(tx, incident(tx, current.id), "incident.updated", text, now)
            told.append(current.id)
    return told


def notify(tx: Transaction, current: Incident, kind: str, text: str, now: datetime) -> None:
    """Tell the contract's support channels, through the outbox, in the same transaction."""
    number = sum(1 for r in current.timeline if r.kind == NOTIFIED) + 1
    payload = {
        "incident": current.id, "source": current.source, "severity": current.severity, "owner": current.owner,
        "text": text, "reason": current.reason, "eta": current.eta.isoformat() if current.eta else None,
        "consumers": list(current.consumers), "use_cases": list(current.use_cases),
        "channels": [dict(c) for c in current.channels], "link": f"/sluice/pages/sources/{current.source}",
    }  # fmt: skip
    tx.enqueue(kind, f"{current.id}/{number}", payload, now)
    tx.record(
        current.source,
        current.id,
        NOTIFIED,
        now,
        content={"kind": kind, "text": text, "channels": len(current.channels)},
    )


def consumers(contract: Contract) -> tuple[str, ...]:
    """Who reads the source: the contract's access roles, and what its customProperties name as `consumers`."""
    roles = [str(r["role"]) for r in contract.document.get("roles") or () if r.get("role")]
    return tuple(dict.fromkeys([*roles, *_named(contract, "consumers")]))


def use_cases(contract: Contract, request: Request) -> tuple[str, ...]:
    """What the source is used for: by the request, and by the contract's customProperties `useCases`."""
    return tuple(u for u in dict.fromkeys([request.use_case, *_named(contract, "useCases")]) if u)


def _named(contract: Contract, name: str) -> list[str]:
    value = said(contract.document, name)
    return [str(v) for v in (value if isinstance(value, list) else [value]) if v]


def _still_open(tx: Transaction, name: str) -> Incident:
    current = incident(tx, name)
    if not current.is_open:
        raise RefusedError("INCIDENT_CLOSED", f"{current.id} is closed", status=409, where=current.id,
                           mend="Report anew with `sluice incident report`.")  # fmt: skip
    return current


def _fold(records: Sequence[Record]) -> Incident:
    first = records[0]
    said: dict[str, Any] = {}
    at: dict[str, datetime] = {}
    restored: dict[str, Any] = {}
    for record in records:
        at.setdefault(record.kind, record.at)
        if record.kind in (BEGUN, OPENED, UPDATED, CLOSED):
            said |= record.content
        elif record.kind == RESTORED:
            restored |= record.content
    return Incident(
        id=first.run, source=first.source, reason=first.content["reason"], why=first.content["why"],
        severity=said["severity"], owner=said.get("owner", ""), consumers=tuple(said.get("consumers", ())),
        use_cases=tuple(said.get("use_cases", ())), occurred_at=datetime.fromisoformat(said["occurred_at"]),
        detected_at=first.at, notified_at=at.get(NOTIFIED), restored_at=at.get(RESTORED), closed_at=at.get(CLOSED),
        eta=_time(said.get("eta")), due=_time(said.get("due")), cause=said.get("cause", ""),
        resolution=said.get("resolution", ""), restored=restored.get("tables", {}),
        restore_seconds=restored.get("seconds"), opened=OPENED in at, promised=said.get("promised", {}),
        channels=tuple(said.get("channels", ())), timeline=tuple(records),
    )  # fmt: skip


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
