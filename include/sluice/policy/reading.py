"""Reading include/policy.yaml: every section checked, every error with file, line, key and mend."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sluice.contract import document as yaml_document
from sluice.contract.model import digest_of
from sluice.errors import BadInputError, Finding
from sluice.policy import running
from sluice.policy.calendars import read_calendars
from sluice.policy.gates import read_gates, read_ladder, read_ladders
from sluice.policy.model import Policy
from sluice.policy.notifications import SILENT, read_notifications
from sluice.policy.people import read_owners, read_roles
from sluice.policy.rules import read_tiers
from sluice.policy.service_levels import NONE, read_service_levels
from sluice.policy.wip import UNLIMITED, read_wip

SECTIONS = (
    "roles",
    "owners",
    "calendars",
    "tiers",
    "ladders",
    "gates",
    "notifications",
    "wip",
    "service_levels",
    *running.SECTIONS,
)


def load_policy(path: Path) -> Policy:
    """Read the policy. Raises BadInputError (POLICY_*) naming file, line, key and mend."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadInputError("POLICY_NOT_FOUND", f"cannot read the policy {path}: {said}") from error
    return _policy(Reader(yaml_document.parse(text, str(path), a="policy", begins="`roles:`")))


Place = Callable[[tuple[str, ...], str, str, str], Finding]
"""Makes a finding of (key, code, message, mend), with file and line."""


def place_in(path: Path) -> Place:
    """Where things stand in this policy file, which has been read before."""
    document = yaml_document.parse(path.read_text("utf-8"), str(path), a="policy", begins="`roles:`")
    return lambda where, code, message, mend: document.finding(code, where, message, mend)


@lru_cache(maxsize=64)
def frozen_policy(content: str, digest: str) -> Policy:
    """A policy from the content that a request was promised (canonical JSON). Raises BadInputError (POLICY_*).

    It was sound when it came into force, so it is read as it was: what a stricter reader, or one that knows fewer
    words, would refuse in a new policy changes nothing for a request that is running. Only what was promised is read.
    """
    data = json.loads(content)
    if digest_of(data) != digest:
        raise BadInputError("POLICY_CHANGED", "the policy on record is not the one that was promised", where=digest[:12],
                            mend="`sluice ledger verify` says what was changed; call the platform owner.")  # fmt: skip
    return _policy(Reader(yaml_document.Document(data, {}, f"policy {digest[:12]}"), kept=True))


def _policy(read: Reader) -> Policy:
    document = read.document
    read.keys(document.data, SECTIONS)
    calendars = read_calendars(read)
    roles = read_roles(read, calendars)
    ladders = read_ladders(read, roles)
    for role in roles.values():
        read_ladder(read, role.ladder or None, ladders, "roles", role.name, "ladder")
    tiers = read_tiers(read)
    return Policy(
        roles=roles,
        owners=read_owners(read),
        calendars=calendars,
        tiers=tiers,
        ladders=ladders,
        gates=read_gates(read, tiers.names, roles, ladders),
        running=running.kept_running(read) if read.kept else running.read_running(read),
        notifications=SILENT if read.kept else read_notifications(read, roles, calendars),
        wip=UNLIMITED if read.kept else read_wip(read),
        service_levels=NONE if read.kept else read_service_levels(read, roles, calendars),
        digest=digest_of(document.data),
        document=document.data,
    )


class Reader:
    """One reading of a policy document. `kept`: it was in force once, and a request was promised it."""

    def __init__(self, document: yaml_document.Document, *, kept: bool = False) -> None:
        self.document = document
        self.kept = kept

    def insist(self, good: bool, message: str, *where: str | int, mend: str = "") -> None:
        """What a policy must not say when it comes into force. Raises BadInputError (POLICY_INVALID)."""
        if not (good or self.kept):
            raise self.bad(message, *where, mend=mend)

    def keys(self, found: Mapping[str, Any], known: Sequence[str], *where: str | int, what: str = "key") -> None:
        """Nothing but these keys, in a policy that is to come into force. Raises BadInputError (POLICY_INVALID)."""
        unknown = sorted(map(str, set(found) - set(known)))
        if unknown:
            self.insist(False, f"unknown {what} {unknown[0]!r}", *where, unknown[0], mend=f"Known: {', '.join(known)}.")

    def bad(self, message: str, *where: str | int, mend: str = "") -> BadInputError:
        """An error at a path of the document, with file and line."""
        place = f"{self.document.file}:{self.document.line(where)} at {yaml_document.dotted(where)}"
        return BadInputError("POLICY_INVALID", message, where=place, mend=mend)

    def section(self, name: str) -> Mapping[str, Any]:
        """A section that must be there. Raises BadInputError (POLICY_INVALID)."""
        value = self.document.data.get(name)
        if not isinstance(value, dict) or not value:
            raise self.bad(f"the policy needs a mapping `{name}`", name)
        return value
