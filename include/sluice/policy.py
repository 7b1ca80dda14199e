"""Governance as code: include/policy.yaml says which tier a request is in, who must sign, and who may.

This is the thin shape of the policy: tiers by classification, one signature per role, four-eyes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.contract import document as yaml_document
from sluice.contract.model import CLASSIFICATIONS, Contract, digest_of
from sluice.errors import BadInputError
from sluice.stages import GATES, Stage

TIERS = ("low", "standard", "high")
"""From the lightest to the heaviest."""


@dataclass(frozen=True)
class Role:
    """Who may sign as this role; `members` are Airflow user names."""

    name: str
    description: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """The policy in force. `signatures[gate][tier]` lists the roles that must each sign."""

    roles: Mapping[str, Role]
    tier_by_classification: Mapping[str, str]
    pii_tier: str
    signatures: Mapping[Stage, Mapping[str, tuple[str, ...]]]
    digest: str

    def tier(self, contract: Contract, undeclared_pii: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...]]:
        """The risk tier and the reasons for it, in words for people. `undeclared_pii`: `table.column (kind)`."""
        tier = self.tier_by_classification[contract.classification]
        reasons = [f"the most sensitive data is classified {contract.classification!r}: tier {tier}"]
        if undeclared_pii and TIERS.index(self.pii_tier) > TIERS.index(tier):
            tier = self.pii_tier
            reasons.append(f"personal data was found where none was declared ({', '.join(undeclared_pii)}): tier {tier}")
        return tier, tuple(reasons)

    def required(self, gate: Stage, tier: str) -> tuple[str, ...]:
        """The roles that must sign at this gate."""
        return self.signatures[gate][tier]

    def roles_of(self, user: str) -> tuple[str, ...]:
        """The roles this user may sign as."""
        return tuple(r.name for r in self.roles.values() if user in r.members)


def load_policy(path: Path) -> Policy:
    """Read the policy. Raises BadInputError (POLICY_*) naming file, key and mend."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise BadInputError("POLICY_NOT_FOUND", f"cannot read the policy {path}: {error.strerror}") from error
    document = yaml_document.parse(text, str(path))
    data = document.data

    def bad(message: str, *where: str | int, mend: str = "") -> BadInputError:
        line = document.line(where)
        return BadInputError("POLICY_INVALID", message, where=f"{path}:{line} at {yaml_document.dotted(where)}", mend=mend)

    def section(name: str) -> dict[str, Any]:
        value = data.get(name)
        if not isinstance(value, dict) or not value:
            raise bad(f"the policy needs a mapping `{name}`", name)
        return value

    if unknown := set(data) - {"roles", "tiers", "gates"}:
        raise bad(f"unknown key {sorted(unknown)[0]!r}", sorted(unknown)[0], mend="Known: roles, tiers, gates.")
    roles = {}
    for name, role in section("roles").items():
        members = role.get("members") if isinstance(role, dict) else None
        if not isinstance(members, list) or not members or not all(isinstance(m, str) for m in members):
            raise bad(f"the role {name!r} needs a list of `members`", "roles", name, mend="Name at least one user.")
        roles[name] = Role(name, str(role.get("description") or ""), tuple(members))
    tiers = section("tiers")
    by_classification = tiers.get("by_classification")
    if not isinstance(by_classification, dict):
        raise bad("`tiers.by_classification` must be a mapping", "tiers")
    for classification in CLASSIFICATIONS:
        if by_classification.get(classification) not in TIERS:
            raise bad(f"classification {classification!r} needs a tier", "tiers", "by_classification", mend=f"One of {', '.join(TIERS)}.")
    pii_tier = tiers.get("undeclared_pii", "high")
    if pii_tier not in TIERS:
        raise bad(f"undeclared_pii is {pii_tier!r}", "tiers", "undeclared_pii", mend=f"One of {', '.join(TIERS)}.")
    gates = section("gates")
    signatures: dict[Stage, dict[str, tuple[str, ...]]] = {}
    for gate in GATES:
        by_tier = gates.get(gate)
        if not isinstance(by_tier, dict):
            raise bad(f"the gate {gate!r} is missing", "gates", gate)
        signatures[gate] = {}
        for tier in TIERS:
            names = by_tier.get(tier)
            if not isinstance(names, list) or not names or len(set(names)) != len(names):
                raise bad(f"the gate {gate!r} needs a list of distinct roles for tier {tier!r}", "gates", gate, tier,
                          mend="An empty list would approve by itself; name at least one role.")  # fmt: skip
            if strangers := [n for n in names if n not in roles]:
                raise bad(f"unknown role {strangers[0]!r}", "gates", gate, tier, mend=f"Known: {', '.join(roles)}.")
            signatures[gate][tier] = tuple(names)
    return Policy(roles, dict(by_classification), pii_tier, signatures, digest_of(data))
