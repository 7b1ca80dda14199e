"""What a policy allows that its owner probably does not want. What is plainly wrong, reading it already refuses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sluice.contract.model import CLASSIFICATIONS
from sluice.errors import Finding
from sluice.policy.model import Policy
from sluice.policy.reading import Place
from sluice.stages import GATES, Stage


def warnings(policy: Policy, place: Place) -> list[Finding]:
    """Warnings, each with file, line, key and mend."""
    return [place(*found) for found in (*_gates(policy), *_tiers(policy), *_roles(policy))]


Warned = tuple[tuple[str, ...], str, str, str]


def _gates(policy: Policy) -> Iterator[Warned]:
    for gate in GATES:
        terms = policy.gates[gate]
        if terms.expires_after is None:
            yield (
                ("gates", gate.value),
                "NEVER_EXPIRES",
                "an unanswered request waits for ever",
                "Give the gate `expires_after`.",
            )
        if not terms.ladder and not any(r.ladder for r in policy.roles.values()):
            yield ("gates", gate.value), "NO_REMINDERS", "nobody is reminded", "Give the gate a `ladder`."
        if terms.distinct == ():
            yield (
                ("gates", gate.value, "distinct_people"),
                "ONE_FOR_ALL",
                "one person may sign as every role",
                "Write `all`, or the roles that need different people.",
            )
        for tier in policy.tiers.names:
            short = _unsignable(policy, gate, tier)
            if short:
                yield ("gates", gate.value, tier), "UNSIGNABLE", short, "Name more members, or relax `distinct_people`."
        for lighter, heavier in zip(policy.tiers.names, policy.tiers.names[1:], strict=False):
            dropped = set(policy.required(gate, lighter)) - set(policy.required(gate, heavier))
            if dropped:
                yield (("gates", gate.value, heavier), "LIGHTER_ABOVE",
                       f"tier {heavier} does not ask {', '.join(sorted(dropped))}, which the lighter tier {lighter} asks",
                       "A heavier tier should ask at least as many.")  # fmt: skip


def _tiers(policy: Policy) -> Iterator[Warned]:
    tier_of, level = policy.tiers.by_classification, policy.tiers.names.index
    for less, more in pairwise(CLASSIFICATIONS):
        if level(tier_of[more]) < level(tier_of[less]):
            yield (("tiers", "by_classification", more), "LIGHTER_FOR_MORE",
                   f"{more} data is in a lighter tier ({tier_of[more]}) than {less} data ({tier_of[less]})",
                   "More sensitive data should not be easier to let in.")  # fmt: skip


def _roles(policy: Policy) -> Iterator[Warned]:
    asked = {role for by_tier in policy.signatures.values() for roles in by_tier.values() for role in roles}
    objecting = {role for terms in policy.gates.values() for roles in terms.vetoes.values() for role in roles}
    for role in policy.roles.values():
        if role.name not in asked | objecting and not any(role.name in r.also_signed_by for r in policy.roles.values()):
            yield (
                ("roles", role.name),
                "NEVER_ASKED",
                f"no gate asks {role.name}",
                "Let a gate ask it, or remove the role.",
            )
        people = _people(policy, role.name)
        if role.name in asked and not role.groups and len(people) == 1:
            yield (("roles", role.name), "ONE_MEMBER", f"only {next(iter(people))} can sign as {role.name}: not for requests of their own, "
                   "and nobody while they are away", "Name a second member.")  # fmt: skip
    if not (policy.owners.members or policy.owners.groups):
        yield ("owners",), "NO_OWNERS", "nobody can set a delegation for somebody who is away", "Name `owners`."


def _people(policy: Policy, role: str) -> set[str]:
    named = policy.roles[role]
    return {m for r in (role, *named.also_signed_by) for m in policy.roles[r].members}


def _unsignable(policy: Policy, gate: Stage, tier: str) -> str:
    """Why the gate cannot be signed even by everybody there is: a matching of seats and people (Hall, 1935)."""
    terms = policy.gates[gate]
    seats = [a.role for a in policy.asked(gate, tier) if not a.pre_approved for _ in range(a.signatures)]
    if any(policy.roles[role].groups for role in seats):
        return ""
    if terms.distinct is not None:
        seats = [r for r in seats if any(r in named for named in terms.distinct)]
    holds: dict[str, int] = {}

    def seat(i: int, tried: set[str]) -> bool:
        for person in _people(policy, seats[i]) - tried:
            tried.add(person)
            if person not in holds or seat(holds[person], tried):
                holds[person] = i
                return True
        return False

    stuck = [seats[i] for i in range(len(seats)) if not seat(i, set())]
    return f"{len(seats)} different people are needed, and {stuck[0]} has nobody left to sign" if stuck else ""
