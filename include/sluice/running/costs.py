"""What published sources really cost: by run and by month, against the estimate and the budgets.

A run's own cost (requests, machine time) is recorded when it ends; what lies in storage is measured and charged by
the month; what consumers read is told by whoever knows (an access log, an engine's query log).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sluice.contract.model import Contract
from sluice.contract.terms import said
from sluice.cost import Line
from sluice.ledger import Request, Transaction
from sluice.policy.running import Budget
from sluice.running.incidents import use_cases
from sluice.running.records import Record

RUN, STORAGE, UPKEEP, READ = "cost.run", "cost.storage", "cost.upkeep", "cost.read"
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class SourceCost:
    """A source's cost of the last 30 days in US dollars. `estimated` is what approvers saw, None where there was none.

    `stored` is bytes by folder of the lake; `unused` are tables that nobody has been seen to read for too long.
    """

    source: str
    owner: str
    cost_centre: str
    use_cases: tuple[str, ...]
    estimated: float | None
    storage: float
    runs: float
    count: int
    landed_bytes: int
    scanned_bytes: int
    compute_seconds: float
    stored: Mapping[str, int]
    measured_at: datetime | None
    saved: float
    unused: tuple[str, ...]

    @property
    def monthly(self) -> float:
        """Storage of a month and the runs of the last one."""
        return self.storage + self.runs

    @property
    def variance(self) -> float | None:
        """By how much of the estimate the actual cost is above (+) or below (-) it."""
        if not self.estimated:
            return None
        return (self.monthly - self.estimated) / self.estimated

    def to_dict(self) -> dict[str, Any]:
        """Strict JSON data."""
        return {
            "source": self.source, "owner": self.owner, "cost_centre": self.cost_centre, "use_cases": list(self.use_cases),
            "estimated_monthly_usd": self.estimated, "actual_monthly_usd": round(self.monthly, 6),
            "variance": None if self.variance is None else round(self.variance, 4), "storage_usd": round(self.storage, 6),
            "runs_usd": round(self.runs, 6), "runs": self.count, "bytes_landed": self.landed_bytes, "bytes_scanned": self.scanned_bytes,
            "compute_seconds": round(self.compute_seconds, 3), "bytes_stored": dict(self.stored),
            "measured_at": self.measured_at.isoformat() if self.measured_at else None,
            "saved_monthly_usd": round(self.saved, 6), "unused_tables": list(self.unused),
        }  # fmt: skip


def tags(contract: Contract, request: Request) -> dict[str, Any]:
    """Whom a cost belongs to: use cases, cost centre (the contract's `costCentre` or `costCenter`), owner, domain."""
    centre = said(contract.document, "costCentre") or said(contract.document, "costCenter") or ""
    return {
        "use_cases": list(use_cases(contract, request)), "cost_centre": str(centre), "owner": contract.owner,
        "domain": contract.domain, "source": contract.id,
    }  # fmt: skip


def charge(
    tx: Transaction, source: str, run: str, kind: str, lines: Iterable[Line], tagged: Mapping[str, Any], now: datetime, *, region: str,
    prices_date: str, begun: datetime | None = None, **measured: Any,
) -> None:  # fmt: skip
    """Record a cost, once for a run and kind."""
    if run and any(r.kind == kind for r in tx.records(run=run, kinds=(kind,))):
        return
    kept = [{"sku": x.sku, "quantity": x.quantity, "unit": x.unit, "price": x.price, "usd": x.usd} for x in lines]
    tx.record(source, run, kind, now, content={
        "lines": kept, "usd": sum(x["usd"] for x in kept), "tags": dict(tagged), "region": region, "prices_date": prices_date,
        "begun": (begun or now).isoformat(), **measured,
    })  # fmt: skip


def summed(source: str, records: Sequence[Record], estimated: float | None, tagged: Mapping[str, Any], unused: Sequence[str], now: datetime) -> SourceCost:  # fmt: skip
    """A source's costs from its records."""
    since = now - MONTH
    runs = [r for r in records if r.kind == RUN and r.at >= since]
    upkeep = [r for r in records if r.kind == UPKEEP]
    stored = next((r for r in reversed(records) if r.kind == STORAGE), None)
    return SourceCost(
        source=source, owner=tagged["owner"], cost_centre=tagged["cost_centre"], use_cases=tuple(tagged["use_cases"]),
        estimated=estimated, storage=stored.content["usd"] if stored else 0.0,
        runs=sum(r.content["usd"] for r in (*runs, *(u for u in upkeep if u.at >= since))), count=len(runs),
        landed_bytes=sum(r.content["landed_bytes"] for r in runs), scanned_bytes=sum(r.content["scanned_bytes"] for r in runs),
        compute_seconds=sum(r.content["seconds"] for r in runs), stored=stored.content["stored"] if stored else {},
        measured_at=stored.at if stored else None, saved=sum(r.content["saved_monthly_usd"] for r in upkeep), unused=tuple(unused),
    )  # fmt: skip


def unused_tables(
    tables: Iterable[str], reads: Sequence[Record], published_at: datetime, now: datetime, after: timedelta
) -> list[str]:
    """Tables that were published longer ago than `after` and of which no later reading is on record."""
    if now - published_at < after:
        return []
    read = {r.table for r in reads if r.at >= now - after}
    return [t for t in tables if t not in read]


def spent(costs: Iterable[SourceCost]) -> dict[str, float]:
    """Monthly cost by budget name: total, source:…, cost_centre:…, use_case:… (shared evenly among use cases)."""
    by: dict[str, float] = defaultdict(float)
    for cost in costs:
        by["total"] += cost.monthly
        by[f"source:{cost.source}"] += cost.monthly
        if cost.cost_centre:
            by[f"cost_centre:{cost.cost_centre}"] += cost.monthly
        for name in cost.use_cases:
            by[f"use_case:{name}"] += cost.monthly / len(cost.use_cases)
    return dict(by)


def alerts(budgets: Mapping[str, Budget], costs: Sequence[SourceCost]) -> list[tuple[Budget, float, str]]:
    """(budget, spent, `near` or `over`) of every budget that needs somebody's attention."""
    by = spent(costs)
    found = []
    for budget in budgets.values():
        used = by.get(budget.name, 0.0)
        if used > budget.monthly_usd:
            found.append((budget, used, "over"))
        elif used >= budget.warn_at * budget.monthly_usd > 0:
            found.append((budget, used, "near"))
    return found
