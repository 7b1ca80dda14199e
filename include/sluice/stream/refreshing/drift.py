"""Drift of schema in a refresh: the delivery is drafted, compared with the contract, and what follows is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sluice.contract.model import Table
from sluice.contract.reading import read_contract
from sluice.errors import SourceError
from sluice.running import refreshes, schema_drift
from sluice.running.refreshes import HELD, Refresh
from sluice.running.schema_drift import EVOLVE, FOUND, GATE, PASS, SET_ASIDE, DeliveredColumn, Difference
from sluice.stream.change import DECIDED_AGAINST, propose
from sluice.stream.delivered import TEXT, delivered_columns
from sluice.stream.refreshing.look import Basis
from sluice.stream.source import deliveries
from sluice.stream.tools import Tools

STRUCTURAL = ("MISSING_COLUMN", "UNKNOWN_COLUMN", "TYPE_MISMATCH", "QUARANTINE_LIMIT", "BAD_ROWS", "BAD_HEADER")
"""What landing says where a delivery's schema may be another one."""
ALWAYS_BELOW = 64_000_000
"""Bytes of a delivery below which its schema is always looked at, not only when landing stumbles."""
MISFITS = 0.5
"""The share of a table's rows that must be set aside before texts are taken to be of another type."""


@dataclass(frozen=True)
class Drift:
    """What was found in a delivery of one table, and its columns (by table name) as they are delivered."""

    differences: tuple[Difference, ...]
    columns: tuple[DeliveredColumn, ...]


def look_at(
    tools: Tools, at: Basis, table: Table, names: Collection[str], *, error: SourceError | None = None, misfits: bool = False
) -> Drift | None:  # fmt: skip
    """A delivery's differences; None where there is nothing to compare, or no reason to look."""
    contract = at.contract
    if error is not None and error.code not in STRUCTURAL:
        return None
    if error is None and not misfits:
        size = sum(d.size for d in deliveries(contract, table, at.request.base, tools.settings, tools.store, names))
        if size > ALWAYS_BELOW:
            return None
    columns = delivered_columns(tools, contract, table, at.request.base, names)
    if columns is None:
        return None
    as_text = contract.format_of(table).lower() in TEXT
    found = schema_drift.differences(table, columns, as_text=as_text, misfits=misfits or error is not None)
    return Drift(tuple(found), columns)


def answer(tools: Tools, refresh: Refresh, at: Basis, drifts: Mapping[str, Drift]) -> Basis | None:
    """Do what the tables' policies say; the basis to go on with, or None where the refresh is held (on record)."""
    found = [d for drift in drifts.values() for d in drift.differences]
    if not found:
        return at
    policy = tools.policy().running.schema_drift
    answers = {
        name: schema_drift.decide(at.contract.table(name).schema_drift or policy, drift.differences)
        for name, drift in drifts.items()
    }
    worst = next((a for a in (GATE, SET_ASIDE, EVOLVE) if a in answers.values()), PASS)
    relevant = [d for n, drift in drifts.items() if answers[n] == worst for d in drift.differences]
    proposed = (
        schema_drift.next_version(at.contract, relevant, {n: d.columns for n, d in drifts.items()})
        if worst != PASS
        else ""
    )
    content: dict[str, Any] = {
        "differences": [d.to_dict() for d in found], "answers": answers, "answer": worst, "version": at.contract.version,
        "diff": schema_drift.diff(at.contract, proposed) if proposed else "", "proposed": proposed,
        "request_id": at.request.id,
    }  # fmt: skip
    with tools.ledger.transaction() as tx:
        refreshes.step(tx, refresh, FOUND, tools.now(), content)
    if worst in (PASS, EVOLVE):
        return replace(at, contract=read_contract(proposed, at.contract.file)) if worst == EVOLVE else at
    said = "; ".join(d.in_words() for d in relevant if d.severity != schema_drift.COMPATIBLE)
    if worst == GATE:
        change = propose(tools, at.request, at.contract, proposed, content, refresh.id)
        said_no = change.state in DECIDED_AGAINST
        reason = f"people {'decided against' if said_no else 'decide on'} the change as {change.id}: {said}"
    else:
        reason = f"the delivery is set aside: {said}"
    with tools.ledger.transaction() as tx:
        if refreshes.refresh(tx, refresh.id).state == "open":
            refreshes.step(tx, refresh, HELD, tools.now(), {"reason": reason, "answer": worst})
            key = f"drift/{refresh.source}/{schema_drift.bumped(at.contract.version, major=True)}/{digest(found)}"
            refreshes.tell(
                tx, refresh.source, "schema_changed", key, f"{refresh.source}: {reason}", tools.now(), at.contract
            )
    return None


def digest(found: Collection[Difference]) -> str:
    """The same for the same differences: people are told of them once."""
    from sluice.contract.model import digest_of

    return digest_of([d.to_dict() for d in found])[:12]
