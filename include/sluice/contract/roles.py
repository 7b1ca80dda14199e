"""Who may do what with the published tables: ODCS `roles`, with expiry and scope in their customProperties."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import CLASSIFICATIONS, Role
from sluice.contract.terms import custom, near_miss
from sluice.errors import Finding

READ, WRITE = "read", "write"
_ACCESS = {
    "read": READ, "select": READ, "r": READ, "readonly": READ, "read-only": READ,
    "write": WRITE, "readwrite": WRITE, "read-write": WRITE, "read/write": WRITE, "rw": WRITE, "modify": WRITE,
}  # fmt: skip
"""How contracts say it → what it is. ODCS leaves the words open."""
TERMS = ("principal", "expires", "expiresAfter", "tables", "upTo")
_ROLE = re.compile(r"[\w+=,.@-]{1,64}")
"""What IAM takes as a role's name."""
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z]+:[a-z0-9-]*:\d{12}:[^\s]+")
_PERIOD = re.compile(r"(\d{1,5})\s*(d|day|days|w|week|weeks|m|month|months|y|year|years)")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def read_roles(document: Document, findings: list[Finding], tables: Sequence[str]) -> tuple[Role, ...]:
    """The contract's roles; what cannot be understood is reported (ROLE) and left out: nobody gets access by mistake."""
    roles = []
    for i, item in enumerate(document.data.get("roles") or ()):
        path: Path = ("roles", i)
        before = len(findings)
        role = _role(document, findings, item, path, tables)
        if len(findings) == before:
            roles.append(role)
    return tuple(roles)


def _role(
    document: Document, findings: list[Finding], item: Mapping[str, Any], path: Path, tables: Sequence[str]
) -> Role:
    name = str(item.get("role") or "")
    terms = {name: (place, value) for name, value, place in custom(item, path)}

    def report(where: Path, message: str, mend: str) -> None:
        findings.append(document.finding("ROLE", where, f"role {name!r}: {message}", mend))

    def term(key: str) -> tuple[Path, Any]:
        place, value = terms.get(key, (path, None))
        return place, value

    for key, (place, _) in terms.items():
        if key not in TERMS and (meant := near_miss(key, TERMS, 0.75)):
            report(place, f"{key!r} is not a term of a role", meant)
    said = str(item.get("access") or READ).strip().lower()
    if said not in _ACCESS:
        report((*path, "access"), f"access {item.get('access')!r}", "Write `read` or `write`.")
    where, given = term("principal")
    principal = str(given or name)
    if not (_ROLE.fullmatch(principal) or _ARN.fullmatch(principal)):
        report(where if given else (*path, "role"), f"{principal!r} names no IAM role",
               "Add the customProperty `principal` with a role's name or its ARN.")  # fmt: skip
    where, given = term("expires")
    expires = None
    if given is not None:
        try:
            expires = date.fromisoformat(str(given))
        except ValueError:
            report(where, f"expires is {given!r}", "Write a date: 2027-06-30.")
    where, given = term("expiresAfter")
    days = None
    if given is not None:
        shape = _PERIOD.fullmatch(str(given).strip().lower())
        if shape is None or int(shape[1]) == 0:
            report(where, f"expiresAfter is {given!r}", "Write a period: 90d, 12w, 6m, 1y.")
        elif expires is not None:
            report(where, "it expires twice", "Keep `expires` or `expiresAfter`.")
        else:
            days = int(shape[1]) * _DAYS[shape[2][0]]
    where, given = term("tables")
    wanted = tuple(str(t) for t in (given if isinstance(given, list) else [given] if given else []))
    if unknown := [t for t in wanted if t not in tables]:
        report(where, f"{unknown[0]!r} is no table of the contract", f"Tables: {', '.join(tables)}.")
    where, given = term("upTo")
    if given is not None and given not in CLASSIFICATIONS:
        report(where, f"upTo is {given!r}", f"Use one of {', '.join(CLASSIFICATIONS)}.")
    return Role(name, _ACCESS.get(said, READ), principal, expires, days, wanted, str(given or ""))
