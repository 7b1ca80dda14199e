"""Reading include/policy.yaml: every section checked, every error with file, line, key and mend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluice.calendars import Calendar
from sluice.contract import document as yaml_document
from sluice.contract.model import CLASSIFICATIONS, digest_of
from sluice.errors import BadInputError
from sluice.policy import running
from sluice.policy.calendars import calendar_name, read_calendars
from sluice.policy.model import TIERS, Policy, Role
from sluice.policy.notifications import read_notifications
from sluice.stages import GATES, Stage

SECTIONS = ("roles", "tiers", "gates", "calendars", "notifications", *running.SECTIONS)


def load_policy(path: Path) -> Policy:
    """Read the policy. Raises BadInputError (POLICY_*) naming file, line, key and mend."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise BadInputError("POLICY_NOT_FOUND", f"cannot read the policy {path}: {error.strerror}") from error
    read = Reader(yaml_document.parse(text, str(path)))
    if unknown := sorted(set(read.document.data) - set(SECTIONS)):
        raise read.bad(f"unknown key {unknown[0]!r}", unknown[0], mend=f"Known: {', '.join(SECTIONS)}.")
    calendars = read_calendars(read)
    roles = read.roles(calendars)
    by_classification, pii_tier = read.tiers()
    return Policy(
        roles, by_classification, pii_tier, read.signatures(roles), digest_of(read.document.data), calendars,
        running=running.read_running(read), notifications=read_notifications(read, roles, calendars),
    )  # fmt: skip


class Reader:
    """One reading of a policy document."""

    def __init__(self, document: yaml_document.Document) -> None:
        self.document = document

    def bad(self, message: str, *where: str | int, mend: str = "") -> BadInputError:
        place = f"{self.document.file}:{self.document.line(where)} at {yaml_document.dotted(where)}"
        return BadInputError("POLICY_INVALID", message, where=place, mend=mend)

    def section(self, name: str) -> dict[str, Any]:
        value = self.document.data.get(name)
        if not isinstance(value, dict) or not value:
            raise self.bad(f"the policy needs a mapping `{name}`", name)
        return value

    def roles(self, calendars: Mapping[str, Calendar]) -> dict[str, Role]:
        roles = {}
        for name, role in self.section("roles").items():
            members = role.get("members") if isinstance(role, dict) else None
            if not isinstance(members, list) or not members or not all(isinstance(m, str) for m in members):
                raise self.bad(f"{name!r} needs a list of `members`", "roles", name, mend="Name at least one user.")
            calendar = calendar_name(self, name, role.get("calendar"), calendars)
            roles[name] = Role(name, str(role.get("description") or ""), tuple(members), calendar)
        return roles

    def tiers(self) -> tuple[dict[str, str], str]:
        tiers = self.section("tiers")
        by_classification = tiers.get("by_classification")
        if not isinstance(by_classification, dict):
            raise self.bad("`tiers.by_classification` must be a mapping", "tiers")
        pii_tier = tiers.get("undeclared_pii", "high")
        asked: dict[tuple[str, ...], Any] = {("undeclared_pii",): pii_tier}
        asked |= {("by_classification", c): by_classification.get(c) for c in CLASSIFICATIONS}
        for where, tier in asked.items():
            if tier not in TIERS:
                raise self.bad(
                    f"{where[-1]} is in the tier {tier!r}", "tiers", *where, mend=f"One of {', '.join(TIERS)}."
                )
        return dict(by_classification), str(pii_tier)

    def signatures(self, roles: Mapping[str, Role]) -> dict[Stage, dict[str, tuple[str, ...]]]:
        gates = self.section("gates")
        if unknown := sorted(set(gates) - set(GATES)):
            raise self.bad(f"unknown gate {unknown[0]!r}", "gates", unknown[0], mend=f"Gates: {', '.join(GATES)}.")
        signatures: dict[Stage, dict[str, tuple[str, ...]]] = {}
        for gate in GATES:
            by_tier = gates.get(gate)
            if not isinstance(by_tier, dict):
                raise self.bad(f"the gate {gate.value!r} is missing", "gates")
            signatures[gate] = {tier: self._signers(by_tier, gate, tier, roles) for tier in TIERS}
        return signatures

    def _signers(
        self, by_tier: Mapping[str, Any], gate: Stage, tier: str, roles: Mapping[str, Role]
    ) -> tuple[str, ...]:
        names, where = by_tier.get(tier), ("gates", gate.value, tier)
        if not isinstance(names, list) or not names or len(set(map(str, names))) != len(names):
            raise self.bad("needs a list of distinct roles", *where, mend="An empty list would approve by itself.")
        if strangers := [n for n in names if n not in roles]:
            raise self.bad(f"unknown role {strangers[0]!r}", *where, mend=f"Known: {', '.join(roles)}.")
        return tuple(names)
