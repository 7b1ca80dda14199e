"""Ticket histories of Jira, ServiceNow and others: which column means what, and tickets from their rows.

Two shapes are read. A row per ticket: when it was asked for and when it ended. A row per change: when a ticket entered
a status (or did an activity); work can then be told from wait. docs/flow.md documents the mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from sluice.errors import BadInputError
from sluice.flow.kinds import Kind
from sluice.flow.log.csv_file import Row, unsafe
from sluice.flow.log.model import History, Ticket, TicketEvent
from sluice.flow.log.moments import moment

COLUMNS: dict[str, tuple[str, ...]] = {
    "case": ("issue key", "key", "ticket", "number", "case id", "case_id", "case:concept:name", "case", "id"),
    "requested": (
        "created",
        "opened",
        "opened at",
        "opened_at",
        "sys_created_on",
        "requested",
        "requested at",
        "requested_at",
    ),
    "ended": (
        "resolved",
        "closed",
        "closed at",
        "closed_at",
        "resolved_at",
        "resolution date",
        "resolutiondate",
        "ended",
        "ended_at",
    ),
    "at": ("transition date", "changed", "changed at", "changed_at", "time:timestamp", "timestamp", "at"),
    "activity": ("to status", "new status", "new value", "to", "concept:name", "activity", "value"),
    "transition": ("lifecycle:transition", "lifecycle", "transition"),
    "start": ("start_timestamp", "start time", "started", "start"),
    "outcome": ("resolution", "outcome", "close code", "close_code"),
    "tier": ("tier", "risk tier", "risk"),
    "use_case": ("use case", "use_case", "epic name", "epic link", "epic"),
}
"""What each key means to `--map KEY=COLUMN`, and the column names that need no mapping (in any case)."""
ENDINGS: dict[str, str] = {
    **dict.fromkeys(("done", "closed", "resolved", "published", "completed", "complete", "live", "fixed", "solved (permanently)", "successful"), "published"),
    **dict.fromkeys(("rejected", "declined", "denied"), "rejected"),
    **dict.fromkeys(("cancelled", "canceled", "withdrawn", "won't do", "wont do", "won't fix", "duplicate"), "cancelled"),
}  # fmt: skip
"""Statuses and resolutions that end a ticket, and as what outcome of ours they count."""
STATUS_KINDS = {
    **{k.value: k.value for k in Kind},
    "done": "published",
    "rejected": "rejected",
    "cancelled": "cancelled",
}


Change = tuple[str, dict[str, str]]
"""Where a change of a ticket stands, and its values by the keys of COLUMNS."""
_BEGUN = ("schedule", "assign", "reassign", "start", "resume", "suspend")
"""Transitions of the standard lifecycle (IEEE 1849) after which an activity is not over."""


@dataclass(frozen=True)
class Columns:
    """How another system's file is read. `statuses`: status (lower case) → a Kind, or the outcome it ends with."""

    columns: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    dates: str | None = None

    def ending(self, status: str) -> str | None:
        """The outcome that this status ends a ticket with; None for one that does not end it."""
        known = self.statuses.get(status.strip().lower())
        if known is not None:
            return known if known in ENDINGS.values() else None
        return ENDINGS.get(status.strip().lower())


def read_mapping(pairs: Iterable[str], zone: ZoneInfo | None = None, dates: str | None = None) -> Columns:
    """`KEY=COLUMN` and `status:NAME=KIND` as the command line has them. Raises BadInputError (FLOW_MAP)."""
    columns, statuses = {}, {}
    for pair in pairs:
        key, equals, value = pair.rpartition("=") if pair.startswith("status:") else pair.partition("=")
        if not equals or not value:
            raise BadInputError("FLOW_MAP", f"{pair!r} maps nothing", mend='Such as --map "case=Issue key".')
        if key.startswith("status:"):
            if value not in STATUS_KINDS:
                raise BadInputError(
                    "FLOW_MAP", f"{value!r} is no kind of time", where=pair, mend=f"One of {', '.join(STATUS_KINDS)}."
                )
            statuses[key.removeprefix("status:").strip().lower()] = STATUS_KINDS[value]
        elif key not in COLUMNS:
            raise BadInputError(
                "FLOW_MAP", f"unknown key {key!r}", where=pair, mend=f"Keys: {', '.join(COLUMNS)}, status:NAME."
            )
        elif key in columns:
            raise BadInputError("FLOW_MAP", f"{key!r} is mapped twice", where=pair, mend="One column for each key.")
        else:
            columns[key] = value
    return Columns(columns, statuses, zone, dates)


def read_tickets(header: Sequence[str], rows: Iterable[Row], mapping: Columns, file: str) -> list[Ticket]:
    """Tickets from either shape. Raises BadInputError: FLOW_COLUMNS, FLOW_DUPLICATE, FLOW_ORDER, FLOW_TIME, FLOW_NO_ZONE."""
    found = _columns(header, mapping, file)
    if "case" in found and {"at", "activity"} <= set(found):
        return _by_change(rows, found, mapping, file)
    if {"case", "requested", "ended"} <= set(found):
        return _by_ticket(rows, found, mapping, file)
    raise BadInputError(
        "FLOW_COLUMNS", f"it is not clear which columns to read; found {', '.join(f'{k}={v!r}' for k, v in found.items()) or 'none'}",
        where=f"{file}:1", mend="A row per ticket needs case, requested, ended; a row per change needs case, at, activity: --map KEY=COLUMN.",
    )  # fmt: skip


def _columns(header: Sequence[str], mapping: Columns, file: str) -> dict[str, str]:
    by_name = {name.lower(): name for name in header}
    found = {}
    for key, usual in COLUMNS.items():
        if key in mapping.columns:
            asked = by_name.get(mapping.columns[key].lower())
            if asked is None:
                raise BadInputError("FLOW_COLUMNS", f"there is no column {mapping.columns[key]!r}", where=f"{file}:1",
                                    mend=f"Columns: {', '.join(header)}.")  # fmt: skip
            found[key] = asked
        elif known := next((by_name[name] for name in usual if name in by_name), None):
            found[key] = known
    return found


def _by_ticket(rows: Iterable[Row], found: Mapping[str, str], mapping: Columns, file: str) -> list[Ticket]:
    tickets: dict[str, Ticket] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        where, values = f"{file}:{line}", {key: unsafe(row[column]).strip() for key, column in found.items()}
        identity = values["case"]
        if not identity:
            raise BadInputError("FLOW_VALUE", "has no ticket", where=where, mend=f"Fill the column {found['case']!r}.")
        if identity in lines:
            raise BadInputError("FLOW_DUPLICATE", f"{identity!r} stands twice, first in line {lines[identity]}", where=where,
                                mend="Export one row per ticket, or map `at` and `activity` for a row per change.")  # fmt: skip
        lines[identity] = line
        requested = moment(values["requested"], zone=mapping.zone, dates=mapping.dates, where=where)
        ended = (
            moment(values["ended"], zone=mapping.zone, dates=mapping.dates, where=where, after=requested)
            if values["ended"]
            else None
        )
        if ended is not None and ended < requested:
            raise BadInputError(
                "FLOW_ORDER",
                f"{identity!r} ended before it was asked for",
                where=where,
                mend="Are the columns swapped?",
            )
        outcome = (mapping.ending(values.get("outcome", "")) or "published") if ended else "open"
        tickets[identity] = Ticket(
            identity, requested, ended, outcome, values.get("tier", ""), values.get("use_case", "")
        )
    return list(tickets.values())


_EVENT_KEYS = {
    "at": "time:timestamp", "activity": "concept:name", "transition": "lifecycle:transition", "start": "start_timestamp",
}  # fmt: skip
"""Where an event of XES or OCEL tells these keys (IEEE 1849, its extensions; `start_timestamp` as pm4py writes it)."""


def untold(found: Iterable[History | Ticket], mapping: Columns) -> list[str]:
    """What a person should know of how tickets were read: mapped statuses that no ticket had, and statuses of which
    nobody said the kind, so that work cannot be told from wait."""
    tickets = [t for t in found if isinstance(t, Ticket)]
    had = {e.activity.strip().lower() for t in tickets for e in t.events}
    notes = []
    if missing := sorted(set(mapping.statuses) - had):
        notes.append(
            f"no ticket was ever in status {_listed(missing)}; the file has {_listed(sorted(had)) or 'no statuses'}"
        )
    by_span = any(e.transition == "start" for t in tickets for e in t.events)
    open_kinds = sorted(n for n in had if n not in mapping.statuses and mapping.ending(n) is None)
    if open_kinds and not by_span:
        notes.append(
            f"work is not told from wait: nobody said what kind of time {_listed(open_kinds)} is (--map status:NAME=KIND)"
        )
    return notes


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(n) for n in names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def told_by(identity: str, of_case: Mapping[str, str], of_event: Mapping[str, str], mapping: Columns) -> dict[str, str]:
    """A change by the keys of COLUMNS, from the attributes of an event of XES or OCEL and those of its case.

    A key that `--map` names is looked for in both, with or without the `case:` that process mining tools put before.
    Else what is known of a ticket by the usual names is looked for in the case alone: an event's `id` is no ticket.
    """
    values = {"case": identity, **{k: of_event.get(name, "") for k, name in _EVENT_KEYS.items()}}
    usual = {name.lower().removeprefix("case:"): value for name, value in of_case.items()}
    for key in ("requested", "outcome", "tier", "use_case"):
        values[key] = next((usual[name] for name in COLUMNS[key] if usual.get(name)), "")
    for key, column in mapping.columns.items():
        if key != "case":
            bare = column.removeprefix("case:")
            values[key] = of_event.get(column) or of_case.get(column) or of_case.get(bare) or ""
    return {key: value.strip() for key, value in values.items()}


@dataclass
class _Ticket:
    values: dict[str, str]
    events: list[TicketEvent] = field(default_factory=list)


def _by_change(rows: Iterable[Row], found: Mapping[str, str], mapping: Columns, file: str) -> list[Ticket]:
    seen: dict[tuple[str, ...], int] = {}
    changes: list[Change] = []
    for line, row in rows:
        where, values = f"{file}:{line}", {key: unsafe(row[column]).strip() for key, column in found.items()}
        if not values["case"] or not values["activity"]:
            raise BadInputError("FLOW_VALUE", "has no ticket or no activity", where=where, mend="Fill both columns.")
        mark = tuple(values.get(k, "") for k in ("case", "at", "activity", "transition", "start"))
        if mark in seen:
            raise BadInputError("FLOW_DUPLICATE", f"the same change of {values['case']!r} stands twice, first in line {seen[mark]}",
                                where=where, mend="Remove one of them.")  # fmt: skip
        seen[mark] = line
        changes.append((where, values))
    return changed_tickets(changes, mapping, file)


def changed_tickets(changes: Iterable[Change], mapping: Columns, file: str) -> list[Ticket]:
    """Tickets from their changes: of each, the place it stands at and its values by the keys of COLUMNS, of which
    `case`, `at` and `activity` are filled. Raises BadInputError: FLOW_ORDER, FLOW_TIME, FLOW_NO_ZONE."""
    tickets: dict[str, _Ticket] = {}
    for where, values in changes:
        ticket = tickets.setdefault(values["case"], _Ticket({}))
        ticket.values |= {k: v for k, v in values.items() if v}
        at = moment(values["at"], zone=mapping.zone, dates=mapping.dates, where=where)
        transition = values.get("transition", "").strip().lower()
        if values.get("start"):
            begun = moment(values["start"], zone=mapping.zone, dates=mapping.dates, where=where)
            if begun > at:
                raise BadInputError("FLOW_ORDER", f"{values['activity']!r} ended before it started", where=where)
            ticket.events.append(TicketEvent(begun, values["activity"], "start"))
            transition = transition or "complete"
        ticket.events.append(TicketEvent(at, values["activity"], transition))
    events = [e for t in tickets.values() for e in t.events]
    ends = any(mapping.ending(name) for name in {e.activity for e in events})
    completed = any(e.transition == "complete" for e in events)
    return [_changed(i, t, mapping, ends=ends, completed=completed, file=file) for i, t in tickets.items()]


def _changed(identity: str, ticket: _Ticket, mapping: Columns, *, ends: bool, completed: bool, file: str) -> Ticket:
    """`ends`: the file knows statuses that end a ticket, so one that is not in such a status is still open.
    `completed`: the file tells when activities end, so a ticket whose last one has only begun is still open."""
    events = sorted(ticket.events, key=lambda e: e.at)
    last = mapping.ending(events[-1].activity)
    requested = events[0].at
    if ticket.values.get("requested"):
        requested = min(
            requested, moment(ticket.values["requested"], zone=mapping.zone, dates=mapping.dates, where=file)
        )
    begun = completed and events[-1].transition in _BEGUN
    ended = None if last is None and (ends or begun) else events[-1].at
    told = mapping.ending(ticket.values.get("outcome", ""))
    outcome = "open" if ended is None else last if last not in (None, "published") else told or "published"
    return Ticket(
        identity,
        requested,
        ended,
        outcome or "published",
        ticket.values.get("tier", ""),
        ticket.values.get("use_case", ""),
        tuple(events),
    )
