"""Where requests stand, in plain data: what the REST routes and the command line show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sluice import data_docs
from sluice.approval import gate_standing
from sluice.evidence import table_rows
from sluice.flow import request_flow
from sluice.ledger import Request, RequestState, Transaction
from sluice.onboarding import found
from sluice.pull import ServiceClass
from sluice.stages import GATES, Clock, Stage


def request_overview(tx: Transaction, request: Request, now: datetime) -> dict[str, Any]:
    """Everything there is to know about one request, times in ISO 8601 UTC and durations in seconds."""
    events = tx.events(request.id)
    clock = Clock(events)
    flow = request_flow(events, now, request=request)
    gates = {gate.value: _gate(tx, request, gate, clock) for gate in GATES}
    current = [s.value for s in clock.current()] if request.state is RequestState.OPEN else []
    snapshots = found(tx, request, Stage.PUBLISH).get("", {})
    entries = found(tx, request, Stage.REGISTER)
    manifests = found(tx, request, Stage.LAND)
    checks = found(tx, request, Stage.CHECK)
    return {
        **request_line(request),
        "requester": request.requester,
        "use_case": request.use_case,
        "class_of_service": ServiceClass.of(request.priority).value,
        "due": request.due.isoformat() if request.due else None,
        "comment": request.comment,
        "contract_digest": request.contract_digest,
        "tier": request.tier,
        "tier_reasons": list(request.tier_reasons),
        "at": current,
        "waiting_for": [r for stage in current if stage in gates and gates[stage]["open"] for r in gates[stage]["missing"]],
        "gates": gates,
        "flow": {
            "lead_seconds": round(flow.lead, 3),
            "work_seconds": round(flow.work, 3),
            "efficiency": round(flow.efficiency, 4),
            "stages": [
                {
                    "stage": f.stage.value, "attempts": f.attempts, "done": f.done, "elapsed": round(f.elapsed, 3),
                    "queue": round(f.queue, 3), "work": round(f.work, 3), "wait": round(f.wait, 3),
                }
                for f in flow.stages
            ],
        },
        "tables": [
            {"name": name, **table_rows(manifests[name]), **_published(snapshots.get(name), entries.get(name))}
            for name in request.tables if name in manifests
        ],
        "checks": {
            "evaluated": sum(r["evaluated"] for r in checks.values()),
            "failed": sum(r["failed"] for r in checks.values()),
            "warnings": sum(r["warnings"] for r in checks.values()),
            "success": all(r["success"] for r in checks.values()),
            "failures": [
                {"table": name, "rule": r["name"], "severity": r["severity"], "description": r["description"],
                 "observed": r["observed"], "unexpected": r["unexpected_count"], "error": r["error"]}
                for name, report in checks.items() for r in report["results"] if r["success"] is False
            ],
            "data_docs": data_docs.addresses(request.id, checks),
        } if checks else None,
    }  # fmt: skip


def request_line(request: Request) -> dict[str, Any]:
    """One line of a list of requests."""
    return {
        "id": request.id,
        "source": request.source,
        "version": request.contract_version,
        "attempt": request.attempt,
        "state": request.state.value,
        "run_id": request.run_id,
        "reason": request.state_reason,
        "requested_at": request.requested_at.isoformat(),
        "continues": request.continues,
        "closed_at": request.closed_at.isoformat() if request.closed_at else None,
    }


def _gate(tx: Transaction, request: Request, gate: Stage, clock: Clock) -> dict[str, Any]:
    standing = gate_standing(tx, request, gate)
    return {
        "open": clock.is_open(gate),
        "satisfied": standing.satisfied,
        "required": list(standing.required),
        "missing": list(standing.missing),
        "groups": [
            {"role": g.role, "signatures": g.asked.signatures, "missing": g.missing, "pre_approved": g.asked.pre_approved,
             "signed_by": [s.decision.actor for s in g.signatures], "carried": [s.decision.actor for s in g.signatures if s.carried]}
            for g in standing.groups
        ],
        "vetoes": list(standing.vetoes),
        "evidence_digest": standing.evidence_digest,
        "decisions": [
            {"seq": d.seq, "role": d.role, "verdict": d.verdict.value, "by": d.actor, "comment": d.comment, "at": d.at.isoformat(),
             "counts": d in standing.signed or d == standing.against, "back_to": d.back_to, "on_behalf_of": d.on_behalf_of,
             "carries": d.carries}
            for d in tx.decisions(request.id) if d.gate is gate
        ],
    }  # fmt: skip


def _published(snapshot: dict[str, Any] | None, entry: dict[str, Any] | None) -> dict[str, Any]:
    if snapshot is None or entry is None:
        return {}
    return {
        "table": snapshot["identifier"],
        "location": entry["location"],
        "snapshot_id": snapshot["snapshot_id"],
        "rows_published": snapshot["rows"],
    }
