"""The audit report of a source as plain data, from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sluice.approval import Standing, gate_standing, promised
from sluice.chain import broken_part
from sluice.errors import BadInputError
from sluice.governance import Delegation, Pack
from sluice.ledger import Decision, Request, Transaction, Verdict
from sluice.onboarding import found
from sluice.policy import POLICY_ACTOR
from sluice.stages import GATES, Clock, Event, Stage


def source_audit(tx: Transaction, source: str, now: datetime) -> dict[str, Any]:
    """Everything that was decided about a source, oldest first; times in ISO 8601 UTC.

    `record` tells whether what this source's decisions rest on is untouched; `sluice ledger verify` looks at all of it.

    Keys: source, at, record (whole, problem, heads), requests[] (with gates[] of evidence[], asked[] and decisions[]),
    delegations[], policies[]. Raises BadInputError (NO_REQUEST) when nobody ever asked for it.
    """
    requests = tx.requests(source=source)
    if not requests:
        raise BadInputError(
            "NO_REQUEST", f"nobody ever asked for {source!r}", mend="`sluice status` lists all requests."
        )
    problem = broken_part(tx, requests)
    told = [_request(tx, r) for r in requests]
    decisions = [d for r in requests for d in tx.decisions(r.id)]
    return {
        "source": source,
        "at": now.isoformat(),
        "record": {"whole": problem is None, "problem": problem, "heads": _heads(tx)},
        "requests": told,
        "delegations": _delegations(tx, decisions),
        "policies": _policies(tx, requests, decisions),
    }


def _heads(tx: Transaction) -> dict[str, Any]:
    return {name: {"entries": seq, "hash": digest} for name, (seq, digest) in tx.heads().items()}


def _request(tx: Transaction, request: Request) -> dict[str, Any]:
    events = tx.events(request.id)
    snapshots = found(tx, request, Stage.PUBLISH).get("", {})
    published = Clock(events).last(Stage.PUBLISH, Event.COMPLETED)
    return {
        "id": request.id,
        "version": request.contract_version,
        "contract_digest": request.contract_digest,
        "requester": request.requester,
        "use_case": request.use_case,
        "requested_at": request.requested_at.isoformat(),
        "renewed_at": request.renewed_at.isoformat() if request.renewed_at else None,
        "continues": request.continues,
        "state": request.state.value,
        "reason": request.state_reason,
        "closed_at": request.closed_at.isoformat() if request.closed_at else None,
        "tier": request.tier,
        "tier_reasons": list(request.tier_reasons),
        "policy_digest": request.policy_digest,
        "rework": sum(e.event is Event.RETURNED and e.role is not None for e in events) + (request.continues is not None),
        "gates": [_gate(tx, request, gate) for gate in GATES if tx.packs(request.id, gate)],
        "published": {
            "at": published.at.isoformat() if published else None,
            "tables": [{"table": s["identifier"], "snapshot_id": s["snapshot_id"], "rows": s["rows"]} for s in snapshots.values()],
        },
    }  # fmt: skip


def _gate(tx: Transaction, request: Request, gate: Stage) -> dict[str, Any]:
    standing, packs = gate_standing(tx, request, gate), tx.packs(request.id, gate)
    decisions = [d for d in tx.decisions(request.id) if d.gate is gate]
    originals = {d.seq: d for d in tx.decisions_numbered([d.carries for d in decisions if d.carries is not None])}
    return {
        "gate": gate.value,
        "satisfied": standing.satisfied,
        "tier": standing.tier,
        "asked": [
            {"role": g.role, "signatures": g.asked.signatures, "missing": g.missing, "pre_approved": g.asked.pre_approved,
             "concerns": list(promised(tx, request).concerns(g.role))}
            for g in standing.groups
        ],
        "vetoes": list(standing.vetoes),
        "evidence": [_evidence(pack, before) for before, pack in zip([None, *packs], packs, strict=False)],
        "decisions": [_decision(d, originals.get(d.carries or 0), standing, decisions) for d in decisions],
    }  # fmt: skip


def _evidence(pack: Pack, before: Pack | None) -> dict[str, Any]:
    changed = [p for p, digest in pack.parts.items() if before is not None and before.parts.get(p) != digest]
    return {"digest": pack.digest, "at": pack.at.isoformat(), "tier": pack.tier, "changed_parts": changed}


def _decision(
    d: Decision, original: Decision | None, standing: Standing, all_of_gate: list[Decision]
) -> dict[str, Any]:
    return {
        "seq": d.seq,
        "at": d.at.isoformat(),
        "verdict": d.verdict.value,
        "role": d.role,
        "by": d.actor,
        "on_behalf_of": d.on_behalf_of,
        "delegation": d.delegation,
        "comment": d.comment,
        "evidence_digest": d.evidence_digest,
        "back_to": d.back_to,
        "policy_digest": d.policy_digest,
        "hash": d.hash,
        "by_policy": d.actor == POLICY_ACTOR,
        "original": original and {"seq": original.seq, "request": original.request_id, "by": original.actor,
                                  "at": original.at.isoformat(), "evidence_digest": original.evidence_digest},
        "effect": effect(d, standing, all_of_gate),
    }  # fmt: skip


def effect(d: Decision, standing: Standing, all_of_gate: list[Decision]) -> str:
    """What became of a decision, in words."""
    later = [o for o in all_of_gate if o.seq > d.seq and (o.role, o.actor) == (d.role, d.actor)]
    carried = next((o for o in later if o.verdict is Verdict.CARRY), None)
    said = {
        "counts": d in standing.signed,
        "took an approval back": d.verdict is Verdict.REVOKE,
        "ended the request": d.verdict is Verdict.REJECT or d == standing.against,
        f"sent the request back to {d.back_to}": d.verdict is Verdict.RETURN,
        "was taken back": any(o.verdict is Verdict.REVOKE for o in later),
        f"was carried over by decision {carried.seq if carried else 0}": carried is not None,
        "was void when the evidence changed": d.evidence_digest != standing.evidence_digest,
    }
    return next((words for words, true in said.items() if true), "does not count")


def _delegations(tx: Transaction, decisions: list[Decision]) -> list[dict[str, Any]]:
    """Those by which somebody decided here, with their ends."""
    used = {d.delegation for d in decisions if d.delegation is not None}
    return [_delegation(e) for e in tx.delegations() if e.seq in used or e.ended in used]


def _delegation(entry: Delegation) -> dict[str, Any]:
    return {
        "seq": entry.seq, "principal": entry.principal, "delegate": entry.delegate, "role": entry.role, "ended": entry.ended,
        "begins": entry.begins.isoformat(), "ends": entry.ends.isoformat(), "reason": entry.reason, "set_by": entry.set_by,
        "at": entry.at.isoformat(), "hash": entry.hash,
    }  # fmt: skip


def _policies(tx: Transaction, requests: list[Request], decisions: list[Decision]) -> list[Mapping[str, Any]]:
    used = {r.policy_digest for r in requests} | {d.policy_digest for d in decisions}
    return [
        {"digest": v.digest, "first_used_at": v.at.isoformat(), "hash": v.hash,
         "promised_to": [r.id for r in requests if r.policy_digest == v.digest]}
        for v in tx.policy_versions() if v.digest in used
    ]  # fmt: skip
