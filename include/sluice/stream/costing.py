"""What sources cost: runs charged when they end, storage measured, summed up, against estimate and budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sluice.cost import run_lines, storage_lines
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import contract_of, found
from sluice.prices import Prices, prices_of
from sluice.running import costs, refreshes
from sluice.running.costs import READ, RUN, STORAGE, SourceCost
from sluice.running.refreshes import CHECKED, LANDED
from sluice.stages import Event, Stage
from sluice.stream.read_model import in_ledger
from sluice.stream.tools import Tools

FOLDERS = ("landing", "warehouse", "quarantine", "failed_rows", "manifests", "evidence", "replay")
OBJECTS_A_TABLE = 8
"""Objects besides data files that a run writes for a table: manifests, metadata, evidence, documents."""


def prices(tools: Tools) -> Prices:
    """The price table of the policy's region; a lake in a folder costs what its machine costs."""
    local = tools.layout.root.startswith("file://")
    return prices_of("local" if local else tools.policy().running.region)


def charge_refresh(tools: Tools, refresh_id: str) -> None:
    """Record what a refresh cost; doing it again changes nothing."""
    with tools.ledger.reading() as tx:
        refresh = refreshes.refresh(tx, refresh_id)
        records = tx.records(run=refresh_id, kinds=("refresh",))
        request = tx.request(refresh.request_id)
    if request is None:
        return
    newest = {(r.kind, r.table): r.content for r in records if r.kind in (LANDED, CHECKED)}
    landed = [c for (kind, _), c in newest.items() if kind == LANDED]
    checked = [c for (kind, _), c in newest.items() if kind == CHECKED]
    sizes = [u for c in landed for u in c["units"]]
    seconds = max((c["seconds"] for c in landed), default=0.0) + max((c["seconds"] for c in checked), default=0.0)
    _charge(
        tools, request, refresh_id, landed_bytes=sum(u.get("landed_bytes", 0) for u in sizes),
        staged_bytes=sum(u.get("staged_bytes", 0) for u in sizes), scanned_bytes=sum(c.get("bytes", 0) for c in checked),
        files=sum(u.get("staged_files", 0) + len(u["files"]) for u in sizes), seconds=seconds, begun=refresh.opened_at,
    )  # fmt: skip


def charge_onboarding(tools: Tools, request_id: str) -> None:
    """Record what an onboarding cost: its landings, and the machine time between a stage's start and its end."""
    with tools.ledger.reading() as tx:
        request = tx.request(request_id)
        if request is None:
            return
        manifests = found(tx, request, Stage.LAND).values()
        seconds = _worked(tx, request_id)
    staged = [f for m in manifests for f in m["staged"]]
    sources = [s for m in manifests for s in m["sources"]]
    _charge(
        tools, request, request_id, landed_bytes=sum(s["size"] for s in sources), staged_bytes=sum(f["size"] for f in staged),
        scanned_bytes=2 * sum(f["size"] for f in staged), files=len(staged) + len(sources), seconds=seconds, begun=request.requested_at,
    )  # fmt: skip


def _worked(tx: Transaction, request_id: str) -> float:
    """Seconds of machine time, table by table, of the stages that compute."""
    begun: dict[tuple[Any, Any], datetime] = {}
    seconds = 0.0
    for event in tx.events(request_id):
        if event.stage not in (Stage.LAND, Stage.PROFILE, Stage.CHECK) or event.table is None:
            continue
        key = (event.stage, event.table)
        if event.event is Event.STARTED:
            begun[key] = event.at
        elif event.event is Event.COMPLETED and key in begun:
            seconds += max((event.at - begun.pop(key)).total_seconds(), 0.0)
    return seconds


def _charge(
    tools: Tools, request: Request, run: str, *, landed_bytes: int, staged_bytes: int, scanned_bytes: int, files: int, seconds: float,
    begun: datetime,
) -> None:  # fmt: skip
    table = prices(tools)
    contract = contract_of(request)
    puts = files + OBJECTS_A_TABLE * len(contract.tables)
    lines = run_lines(
        table,
        landed_bytes=landed_bytes,
        staged_bytes=staged_bytes,
        puts=puts,
        gets=2 * puts,
        scanned_bytes=scanned_bytes,
        seconds=seconds,
    )
    with tools.ledger.transaction() as tx:
        costs.charge(
            tx, request.source, run, RUN, lines, costs.tags(contract, request), tools.now(), region=table.region,
            prices_date=table.date, begun=begun, landed_bytes=landed_bytes, staged_bytes=staged_bytes, scanned_bytes=scanned_bytes,
            seconds=seconds,
        )  # fmt: skip


def measure_storage(tools: Tools, source: str) -> dict[str, int]:
    """Bytes of a source in the lake by folder, measured by listing and put on record."""
    stored = {}
    for folder in FOLDERS:
        stored[folder] = sum(o.size for o in tools.store.list(f"{tools.layout.root}/{folder}/{source}/"))
    table = prices(tools)
    with tools.ledger.reading() as tx:  # an offboarded source's data costs as long as it is kept
        ever = [r for r in tx.requests(source=source) if r.state in (RequestState.PUBLISHED, RequestState.OFFBOARDED)]
        request = max(ever, key=lambda r: (r.closed_at or r.requested_at, r.id), default=None)
    if request is None:
        return stored
    tagged = costs.tags(contract_of(request), request)
    with tools.ledger.transaction() as tx:
        costs.charge(tx, source, "", STORAGE, storage_lines(table, stored), tagged, tools.now(), region=table.region,
                     prices_date=table.date, stored=stored)  # fmt: skip
    return stored


def summary(tools: Tools, source: str | None = None) -> list[SourceCost]:
    """The costs of one source, or of every published one."""
    now, after = tools.now(), tools.policy().running.unused_after
    with tools.ledger.reading() as tx:
        wanted = [t for t in in_ledger(tx) if source in (None, t["source"])]
        return [_summary(tx, t, now, after) for t in wanted]


def _summary(tx: Transaction, terms: Mapping[str, Any], now: datetime, after: Any) -> SourceCost:
    request = tx.request(terms["request_id"])
    records = tx.records(source=terms["source"], kinds=("cost",))
    tagged: Mapping[str, Any] = {"owner": terms["owner"], "cost_centre": "", "use_cases": []}
    if newest := next((r for r in reversed(records) if "tags" in r.content), None):
        tagged = newest.content["tags"]
    elif request is not None:
        tagged = costs.tags(contract_of(request), request)
    estimated = next(
        (a.content["cost"]["monthly_usd"] for a in tx.artifacts(terms["request_id"]) if a.stage is Stage.PUBLICATION),
        None,
    )
    reads = [r for r in records if r.kind == READ]
    published = request.closed_at if request and request.closed_at else now
    unused = costs.unused_tables(terms["tables"], reads, published, now, after)
    return costs.summed(terms["source"], records, estimated, tagged, unused, now)


def warn(tools: Tools) -> list[str]:
    """Tell of budgets that are nearly or wholly used up, once a month each; their names."""
    budgets = tools.policy().running.budgets
    if not budgets:
        return []
    found = costs.alerts(budgets, summary(tools))
    now = tools.now()
    with tools.ledger.transaction() as tx:
        for budget, used, how in found:
            text = (
                f"{budget.name}: {used:,.2f} USD a month of {budget.monthly_usd:,.2f} ({used / budget.monthly_usd:.0%})"
                if budget.monthly_usd
                else f"{budget.name}: {used:,.2f} USD a month, and there is no budget"
            )
            payload = {"source": budget.name.partition(":")[2], "title": f"Budget {how}: {budget.name}", "sentences": [text],
                       "roles": [], "link": "/sluice/pages/costs"}  # fmt: skip
            tx.enqueue(f"notify.incident.budget_{how}", f"budget/{budget.name}/{how}/{now:%Y-%m}", payload, now)
    return [budget.name for budget, _, _ in found]


def record_reads(tools: Tools, reads: Sequence[tuple[str, str, datetime, str, int]]) -> int:
    """What consumers read, as an engine's log tells it: (source, table, time, who, bytes). Returns how many are new."""
    table, count = prices(tools), 0
    with tools.ledger.transaction() as tx:
        for source, name, at, who, size in reads:
            known = tx.records(source=source, kinds=(READ,))
            if any((r.table, r.at, r.actor) == (name, at, who) for r in known):
                continue
            usd = size / 1e12 * table.scan_tb
            line = {"sku": "scan", "quantity": size / 1e12, "unit": "TB", "price": table.scan_tb, "usd": usd}
            tagged = next(
                (r.content["tags"] for r in tx.records(source=source, kinds=(RUN, STORAGE))),
                {"owner": "", "cost_centre": "", "use_cases": []},
            )
            tx.record(source, "", READ, at, table=name, actor=who, content={
                "lines": [line], "usd": usd, "bytes": size, "tags": tagged, "region": table.region, "prices_date": table.date,
                "begun": at.isoformat(),
            })  # fmt: skip
            count += 1
    return count
