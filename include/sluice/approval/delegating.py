"""Who may sign for whom, and when: members, groups, roles that stand in, and people who are away.

A delegation holds from the moment it is recorded, within its own dates; ending it is another entry. A delegate has
only what the other person holds himself, so nothing can be passed on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sluice.errors import RefusedError
from sluice.governance import Delegation, GovernanceStore
from sluice.ledger import Transaction
from sluice.policy import POLICY_ACTOR, Policy

REMEMBERED = timedelta(days=365)
"""How long the record vouches for a person's groups."""
LONGEST = timedelta(days=36_525)
"""The longest absence; a date beyond it is a slip, and the end of every calendar."""


@dataclass(frozen=True)
class Person:
    """Who acts: an Airflow user name, and the groups the auth manager says he is in."""

    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Authority:
    """By which right a person signs as a role: his own, or for `on_behalf_of` by the delegation of that number."""

    on_behalf_of: str | None = None
    delegation: int | None = None


def in_force(delegations: Iterable[Delegation], now: datetime) -> list[Delegation]:
    """Delegations that hold now: begun, not over, not ended by another entry."""
    entries = list(delegations)
    ended = {d.ended for d in entries if d.ended is not None and d.begins <= now}
    return [d for d in entries if d.ended is None and d.seq not in ended and d.begins <= now < d.ends]


def authorities(
    policy: Policy, delegations: Iterable[Delegation], person: Person, role: str, now: datetime
) -> list[Authority]:
    """Every right by which the person may sign as this role now, his own first."""
    own = [Authority()] if role in policy.roles_of(person.name, person.groups) else []
    lent = [
        Authority(d.principal, d.seq)
        for d in in_force(delegations, now)
        if d.delegate == person.name
        and d.role in ("", role)
        and role in policy.roles_of(d.principal, frozenset(d.groups))
    ]
    return own + lent


def roles_now(policy: Policy, delegations: Iterable[Delegation], person: Person, now: datetime) -> dict[str, Authority]:
    """The roles the person may sign as now, each with the first right that gives it."""
    known = list(delegations)
    found = {role: authorities(policy, known, person, role, now) for role in policy.roles}
    return {role: rights[0] for role, rights in found.items() if rights}


def away(delegations: Iterable[Delegation], name: str, now: datetime) -> list[Delegation]:
    """The delegations by which this person is away now."""
    return [d for d in in_force(delegations, now) if d.principal == name]


@dataclass(frozen=True)
class Absence:
    """A delegation as it is asked for; an empty `delegate` says only that the person is away, an empty `role` all."""

    principal: str
    delegate: str
    role: str
    begins: datetime
    ends: datetime
    reason: str = ""


def delegate(tx: Transaction, policy: Policy, wanted: Absence, by: Person, now: datetime) -> Delegation:
    """Record a delegation, or raise RefusedError saying why not. The person himself or a platform owner may set it.

    An owner can lend what the other person holds by name, and what the record shows the person to hold by a group.
    """
    _refuse_stranger(policy, wanted.principal, by)
    if wanted.ends > now + LONGEST:
        raise RefusedError("DELEGATION_DATES", "nobody is away for so long", status=400,
                           mend="Give an end that comes; who leaves for good leaves the role.")  # fmt: skip
    if wanted.ends <= max(wanted.begins, now):
        raise RefusedError("DELEGATION_DATES", "it would end before it begins, or is over already", status=400,
                           mend="Give an end that is later than the beginning and than now.")  # fmt: skip
    if wanted.delegate in (wanted.principal, POLICY_ACTOR):
        raise RefusedError("DELEGATE", f"{wanted.delegate!r} cannot stand in for {wanted.principal}", status=400,
                           mend="Name another person.")  # fmt: skip
    if wanted.role and wanted.role not in policy.roles:
        raise RefusedError(
            "NO_ROLE", f"there is no role {wanted.role!r}", status=404, mend=f"Roles: {', '.join(policy.roles)}."
        )
    groups = by.groups if by.name == wanted.principal else groups_on_record(tx, policy, wanted.principal, now)
    held = policy.roles_of(wanted.principal, groups)
    if not held or (wanted.role and wanted.role not in held):
        raise RefusedError("NOTHING_TO_DELEGATE", f"{wanted.principal} holds {', '.join(held) or 'no role'}", status=409,
                           mend="Only a role that one holds can be lent. One held by a group: by the person, or by an owner once the person "
                           "has signed as it.")  # fmt: skip
    tx.add_policy_version(policy.digest, policy.content, now)
    return tx.add_delegation(wanted.principal, wanted.delegate, wanted.role, wanted.begins, wanted.ends, wanted.reason, by.name, now,
                             groups=tuple(sorted(groups)))  # fmt: skip


def end_delegation(tx: GovernanceStore, policy: Policy, number: int, by: Person, now: datetime) -> Delegation:
    """End a delegation at once, or raise RefusedError."""
    entry = next((d for d in tx.delegations() if d.seq == number and d.ended is None), None)
    if entry is None:
        raise RefusedError(
            "NO_DELEGATION", f"there is no delegation {number}", status=404, mend="`sluice delegate --list`"
        )
    _refuse_stranger(policy, entry.principal, by)
    if entry.ends <= now or any(d.ended == number for d in tx.delegations()):
        raise RefusedError("ALREADY_ENDED", f"delegation {number} is over already", status=409)
    return tx.add_delegation(
        entry.principal, entry.delegate, entry.role, now, entry.ends, "", by.name, now, ended=number
    )


def groups_on_record(tx: Transaction, policy: Policy, name: str, now: datetime) -> frozenset[str]:
    """Groups that this person must be in, for nobody but the auth manager knows them of others: what the person signed
    as in the last year by no other right tells, and what the person was in when lending a role.
    """
    signed = {d.role for d in tx.decisions(actor=name) if d.on_behalf_of is None and now - d.at < REMEMBERED}
    signed -= set(policy.roles_of(name))
    shared = {
        g: {r.name for r in policy.roles.values() if g in r.groups} for r in policy.roles.values() for g in r.groups
    }
    lent = [d for d in tx.delegations() if d.principal == d.set_by == name and now - d.at < REMEMBERED]
    return frozenset({g for g, roles in shared.items() if roles <= signed} | {g for d in lent for g in d.groups})


def _refuse_stranger(policy: Policy, principal: str, by: Person) -> None:
    if by.name != principal and not policy.is_owner(by.name, by.groups):
        raise RefusedError("NOT_YOUR_DELEGATION", f"{by.name} cannot say who stands in for {principal}", status=403,
                           mend="The person himself or a platform owner (`owners` in include/policy.yaml) can.")  # fmt: skip
