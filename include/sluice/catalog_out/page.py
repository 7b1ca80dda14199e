"""The readable page of a published source, as data: owner, columns, quality history, lineage, cost, approvals, access."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sluice.access import in_hand
from sluice.catalog_out.facts import Facts
from sluice.contract.model import ANY_PII
from sluice.ledger import RequestState, Transaction


def page_data(facts: Facts) -> dict[str, Any]:
    """Everything that the page shows, as plain JSON data; times are ISO 8601 in UTC."""
    contract, request, document = facts.contract, facts.request, facts.contract.document
    support = [{k: str(s[k]) for k in ("channel", "tool", "url") if s.get(k)} for s in document.get("support") or ()]
    return {
        "source": contract.id,
        "name": contract.name,
        "description": contract.description,
        "version": contract.version,
        "status": contract.status,
        "owner": contract.owner,
        "domain": contract.domain,
        "classification": contract.classification,
        "tier": facts.pack.get("tier", request.tier),
        "use_case": request.use_case,
        "support": support,
        "contract_digest": request.contract_digest,
        "request": request.id,
        "published_at": _iso(request.closed_at),
        "tables": _tables(facts),
        "quality": _quality(facts),
        "lineage": _lineage(facts),
        "cost": dict(facts.pack.get("cost", {})),
        "approvals": [
            {"gate": d.gate.value, "role": d.role, "by": d.actor, "verdict": d.verdict.value, "comment": d.comment, "at": _iso(d.at)}
            for d in facts.decisions
        ],
        "access": [
            {"principal": g.principal, "table": g.identifier, "permissions": list(g.permissions),
             "columns": list(g.columns) if g.columns is not None else None}
            for g in in_hand(facts.grants)
        ],
    }  # fmt: skip


def _tables(facts: Facts) -> list[dict[str, Any]]:
    seen = {t["name"]: t for t in facts.pack.get("tables", ())}
    found = []
    for table in facts.contract.tables:
        profile = {c["name"]: c for c in seen.get(table.name, {}).get("columns", ())}
        snapshot = facts.snapshots.get(table.name, {})
        found.append(
            {
                "name": table.name,
                "identifier": f"{facts.contract.id}.{table.table_name}",
                "description": table.description,
                "classification": table.classification,
                "rows": snapshot.get("rows"),
                "snapshot_id": str(snapshot.get("snapshot_id", "")),
                "location": facts.entries.get(table.name, {}).get("location", ""),
                "key": [c.field_name for c in table.key],
                "partition": [str(p) for p in table.partition],
                "sort": [str(s) for s in table.sort],
                "columns": [
                    {
                        "name": c.field_name,
                        "type": str(c.type),
                        "description": c.description,
                        "required": c.required,
                        "key": bool(c.key_position),
                        "classification": c.classification,
                        "pii": ["yes" if kind == ANY_PII else kind for kind in c.pii],
                        "nulls": profile.get(c.name, {}).get("nulls"),
                        "distinct": profile.get(c.name, {}).get("distinct"),
                    }
                    for c in table.columns
                ],
            }
        )
    return found


def _quality(facts: Facts) -> dict[str, Any]:
    """The newest results, and what each version that readers saw was like, oldest first."""
    now = facts.pack.get("quality", {})
    history = []
    for version in facts.versions:
        quality = facts.packs.get(version.run, {}).get("quality", {})
        history.append(
            {
                "at": _iso(version.at),
                "run": version.run,
                "contract_digest": version.contract_digest,
                "rows": sum(int(t.get("rows") or 0) for t in version.tables.values()),
                "evaluated": quality.get("evaluated"),
                "failed": quality.get("failed"),
                "taken_back": version.bad,
            }
        )
    return {
        "success": now.get("success"),
        "evaluated": now.get("evaluated"),
        "failed": now.get("failed"),
        "rules": [
            {k: r.get(k) for k in ("table", "column", "rule", "dimension", "severity", "success")}
            for r in now.get("results", ())
        ],
        "history": history,
    }


def _lineage(facts: Facts) -> dict[str, Any]:
    """Where the data comes from and who builds on it, as far as contract and requests tell."""
    contract = facts.contract
    return {
        "from": [
            {"server": contract.server.name, "type": contract.server.type, "format": contract.format_of(t),
             "location": contract.location(t), "table": t.name}
            for t in contract.tables
        ],
        "to": [
            {"table": f"{contract.id}.{t.table_name}", "snapshot_id": str(facts.snapshots.get(t.name, {}).get("snapshot_id", ""))}
            for t in contract.tables
        ],
        "used_by": [*({facts.request.use_case} - {""}), *(r.name for r in contract.roles)],
        "refers_to": [
            {"table": t.name, "columns": list(r.columns), "to": r.to_table} for t in contract.tables for r in t.relationships
        ],
        "order_of_publication": list(dict.fromkeys(s.identifier for s in facts.steps)),
    }  # fmt: skip


def source_lines(tx: Transaction) -> list[dict[str, Any]]:
    """Every published source in a line: `source, version, published_at, tables, request`."""
    newest: dict[str, Any] = {}
    for request in tx.requests(state=RequestState.PUBLISHED):
        before = newest.get(request.source)
        if before is None or (request.closed_at or request.requested_at) > (before.closed_at or before.requested_at):
            newest[request.source] = request
    return [
        {"source": r.source, "version": r.contract_version, "published_at": _iso(r.closed_at), "tables": len(r.tables), "request": r.id}
        for _, r in sorted(newest.items())
    ]  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
