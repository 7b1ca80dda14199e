"""What a source will cost to keep, estimated before people are asked to approve it; and what its runs did cost.

An estimate is for a month in which everything has settled: what is kept by its retention, what is written anew at
every refresh, what consumers read. Each assumption is a sentence, so that whoever doubts the sum can see where.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sluice.contract.model import Contract
from sluice.prices import Prices, prices_of
from sluice.running.incidents import consumers
from sluice.running.sla import duration, promise, promised

GB, TB = 1e9, 1e12
MONTH = timedelta(days=30)
WARM, COOL = timedelta(days=30), timedelta(days=90)
"""Landing copies are in standard storage until WARM, then infrequent until COOL, then archive."""
SNAPSHOT_DAYS = 30
KEPT_LANDING = timedelta(days=365)
LEAST_SCAN = 10_000_000
"""Bytes that Athena charges for a query at least."""
VCPUS, MEMORY_GB = 2, 4
SECONDS_A_RUN, SECONDS_A_GB = 30.0, 20.0
"""Machine time of landing, profiling and checking: measured for docs/benchmarks.md, rounded up."""
METADATA_PUTS = 8
"""Objects that a commit writes beside its data, and manifests and evidence of a run, per table."""
READS_A_DAY = 1.0


@dataclass(frozen=True)
class Line:
    """One kind of cost: `quantity` of `unit`, at `price` US dollars a unit; `sku` names what is billed."""

    sku: str
    quantity: float
    unit: str
    price: float

    @property
    def usd(self) -> float:
        return self.quantity * self.price


def estimate(
    contract: Contract | None, source_bytes: int, staged_bytes: int, tables: int, files: int, region: str = "eu-west-1"
) -> dict[str, Any]:  # fmt: skip
    """Monthly cost in US dollars with its assumptions: storage by class and retention, requests, refreshes, scans.

    `source_bytes` are those of the source's files, `staged_bytes` of the Parquet made of them.
    """
    prices = prices_of(region)
    refreshes = _refreshes(contract)
    full = contract is None or all(t.refresh.mode == "full" for t in contract.tables)
    share = 1.0 if full else 1 / max(files // 2, 1)
    retention = (promised(contract, "retention") if contract else None) or KEPT_LANDING
    landed = _landing(source_bytes, share, refreshes, retention, prices)
    versions = 1 + refreshes * SNAPSHOT_DAYS / 30 * share
    readers = max(len(consumers(contract)) if contract else 0, 1)
    scanned = max(staged_bytes, LEAST_SCAN * max(tables, 1)) * readers * READS_A_DAY * 30
    seconds = refreshes * (SECONDS_A_RUN + SECONDS_A_GB * source_bytes * share / GB)
    puts = (refreshes or 1) * (files * share + METADATA_PUTS * tables)
    lines = [
        *landed, Line("storage standard", staged_bytes * versions / GB, "GB-Month", prices.storage["standard"]),
        Line("put", puts, "Requests", prices.put_1000 / 1000), Line("get", 2 * puts, "Requests", prices.get_1000 / 1000),
        Line("scan", scanned / TB, "TB", prices.scan_tb), compute(seconds, prices),
        Line("catalog", tables, "Objects", prices.catalog_100k_month / 100_000),
    ]  # fmt: skip
    how = "a full copy each time" if full else f"about {share:.1%} of the data each time"
    return {
        "monthly_usd": round(sum(line.usd for line in lines), 6),
        "assumptions": [
            f"{prices.named}, from {prices.source}",
            f"{source_bytes:,} bytes at the source, {staged_bytes:,} bytes as Parquet in {tables} {'table' if tables == 1 else 'tables'}",
            f"landing copies kept for {retention.days} days: standard storage until day {WARM.days}, infrequent until day {COOL.days}, then archive",
            f"snapshots kept for {SNAPSHOT_DAYS} days: {versions:.1f} versions of the tables in standard storage",
            f"{refreshes:g} refreshes a month, {how}; {puts:,.0f} objects written, twice as many read",
            f"{seconds:,.0f} seconds of {VCPUS} vCPUs with {MEMORY_GB} GB a month to land, profile and check",
            f"{readers} {'reader' if readers == 1 else 'readers'}, each reading everything {READS_A_DAY:g} times a day: {scanned / GB:,.2f} GB scanned",
            *(f"{line.sku}: {line.usd:.4f} USD ({line.quantity:,.4g} {line.unit})" for line in lines if line.usd >= 0.00005),
            "transfer to other regions and the internet is not included",
        ],
    }  # fmt: skip


def compute(seconds: float, prices: Prices) -> Line:
    """Machine time as it is billed: vCPU-hours, the memory in their price."""
    price = prices.vcpu_hour + prices.memory_gb_hour * MEMORY_GB / VCPUS
    return Line("compute", seconds * VCPUS / 3600, "vCPU-Hours", price)


def run_lines(
    prices: Prices, *, landed_bytes: int, staged_bytes: int, puts: int, gets: int, scanned_bytes: int, seconds: float
) -> list[Line]:
    """What one run did cost by itself; what it left in storage is charged by the month."""
    return [
        Line("put", puts, "Requests", prices.put_1000 / 1000),
        Line("get", gets, "Requests", prices.get_1000 / 1000),
        compute(seconds, prices),
        Line("scan", 0.0 if not scanned_bytes else scanned_bytes / TB, "TB", 0.0),
        Line("storage standard", (landed_bytes + staged_bytes) / GB, "GB-Month", 0.0),
    ]


def storage_lines(prices: Prices, stored: dict[str, int]) -> list[Line]:
    """A month of what is stored now, by folder of the lake, all of it in standard storage."""
    return [
        Line(f"storage {folder}", size / GB, "GB-Month", prices.storage["standard"])
        for folder, size in sorted(stored.items())
    ]


def _landing(size: int, share: float, refreshes: float, retention: timedelta, prices: Prices) -> list[Line]:
    """Landing copies in the steady state, by storage class: one for each refresh that lies within the retention."""
    a_day = refreshes / 30
    days = {"standard": min(retention, WARM), "infrequent": min(retention, COOL) - WARM, "archive": retention - COOL}
    lines = []
    for name, span in days.items():
        copies = max(span / timedelta(days=1), 0) * a_day * share + (1 if name == "standard" else 0)
        if copies:
            lines.append(Line(f"landing {name}", size * copies / GB, "GB-Month", prices.storage[name]))
    return lines


def _refreshes(contract: Contract | None) -> float:
    """How often a month, by the contract's frequency; 0 where it promises none."""
    found = promise(contract, "frequency") if contract else None
    every = duration(found.get("value"), found.get("unit")) if found else None
    return round(MONTH / every, 2) if every else 0.0
