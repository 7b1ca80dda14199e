"""Approvals: who must sign on which evidence, who may, and the one function through which every decision enters."""

from sluice.approval.deciding import BACK_TO, Choice, decide
from sluice.approval.delegating import (
    Absence,
    Authority,
    Person,
    authorities,
    away,
    delegate,
    end_delegation,
    in_force,
    roles_now,
)
from sluice.approval.expiry import Expiry, asked_at, expire, expire_unanswered, expiries, overdue
from sluice.approval.opening import open_gate
from sluice.approval.standing import Group, Signature, Standing, gate_standing, promised, readable, require_approvals

__all__ = [
    "BACK_TO",
    "Absence",
    "Authority",
    "Choice",
    "Expiry",
    "Group",
    "Person",
    "Signature",
    "Standing",
    "asked_at",
    "authorities",
    "away",
    "decide",
    "delegate",
    "end_delegation",
    "expire",
    "expire_unanswered",
    "expiries",
    "gate_standing",
    "in_force",
    "open_gate",
    "overdue",
    "promised",
    "readable",
    "require_approvals",
    "roles_now",
]
