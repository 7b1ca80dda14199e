"""XES (IEEE 1849): a trace per request; stages, signatures and tables with start and complete lifecycle.

Written as a stream and read as a stream by expat; a document type declaration is refused, so no entity can grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from sluice.errors import BadInputError
from sluice.flow.log.fields import CASE_FIELDS, EVENT_FIELDS, case_fields, case_from, event_fields, event_from
from sluice.flow.log.model import History, Ticket
from sluice.flow.log.tickets import Change, Columns, changed_tickets, told_by
from sluice.stages import Event, StageEvent

_EXTENSIONS = (
    ("Concept", "concept", "http://www.xes-standard.org/concept.xesext"),
    ("Lifecycle", "lifecycle", "http://www.xes-standard.org/lifecycle.xesext"),
    ("Organizational", "org", "http://www.xes-standard.org/org.xesext"),
    ("Time", "time", "http://www.xes-standard.org/time.xesext"),
    ("Sluice", "sluice", "urn:sluice:xes"),
)
_TRANSITIONS = {
    Event.REQUESTED: "unknown", Event.READY: "schedule", Event.STARTED: "start", Event.PAUSED: "suspend", Event.RESUMED: "resume",
    Event.SUBMITTED: "start", Event.APPROVED: "complete", Event.COMPLETED: "complete", Event.REJECTED: "complete",
    Event.RETURNED: "complete", Event.EXPIRED: "withdraw", Event.FAILED: "ate_abort", Event.CANCELLED: "withdraw",
}  # fmt: skip
"""Our events in the standard lifecycle model of XES; `sluice:event` keeps the exact word."""
_MAX_DEPTH = 64


def activity(event: StageEvent) -> str:
    """The activity's name: the stage, "admission by security" for a signature, "land of a table" for a table's share."""
    if event.role is not None:
        return f"{event.stage.value} by {event.role}"
    return f"{event.stage.value} of a table" if event.table is not None else event.stage.value


def write_xes(histories: Iterable[History], out: TextIO) -> int:
    """Write the histories; gives the number of events. A character that XML cannot hold becomes U+FFFD."""
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write('<log xes.version="1849.2016" xes.features="">\n')  # the standard's schema knows no namespace
    for name, prefix, uri in _EXTENSIONS:
        out.write(f'  <extension name="{name}" prefix="{prefix}" uri="{uri}"/>\n')
    out.write('  <global scope="trace"><string key="concept:name" value="unknown"/></global>\n')
    out.write('  <global scope="event"><string key="concept:name" value="unknown"/>'
              '<date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/>'
              '<string key="lifecycle:transition" value="complete"/></global>\n')  # fmt: skip
    out.write('  <classifier name="Activity" keys="concept:name"/>\n')
    out.write('  <classifier name="ActivityAndLifecycle" keys="concept:name lifecycle:transition"/>\n')
    out.write('  <string key="concept:name" value="Sluice onboarding requests"/>\n')
    count = 0
    for history in histories:
        out.write("  <trace>\n")
        own = case_fields(history.case)
        _attributes(out, 4, {"concept:name": history.case.id} | {f"sluice:{k}": v for k, v in own.items() if v})
        for event in history.events:
            out.write("    <event>\n")
            _event(out, event)
            out.write("    </event>\n")
            count += 1
        out.write("  </trace>\n")
    out.write("</log>\n")
    return count


def _event(out: TextIO, event: StageEvent) -> None:
    instance = "/".join(filter(None, (str(event.attempt), event.table)))
    named = {
        "concept:name": activity(event), "concept:instance": instance, "lifecycle:transition": _TRANSITIONS[event.event],
        "org:resource": event.actor or "", "org:role": event.role or "",
    }  # fmt: skip
    out.write(f'      <date key="time:timestamp" value="{event.at.isoformat()}"/>\n')
    fields = event_fields(event)
    own = {f"sluice:{k}": fields[k] for k in EVENT_FIELDS if k not in ("at", "actor", "role")}
    _attributes(out, 6, {k: v for k, v in (named | own).items() if v})


def _attributes(out: TextIO, indent: int, values: dict[str, str]) -> None:
    for key, value in values.items():
        kind = {
            "sluice:seq": "int",
            "sluice:attempt": "int",
            "sluice:requested_at": "date",
            "sluice:closed_at": "date",
        }.get(key, "string")
        out.write(f'{" " * indent}<{kind} key="{key}" value={quoteattr(_xml(value))}/>\n')


def _xml(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(
        c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" else "\ufffd"
        for c in text
    )


def read_xes(path: Path, mapping: Columns | None = None) -> list[History] | list[Ticket]:
    """Our own export's histories, or another system's tickets.

    Raises BadInputError: FLOW_XML (not XML, cut off), FLOW_DTD, FLOW_XES (not a log, an event without a name or time),
    FLOW_TIME, FLOW_NO_ZONE, FLOW_ORDER.
    """
    handler = _Handler(path, mapping or Columns())
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.StartDoctypeDeclHandler = handler.doctype
    handler.parser = parser
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise BadInputError("FLOW_XML", f"is not complete XML: {expat.errors.messages[error.code]}", where=f"{path}:{error.lineno}",
                            mend="Export it again.") from error  # fmt: skip
    if not handler.is_log:
        raise BadInputError(
            "FLOW_XES", "is XML, and not an XES log", where=str(path), mend="Its first element must be <log>."
        )
    return handler.result()


class _Handler:
    """Collects traces; only the first level of attributes counts, which is all that this reading needs."""

    def __init__(self, path: Path, mapping: Columns) -> None:
        self.path = path
        self.mapping = mapping
        self.parser: Any = None
        self.is_log = False
        self.traces: list[tuple[int, dict[str, str], list[tuple[int, dict[str, str]]]]] = []
        self._open: list[str] = []

    def where(self) -> str:
        return f"{self.path}:{self.parser.CurrentLineNumber}"

    def doctype(self, *_: object) -> None:
        raise BadInputError("FLOW_DTD", "holds a document type declaration, which an event log does not need", where=self.where(),
                            mend="Remove <!DOCTYPE …>; entities are refused because they can be made to grow without end.")  # fmt: skip

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rsplit(" ", 1)[-1]
        if not self._open:
            self.is_log = tag == "log"
        if len(self._open) > _MAX_DEPTH:
            raise BadInputError("FLOW_XES", f"is nested deeper than {_MAX_DEPTH} levels", where=self.where())
        line = self.parser.CurrentLineNumber
        if tag == "trace" and self._open == ["log"]:
            self.traces.append((line, {}, []))
        elif tag == "event" and self._open == ["log", "trace"]:
            self.traces[-1][2].append((line, {}))
        elif "key" in attributes and "value" in attributes:
            if self._open == ["log", "trace"]:
                self.traces[-1][1][attributes["key"]] = attributes["value"]
            elif self._open == ["log", "trace", "event"]:
                self.traces[-1][2][-1][1][attributes["key"]] = attributes["value"]
        self._open.append(tag)

    def end(self, _: str) -> None:
        self._open.pop()

    def result(self) -> list[History] | list[Ticket]:
        seen: dict[str, int] = {}
        for line, attributes, _ in self.traces:
            name = attributes.get("concept:name", "")
            if not name or name in seen:
                said = (
                    f"the trace {name!r} stands twice, first in line {seen[name]}"
                    if name
                    else "a trace has no concept:name"
                )
                raise BadInputError("FLOW_DUPLICATE" if name else "FLOW_XES", said, where=f"{self.path}:{line}")
            seen[name] = line
        own = self.traces and all("sluice:event" in e for _, _, events in self.traces for _, e in events)
        if own:
            return [self._history(*trace) for trace in self.traces]
        changes = [c for _, attributes, events in self.traces for c in self._changes(attributes, events)]
        return changed_tickets(changes, self.mapping, str(self.path))

    def _history(self, line: int, attributes: dict[str, str], events: list[tuple[int, dict[str, str]]]) -> History:
        identity = attributes["concept:name"]
        case = case_from(identity, {k: attributes.get(f"sluice:{k}", "") for k in CASE_FIELDS}, f"{self.path}:{line}")
        read = []
        for at, event in events:
            fields = {k: event.get(f"sluice:{k}", "") for k in EVENT_FIELDS}
            fields |= {
                "at": event.get("time:timestamp", ""),
                "actor": event.get("org:resource", ""),
                "role": event.get("org:role", ""),
            }
            read.append(event_from(identity, fields, f"{self.path}:{at}"))
        return History(case, tuple(sorted(read, key=lambda e: e.seq)))

    def _changes(self, attributes: dict[str, str], events: list[tuple[int, dict[str, str]]]) -> Iterator[Change]:
        """A trace's events. One that is there again in all its attributes is the same, and counts once."""
        seen: set[tuple[tuple[str, str], ...]] = set()
        for at, event in events:
            where, mark = f"{self.path}:{at}", tuple(sorted(event.items()))
            if mark in seen:
                continue
            seen.add(mark)
            change = told_by(attributes["concept:name"], attributes, event, self.mapping)
            for key, named in (("activity", "concept:name"), ("at", "time:timestamp")):
                if not change[key]:
                    name = self.mapping.columns.get(key, named)
                    raise BadInputError(
                        "FLOW_XES", f"an event has no {name}", where=where, mend="Every event needs a name and a time."
                    )
            yield where, change
