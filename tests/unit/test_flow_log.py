"""The event log out and back, other systems' histories in, and files that are not what they say."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from lxml import etree

from sluice.errors import BadInputError
from sluice.flow.baseline import claimed_duration, freeze, past_request, past_ticket
from sluice.flow.log import Case, Columns, History, format_of, read_log, read_mapping, without_people, write_log
from sluice.flow.log.csv_file import safe, unsafe
from sluice.flow.log.moments import moment, zone_of
from sluice.histories import Obtained
from sluice.stages import Event, Stage, StageEvent

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data" / "flow"
WEEK, DAY = timedelta(days=7), 86400
ENDINGS = {"csv": "csv", "xes": "xes", "ocel": "json"}

texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=12)
names = st.sampled_from(["orders", "lines", "a-b", "äé"])
events = st.builds(
    lambda stage, attempt, event, seconds, table, role, actor, reason, code: (stage, attempt, event, seconds, table, role, actor, reason, code),
    st.sampled_from(list(Stage)), st.integers(1, 3), st.sampled_from(list(Event)), st.integers(0, 10**9).map(lambda m: m / 1000),
    st.one_of(st.none(), names), st.one_of(st.none(), st.sampled_from(["security", "=cmd"])), st.one_of(st.none(), texts.filter(bool)),
    st.one_of(st.none(), texts.filter(bool)), st.sampled_from([None, "outage"]),
)  # fmt: skip


def history(identity: str, lines: list, first: int = 1, **case: object) -> History:
    values = {
        "source": "shop", "version": "1.0.0", "use_case": "=1+1", "tier": "high", "priority": "standard", "state": "published",
        "requested_at": T0, "closed_at": T0 + WEEK, "origin": "live", "tables": ("orders", "lines"),
    }  # fmt: skip
    made = [
        StageEvent(
            seq, identity, stage, attempt, event, T0 + timedelta(seconds=at), table, actor, role, reason, "d" * 64, code
        )
        for seq, (stage, attempt, event, at, table, role, actor, reason, code) in enumerate(lines, start=first)
    ]
    return History(Case(identity, **(values | case)), tuple(made))


PLAIN = [
    (Stage.LAND, 1, Event.STARTED, 1.5, "orders", None, "remy", "=HYPERLINK(1)", None),
    (Stage.LAND, 1, Event.PAUSED, 2, None, None, None, "a\r\nb", "outage"),
]


def written(histories: list[History], form: str, folder: Path) -> Path:
    out = io.StringIO(newline="")
    write_log(histories, form, out)
    path = folder / f"log.{ENDINGS[form]}"
    path.write_text(out.getvalue(), "utf-8", newline="")
    return path


@pytest.mark.parametrize("form", ["csv", "xes", "ocel"])
@settings(max_examples=60)
@given(first=st.lists(events, min_size=1, max_size=6), second=st.lists(events, min_size=1, max_size=6))
def test_what_is_exported_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, form: str, first: list, second: list
) -> None:
    both = [history("onb-one", first), history("onb-two", second, first=len(first) + 1, closed_at=None, state="open")]
    back = read_log(written(both, form, tmp_path_factory.mktemp("log")), form)
    if form == "xes":  # what XML cannot hold is replaced
        both = [History(h.case, tuple(_held_by_xml(e) for e in h.events)) for h in both]
    assert back == both


def _held_by_xml(event: StageEvent) -> StageEvent:
    from dataclasses import replace

    from sluice.flow.log.xes import _xml

    return replace(event, actor=event.actor and _xml(event.actor), reason=event.reason and _xml(event.reason))


def test_without_people_nobody_is_named() -> None:
    (kept,) = without_people([history("onb-one", PLAIN)])
    assert {(e.actor, e.reason) for e in kept.events} == {(None, None)}
    assert [e.role for e in kept.events] == [None, None]


def test_no_cell_of_the_csv_is_a_formula(tmp_path: Path) -> None:
    text = written([history("=cmd|' /C calc'!A0", PLAIN)], "csv", tmp_path).read_text("utf-8")
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not [cell for cell in row if cell[:1] in tuple("=+-@\t\r")]


@given(texts)
def test_a_cell_made_safe_can_be_read_again(cell: str) -> None:
    assert unsafe(safe(cell)) == cell


# In our own writing, as strict as the schema of IEEE 1849-2016: no namespace, a decimal version, names without blanks.
XES_SCHEMA = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
  <xs:complexType name="Attributable"><xs:choice minOccurs="0" maxOccurs="unbounded">
    <xs:element name="string" type="String"/><xs:element name="date" type="Date"/><xs:element name="int" type="Int"/>
    <xs:element name="float" type="Float"/><xs:element name="boolean" type="Boolean"/><xs:element name="id" type="String"/>
  </xs:choice></xs:complexType>
  <xs:complexType name="String"><xs:complexContent><xs:extension base="Attributable"><xs:attribute name="key" type="xs:Name" use="required"/><xs:attribute name="value" type="xs:string" use="required"/></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Date"><xs:complexContent><xs:extension base="Attributable"><xs:attribute name="key" type="xs:Name" use="required"/><xs:attribute name="value" type="xs:dateTime" use="required"/></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Int"><xs:complexContent><xs:extension base="Attributable"><xs:attribute name="key" type="xs:Name" use="required"/><xs:attribute name="value" type="xs:long" use="required"/></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Float"><xs:complexContent><xs:extension base="Attributable"><xs:attribute name="key" type="xs:Name" use="required"/><xs:attribute name="value" type="xs:double" use="required"/></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Boolean"><xs:complexContent><xs:extension base="Attributable"><xs:attribute name="key" type="xs:Name" use="required"/><xs:attribute name="value" type="xs:boolean" use="required"/></xs:extension></xs:complexContent></xs:complexType>
  <xs:group name="Attributes"><xs:choice>
    <xs:element name="string" type="String"/><xs:element name="date" type="Date"/><xs:element name="int" type="Int"/>
    <xs:element name="float" type="Float"/><xs:element name="boolean" type="Boolean"/><xs:element name="id" type="String"/></xs:choice></xs:group>
  <xs:element name="log"><xs:complexType><xs:sequence>
    <xs:element name="extension" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:attribute name="name" type="xs:NCName" use="required"/><xs:attribute name="prefix" type="xs:NCName" use="required"/><xs:attribute name="uri" type="xs:anyURI" use="required"/></xs:complexType></xs:element>
    <xs:element name="global" minOccurs="0" maxOccurs="2"><xs:complexType><xs:complexContent><xs:extension base="Attributable"><xs:attribute name="scope" use="required"><xs:simpleType><xs:restriction base="xs:NMTOKEN"><xs:enumeration value="trace"/><xs:enumeration value="event"/></xs:restriction></xs:simpleType></xs:attribute></xs:extension></xs:complexContent></xs:complexType></xs:element>
    <xs:element name="classifier" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:attribute name="name" type="xs:NCName" use="required"/><xs:attribute name="keys" type="xs:token" use="required"/><xs:attribute name="scope" type="xs:NMTOKEN"/></xs:complexType></xs:element>
    <xs:group ref="Attributes" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element name="trace" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
      <xs:group ref="Attributes" minOccurs="0" maxOccurs="unbounded"/>
      <xs:element name="event" type="Attributable" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
  </xs:sequence><xs:attribute name="xes.version" type="xs:decimal" use="required"/><xs:attribute name="xes.features" type="xs:token"/></xs:complexType></xs:element>
</xs:schema>
"""
_NAMED = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "type": {"type": "string"}},
        "required": ["name", "type"],
    },
}
_TYPES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "attributes": _NAMED},
        "required": ["name", "attributes"],
    },
}
_LINKS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"objectId": {"type": "string"}, "qualifier": {"type": "string"}},
        "required": ["objectId", "qualifier"],
    },
}
_TIME = {"type": "string", "format": "date-time"}


def _values(*more: str) -> dict:
    properties = {"name": {"type": "string"}, "value": {"type": "string"}, "time": _TIME}
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "required": ["name", "value", *more]},
    }


# The JSON schema of OCEL 2.0 (ocel-standard.org, specification section 7), in our own writing.
OCEL_SCHEMA = {
    "type": "object", "required": ["eventTypes", "objectTypes", "events", "objects"],
    "properties": {
        "eventTypes": _TYPES, "objectTypes": _TYPES,
        "events": {"type": "array", "items": {
            "type": "object", "required": ["id", "type", "time"],
            "properties": {"id": {"type": "string"}, "type": {"type": "string"}, "time": _TIME, "attributes": _values(), "relationships": _LINKS}}},
        "objects": {"type": "array", "items": {
            "type": "object", "required": ["id", "type"],
            "properties": {"id": {"type": "string"}, "type": {"type": "string"}, "attributes": _values("time"), "relationships": _LINKS}}},
    },
}  # fmt: skip


def test_the_xes_is_valid_against_the_schema(tmp_path: Path) -> None:
    schema = etree.XMLSchema(etree.fromstring(XES_SCHEMA))
    document = etree.parse(
        str(written([history("onb-one", PLAIN), history("onb-two", PLAIN, first=3)], "xes", tmp_path))
    )
    schema.assertValid(document)
    said = {e.get("value") for e in document.iter("string") if e.get("key") == "lifecycle:transition"}
    assert {"start", "suspend"} <= said


def test_the_ocel_is_valid_against_the_schema_and_every_reference_leads_somewhere(tmp_path: Path) -> None:
    lines = [*PLAIN, (Stage.ADMISSION, 1, Event.APPROVED, 9, None, "security", None, None, None)]
    document = json.loads(written([history("onb-one", lines)], "ocel", tmp_path).read_text("utf-8"))
    Draft7Validator(OCEL_SCHEMA, format_checker=Draft7Validator.FORMAT_CHECKER).validate(document)
    objects = {o["id"] for o in document["objects"]}
    assert {
        r["objectId"] for e in [*document["events"], *document["objects"]] for r in e.get("relationships", [])
    } <= objects
    assert {e["type"] for e in document["events"]} <= {t["name"] for t in document["eventTypes"]}
    assert {o["type"] for o in document["objects"]} == {t["name"] for t in document["objectTypes"]}


# --- other systems ---------------------------------------------------------------------------------------


def given_file(folder: Path, text: str, name: str = "tickets.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding)
    return path


def test_a_row_per_ticket_as_jira_exports_it(tmp_path: Path) -> None:
    path = given_file(tmp_path, "Issue key;Labels;Labels;Created;Resolved;Resolution;Risk tier\n"
                      "DL-1;a;b;03/Mar/26 9:00 AM;24/Mar/26 9:00 AM;Done;high\nDL-2;;;04/Mar/26 9:00 AM;;;low\n"
                      "DL-3;;;04/Mar/26 9:00 AM;05/Apr/26 9:00 AM;Won't Do;low\n")  # fmt: skip
    tickets = read_log(path, "csv", read_mapping([], zone_of("Europe/Brussels")))
    cases = [c for t in tickets if (c := past_ticket(t, Columns()))]
    assert [(c.id, c.outcome, c.tier, c.lead / 86400, c.work) for c in cases] == [
        ("DL-1", "published", "high", 21, None), ("DL-3", "cancelled", "low", 32 - 1 / 24, None),  # the clocks changed
    ]  # fmt: skip
    assert cases[0].requested == datetime(2026, 3, 3, 8, tzinfo=UTC)


def test_a_row_per_change_tells_work_from_wait(tmp_path: Path) -> None:
    path = given_file(tmp_path, "Key,Transition date,To status\n"
                      "DL-1,2026-03-02T09:00Z,Open\nDL-1,2026-03-04T09:00Z,In Progress\nDL-1,2026-03-05T09:00Z,Security review\nDL-1,2026-03-12T09:00Z,Done\n"
                      "DL-2,2026-03-02T09:00Z,Open\n")  # fmt: skip
    mapping = read_mapping(["status:open=queue", "status:In Progress=work", "status:Security review=approver"])
    one, two = read_log(path, "csv", mapping)
    case = past_ticket(one, mapping)
    assert case is not None
    assert (case.lead, case.work) == (10 * 86400, 86400)
    assert case.spent == {"Open": 2 * 86400, "In Progress": 86400, "Security review": 7 * 86400, "Done": 0}
    assert past_ticket(two, mapping) is None  # still open: not dropped into the sample, and not counted as fast


def test_the_running_example_of_process_mining() -> None:
    """W. van der Aalst, Process Mining (2011), table 1.1: durations read off the book's table by hand."""
    tickets = read_log(DATA / "running-example.csv", "csv")
    leads = {t.id: (t.ended - t.requested) for t in tickets}
    assert leads["1"] == timedelta(days=8, hours=3, minutes=22)
    assert leads["3"] == timedelta(days=15, hours=20, minutes=13)
    frozen = freeze(
        [c for t in tickets if (c := past_ticket(t, Columns()))], name="book", obtained=Obtained.MEASURED, statement="the book's log",
        digest="d", form="csv", now=T0, by="dan",
    )  # fmt: skip
    assert (frozen.n, frozen.first.day, frozen.last.isoformat()) == (6, 30, "2011-01-24T13:56:00+00:00")


def test_a_baseline_of_our_own_export_has_our_own_metrics() -> None:
    lines = [
        (Stage.REQUEST, 1, Event.REQUESTED, 0, None, None, None, None, None), (Stage.REQUEST, 1, Event.READY, 0, None, None, None, None, None),
        (Stage.REQUEST, 1, Event.STARTED, 60, None, None, None, None, None), (Stage.REQUEST, 1, Event.COMPLETED, 100, None, None, None, None, None),
        (Stage.PUBLISH, 1, Event.READY, 100, None, None, None, None, None), (Stage.PUBLISH, 1, Event.STARTED, 150, None, None, None, None, None),
        (Stage.PUBLISH, 1, Event.COMPLETED, 200, None, None, None, None, None),
    ]  # fmt: skip
    case = past_request(history("onb-one", lines))
    assert case is not None
    assert (case.lead, case.work, case.spent["queue"], case.outcome) == (200, 90, 110, "published")
    assert past_request(history("onb-one", lines[:3], closed_at=None, state="open")) is None
    sent_back = [*lines[:4], (Stage.ADMISSION, 1, Event.READY, 100, None, None, None, None, None),
                 (Stage.ADMISSION, 1, Event.RETURNED, 150, None, None, None, "more words", None)]  # fmt: skip
    assert past_request(history("onb-one", sent_back, closed_at=None, state="open")) is None  # it will be asked again
    ended = past_request(history("onb-one", sent_back, state="returned"))
    assert ended is not None
    assert ended.outcome == "returned"


# --- files that are not what they say ----------------------------------------------------------------------

JIRA = "Issue key,Created,Resolved\n"
BOMB = '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><log><trace>&lol2;</trace></log>'
TRACE = '<log><trace><string key="concept:name" value="a"/><event><string key="concept:name" value="x"/>{}</event></trace></log>'
STAMP = '<date key="time:timestamp" value="{}"/>'


@pytest.mark.parametrize(
    ("name", "text", "code", "where"),
    [
        ("a.csv", JIRA + 'DL-1,"2026-01-01T00:00Z,2026-01-02T00:00Z\n', "FLOW_CSV", ":2"),
        ("a.csv", JIRA + "DL-1,2026-01-01T00:00Z\n", "FLOW_CSV", ":2"),
        ("a.csv", "", "FLOW_CSV", ":1"),
        ("a.csv", JIRA, "FLOW_EMPTY", "a.csv"),
        ("a.csv", JIRA + "DL-1,yesterday,2026-01-02T00:00Z\n", "FLOW_TIME", ":2"),
        ("a.csv", JIRA + "DL-1,03/04/2026 09:00,05/04/2026 09:00\n", "FLOW_TIME", ":2"),
        ("a.csv", JIRA + "DL-1,2026-01-01 09:00,2026-01-02 09:00\n", "FLOW_NO_ZONE", ":2"),
        ("a.csv", JIRA + "DL-1,2026-01-02T00:00Z,2026-01-01T00:00Z\n", "FLOW_ORDER", ":2"),
        ("a.csv", JIRA + "DL-1,2026-01-01T00:00Z,\nDL-1,2026-01-01T00:00Z,\n", "FLOW_DUPLICATE", ":3"),
        ("a.csv", JIRA + ",2026-01-01T00:00Z,\n", "FLOW_VALUE", ":2"),
        ("a.csv", "Name,Colour\nx,red\n", "FLOW_COLUMNS", ":1"),
        ("a.csv", "Key,At,Activity\nx,2026-01-01T00:00Z,do\nx,2026-01-01T00:00Z,do\n", "FLOW_DUPLICATE", ":3"),
        ("a.xes", BOMB, "FLOW_DTD", "a.xes:1"),
        ("a.xes", "<log><trace>", "FLOW_XML", "a.xes:1"),
        ("a.xes", "<html/>", "FLOW_XES", "a.xes"),
        ("a.xes", TRACE.format(""), "FLOW_XES", "a.xes:1"),
        ("a.xes", TRACE.format(STAMP.format("soon")), "FLOW_TIME", "a.xes:1"),
        ("a.xes", TRACE.format(STAMP.format("2026-01-01T00:00:00")), "FLOW_NO_ZONE", "a.xes:1"),
        ("a.xes", "<log><trace/></log>", "FLOW_XES", "a.xes:1"),
        ("a.xes", "<log/>", "FLOW_EMPTY", "a.xes"),
        ("a.xes", "<log>" + "<a>" * 100, "FLOW_XES", "a.xes"),
        ("a.json", "[" * 100_000, "FLOW_OCEL", "a.json"),
        ("a.json", '{"events": []}', "FLOW_OCEL", "a.json"),
        ("a.json", '{"events": [], "objects": [{"id": "a", "type": "x"}, {"id": "b", "type": "y"}]}', "FLOW_OCEL", "a.json"),
        ("a.json", '{"events": [], "objects": [{"id": "a", "type": "x"}, {"id": "a", "type": "x"}]}', "FLOW_DUPLICATE", "a.json"),
        ("a.json", '{"events": [{"id": "1"}, {"id": "1"}], "objects": []}', "FLOW_DUPLICATE", "a.json"),
        ("a.json", '{"ocel:events": [], "ocel:objects": {}}', "FLOW_OCEL", "a.json"),
        ("a.json", BOMB, "FLOW_DTD", "a.json"),
        ("a.json", "<log><events>", "FLOW_XML", "a.json:1"),
        ("a.json", "<log><trace/></log>", "FLOW_OCEL", "a.json"),
        ("a.json", "SQLite format 3\0 and nothing more", "FLOW_OCEL", "a.json"),
        ("a.csv", "\x1f\x8b no more", "FLOW_GZIP", "a.csv"),
        ("a.json", '{"events": [{"id": "1", "type": "t"}], "objects": [{"id": "a", "type": "x"}]}', "FLOW_OCEL", "event 1"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_code_and_place(tmp_path: Path, name: str, text: str, code: str, where: str) -> None:
    form = {"csv": "csv", "xes": "xes", "json": "ocel"}[name.split(".")[1]]
    with pytest.raises(BadInputError) as caught:
        read_log(given_file(tmp_path, text, name, "latin-1" if "\x8b" in text else "utf-8"), form)
    assert caught.value.code == code
    assert where in caught.value.where


def test_a_packed_file_is_read_and_one_that_unpacks_without_end_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tickets.csv.gz"
    path.write_bytes(gzip.compress(f"{JIRA}DL-1,2026-01-01T00:00Z,2026-01-02T00:00Z\nDL-2,soon,\n".encode()))
    with pytest.raises(BadInputError) as caught:
        read_log(path, format_of(path, None))
    assert caught.value.where == f"{path}:3"
    monkeypatch.setattr("sluice.flow.log.unpacking.MAX_BYTES", 10)
    with pytest.raises(BadInputError, match="more than 10 bytes"):
        read_log(path, "csv")


XES_EVENT = (
    '<event><string key="concept:name" value="{}"/><date key="time:timestamp" value="2026-01-{}T00:00:00Z"/>{}</event>'
)


def test_an_xes_log_of_activities_with_all_that_real_ones_hold(tmp_path: Path) -> None:
    """Attributes in attributes, a list, an id of an event's own, an event twice, work suspended, one never completed."""

    def step(transition: str, more: str = "") -> str:
        return f'<string key="lifecycle:transition" value="{transition}"/>{more}'

    nested = '<string key="doctor" value="x"><string key="concept:name" value="wrong"/></string><list key="l"><values><string key="time:timestamp" value="wrong"/></values></list>'
    one = [
        XES_EVENT.format("check", "01", step("start", nested + '<id key="id" value="7"/>')),
        *[XES_EVENT.format("check", "02", step("SUSPEND"))] * 2, XES_EVENT.format("check", "05", step("resume")),
        XES_EVENT.format("check", "06", step("complete")),
    ]  # fmt: skip
    two = [XES_EVENT.format("check", "01", step("complete")), XES_EVENT.format("check", "02", step("start"))]
    traces = "".join(
        f'<trace><string key="concept:name" value="{name}"/><string key="Priority" value="high"/>{"".join(events)}</trace>'
        for name, events in (("a", one), ("b", two))
    )
    path = given_file(tmp_path, f'<x:log xmlns:x="urn:any"><global scope="event"><string key="concept:name" value="?"/></global>{traces}</x:log>', "log.xml")  # fmt: skip
    assert format_of(path, None) == "xes"
    first, second = read_log(path, "xes", read_mapping(["tier=Priority"]))
    assert (first.id, first.tier, len(first.events)) == ("a", "high", 4)
    case = past_ticket(first, Columns())
    assert (case.lead, case.work, case.spent) == (5 * DAY, 2 * DAY, {"check": 2 * DAY})
    assert past_ticket(second, Columns()) is None, "what it began last is not over"


def test_bytes_that_are_not_text_and_a_file_too_large_are_refused(tmp_path: Path) -> None:
    latin = given_file(tmp_path, JIRA + "DL-é,2026-01-01T00:00Z,2026-01-02T00:00Z\n", encoding="cp1252")
    with pytest.raises(BadInputError, match="not utf-8 text"):
        read_log(latin, "csv")
    assert read_log(latin, "csv", encoding="cp1252")[0].id == "DL-é"
    with pytest.raises(BadInputError, match="not utf-16 text"):
        read_log(latin, "csv", encoding="utf-16")
    with pytest.raises(BadInputError, match="known encoding"):
        read_log(latin, "csv", encoding="klingon")
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as sparse:
        sparse.truncate(1_000_000_000)
    with pytest.raises(BadInputError, match="at most"):
        read_log(huge, "csv")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_log(tmp_path / "none.csv", "csv")
    for endless in (Path("/dev/zero"), tmp_path):
        with pytest.raises(BadInputError, match="is no file"):
            read_log(endless, "csv")


@pytest.mark.parametrize("pair", ["case", "case=", "colour=red", "status:Open=party", "at=Twice"])
def test_a_mapping_that_maps_nothing_is_refused(pair: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_mapping(["at=Changed", pair])
    assert caught.value.code == "FLOW_MAP"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02 09:00:00 UTC",
        "2026-03-02T10:00:00.000000000 +01:00",
        "2026-03-02 09:00 GMT",
        "2026-03-02T04:00-0500",
    ],
)
def test_an_offset_may_stand_behind_a_blank(text: str) -> None:
    assert moment(text, zone=None, dates=None, where="") == T0


def test_an_end_in_the_hour_that_clocks_repeat_is_the_one_after_its_beginning(tmp_path: Path) -> None:
    path = given_file(
        tmp_path, JIRA + "DL-1,2026-10-25 02:50,2026-10-25 02:10\nDL-2,2026-10-25 02:10,2026-10-25 02:50\n"
    )
    first, second = read_log(path, "csv", read_mapping([], zone_of("Europe/Brussels")))
    assert first.ended - first.requested == timedelta(minutes=20)
    assert second.ended - second.requested == timedelta(minutes=40)


def test_a_zone_and_a_claim_must_be_known() -> None:
    with pytest.raises(BadInputError, match="not a time zone"):
        zone_of("Europe/Bruges")
    assert claimed_duration("3 weeks") == 21 * 86400
    assert claimed_duration("36h") == 36 * 3600
    assert claimed_duration("three weeks") == 21 * 86400
    for text in ("some weeks", "", "-2 d", "3 fortnights", "0 d"):
        with pytest.raises(BadInputError, match="length of time"):
            claimed_duration(text)


@pytest.mark.parametrize("form", ["csv", "xes", "ocel"])
@pytest.mark.parametrize(
    ("was", "becomes"), [("paused", "napping"), ("2026-03-02T09:00:02", "two o'clock"), ("land", "landed")]
)
def test_our_own_export_edited_by_hand_is_refused(tmp_path: Path, form: str, was: str, becomes: str) -> None:
    path = written([history("onb-one", PLAIN)], form, tmp_path)
    text = path.read_text("utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes), "utf-8", newline="")
    with pytest.raises(BadInputError) as caught:
        read_log(path, form)
    assert caught.value.code in ("FLOW_VALUE", "FLOW_TIME")
    assert str(path) in caught.value.where
