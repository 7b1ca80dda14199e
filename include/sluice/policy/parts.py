"""The parts of evidence: what a role looks at when it signs, and what voids its signature when it changes."""

from __future__ import annotations

PARTS = {
    "contract": "what the contract says: purpose, owner, terms",
    "schema": "tables, columns, types, keys and relationships",
    "classification": "classification and personal data, declared and found",
    "source": "where the data comes from and how it is written",
    "data": "the exact rows that were read",
    "profile": "what the columns hold: counts, ranges, drift",
    "quality": "the quality rules and what they found",
    "quarantine": "rows that were set aside or dropped, and why",
    "cost": "what it will cost to keep",
    "risk": "the risk tier and its reasons",
}
"""Part → what it is, in words. Everything in an evidence pack belongs to exactly one of them."""
