"""OCEL 2.0: written in JSON, read in all its forms. Requests, their tables and the roles that sign as objects; every stage event relates to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from sluice.errors import BadInputError
from sluice.flow.log.fields import CASE_FIELDS, EVENT_FIELDS, case_fields, case_from, event_fields, event_from
from sluice.flow.log.model import Case, History, Ticket
from sluice.flow.log.ocel_forms import document_of
from sluice.flow.log.tickets import Change, Columns, changed_tickets, told_by
from sluice.stages import Event, Stage, StageEvent

REQUEST = "onboarding request"
_TYPED = {"seq": "integer", "attempt": "integer"}
_OF_EVENT = tuple(f for f in EVENT_FIELDS if f not in ("stage", "event", "at"))
_TIMES = ("requested_at", "closed_at")


def write_ocel(histories: Iterable[History], out: TextIO) -> int:
    """Write the histories; gives the number of events."""
    attributes = [{"name": f, "type": _TYPED.get(f, "string")} for f in _OF_EVENT]
    event_types = [{"name": f"{s.value} {e.value}", "attributes": attributes} for s in Stage for e in Event]
    of_request = [{"name": f, "type": "time" if f in _TIMES else "string"} for f in CASE_FIELDS]
    object_types = [
        {"name": REQUEST, "attributes": of_request},
        {"name": "table", "attributes": []},
        {"name": "role", "attributes": []},
    ]
    out.write(f'{{"eventTypes": {json.dumps(event_types)},\n"objectTypes": {json.dumps(object_types)},\n"events": [')
    cases: list[Case] = []
    tables: set[tuple[str, str]] = set()
    roles: set[str] = set()
    count = 0
    for history in histories:
        cases.append(history.case)
        tables |= {(history.case.id, t) for t in history.case.tables}
        for event in history.events:
            tables |= {(history.case.id, event.table)} if event.table else set()
            roles |= {event.role} if event.role else set()
            out.write((",\n" if count else "\n") + json.dumps(_event(event), ensure_ascii=False))
            count += 1
    out.write('],\n"objects": [')
    objects = [_request(c, c.tables) for c in cases]
    objects += [{"id": f"table {i}/{t}", "type": "table"} for i, t in sorted(tables)]
    objects += [{"id": f"role {r}", "type": "role"} for r in sorted(roles)]
    for number, document in enumerate(objects):
        out.write((",\n" if number else "\n") + json.dumps(document, ensure_ascii=False))
    out.write("]}\n")
    return count


def _event(event: StageEvent) -> dict[str, Any]:
    fields = event_fields(event)
    related = [{"objectId": event.request_id, "qualifier": "of"}]
    if event.table:
        related.append({"objectId": f"table {event.request_id}/{event.table}", "qualifier": "about"})
    if event.role:
        related.append({"objectId": f"role {event.role}", "qualifier": "by"})
    return {
        "id": str(event.seq),
        "type": f"{event.stage.value} {event.event.value}",
        "time": fields["at"],
        "attributes": [{"name": f, "value": fields[f]} for f in _OF_EVENT if fields[f]],
        "relationships": related,
    }


def _request(case: Case, tables: Iterable[str]) -> dict[str, Any]:
    fields, since = case_fields(case), case.requested_at.isoformat()
    return {
        "id": case.id,
        "type": REQUEST,
        "attributes": [{"name": f, "value": fields[f], "time": since} for f in CASE_FIELDS if fields[f]],
        "relationships": [{"objectId": f"table {case.id}/{t}", "qualifier": "has"} for t in tables],
    }


def read_ocel(path: Path, mapping: Columns | None = None) -> list[History] | list[Ticket]:
    """Our own export's histories, or another system's objects of one type as tickets. `mapping`'s case is that type.

    Raises BadInputError: FLOW_OCEL (not OCEL, an event without a time, an object type that is not there),
    FLOW_DUPLICATE, FLOW_TIME, FLOW_NO_ZONE, and what `document_of` says.
    """
    given = mapping or Columns()
    document = document_of(path)
    objects = {str(o.get("id")): o for o in document["objects"]}
    _unique(document, path)
    types = sorted({str(o.get("type")) for o in objects.values()})
    wanted = given.columns.get("case")
    if REQUEST in types and wanted is None:
        return _histories(document, objects, path)
    chosen = wanted or (types[0] if len(types) == 1 else None)
    if chosen not in types:
        raise BadInputError("FLOW_OCEL", f"say which type of object is a ticket: {', '.join(types) or 'there is none'}", where=str(path),
                            mend="--map case=TYPE")  # fmt: skip
    return _tickets(document, {i: o for i, o in objects.items() if o.get("type") == chosen}, given, path)


def _unique(document: dict[str, Any], path: Path) -> None:
    for part, what in (("objects", "an object's id"), ("events", "an event's id")):
        seen: set[str] = set()
        for own in document[part]:
            identity = str(own.get("id"))
            if own.get("id") is not None and identity in seen:
                raise BadInputError(
                    "FLOW_DUPLICATE", f"{what} stands twice: {identity!r}", where=str(path), mend="Ids must be unique."
                )
            seen.add(identity)


def _values(found: Mapping[str, Any]) -> dict[str, str]:
    """Attributes as text; of one that changed, the newest value."""
    told = [a for a in found.get("attributes") or () if isinstance(a, dict)]
    told.sort(key=lambda a: str(a.get("time") or ""))
    return {str(a.get("name")): str(a.get("value")) for a in told}


def _related(event: Mapping[str, Any], wanted: Iterable[str] | Mapping[str, Any]) -> list[str]:
    """The objects that an event is about, each once however many relations lead to it."""
    related = [str(r.get("objectId")) for r in event.get("relationships") or () if isinstance(r, dict)]
    return list(dict.fromkeys(r for r in related if r in wanted))


def _histories(document: dict[str, Any], objects: dict[str, Any], path: Path) -> list[History]:
    requests = {i: o for i, o in objects.items() if o.get("type") == REQUEST}
    events: dict[str, list[StageEvent]] = {i: [] for i in requests}
    for number, event in enumerate(document["events"], start=1):
        where = f"{path} event {number}"
        own = _related(event, requests)
        stage, _, happened = str(event.get("type", "")).partition(" ")
        if len(own) != 1:
            raise BadInputError("FLOW_OCEL", f"an event belongs to {len(own)} requests", where=where)
        fields = _values(event) | {"stage": stage, "event": happened, "at": str(event.get("time", ""))}
        events[own[0]].append(event_from(own[0], fields, where))
    return [
        History(case_from(i, _values(o), f"{path} object {i}"), tuple(sorted(events[i], key=lambda e: e.seq)))
        for i, o in requests.items()
    ]


def _tickets(document: dict[str, Any], wanted: Mapping[str, Any], mapping: Columns, path: Path) -> list[Ticket]:
    known = {i: _values(o) for i, o in wanted.items()}
    changes: list[Change] = []
    for number, event in enumerate(document["events"], start=1):
        where = f"{path} event {number}"
        if not event.get("time") or not event.get("type"):
            raise BadInputError("FLOW_OCEL", "an event has no time or no type", where=where)
        own = _values(event) | {"concept:name": str(event["type"]), "time:timestamp": str(event["time"])}
        for identity in _related(event, wanted):
            changes.append((where, told_by(identity, known[identity], own, mapping)))
    return changed_tickets(changes, mapping, str(path))
