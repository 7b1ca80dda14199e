"""A case and an event as flat text fields: what CSV columns, XES attributes and OCEL attributes hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from sluice.errors import BadInputError
from sluice.flow.log.model import Case
from sluice.stages import Event, Stage, StageEvent

T = TypeVar("T")
CASE_FIELDS = (
    "source",
    "version",
    "use_case",
    "tier",
    "priority",
    "state",
    "requested_at",
    "closed_at",
    "origin",
    "tables",
)
EVENT_FIELDS = ("seq", "stage", "attempt", "event", "at", "table", "role", "actor", "reason", "reason_code", "digest")


def case_fields(case: Case) -> dict[str, str]:
    """Everything but the id, as text; what is not there is empty."""
    return {
        "source": case.source, "version": case.version, "use_case": case.use_case, "tier": case.tier, "priority": case.priority,
        "state": case.state, "requested_at": case.requested_at.isoformat(),
        "closed_at": case.closed_at.isoformat() if case.closed_at else "", "origin": case.origin,
        "tables": " ".join(case.tables),
    }  # fmt: skip


def event_fields(event: StageEvent) -> dict[str, str]:
    """Everything but the request, as text; what is not there is empty."""
    return {
        "seq": str(event.seq), "stage": event.stage.value, "attempt": str(event.attempt), "event": event.event.value,
        "at": event.at.isoformat(), "table": event.table or "", "role": event.role or "", "actor": event.actor or "",
        "reason": event.reason or "", "reason_code": event.reason_code or "", "digest": event.digest or "",
    }  # fmt: skip


def case_from(identity: str, fields: Mapping[str, str], where: str) -> Case:
    """The case that `case_fields` wrote. Raises BadInputError (FLOW_VALUE)."""
    closed = fields.get("closed_at")
    return Case(
        identity, fields.get("source", ""), fields.get("version", ""), fields.get("use_case", ""), fields.get("tier", ""),
        fields.get("priority", ""), fields.get("state", ""), _read(fields, "requested_at", _moment, where),
        _read(fields, "closed_at", _moment, where) if closed else None, fields.get("origin") or "live",
        tuple(fields.get("tables", "").split()),
    )  # fmt: skip


def event_from(request_id: str, fields: Mapping[str, str], where: str) -> StageEvent:
    """The event that `event_fields` wrote. Raises BadInputError (FLOW_VALUE)."""
    return StageEvent(
        _read(fields, "seq", int, where), request_id, _read(fields, "stage", Stage, where), _read(fields, "attempt", int, where),
        _read(fields, "event", Event, where), _read(fields, "at", _moment, where),
        **{name: fields.get(name) or None for name in ("table", "role", "actor", "reason", "reason_code", "digest")},
    )  # fmt: skip


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError
    return found


def _read(fields: Mapping[str, str], name: str, read: Callable[[str], T], where: str) -> T:
    text = fields.get(name, "")
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        said = f"{name} is missing" if not text else f"{name} is {text!r}"
        raise BadInputError("FLOW_VALUE", f"{said}, which cannot be read", where=where,
                            mend="Export again with `sluice flow export`; a file edited by hand needs its values back.") from error  # fmt: skip
