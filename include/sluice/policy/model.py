"""The policy in force: which tier a request is in, who must sign, and who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluice.calendars import CONTINUOUS, Calendar
from sluice.contract.model import Contract
from sluice.policy.notifications import SILENT, Notifications
from sluice.policy.running import DEFAULTS, RunningTerms
from sluice.stages import Stage

TIERS = ("low", "standard", "high")
"""From the lightest to the heaviest."""


@dataclass(frozen=True)
class Role:
    """Who may sign as this role; `members` are Airflow user names."""

    name: str
    description: str
    members: tuple[str, ...]
    calendar: str = CONTINUOUS.name


@dataclass(frozen=True)
class Policy:
    """The policy in force. `signatures[gate][tier]` lists the roles that must each sign."""

    roles: Mapping[str, Role]
    tier_by_classification: Mapping[str, str]
    pii_tier: str
    signatures: Mapping[Stage, Mapping[str, tuple[str, ...]]]
    digest: str
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    running: RunningTerms = DEFAULTS
    notifications: Notifications = SILENT

    def tier(self, contract: Contract, undeclared_pii: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...]]:
        """The risk tier and the reasons for it, in words for people. `undeclared_pii`: `table.column (kind)`."""
        tier = self.tier_by_classification[contract.classification]
        reasons = [f"the most sensitive data is classified {contract.classification!r}: tier {tier}"]
        if undeclared_pii and TIERS.index(self.pii_tier) > TIERS.index(tier):
            tier = self.pii_tier
            reasons.append(
                f"personal data was found where none was declared ({', '.join(undeclared_pii)}): tier {tier}"
            )
        return tier, tuple(reasons)

    def required(self, gate: Stage, tier: str) -> tuple[str, ...]:
        """The roles that must sign at this gate."""
        return self.signatures[gate][tier]

    def roles_of(self, user: str) -> tuple[str, ...]:
        """The roles this user may sign as."""
        return tuple(r.name for r in self.roles.values() if user in r.members)

    def calendar_of(self, role: str) -> Calendar:
        """When the people of this role are at work; always, for a role that has no calendar."""
        known = self.roles.get(role)
        return self.calendars.get(known.calendar, CONTINUOUS) if known else CONTINUOUS
