"""What a policy makes of a request: its tier and why, who must sign, and what would make it lighter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sluice.contract.model import CLASSIFICATIONS
from sluice.policy.model import Policy
from sluice.policy.tiers import FACTS, Facts
from sluice.stages import GATES, Stage

_ABOUT = {"size_over": "bytes", "rows_over": "rows", "cost_over": "monthly_usd", "quarantine_over": "quarantined"}
_WORDS = {"bytes": "the size of the source", "rows": "the number of rows", "monthly_usd": "the cost",
          "quarantined": "the share of rows set aside"}  # fmt: skip


def explain(policy: Policy, facts: Facts) -> dict[str, Any]:
    """Tier, reasons, signatures by gate, what is not known yet, and what would be lighter; plain data."""
    found = policy.assess(facts)
    return {
        "tier": found.tier,
        "reasons": list(found.reasons),
        "gates": {gate.value: gate_terms(policy, gate, found.tier) for gate in GATES},
        "not_known_yet": list(_unknown(policy, facts)),
        "lighter": list(lighter(policy, facts)),
        "bulk": found.tier in policy.tiers.bulk,
        "facts": {name: getattr(facts, name) for name in FACTS},
        "policy_digest": policy.digest,
    }


def gate_terms(policy: Policy, gate: Stage, tier: str) -> dict[str, Any]:
    """Who signs at a gate in a tier, who may object, and by when."""
    terms = policy.gates[gate]
    return {
        "sign": [
            {"role": a.role, "signatures": a.signatures, "pre_approved": a.pre_approved or None, "why": policy.roles[a.role].description,
             "members": list(policy.roles[a.role].members), "groups": list(policy.roles[a.role].groups),
             "also_signed_by": list(policy.roles[a.role].also_signed_by), "calendar": policy.roles[a.role].calendar,
             "concerns": list(policy.roles[a.role].concerns)}
            for a in policy.asked(gate, tier)
        ],
        "may_object": list(terms.vetoes.get(tier, ())),
        "distinct_people": "all" if terms.distinct is None else [sorted(roles) for roles in terms.distinct],
        "expires_after": str(terms.expires_after) if terms.expires_after else None,
        "reminders": [
            {"after": str(rung.after), "kind": rung.kind, "tell": list(rung.tell)} for rung in policy.ladders.get(terms.ladder, ())
        ],
    }  # fmt: skip


def lighter(policy: Policy, facts: Facts) -> Iterator[dict[str, Any]]:
    """For each lighter tier, the fewest causes that must go for it: the tier is that of the heaviest cause.

    What is said of each way is what assessing again without these causes gave.
    """
    tiers = policy.tiers
    level = tiers.names.index
    now = tiers.assess(facts).tier
    told = now
    for wanted in reversed(tiers.names[: level(now)]):
        calmer, ways = _declassified(policy, facts, level(wanted))
        if calmer is None:
            continue
        gone = [c for c in tiers.causes(calmer)[1:] if level(c.tier) > level(wanted)]
        found = tiers.assess(calmer, frozenset(c.key for c in gone)).tier
        if level(found) < level(told):
            told = found
            yield {"tier": found, "if": [*ways, *(c.lighter for c in gone)], "then": _difference(policy, now, found)}


def _declassified(policy: Policy, facts: Facts, most: int) -> tuple[Facts | None, list[str]]:
    """The facts with the highest classification whose own tier is light enough, and how to get there; None: none is."""
    order = CLASSIFICATIONS[: CLASSIFICATIONS.index(facts.classification) + 1]
    for less in reversed(order):
        if policy.tiers.names.index(policy.tiers.by_classification[less]) <= most:
            if less == facts.classification:
                return facts, []
            shown = ", ".join(facts.classified[:5]) + (" and others" if len(facts.classified) > 5 else "")
            above = f"nothing classified above {less} (now {facts.classification}{f': {shown}' if shown else ''})"
            return replace(facts, classification=less, classified=()), [above]
    return None, []


def _difference(policy: Policy, heavy: str, light: str) -> dict[str, str]:
    """By gate, who would not have to sign any more."""
    return {gate.value: _spared(policy, gate, heavy, light) for gate in GATES}


def _spared(policy: Policy, gate: Stage, heavy: str, light: str) -> str:
    was, would = ({a.role: a for a in policy.asked(gate, tier)} for tier in (heavy, light))
    said = [f"without {role}" for role in was if role not in would]
    said += [f"{role} only {would[role].signatures} instead of {a.signatures}" for role, a in was.items()
             if role in would and would[role].signatures < a.signatures]  # fmt: skip
    said += [
        f"{role} is pre-approved"
        for role, a in would.items()
        if a.pre_approved and role in was and not was[role].pre_approved
    ]
    said += [f"but also {role}" for role in would if role not in was]
    return ", ".join(said) or "the same people sign"


def _unknown(policy: Policy, facts: Facts) -> Iterator[str]:
    """Facts that a rule asks about and that only the data will tell."""
    asked = {_ABOUT[name] for rule in policy.tiers.rules for name in rule.when if name in _ABOUT}
    yield from (_WORDS[name] for name in _WORDS if name in asked and getattr(facts, name) is None)
    if facts.rows is None:
        yield "whether there is personal data that the contract does not declare"
