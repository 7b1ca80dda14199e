"""The sections `gates:` and `ladders:` of include/policy.yaml.

gates:
  admission:
    expires_after: 20 business days
    ladder: standard
    distinct_people: all            # or lists of roles that need different people: [[business, security]]
    low:
      sign: [business, compliance]
      pre_approved: [security]      # signed by the policy itself, and recorded as such
      because: Public data without personal data, agreed on 2026-11-02.
      veto: [governance]            # may reject or return although not asked
    standard: [business, {role: security, signatures: 2}]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sluice.policy.model import Asked, GateTerms, Role, Rung
from sluice.policy.parts import TOLD, is_one
from sluice.policy.spans import read_span
from sluice.stages import GATES, Stage

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

TERMS = ("expires_after", "ladder", "distinct_people", "veto")
_TIER_KEYS = ("sign", "pre_approved", "because", "veto")
KINDS = ("reminder", "escalation")


def read_gates(
    read: Reader, tiers: tuple[str, ...], roles: Mapping[str, Role], ladders: Mapping[str, Any]
) -> dict[Stage, GateTerms]:
    """Both gates. Raises BadInputError (POLICY_INVALID) with file and line."""
    gates = read.section("gates")
    read.keys(gates, GATES, "gates", what="gate")
    return {gate: _gate(read, gate, gates.get(gate), tiers, roles, ladders) for gate in GATES}


def _gate(
    read: Reader, gate: Stage, value: Any, tiers: tuple[str, ...], roles: Mapping[str, Role], ladders: Mapping[str, Any]
) -> GateTerms:
    where = ("gates", gate.value)
    if not isinstance(value, dict):
        raise read.bad(f"the gate {gate.value!r} is missing", *where)
    read.keys(value, (*tiers, *TERMS), *where)
    always = _roles(read, value.get("veto", []), roles, *where, "veto")
    asked, vetoes = {}, {}
    for tier in tiers:
        asked[tier], more = _tier(read, value.get(tier), roles, *where, tier)
        named = {a.role for a in asked[tier]}
        vetoes[tier] = tuple(r for r in dict.fromkeys((*always, *more)) if r not in named)
    return GateTerms(asked, vetoes, _distinct(read, value.get("distinct_people", "all"), roles, *where, "distinct_people"),
                     read_span(read, value.get("expires_after"), *where, "expires_after"),
                     read_ladder(read, value.get("ladder"), ladders, *where, "ladder"))  # fmt: skip


def _tier(
    read: Reader, value: Any, roles: Mapping[str, Role], *where: str
) -> tuple[tuple[Asked, ...], tuple[str, ...]]:
    terms = {"sign": value} if isinstance(value, list) else value
    if not isinstance(terms, dict):
        raise read.bad("needs a list of distinct roles", *where, mend="An empty list would approve by itself.")
    read.keys(terms, _TIER_KEYS, *where)
    signing, place = terms.get("sign", []), (*where, "sign") if "sign" in terms and terms is value else where
    if not isinstance(signing, list):
        raise read.bad("needs a list of distinct roles", *place)
    asked = [_asked(read, item, roles, *place, i) for i, item in enumerate(signing)]
    before = _roles(read, terms.get("pre_approved", []), roles, *where, "pre_approved")
    because = terms.get("because")
    if before and not (isinstance(because, str) and because.strip()):
        raise read.bad(
            "a pre-approval needs its reason", *where, "because", mend="Say in `because` who agreed to it, and why."
        )
    read.insist(because is None or bool(before), "`because` is the reason of `pre_approved`", *where, "because")
    asked += [Asked(role, 1, str(because).strip()) for role in before]
    names = [a.role for a in asked]
    if not names or len(set(names)) != len(names):
        raise read.bad("needs a list of distinct roles", *where, mend="An empty list would approve by itself.")
    return tuple(asked), _roles(read, terms.get("veto", []), roles, *where, "veto")


def _asked(read: Reader, item: Any, roles: Mapping[str, Role], *where: str | int) -> Asked:
    entry = {"role": item} if isinstance(item, str) else item
    if not isinstance(entry, dict) or not isinstance(entry.get("role"), str):
        raise read.bad("names no role", *where, mend="A role, or {role: security, signatures: 2}.")
    read.keys(entry, ("role", "signatures"), *where)
    (role,) = _roles(read, [entry["role"]], roles, *where)
    needed = entry.get("signatures", 1)
    if not isinstance(needed, int) or isinstance(needed, bool) or needed < 1:
        raise read.bad("`signatures` is a number of people from 1", *where)
    members = len(set(roles[role].members))
    read.insist(bool(roles[role].groups) or needed <= members, f"asks {needed} signatures of {role!r}, which has {members} members",
                *where, mend="Name more members, or ask fewer.")  # fmt: skip
    return Asked(role, needed)


def _roles(read: Reader, value: Any, known: Mapping[str, Role], *where: str | int) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value) or len(set(value)) != len(value):
        raise read.bad("needs a list of distinct roles", *where)
    if strangers := [n for n in value if n not in known]:
        raise read.bad(f"unknown role {strangers[0]!r}", *where, mend=f"Known: {', '.join(known)}.")
    return tuple(value)


def _distinct(read: Reader, value: Any, roles: Mapping[str, Role], *where: str) -> tuple[frozenset[str], ...] | None:
    if value == "all":
        return None
    if not isinstance(value, list) or not all(isinstance(v, list) and len(v) > 1 for v in value):
        raise read.bad("is `all`, or a list of lists of roles that need different people", *where,
                       mend="Such as [[business, security]]. Nobody ever signs his own request.")  # fmt: skip
    return tuple(frozenset(_roles(read, group, roles, *where, i)) for i, group in enumerate(value))


def read_ladders(read: Reader, roles: Mapping[str, Any]) -> dict[str, tuple[Rung, ...]]:
    """Ladders by name: who is told when a signature is not given. Raises BadInputError with file and line."""
    section = read.document.data.get("ladders")
    section = {} if section is None else section
    if not isinstance(section, dict):
        raise read.bad("`ladders` must be a mapping of name to rungs", "ladders")
    return {name: _ladder(read, rungs, roles, "ladders", name) for name, rungs in section.items()}


def _ladder(read: Reader, value: Any, roles: Mapping[str, Any], *where: str) -> tuple[Rung, ...]:
    if not isinstance(value, list) or not value:
        raise read.bad("needs a list of rungs", *where, mend="{after: 1 business day, kind: reminder, tell: [signers]}")
    rungs = []
    for i, rung in enumerate(value):
        if not isinstance(rung, dict) or not is_one(rung.get("kind"), KINDS):
            raise read.bad("a rung has `after`, `kind` and `tell`", *where, i, mend=f"Kinds: {', '.join(KINDS)}.")
        read.keys(rung, ("after", "kind", "tell"), *where, i)
        tell = rung.get("tell", ["signers"])
        if not isinstance(tell, list) or not tell or (unknown := [t for t in tell if not is_one(t, (*roles, *TOLD))]):
            who = f": unknown {unknown[0]!r}" if isinstance(tell, list) and tell else ""
            raise read.bad(f"`tell` needs a list of who hears of it{who}", *where, i, "tell",
                           mend=f"{', '.join(TOLD)}, or a role: {', '.join(roles)}.")  # fmt: skip
        span = read_span(read, rung.get("after"), *where, i, "after")
        if span is None:
            raise read.bad("a rung needs `after`", *where, i, mend='Such as "1 business day".')
        rungs.append(Rung(span, str(rung["kind"]), tuple(tell)))
    return tuple(rungs)


def read_ladder(read: Reader, value: Any, ladders: Mapping[str, Any], *where: str | int) -> str:
    """The name of a ladder; empty for none."""
    if value is not None and not is_one(value, ladders):
        raise read.bad(
            f"unknown ladder {value!r}", *where, mend=f"Known: {', '.join(ladders) or 'none; add `ladders`'}."
        )
    return str(value or "")
