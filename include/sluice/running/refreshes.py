"""Refreshes of a published source: opened, landed, checked, published; or nothing new, held back, failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sluice.contract.model import Contract
from sluice.errors import TerminalError
from sluice.ledger import Request, Transaction
from sluice.running.history import REFRESHED
from sluice.running.holdings import NO_WINDOW, Window
from sluice.running.records import Record
from sluice.running.sla import Availability, availability, duration, promise, promised, schedule

OPENED, LANDED, CHECKED, NOTICED = "refresh.opened", "refresh.landed", "refresh.checked", "refresh.noticed"
UNCHANGED, FAILED, HELD = "refresh.unchanged", "refresh.failed", "refresh.held"
ENDS = (REFRESHED, UNCHANGED, FAILED, HELD)
TERMS = "source.terms"
LATE, EMPTY, SHRINKING = "late", "empty", "shrinking"


@dataclass(frozen=True)
class Refresh:
    """What a refresh's records add up to. `state`: open, published, unchanged, failed or held."""

    id: str
    source: str
    run_id: str
    request_id: str
    by: str
    opened_at: datetime
    window: Window
    everything: bool
    again: bool
    state: str
    reason: str
    closed_at: datetime | None
    noticed: tuple[Mapping[str, Any], ...]
    outcome: Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What whoever starts a refresh says. `again`: also what an incident took back."""

    run_id: str
    by: str
    window: Window = NO_WINDOW
    everything: bool = False
    again: bool = False


def open_refresh(tx: Transaction, request: Request, asked: Asked, now: datetime) -> Refresh:
    """Record the refresh; the same run asking again gets the same refresh."""
    known = tx.records(source=request.source, kinds=(OPENED,))
    for record in known:
        if record.content["run_id"] == asked.run_id:
            return refresh(tx, record.run)
    identity = f"ref-{request.source}-{len(known) + 1}"
    w = asked.window
    tx.record(request.source, identity, OPENED, now, actor=asked.by, content={
        "run_id": asked.run_id, "request_id": request.id, "contract_digest": request.contract_digest,
        "since": w.since.isoformat() if w.since else None, "until": w.until.isoformat() if w.until else None,
        "everything": asked.everything, "again": asked.again,
    })  # fmt: skip
    return refresh(tx, identity)


def refresh(tx: Transaction, identity: str) -> Refresh:
    """The refresh. Raises TerminalError (NO_REFRESH)."""
    records = tx.records(run=identity, kinds=("refresh",))
    if not records:
        raise TerminalError(
            "NO_REFRESH", f"there is no refresh {identity!r}", mend="`sluice refresh --list` shows them."
        )
    return _fold(records)


def refreshes(tx: Transaction, source: str) -> list[Refresh]:
    """A source's refreshes, oldest first."""
    by_run: dict[str, list[Record]] = {}
    for record in tx.records(source=source, kinds=("refresh",)):
        by_run.setdefault(record.run, []).append(record)
    return [_fold(r) for r in by_run.values() if r[0].kind == OPENED]


def still_open(tx: Transaction, identity: str) -> Refresh:
    """The refresh, which must not have ended. Raises TerminalError (REFRESH_OVER)."""
    found = refresh(tx, identity)
    if found.state != "open":
        raise TerminalError("REFRESH_OVER", f"{identity} is {found.state}: {found.reason or 'it is over'}", where=found.source,
                            mend="Start another refresh.")  # fmt: skip
    return found


def step(tx: Transaction, found: Refresh, kind: str, now: datetime, content: Mapping[str, Any], *, table: str | None = None,
         digest: str | None = None) -> None:  # fmt: skip
    """Record what a step found."""
    tx.record(found.source, found.id, kind, now, table=table, digest=digest, content=content)


def notice(
    tx: Transaction,
    found: Refresh,
    what: str,
    text: str,
    now: datetime,
    contract: Contract,
    *,
    table: str | None = None,
) -> None:
    """Something about a delivery that people should know: recorded once a refresh, told once a day."""
    for record in tx.records(run=found.id, kinds=(NOTICED,)):
        if record.content["what"] == what and record.table == table:
            return
    step(tx, found, NOTICED, now, {"what": what, "text": text}, table=table)
    tell(tx, found.source, what, f"{found.source}/{what}/{table or ''}/{now:%Y-%m-%d}", text, now, contract)


def tell(
    tx: Transaction,
    source: str,
    what: str,
    key: str,
    text: str,
    now: datetime,
    contract: Contract,
    *,
    mend: str = "",
    link: str = "",
) -> None:
    """A message to the contract's support channels and its owner, once for this key. `what` is a word or two."""
    payload = {
        "source": source, "title": f"{source}: {what.replace('_', ' ')}", "sentences": [text, *([mend] if mend else [])],
        "people": [contract.owner] if contract.owner else [], "link": link or f"/sluice/pages/sources/{source}",
        "channels": [dict(c) for c in contract.document.get("support") or ()],
    }  # fmt: skip
    tx.enqueue(f"notify.incident.{what}", key, payload, now)


def terms_of(
    contract: Contract, request: Request, tables: Mapping[str, Mapping[str, Any]], uris: Mapping[str, str]
) -> dict[str, Any]:
    """What the DAG files need to know of a published source: a small record, so that no contract is read to parse."""
    clock = availability(contract)
    frequency = promise(contract, "frequency")
    every = duration(frequency.get("value"), frequency.get("unit")) if frequency else None
    latency = promised(contract, "latency")
    planned = schedule(contract)
    return {
        "request_id": request.id, "contract_digest": contract.digest, "version": contract.version, "owner": contract.owner,
        "name": contract.name, "schedule": planned.text if planned else None, "zone": planned.zone if planned else "UTC",
        "frequency": every.total_seconds() if every else None, "latency": latency.total_seconds() if latency else 0,
        "available": [clock.at.isoformat(), clock.zone] if clock else None,
        "tables": {n: {"identifier": t["identifier"], "uri": uris[n]} for n, t in tables.items()},
        "channels": [dict(c) for c in contract.document.get("support") or ()],
    }  # fmt: skip


def announce(tx: Transaction, contract: Contract, request: Request, tables: Mapping[str, Mapping[str, Any]], uris: Mapping[str, str], now: datetime) -> None:  # fmt: skip
    """The source is published: from now on it is refreshed as its contract says."""
    content = terms_of(contract, request, tables, uris)
    if not any(r.content == content for r in tx.records(run=request.id, kinds=(TERMS,))):
        tx.record(request.source, request.id, TERMS, now, content=content)


def overdue(terms: Mapping[str, Any], newest: datetime | None, now: datetime) -> datetime | None:
    """Since when a delivery is late (None: it is not): `newest` is when the newest delivery was written.

    By the time of day that the contract promises, or where it promises none, one period and the promised latency
    after the newest delivery.
    """
    if not terms["frequency"] or newest is None:
        return None
    every = timedelta(seconds=terms["frequency"])
    if terms["available"]:
        from datetime import time

        at, zone = terms["available"]
        clock = Availability(time.fromisoformat(at), zone)
        due = clock.due(now)
        if due > now:
            due = clock.due(now - timedelta(days=1))
        return due if newest <= due - every else None
    due = newest + every + timedelta(seconds=terms["latency"])
    return due if now > due else None


def _fold(records: Sequence[Record]) -> Refresh:
    first = records[0]
    c = first.content
    end = next((r for r in records if r.kind in ENDS), None)
    window = Window(_day(c.get("since")), _day(c.get("until")))
    return Refresh(
        id=first.run, source=first.source, run_id=c["run_id"], request_id=c["request_id"], by=first.actor or "",
        opened_at=first.at, window=window, everything=bool(c.get("everything")), again=bool(c.get("again")),
        state=end.kind.partition(".")[2] if end else "open", reason=str(end.content.get("reason", "")) if end else "",
        closed_at=end.at if end else None,
        noticed=tuple({**r.content, "table": r.table} for r in records if r.kind == NOTICED),
        outcome=end.content if end else {},
    )  # fmt: skip


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
