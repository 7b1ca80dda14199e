"""Governance as code: include/policy.yaml says which tier a request is in, who must sign, and who may."""

from sluice.policy.model import TIERS, Policy, Role
from sluice.policy.reading import load_policy

__all__ = ["TIERS", "Policy", "Role", "load_policy"]
