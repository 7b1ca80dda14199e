"""The words of the policy: parts of evidence, which a role looks at when it signs, and whom a ladder can tell."""

from __future__ import annotations

from collections.abc import Collection

PARTS = {
    "contract": "what the contract says: purpose, owner, terms",
    "schema": "tables, columns, types, keys and relationships",
    "classification": "classification and personal data, declared and found",
    "source": "where the data comes from and how it is written",
    "access": "who may read it, and what of it",
    "data": "the exact rows that were read",
    "profile": "what the columns hold: counts, ranges, drift",
    "quality": "the quality rules and what they found",
    "quarantine": "rows that were set aside or dropped, and why",
    "cost": "what it will cost to keep",
    "risk": "the risk tier and its reasons",
}
"""Part → what it is, in words. Everything in an evidence pack belongs to exactly one of them."""

TOLD = ("signers", "requester", "owners")
"""Whom a ladder can tell beside roles, so no role has such a name."""


def is_one(value: object, known: Collection[str]) -> bool:
    """Whether a value of the policy is one of the known words; whatever else YAML can say is none."""
    return isinstance(value, str) and value in known
