"""The sections `roles:` and `owners:` of include/policy.yaml.

roles:
  security:
    description: Says that access, classification and transport are right.
    members: [sara, sam]              # Airflow user names
    groups: [lake-security]           # groups or roles of the auth manager (FAB, Keycloak)
    calendar: office
    concerns: [classification, schema, source, data]   # parts of evidence; default: all
    also_signed_by: [governance]      # whose members may sign as this role
    ladder: patient
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sluice.calendars import Calendar
from sluice.policy.calendars import calendar_name
from sluice.policy.model import POLICY_ACTOR, Owners, Role
from sluice.policy.parts import PARTS, TOLD

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

LONGEST_ROLE, LONGEST_NAME = 100, 250
"""What the ledger has room for."""
_KEYS = ("description", "members", "groups", "calendar", "concerns", "also_signed_by", "ladder")


def read_roles(read: Reader, calendars: Mapping[str, Calendar]) -> dict[str, Role]:
    """Roles by name, their ladders not looked up yet. Raises BadInputError (POLICY_INVALID) with file and line."""
    section = read.section("roles")
    for name in section:
        read.insist(name not in TOLD and len(name) <= LONGEST_ROLE, f"{name!r} cannot name a role", "roles", name,
                    mend=f"A name of at most {LONGEST_ROLE} characters, and none of {', '.join(TOLD)}.")  # fmt: skip
    return {name: _role(read, name, value, section, calendars) for name, value in section.items()}


def _role(read: Reader, name: str, value: Any, known: Mapping[str, Any], calendars: Mapping[str, Calendar]) -> Role:
    where = ("roles", name)
    if not isinstance(value, dict):
        raise read.bad(f"{name!r} needs a list of `members`", *where, mend="Name at least one user.")
    read.keys(value, _KEYS, *where)
    members = _people(read, value.get("members", []), *where, "members")
    groups = _names(read, value.get("groups", []), *where, "groups")
    if not members and not groups:
        raise read.bad(
            f"{name!r} needs a list of `members`", *where, "members", mend="Name at least one user or one of `groups`."
        )
    concerns = _names(read, value.get("concerns", list(PARTS)), *where, "concerns")
    strangers = [p for p in concerns if p not in PARTS]
    read.insist(not strangers, f"{strangers and strangers[0]!r} is no part of evidence", *where, "concerns",
                mend=f"Parts: {', '.join(PARTS)}.")  # fmt: skip
    if not concerns:
        raise read.bad(
            "a role that looks at nothing cannot sign", *where, "concerns", mend=f"Parts: {', '.join(PARTS)}."
        )
    others = _names(read, value.get("also_signed_by", []), *where, "also_signed_by")
    if strangers := [r for r in others if r not in known or r == name]:
        raise read.bad(f"unknown role {strangers[0]!r}", *where, "also_signed_by", mend=f"Known: {', '.join(known)}.")
    calendar = calendar_name(read, name, value.get("calendar"), calendars)
    ladder = str(value.get("ladder") or "")
    return Role(name, str(value.get("description") or ""), members, calendar, groups, concerns, others, ladder)


def read_owners(read: Reader) -> Owners:
    """The platform's owners; nobody, when the section is missing."""
    value = read.document.data.get("owners")
    if value is None:
        return Owners()
    if not isinstance(value, dict):
        raise read.bad("`owners` has `members` and `groups`", "owners")
    read.insist(not set(value) - {"members", "groups"}, "`owners` has `members` and `groups`", "owners")
    return Owners(_people(read, value.get("members", []), "owners", "members"),
                  _names(read, value.get("groups", []), "owners", "groups"))  # fmt: skip


def _people(read: Reader, value: Any, *where: str) -> tuple[str, ...]:
    people = _names(read, value, *where)
    read.insist(
        POLICY_ACTOR not in people,
        f"{POLICY_ACTOR!r} is how the policy itself signs",
        *where,
        mend="No person may have this name.",
    )
    return people


def _names(read: Reader, value: Any, *where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise read.bad(f"`{where[-1]}` must be a list of names", *where, mend=f"Such as {where[-1]}: [sara].")
    untidy = next((v for v in value if v != v.strip() or len(v) > LONGEST_NAME), None)
    read.insist(untidy is None, f"{untidy!r} is no name", *where, mend="Without spaces around it, as it logs in.")
    return tuple(dict.fromkeys(value))
