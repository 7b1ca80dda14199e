"""The policy: which tier a request is in, who must sign at each gate, who may, and by when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sluice.calendars import CONTINUOUS, Calendar
from sluice.policy.notifications import SILENT, Notifications
from sluice.policy.parts import PARTS
from sluice.policy.running import DEFAULTS, RunningTerms
from sluice.policy.service_levels import NONE, ServiceLevels
from sluice.policy.spans import Span
from sluice.policy.tiers import Assessment, Facts, Tiers
from sluice.policy.wip import UNLIMITED, WipLimits
from sluice.stages import GATES, Stage

POLICY_ACTOR = "policy"
"""Who signs what is pre-approved. No person may have this name."""


@dataclass(frozen=True)
class Role:
    """Who may sign as this role: `members` are Airflow user names, `groups` those of the auth manager.

    `concerns` are the parts of evidence that this role looks at: a change in another part leaves its signature good.
    Members of the roles in `also_signed_by` may sign as this one.
    """

    name: str
    description: str
    members: tuple[str, ...]
    calendar: str = CONTINUOUS.name
    groups: tuple[str, ...] = ()
    concerns: tuple[str, ...] = tuple(PARTS)
    also_signed_by: tuple[str, ...] = ()
    ladder: str = ""


@dataclass(frozen=True)
class Owners:
    """The platform's owners: they may set somebody else's delegation, and escalations reach them."""

    members: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A signature group: `signatures` different people of `role`. With a reason in `pre_approved` the policy signs."""

    role: str
    signatures: int = 1
    pre_approved: str = ""


@dataclass(frozen=True)
class Rung:
    """A step of a ladder: `after` the signature was asked, `tell` hears of it.

    `kind` is `reminder` or `escalation`; `tell` are role names, or `signers`, `requester`, `owners`.
    """

    after: Span
    kind: str
    tell: tuple[str, ...]


@dataclass(frozen=True)
class GateTerms:
    """A gate by tier. `vetoes`: roles that may reject or return although nobody asks them to sign.

    `distinct`: sets of roles that need different people; None: all of them do.
    """

    asked: Mapping[str, tuple[Asked, ...]]
    vetoes: Mapping[str, tuple[str, ...]]
    distinct: tuple[frozenset[str], ...] | None = None
    expires_after: Span | None = None
    ladder: str = ""

    def must_differ(self, one: str, other: str) -> bool:
        """Whether these roles need different people. Two signatures of one role always do."""
        return one == other or self.distinct is None or any({one, other} <= roles for roles in self.distinct)


@dataclass(frozen=True)
class Policy:
    """A policy as read. `document` is its content, which a request keeps; `digest` is that content's."""

    roles: Mapping[str, Role]
    tiers: Tiers
    gates: Mapping[Stage, GateTerms]
    digest: str
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    owners: Owners = Owners()
    ladders: Mapping[str, tuple[Rung, ...]] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    running: RunningTerms = DEFAULTS
    notifications: Notifications = SILENT
    wip: WipLimits = UNLIMITED
    service_levels: ServiceLevels = NONE

    @property
    def content(self) -> str:
        """The policy as it is kept for the requests that are promised it: canonical JSON."""
        return json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)

    def assess(self, facts: Facts) -> Assessment:
        """The risk tier and the reasons for it, in words for people."""
        return self.tiers.assess(facts)

    def asked(self, gate: Stage, tier: str) -> tuple[Asked, ...]:
        """The signature groups of this gate."""
        return self.gates[gate].asked[tier]

    def required(self, gate: Stage, tier: str) -> tuple[str, ...]:
        """The roles that must sign at this gate."""
        return tuple(a.role for a in self.asked(gate, tier))

    @property
    def signatures(self) -> dict[Stage, dict[str, tuple[str, ...]]]:
        """The roles that sign, by gate and tier."""
        return {gate: {tier: self.required(gate, tier) for tier in terms.asked} for gate, terms in self.gates.items()}

    def roles_of(self, user: str, groups: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """The roles this user may sign as: his own, and those that let one of his own sign for them."""
        own = {r.name for r in self.roles.values() if user in r.members or groups.intersection(r.groups)}
        return tuple(r.name for r in self.roles.values() if r.name in own or own.intersection(r.also_signed_by))

    def is_owner(self, user: str, groups: frozenset[str] = frozenset()) -> bool:
        """Whether the user owns the platform."""
        return user in self.owners.members or bool(groups.intersection(self.owners.groups))

    def answer_target(self, role: str, now: datetime) -> float | None:
        """Business seconds within which a role's queue should answer: the tightest service level of the gates."""
        spans = [s for gate in GATES if (s := self.service_levels.stages.get(gate))]
        return min((s.seconds(self.calendar_of(role), now) for s in spans), default=None)

    def calendar_of(self, role: str) -> Calendar:
        """When the people of this role are at work; always, for a role that has no calendar."""
        known = self.roles.get(role)
        return self.calendars.get(known.calendar, CONTINUOUS) if known else CONTINUOUS

    def concerns(self, role: str) -> tuple[str, ...]:
        """The parts of evidence this role's signature depends on; all, for a role that is unknown."""
        known = self.roles.get(role)
        return known.concerns if known else tuple(PARTS)

    def expires_at(self, gate: Stage, role: str, asked_at: datetime) -> datetime | None:
        """When a signature asked of this role at this instant has gone unanswered too long; None: never."""
        span = self.gates[gate].expires_after
        return span.after(self.calendar_of(role), asked_at) if span else None

    def rungs(self, gate: Stage, role: str, asked_at: datetime) -> tuple[tuple[datetime, Rung], ...]:
        """The reminders and escalations for a signature asked at this instant, in the role's own business time."""
        known = self.roles.get(role)
        name = (known.ladder if known else "") or self.gates[gate].ladder
        calendar = self.calendar_of(role)
        return tuple((rung.after.after(calendar, asked_at), rung) for rung in self.ladders.get(name, ()))
