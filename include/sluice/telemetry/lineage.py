"""Lineage: every pass of a request through a stage is a run, with what it read and what it wrote.

Read from the event log by its sequence numbers, so nothing is left out and nothing is told twice. No person is named:
owners are teams, as contracts name them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from sluice.contract.model import Contract, Table
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import contract_of, found
from sluice.pull import ServiceClass
from sluice.stages import Event, Stage, StageEvent

RUNS = UUID("6f2b9a3e-5a0c-4d0e-9f57-0d2d1f7c5e10")
"""Namespace of run ids: the same pass always has the same one, so a repeated message changes nothing."""
JOBS = "sluice"
TYPES = {
    Event.STARTED: "START", Event.COMPLETED: "COMPLETE", Event.FAILED: "FAIL", Event.REJECTED: "ABORT",
    Event.RETURNED: "ABORT", Event.EXPIRED: "ABORT", Event.CANCELLED: "ABORT",
}  # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """Something read or written: names as OpenLineage's naming wants them. `rows` None: not known."""

    namespace: str
    name: str
    fields: tuple[tuple[str, str, str], ...] = ()
    """(name, type, description)"""
    owner: str = ""
    rows: int | None = None
    identifier: str = ""
    """The table's name in the catalog."""
    assertions: tuple[Mapping[str, Any], ...] = ()
    """`rule`, `success`, `column`, `severity` of the checks."""


@dataclass(frozen=True)
class StageRun:
    """One event of a stage's run."""

    type: str
    at: datetime
    run: UUID
    request: Request
    request_run: UUID
    stage: Stage
    attempt: int
    seq: int
    error: str = ""
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    service: str = field(default="")


def stage_runs(tx: Transaction, events: Iterable[StageEvent]) -> list[StageRun]:
    """What these events of the log tell of lineage; simulated requests and the parts of single tables tell nothing."""
    told = [e for e in events if e.event in TYPES and e.table is None and e.role is None]
    requests = {r.id: r for r in tx.requests_of(list(dict.fromkeys(e.request_id for e in told)))}
    return [run for e in told if (r := requests[e.request_id]).origin == "live" and (run := _run(tx, r, e))]


def _run(tx: Transaction, request: Request, event: StageEvent) -> StageRun | None:
    if event.event is Event.FAILED and request.state is not RequestState.FAILED:
        return None  # it is tried again, and this run goes on
    complete = event.event is Event.COMPLETED
    inputs, outputs = _datasets(tx, request, event.stage) if complete else ((), ())
    return StageRun(
        TYPES[event.event], event.at, uuid5(RUNS, f"{request.id}/{event.stage}/{event.attempt}"), request,
        uuid5(RUNS, request.id), event.stage, event.attempt, event.seq,
        (event.reason or "") if event.event is Event.FAILED else "", inputs, outputs,
        ServiceClass.of(request.priority).value,
    )  # fmt: skip


def _datasets(tx: Transaction, request: Request, stage: Stage) -> tuple[tuple[Dataset, ...], tuple[Dataset, ...]]:
    contract = contract_of(request)
    if stage is Stage.LAND:
        manifests = found(tx, request, stage)
        rows = {name: m.get("rows_staged") for name, m in manifests.items()}
        read = tuple(_source(contract, t) for t in contract.tables)
        return read, tuple(_staged(contract, t, rows.get(t.name)) for t in contract.tables)
    if stage is Stage.CHECK:
        reports = found(tx, request, stage)
        return tuple(_checked(contract, t, reports.get(t.name, {})) for t in contract.tables), ()
    if stage is Stage.PUBLISH:
        snapshots = found(tx, request, stage).get("", {})
        entries = found(tx, request, Stage.REGISTER)
        written = tuple(
            _published(contract, t, entries[t.name], snapshots[t.name])
            for t in contract.tables
            if t.name in snapshots and t.name in entries
        )
        return tuple(_staged(contract, t, None) for t in contract.tables), written
    return (), ()


def _source(contract: Contract, table: Table) -> Dataset:
    """A local source is a file; s3 sources have the bucket as their namespace."""
    where = urlsplit(contract.server.base)
    namespace = f"s3://{where.netloc}" if where.scheme == "s3" else "file"
    folder = where.path.strip("/") if where.scheme == "s3" else f"{contract.id}"
    return Dataset(namespace, "/".join(filter(None, (folder, contract.locations(table)[0]))), owner=contract.owner)


def _staged(contract: Contract, table: Table, rows: int | None) -> Dataset:
    return Dataset(JOBS, f"staged.{contract.id}.{table.table_name}", rows=rows)


def _checked(contract: Contract, table: Table, report: Mapping[str, Any]) -> Dataset:
    results = tuple(
        {"rule": r["name"], "success": r["success"], "column": r.get("column"), "severity": r["severity"]}
        for r in report.get("results", ())
        if r["success"] is not None
    )
    return Dataset(JOBS, f"staged.{contract.id}.{table.table_name}", assertions=results)


def _published(contract: Contract, table: Table, entry: Mapping[str, Any], snapshot: Mapping[str, Any]) -> Dataset:
    where = urlsplit(str(entry["location"]))
    namespace = f"{where.scheme}://{where.netloc}" if where.netloc else "file"
    fields = tuple((c.field_name, str(c.type), c.description) for c in table.columns)
    return Dataset(
        namespace, where.path.strip("/"), fields, contract.owner, snapshot.get("rows"), str(entry["identifier"])
    )
