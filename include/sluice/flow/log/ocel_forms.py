"""The forms of OCEL, each read into what OCEL 2.0 is in JSON: `events` and `objects`, ids, types, times, attributes.

Read are OCEL 2.0 in JSON, XML and SQLite (ocel-standard.org, specification 2.0), and the older OCEL 1.0 in JSON and
XML. Which one a file is, its first bytes say.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from sluice.errors import BadInputError

Document = dict[str, Any]
_SQLITE = b"SQLite format 3\x00"
_HEAD = 1 << 16
_OF_OCEL = {"object-types", "event-types", "objects", "events"}
_OF_XES = {"extension", "classifier", "trace", "event"}
_STEPS = 50_000_000
"""Steps of SQLite's machine that one question may take; a table of a million rows takes a tenth."""


def document_of(path: Path) -> Document:
    """The log as a document of OCEL 2.0. Raises BadInputError: FLOW_OCEL, FLOW_XML, FLOW_DTD."""
    with path.open("rb") as stream:
        head = stream.read(64)
    if head.startswith(_SQLITE):
        found = _sqlite(path)
    elif head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        found = _xml(path)
    else:
        found = _json(path)
    for part in ("events", "objects"):
        own = found.get(part)
        if not isinstance(own, list) or not all(isinstance(o, dict) for o in own):
            raise BadInputError(
                "FLOW_OCEL", f"has no list `{part}`", where=str(path),
                mend="It must be OCEL 2.0 in JSON, XML or SQLite, or OCEL 1.0 in JSON or XML (ocel-standard.org).",
            )  # fmt: skip
    return found


def is_ocel_xml(path: Path) -> bool:
    """Whether an XML file is a log of OCEL rather than XES; both begin with `<log>`."""
    found: list[str] = []
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda name, _: found.append(name.rsplit("}", 1)[-1])
    try:
        with path.open("rb") as stream:
            parser.Parse(stream.read(_HEAD))
    except (expat.ExpatError, OSError):
        pass  # whoever reads it says what is wrong
    told = (name in _OF_OCEL for name in found if name in _OF_OCEL | _OF_XES)
    return next(told, False)


def _json(path: Path) -> Document:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInputError("FLOW_OCEL", f"is not JSON: {error}", where=str(path), mend="Export it again.") from error
    if not isinstance(found, dict):
        return {}
    return _first_edition(found) if "ocel:events" in found else found


def _first_edition(found: Mapping[str, Any]) -> Document:
    """OCEL 1.0: events and objects by id, and names that begin with `ocel:`."""
    parts = [found.get("ocel:events"), found.get("ocel:objects")]
    if not all(isinstance(p, dict) and all(isinstance(o, dict) for o in p.values()) for p in parts):
        return {}
    events, objects = parts
    return {
        "events": [
            {
                "id": i, "type": e.get("ocel:activity"), "time": e.get("ocel:timestamp"), "attributes": _listed(e.get("ocel:vmap")),
                "relationships": [{"objectId": o, "qualifier": ""} for o in e.get("ocel:omap") or ()],
            }
            for i, e in (events or {}).items()
        ],
        "objects": [
            {"id": i, "type": o.get("ocel:type"), "attributes": _listed(o.get("ocel:ovmap"))}
            for i, o in (objects or {}).items()
        ],
    }  # fmt: skip


def _listed(values: Any) -> list[dict[str, Any]]:
    return [{"name": k, "value": v} for k, v in values.items()] if isinstance(values, dict) else []


# --- XML ---------------------------------------------------------------------------------------------------


class _Builder(ElementTree.TreeBuilder):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def doctype(self, *_: object) -> None:
        raise BadInputError("FLOW_DTD", "holds a document type declaration, which an event log does not need", where=str(self._path),
                            mend="Remove <!DOCTYPE …>; entities are refused because they can be made to grow without end.")  # fmt: skip


def _parser(path: Path) -> ElementTree.XMLParser:
    return ElementTree.XMLParser(target=_Builder(path))  # noqa: S314 - see _Builder


def _xml(path: Path) -> Document:
    try:
        root = ElementTree.parse(path, parser=_parser(path)).getroot()  # noqa: S314
    except ElementTree.ParseError as error:
        raise BadInputError("FLOW_XML", f"is not complete XML: {error.msg}", where=f"{path}:{error.position[0]}",
                            mend="Export it again.") from error  # fmt: skip
    parts = {_tag(e): e for e in root}
    if "events" not in parts or "objects" not in parts:
        return {}
    events, objects = list(parts["events"]), list(parts["objects"])
    if any(_key(child) == "activity" for child in (events[0] if events else ())):
        return _first_edition({
            "ocel:events": dict(map(_old_event, events)), "ocel:objects": dict(map(_old_object, objects)),
        })  # fmt: skip
    return {"events": [_event(e) for e in events], "objects": [_object(o) for o in objects]}


def _tag(element: Any) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _key(element: Any) -> str:
    """The key of an attribute of OCEL 1.0, which some tools write with and some without `ocel:`."""
    return str(element.get("key", "")).removeprefix("ocel:")


def _event(e: Any) -> Document:
    return {"id": e.get("id"), "type": e.get("type"), "time": e.get("time"), "attributes": _attributes(e), "relationships": _links(e)}  # fmt: skip


def _object(o: Any) -> Document:
    return {"id": o.get("id"), "type": o.get("type"), "attributes": _attributes(o), "relationships": _links(o)}


def _attributes(element: Any) -> list[dict[str, Any]]:
    return [
        {"name": a.get("name"), "value": a.text or "", "time": a.get("time", "")}
        for part in element if _tag(part) == "attributes"
        for a in part
    ]  # fmt: skip


def _links(element: Any) -> list[dict[str, Any]]:
    return [
        {"objectId": r.get("object-id"), "qualifier": r.get("qualifier", "")}
        for part in element if _tag(part) == "objects"
        for r in part
    ]  # fmt: skip


def _old_event(e: Any) -> tuple[str, Document]:
    own = {_key(c): c for c in e}
    value = {k: c.get("value") for k, c in own.items()}
    return str(value.get("id")), {
        "ocel:activity": value.get("activity"), "ocel:timestamp": value.get("timestamp"),
        "ocel:omap": [c.get("value") for c in own.get("omap", ())],
        "ocel:vmap": {str(c.get("key")): c.get("value") for c in own.get("vmap", ())},
    }  # fmt: skip


def _old_object(o: Any) -> tuple[str, Document]:
    own = {_key(c): c for c in o}
    value = {k: c.get("value") for k, c in own.items()}
    attributes = {str(c.get("key")): c.get("value") for c in own.get("ovmap", ())}
    return str(value.get("id")), {"ocel:type": value.get("type"), "ocel:ovmap": attributes}


# --- SQLite ------------------------------------------------------------------------------------------------


def _sqlite(path: Path) -> Document:
    """OCEL 2.0 as a relational file: a table of all events and objects, and one for each type's attributes."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_progress_handler(lambda: 1, _STEPS)
            return _relational(connection)
    except sqlite3.Error as error:
        raise BadInputError("FLOW_OCEL", f"is no SQLite file of OCEL 2.0: {error}", where=str(path),
                            mend="Export it again, or as JSON.") from error  # fmt: skip


def _relational(connection: sqlite3.Connection) -> Document:
    names = {r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"event", "object", "event_object", "event_map_type", "object_map_type"} <= names:
        return {}
    links: dict[str, list[dict[str, Any]]] = {}
    for link in connection.execute("SELECT ocel_event_id, ocel_object_id, ocel_qualifier FROM event_object"):
        links.setdefault(str(link[0]), []).append({"objectId": str(link[1]), "qualifier": link[2] or ""})
    rows = {kind: _by_id(connection, kind, names) for kind in ("event", "object")}
    events, objects = [], []
    for identity, type_ in connection.execute("SELECT ocel_id, ocel_type FROM event"):
        own = rows["event"].get(str(identity), [])
        time = own[0]["ocel_time"] if own and "ocel_time" in own[0] else None
        events.append({
            "id": str(identity), "type": type_, "time": time, "attributes": [a for r in own for a in _listed(_rest(r))],
            "relationships": links.get(str(identity), []),
        })  # fmt: skip
    for identity, type_ in connection.execute("SELECT ocel_id, ocel_type FROM object"):
        own = rows["object"].get(str(identity), [])
        told = [a | {"time": str(r.get("ocel_time") or "")} for r in own for a in _listed(_rest(r))]
        objects.append({"id": str(identity), "type": type_, "attributes": told})
    return {"events": events, "objects": objects}


def _by_id(connection: sqlite3.Connection, kind: str, names: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of every type's own table, by id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in _tables(connection, kind, names):
        quoted = table.replace('"', '""')
        for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - a table that is there, quoted
            found.setdefault(str(row["ocel_id"]), []).append(dict(row))
    return found


def _tables(connection: sqlite3.Connection, kind: str, names: set[str]) -> Iterator[str]:
    for row in connection.execute(f"SELECT ocel_type_map FROM {kind}_map_type"):  # noqa: S608 - one of two words
        if f"{kind}_{row[0]}" in names:
            yield f"{kind}_{row[0]}"


def _rest(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's attributes: those that are filled and not OCEL's own."""
    return {k: v for k, v in row.items() if v is not None and not k.startswith(("ocel_", "ocel:"))}
