"""What a stretch of time was: work, or a wait on somebody or something; and what a pause's reason code says."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a stretch of a request's time was spent on. All but WORK are waits."""

    WORK = "work"
    QUEUE = "queue"
    """Ready, and not started."""
    APPROVER = "approver"
    """Asked, during the opening hours of somebody who was asked."""
    REQUESTER = "requester"
    """Sent back, or paused until the requester answers, during the requester's opening hours."""
    SYSTEM = "system"
    """A machine, a supplier or Sluice itself: retries, outages, freezes."""
    OFF_HOURS = "off_hours"
    """Waiting for people who were all off duty."""


WAITS = tuple(kind for kind in Kind if kind is not Kind.WORK)


class ReasonCode(StrEnum):
    """Why a stage is paused or blocked (`StageEvent.reason_code`): the closed list a pause must choose from."""

    REQUESTER_INPUT = "requester_input"
    CONTRACT_CHANGE = "contract_change"
    SOURCE_ACCESS = "source_access"
    SOURCE_DATA = "source_data"
    APPROVER_ABSENT = "approver_absent"
    LEGAL_REVIEW = "legal_review"
    BUDGET = "budget"
    WIP_LIMIT = "wip_limit"
    EXPEDITE = "expedite"
    CAPACITY = "capacity"
    CHANGE_FREEZE = "change_freeze"
    OUTAGE = "outage"
    SUPPLIER = "supplier"
    OTHER = "other"


REASONS: dict[ReasonCode, tuple[Kind, str]] = {
    ReasonCode.REQUESTER_INPUT: (Kind.REQUESTER, "an answer of the requester is missing"),
    ReasonCode.CONTRACT_CHANGE: (Kind.REQUESTER, "the contract is being corrected"),
    ReasonCode.SOURCE_ACCESS: (Kind.REQUESTER, "the source's owner has not given access"),
    ReasonCode.SOURCE_DATA: (Kind.REQUESTER, "the source's owner is correcting the data"),
    ReasonCode.APPROVER_ABSENT: (Kind.APPROVER, "nobody of the role is there to decide"),
    ReasonCode.LEGAL_REVIEW: (Kind.APPROVER, "a legal review is under way"),
    ReasonCode.BUDGET: (Kind.APPROVER, "the cost is not agreed"),
    ReasonCode.WIP_LIMIT: (Kind.QUEUE, "as much as allowed is in progress already"),
    ReasonCode.EXPEDITE: (Kind.QUEUE, "an expedited request went first"),
    ReasonCode.CAPACITY: (Kind.QUEUE, "no machine is free"),
    ReasonCode.CHANGE_FREEZE: (Kind.SYSTEM, "changes are frozen"),
    ReasonCode.OUTAGE: (Kind.SYSTEM, "a system is down"),
    ReasonCode.SUPPLIER: (Kind.SYSTEM, "a supplier outside is awaited"),
    ReasonCode.OTHER: (Kind.SYSTEM, "another reason, given in words"),
}
"""Whom a pause of this code waits on, and the code in words for people."""


def pause_kind(code: str | None) -> Kind:
    """What a pause with this reason code waits on; an unknown code is a system's wait, never work."""
    try:
        return REASONS[ReasonCode(code or ReasonCode.OTHER)][0]
    except ValueError:
        return Kind.SYSTEM
