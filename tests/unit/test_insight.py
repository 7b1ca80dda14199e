"""A request's line: what it says, and that the lines of many answer questions as their events would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pytest

import made_up
from sluice.calendars import CONTINUOUS, Calendar
from sluice.flow import Kind, request_flow
from sluice.flow import summary as flow_summary
from sluice.histories import Origin
from sluice.insight.columns import columns_of
from sluice.insight.packing import pack
from sluice.insight.pools import WORDS
from sluice.insight.stream import stream_summary
from sluice.insight.summary import Summary, Ticking, causes, place_data, summarise
from sluice.insight.tables import harmless
from sluice.insight.timeline import gantt
from sluice.ledger import RequestState
from sluice.stages import Event, Stage, StageEvent

T0 = made_up.NOW - timedelta(days=3)


def numbered(events: list[StageEvent]) -> list[StageEvent]:
    return [replace(e, seq=i) for i, e in enumerate(sorted(events, key=lambda e: e.at), start=1)]


def event(minutes: float, stage: Stage, what: Event, **more: Any) -> StageEvent:
    return StageEvent(0, "r", stage, more.pop("attempt", 1), what, T0 + timedelta(minutes=minutes), **more)


def row(line: Summary) -> Mapping[str, Any]:
    return vars(line) | {
        "numbers": pack(line), "asked": [a.role for a in line.asks], "causes": list(line.causes),
        "places": [place_data(p) for p in line.places],
    }  # fmt: skip


AT_A_GATE = numbered([
    event(0, Stage.REQUEST, Event.REQUESTED), event(0, Stage.REQUEST, Event.READY), event(1, Stage.REQUEST, Event.STARTED),
    event(2, Stage.REQUEST, Event.COMPLETED), event(2, Stage.ADMISSION, Event.READY), event(10, Stage.ADMISSION, Event.STARTED),
    event(10, Stage.ADMISSION, Event.SUBMITTED, role="security"), event(10, Stage.ADMISSION, Event.SUBMITTED, role="business"),
    event(70, Stage.ADMISSION, Event.APPROVED, role="business"),
])  # fmt: skip


def test_an_open_gate_says_on_whom_it_waits_and_since_when() -> None:
    line = summarise(made_up.request(1, T0, use_case="HR"), AT_A_GATE)
    (place,) = line.places
    assert (place.stage, dict(place.waiting)) == (Stage.ADMISSION, {"security": T0 + timedelta(minutes=10)})
    assert line.stages[Stage.ADMISSION].ticking is Ticking.APPROVER
    assert next(a.wall for a in line.asks if a.role == "business") == 3600
    assert line.causes == {
        "queue: request": 60, "queue: admission": 480, "signature: business": 1800, "signature: security": 1800,
    }  # fmt: skip


def test_an_open_stage_ticks_on_after_its_newest_event() -> None:
    columns = columns_of([row(summarise(made_up.request(1, T0), AT_A_GATE))])
    an_hour_later = columns.ticked(T0 + timedelta(minutes=130))
    gate = list(Stage).index(Stage.ADMISSION)
    assert an_hour_later.stage("approver")[0, gate] == columns.stage("approver")[0, gate] + 3600
    assert an_hour_later.stage("elapsed")[0, gate] == 128 * 60
    assert columns.lead(T0 + timedelta(minutes=130))[0] == 130 * 60


def test_a_pause_and_a_failure_are_said_in_words_until_they_are_over() -> None:
    paused = [*AT_A_GATE, event(80, Stage.ADMISSION, Event.PAUSED, reason_code="legal_review", reason="ask Luxembourg")]
    (place,) = summarise(made_up.request(1, T0), numbered(paused)).places
    assert place.blocked == "a legal review is under way: ask Luxembourg"
    assert (place.hours, place.causes) == ((), ("paused: legal_review",))
    resumed = numbered([*paused, event(90, Stage.ADMISSION, Event.RESUMED)])
    line = summarise(made_up.request(1, T0), resumed)
    assert line.places[0].blocked == ""
    assert line.causes["paused: legal_review"] == 600


def test_sent_back_it_waits_for_the_requester() -> None:
    returned = [
        *AT_A_GATE,
        event(80, Stage.ADMISSION, Event.RETURNED, role="security", reason="no owner"),
        event(80, Stage.ADMISSION, Event.RETURNED, reason="no owner"),
    ]
    (place,) = summarise(made_up.request(1, T0), numbered(returned)).places
    assert list(place.waiting) == ["requester"]
    assert "no owner" in place.blocked


@pytest.mark.parametrize("seed", range(5))
def test_causes_sum_to_the_wait_and_the_line_agrees_with_the_flow(seed: int) -> None:
    for made in made_up.histories(20, seed=seed):
        events = numbered(made.events)
        line = summarise(made.request, events)
        flow = request_flow(events, line.as_of, request=made.request)
        assert sum(line.causes.values()) == pytest.approx(flow.lead - flow.work)
        columns = columns_of([row(line)])
        for kind in Kind:
            assert columns.spent(kind)[0] == line.spent[kind]
        for i, stage in enumerate(Stage):
            part = flow.stage(stage)
            elapsed = columns.stage("elapsed")[0, i]
            assert np.isnan(elapsed) if part is None else elapsed == part.elapsed
            assert part is None or elapsed == pytest.approx(sum(columns.stage(kind.value)[0, i] for kind in Kind))
        assert sorted(columns.ask("wall")) == sorted(a.wall for s in flow.stages for a in s.asks)
        names = WORDS.names()
        assert {names[c]: n for c, n in zip(columns.causes.code, columns.causes.number(0), strict=True)} == line.causes
        assert (line.ended is None) == (made.request.state is RequestState.OPEN)
        assert bool(line.places) == (made.request.state is RequestState.OPEN)


WEEK = Calendar(
    "office", "1", "Europe/Brussels", {day: ((time(9), time(17)),) for day in range(5)}, frozenset({date(2026, 4, 6)})
)
EARLY = replace(WEEK, name="early", hours={day: ((time(7), time(15)),) for day in range(4)})
CALENDARS = {"security": WEEK, "business": EARLY, "compliance": WEEK, "requester": WEEK}  # others are always there


def moved(events: list[StageEvent], by: timedelta) -> list[StageEvent]:
    return [replace(e, at=e.at + by) for e in events]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_open_is_parted_by_opening_hours_up_to_now(seed: int) -> None:
    """Over the end of March 2026, when clocks change, and Easter Monday; the line was kept at the newest event."""

    def calendar_of(role: str) -> Calendar:
        return CALENDARS.get(role, CONTINUOUS)

    by = datetime(2026, 3, 27, 15, tzinfo=UTC) - made_up.NOW
    parted = 0.0
    for made in made_up.histories(60, days=20, seed=seed):
        if made.request.state is not RequestState.OPEN:
            continue
        events = moved(numbered(made.events), by)
        request = replace(made.request, requested_at=made.request.requested_at + by)
        lines = columns_of([row(summarise(request, events, calendar_of))])
        for hours in (0, 30, 70, 300):
            now = made_up.NOW + by + timedelta(hours=hours)
            flow = request_flow(events, now, calendar_of=calendar_of, request=request)
            columns = lines.ticked(now, calendar_of)
            waits = {k: columns.spent(k)[0] for k in Kind if k is not Kind.WORK}
            assert waits == pytest.approx(flow.waits, abs=1e-3), (request.id, hours)
            assert columns.spent(Kind.WORK)[0] == pytest.approx(flow.work, abs=1e-3)
            for i, stage in enumerate(Stage):
                if part := flow.stage(stage):
                    assert {k: columns.stage(k.value)[0, i] for k in part.waits} == pytest.approx(part.waits, abs=1e-3)
            names, sums, counts = columns.waited()
            found = {names[c]: sums[c] for c in np.flatnonzero(sums > 1e-3)}
            truth = causes(flow, [*events, StageEvent(10**9, "r", Stage.REQUEST, 99, Event.CANCELLED, now, role="x")])
            assert found == pytest.approx({c: n for c, n in truth.items() if n > 1e-3}, abs=1e-3), (request.id, hours)
            assert counts.max() == 1
            parted += flow.waits[Kind.OFF_HOURS]
    assert parted > 10 * 86400


def test_on_the_timeline_no_name_meets_another_and_each_role_has_its_own_hours() -> None:
    events = moved(
        AT_A_GATE, datetime(2026, 3, 27, 16, tzinfo=UTC) - T0
    )  # a Friday, two hours after which nobody works
    now = events[-1].at + timedelta(hours=40)
    flow = request_flow(events, now, request=made_up.request(1, events[0].at))
    marks = (("now", now), ("promised", now + timedelta(minutes=5)), ("half of such by", now + timedelta(hours=1)), ("85% by", now + timedelta(days=9)))  # fmt: skip
    chart = gantt(flow, now, marks, lambda role: CALENDARS.get(role, CONTINUOUS))
    assert chart.spec is not None
    named = [
        (layer["data"]["values"][0]["words"], layer["encoding"]["y"]["value"])
        for layer in chart.spec["layer"] if layer["mark"]["type"] == "text"
    ]  # fmt: skip
    heights = dict(named)
    assert 0 > heights["now"] > heights["promised"] > heights["half of such by"], "each above the one left of it"
    rows = [(r[1], r[5], r[4]) for r in chart.table.rows if r[0] == "admission" and r[1] == "security"]
    assert sum(seconds for *_, seconds in rows) == (now - events[6].at).total_seconds()
    assert {said for _, said, seconds in rows} == {"off hours of those asked"}


def test_a_renewed_line_takes_the_place_of_the_earlier_one() -> None:
    lines = [summarise(made_up.request(n, T0 + timedelta(hours=n)), AT_A_GATE) for n in range(3)]
    all_three = columns_of([row(line) for line in lines])
    found = all_three.renewed([row(replace(lines[1], state=RequestState.PUBLISHED, simulated=True))])
    assert list(all_three.state) == ["open", "open", "open"], "who looks at the earlier ones still sees them"
    assert list(found.ids) == [line.request_id for line in lines]
    assert len(found.take(found.open).asks.of) == 4 and len(found.asks.of) == 6
    assert list(found.state) == ["open", "published", "open"]
    assert list(found.published) == [False, True, False]
    assert np.array_equal(found.simulated, [False, True, False])
    assert Origin.SIMULATED == "simulated"


def test_nothing_asked_for_is_an_answer_too() -> None:
    empty = columns_of([])
    assert len(empty) == 0
    assert empty.lead(T0).size == empty.ticked(T0).stage("work").size == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_columns_say_what_the_flow_says_of_the_events(seed: int) -> None:
    made = [(m.request, numbered(m.events)) for m in made_up.histories(60, days=30, seed=seed)]
    flows = [request_flow(events, made_up.NOW, request=request) for request, events in made]
    truth = flow_summary.summarise(flows)
    found = stream_summary(columns_of([row(summarise(r, e)) for r, e in made]), made_up.NOW)
    assert found.requests == truth.requests and found.outcomes == truth.outcomes
    assert found.bottleneck == truth.bottleneck
    for mine, theirs in ((found.lead, truth.lead), (found.cycle, truth.cycle)):
        assert vars(mine) == pytest.approx(vars(theirs))
    assert found.efficiency == pytest.approx(truth.efficiency)
    assert found.waits == pytest.approx(truth.waits)
    assert [s.stage for s in found.stages] == [s.stage for s in truth.stages]
    for mine, theirs in zip(found.stages, truth.stages, strict=True):
        assert (mine.requests, mine.open, mine.attempts) == (theirs.requests, theirs.open, theirs.attempts)
        assert vars(mine.elapsed) == pytest.approx(vars(theirs.elapsed))
        assert mine.waits == pytest.approx(theirs.waits)
        assert (mine.total, mine.work, mine.critical_share) == pytest.approx(
            (theirs.total, theirs.work, theirs.critical_share)
        )
        assert mine.complete_accurate == pytest.approx(theirs.complete_accurate)
    for mine, theirs in zip(found.roles, truth.roles, strict=True):
        assert (mine.role, mine.asked, mine.answered, mine.oldest) == (
            theirs.role,
            theirs.asked,
            theirs.answered,
            theirs.oldest,
        )
        assert vars(mine.wall) == pytest.approx(vars(theirs.wall))


def test_no_cell_is_taken_for_a_formula() -> None:
    for evil in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "|calc", "%0A=1"):
        assert harmless(evil) == f"'{evil}"
    assert harmless("source_1") == "source_1" and harmless("a=b") == "a=b" and harmless("") == ""


def test_what_was_expected_and_what_each_role_should_do_are_counted() -> None:
    from sluice.flow.statistics import service_level
    from sluice.insight.choice import Choice, choose
    from sluice.insight.scoreboard import score

    made = [(m.request, numbered(m.events)) for m in made_up.histories(60, days=60)]
    flows = [request_flow(events, made_up.NOW, request=request) for request, events in made]
    columns = columns_of([row(summarise(r, e)) for r, e in made])
    level = score(choose(columns, Choice(days=0), made_up.NOW), None, made_up.NOW).level
    truth = service_level(f.lead for f in flows if f.outcome == "published")
    assert (level.n, level.attained, level.met) == (truth.n, pytest.approx(truth.attained), truth.met)
    asks = [a for f in flows for s in f.stages for a in s.asks if a.answered is not None]
    target = 4 * 3600.0
    for role in stream_summary(columns, made_up.NOW, lambda _: target).roles:
        mine = [a.business for a in asks if a.role == role.role]
        assert role.within == pytest.approx(sum(b <= target for b in mine) / len(mine))
    assert all(r.within is None for r in stream_summary(columns, made_up.NOW).roles)


def test_the_policy_says_how_soon_a_role_should_answer() -> None:
    from pathlib import Path

    from sluice.policy import load_policy

    policy = load_policy(Path(__file__).parents[2] / "include" / "policy.yaml")
    assert policy.answer_target("security", made_up.NOW) == 2 * 8.5 * 3600, "2 business days of 8.5 hours"


def test_a_role_of_which_two_must_sign_is_waited_for_until_the_second_has() -> None:
    asked = [*AT_A_GATE[:-2], event(11, Stage.ADMISSION, Event.SUBMITTED, role="legal", reason="2 signatures")]
    one = [*asked, event(20, Stage.ADMISSION, Event.APPROVED, role="legal", actor="lea")]
    (place,) = summarise(made_up.request(1, T0), numbered(one)).places
    assert list(place.waiting) == ["security", "legal"]
    both = [*one, event(30, Stage.ADMISSION, Event.APPROVED, role="legal", actor="leo")]
    line = summarise(made_up.request(1, T0), numbered(both))
    assert list(line.places[0].waiting) == ["security"]
    assert [(a.role, a.wall) for a in line.asks if a.role == "legal"] == [("legal", 19 * 60)]
