"""Governance as code: include/policy.yaml says which tier a request is in, who must sign, and who may."""

from sluice.policy.model import POLICY_ACTOR, Asked, GateTerms, Owners, Policy, Role, Rung
from sluice.policy.parts import PARTS
from sluice.policy.reading import frozen_policy, load_policy
from sluice.policy.tiers import TIERS, Assessment, Facts, Tiers, facts_of

__all__ = [
    "PARTS",
    "POLICY_ACTOR",
    "TIERS",
    "Asked",
    "Assessment",
    "Facts",
    "GateTerms",
    "Owners",
    "Policy",
    "Role",
    "Rung",
    "Tiers",
    "facts_of",
    "frozen_policy",
    "load_policy",
]
