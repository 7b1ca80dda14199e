"""Every formula of shared/reference/flow-metrics.md on histories worked out by hand, and what must hold for any."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.calendars import Calendar
from sluice.flow import Kind, RequestFlow, request_flow
from sluice.flow.statistics import (
    band,
    in_progress,
    in_progress_by_stage,
    percentile,
    service_level,
    spread,
    throughput,
)
from sluice.flow.summary import summarise
from sluice.flow.timeline import in_order
from sluice.stages import Event, Stage, StageEvent

H = 3600
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
OFFICE = Calendar("office", "1", "UTC", dict.fromkeys(range(5), ((time(9), time(17)),)))
LATE = Calendar("late", "1", "UTC", dict.fromkeys(range(5), ((time(13), time(21)),)))
LATER = MONDAY + timedelta(days=60)


def at(day: int, hour: float) -> datetime:
    """Day 0 is a Monday."""
    return MONDAY + timedelta(days=day, hours=hour)


def log(*lines: tuple) -> list[StageEvent]:
    """(when, stage, event[, {fields}]) in the order written."""
    events = []
    for seq, (when, stage, event, *more) in enumerate(lines, start=1):
        values = {"attempt": 1, **(more[0] if more else {})}
        events.append(StageEvent(seq, "r", Stage(stage), event=Event(event), at=when, **values))
    return events


def calendar_of(role: str) -> Calendar:
    return {"security": LATE}.get(role, OFFICE)


# Monday 10:00 asked, Tuesday 16:00 published; admission asks two roles in parallel.
PARALLEL = log(
    (at(0, 10), "request", "requested"), (at(0, 10), "request", "ready"), (at(0, 10.5), "request", "started"), (at(0, 11), "request", "completed"),
    (at(0, 11), "admission", "ready"), (at(0, 11.5), "admission", "started"),
    (at(0, 11.5), "admission", "submitted", {"role": "business"}), (at(0, 11.5), "admission", "submitted", {"role": "security"}),
    (at(0, 15), "admission", "approved", {"role": "business"}),
    (at(1, 14), "admission", "approved", {"role": "security"}), (at(1, 14), "admission", "completed"),
    (at(1, 14), "land", "ready"), (at(1, 14), "land", "started"),
    (at(1, 14), "land", "started", {"table": "a"}), (at(1, 14), "land", "started", {"table": "b"}),
    (at(1, 14.5), "land", "completed", {"table": "a"}), (at(1, 15), "land", "completed", {"table": "b"}), (at(1, 15), "land", "completed"),
    (at(1, 15), "profile", "ready"), (at(1, 15), "check", "ready"), (at(1, 15), "profile", "started"), (at(1, 15), "check", "started"),
    (at(1, 15.25), "profile", "completed"), (at(1, 15.5), "check", "completed"),
    (at(1, 15.5), "publish", "ready"), (at(1, 15.75), "publish", "started"), (at(1, 16), "publish", "completed"),
)  # fmt: skip


def test_parallel_approvals_and_stages_are_a_union() -> None:
    flow = request_flow(PARALLEL, LATER)
    assert flow.lead == 30 * H
    assert flow.cycle == 29.5 * H
    admission = flow.stage(Stage.ADMISSION)
    assert admission is not None
    assert (admission.elapsed, admission.queue, admission.waits[Kind.APPROVER]) == (27 * H, 0.5 * H, 26.5 * H)
    assert [(a.role, a.wall) for a in admission.asks] == [("business", 3.5 * H), ("security", 26.5 * H)]
    # request 0.5 + land 1 + profile and check side by side 0.5 + publish 0.25
    assert flow.work == 2.25 * H
    assert flow.efficiency == 2.25 / 30
    assert sum(flow.waits.values()) == pytest.approx(27.75 * H)


def test_business_hours_are_those_of_the_roles_that_were_asked() -> None:
    flow = request_flow(PARALLEL, LATER, calendar_of=calendar_of)
    admission = flow.stage(Stage.ADMISSION)
    assert admission is not None
    # Monday 11:30-15 business (9-17) or security (13-21); 15-21 security; night; Tuesday 13-14 security.
    assert admission.waits[Kind.APPROVER] == (3.5 + 6 + 1) * H
    assert admission.waits[Kind.OFF_HOURS] == 16 * H
    assert [a.business for a in admission.asks] == [3.5 * H, (8 + 1) * H]
    assert flow.business_lead == (30 - 16) * H
    assert flow.business_efficiency == pytest.approx(2.25 / 14)
    assert flow.lead == 30 * H  # the headline stays on the wall clock


def test_the_critical_path_leaves_out_what_ran_beside_it() -> None:
    critical = {f.stage.value: f.critical / H for f in request_flow(PARALLEL, LATER).stages}
    assert critical == {
        "request": 1, "admission": 27, "land": 1, "profile": 0, "check": 0.5, "publish": 0.5,
    }  # fmt: skip


# A return at the first gate; the contract is corrected; the gate is asked again and agrees.
RETURNED = log(
    (at(0, 9), "request", "requested"), (at(0, 9), "request", "ready"), (at(0, 9), "request", "started"), (at(0, 10), "request", "completed"),
    (at(0, 10), "admission", "ready"), (at(0, 10), "admission", "started"), (at(0, 10), "admission", "submitted", {"role": "business"}),
    (at(0, 12), "admission", "returned", {"role": "business"}), (at(0, 12), "admission", "returned"),
    (at(1, 12), "request", "ready", {"attempt": 2}), (at(1, 12), "request", "started", {"attempt": 2}), (at(1, 13), "request", "completed", {"attempt": 2}),
    (at(1, 13), "admission", "ready", {"attempt": 2}), (at(1, 14), "admission", "started", {"attempt": 2}),
    (at(1, 14), "admission", "submitted", {"role": "business", "attempt": 2}),
    (at(1, 16), "admission", "approved", {"role": "business", "attempt": 2}), (at(1, 16), "admission", "completed", {"attempt": 2}),
    (at(1, 16), "publish", "ready"), (at(1, 16), "publish", "started"), (at(1, 17), "publish", "completed"),
)  # fmt: skip


def test_a_return_is_rework_and_its_gap_is_the_requesters() -> None:
    flow = request_flow(RETURNED, LATER)
    request, admission, publish = flow.stages
    assert (request.attempts, request.judged, request.accepted, request.rework) == (2, 2, 1, 1 * H)
    assert (admission.attempts, admission.elapsed, admission.queue, admission.rework) == (2, 5 * H, 1 * H, 3 * H)
    assert (publish.judged, publish.accepted) == (1, 1)
    assert flow.waits[Kind.REQUESTER] == 24 * H
    assert flow.lead == 32 * H
    assert flow.work + sum(flow.waits.values()) == flow.lead
    whole = summarise([flow])
    shares = {s.stage: s.complete_accurate for s in whole.stages}
    assert shares == {Stage.REQUEST: 0.5, Stage.ADMISSION: 0.5, Stage.PUBLISH: 1.0}
    assert whole.rolled_complete_accurate == 0.25


def test_a_pause_is_no_work_and_goes_to_whom_its_code_names() -> None:
    flow = request_flow(
        log(
            (at(0, 9), "land", "ready"), (at(0, 9), "land", "started"),
            (at(0, 10), "land", "paused", {"reason_code": "source_access"}), (at(0, 12), "land", "resumed"),
            (at(0, 13), "land", "paused", {"reason_code": "outage"}), (at(0, 13.5), "land", "resumed"), (at(0, 14), "land", "completed"),
        ), LATER,
    )  # fmt: skip
    (land,) = flow.stages
    assert (land.elapsed, land.work) == (5 * H, 2.5 * H)
    assert (land.waits[Kind.REQUESTER], land.waits[Kind.SYSTEM]) == (2 * H, 0.5 * H)


def test_a_paused_gate_does_not_charge_the_approver() -> None:
    flow = request_flow(
        log(
            (at(0, 9), "admission", "ready"), (at(0, 9), "admission", "started"), (at(0, 9), "admission", "submitted", {"role": "security"}),
            (at(0, 10), "admission", "paused", {"reason_code": "requester_input"}), (at(0, 15), "admission", "resumed"),
            (at(0, 16), "admission", "approved", {"role": "security"}), (at(0, 16), "admission", "completed"),
        ), LATER,
    )  # fmt: skip
    (admission,) = flow.stages
    assert admission.asks[0].wall == 2 * H
    assert (admission.waits[Kind.APPROVER], admission.waits[Kind.REQUESTER]) == (2 * H, 5 * H)


def test_a_role_that_must_sign_twice_is_waited_for_until_the_second_signature() -> None:
    flow = request_flow(
        log(
            (at(0, 9), "admission", "ready"), (at(0, 9), "admission", "started"), (at(0, 9), "admission", "submitted", {"role": "security"}),
            (at(0, 10), "admission", "approved", {"role": "security", "actor": "sara"}),
            (at(0, 14), "admission", "approved", {"role": "security", "actor": "sam"}), (at(0, 14), "admission", "completed"),
        ), LATER,
    )  # fmt: skip
    (admission,) = flow.stages
    assert [(a.role, a.wall) for a in admission.asks] == [("security", 5 * H)]
    assert (admission.waits[Kind.APPROVER], admission.waits[Kind.SYSTEM]) == (5 * H, 0)


def test_a_clock_that_was_behind_or_changed_to_summer_time_makes_nothing_negative() -> None:
    behind = [
        replace(e, at=e.at - timedelta(hours=3)) if e.event is Event.COMPLETED and e.stage is Stage.LAND else e
        for e in PARALLEL
    ]
    flow = request_flow(behind, LATER)
    assert flow.lead == 30 * H
    assert all(v >= 0 for f in flow.stages for v in (*f.waits.values(), f.work, f.elapsed, f.critical))
    assert [e.at for e in in_order(behind)] == sorted(e.at for e in in_order(behind))


def test_a_night_in_which_the_clocks_change_is_as_long_as_it_was() -> None:
    brussels = ZoneInfo("Europe/Brussels")
    night = log(
        (datetime(2026, 3, 28, 22, tzinfo=brussels), "land", "ready"), (datetime(2026, 3, 28, 22, tzinfo=brussels), "land", "started"),
        (datetime(2026, 3, 29, 6, tzinfo=brussels), "land", "completed"),
    )  # fmt: skip
    assert request_flow(night, LATER).stages[0].work == 7 * H


def test_a_retry_within_an_attempt_moves_neither_its_entry_nor_its_start() -> None:
    land = request_flow(
        log(
            (at(0, 9), "land", "ready"), (at(0, 9), "land", "started"), (at(0, 9), "land", "started", {"table": "a"}),
            (at(0, 10), "land", "failed", {"table": "a"}), (at(0, 12), "land", "started", {"table": "a"}),
            (at(0, 13), "land", "completed", {"table": "a"}), (at(0, 13), "land", "completed"),
        ), LATER,
    ).stages[0]  # fmt: skip
    assert (land.attempts, land.elapsed, land.work, land.waits[Kind.SYSTEM]) == (1, 4 * H, 2 * H, 2 * H)


@pytest.mark.parametrize("event", ["rejected", "failed", "cancelled", "expired", "returned"])
def test_every_ending_is_an_outcome_of_its_own(event: str) -> None:
    flow = request_flow(
        log((at(0, 9), "admission", "ready"), (at(0, 9), "admission", "started"), (at(0, 12), "admission", event)),
        LATER,
    )
    assert (flow.outcome, flow.lead) == (event, 3 * H)


# --- sums over many ---------------------------------------------------------------------------------------


def test_percentiles_are_numpys() -> None:
    values = [3.0, 1.0, 10.0, 4.0, 4.5, 100.0, 7.0]
    for share in (0, 0.5, 0.85, 0.95, 1):
        assert percentile(values, share) == pytest.approx(numpy.percentile(values, share * 100))
    assert percentile([], 0.5) is None
    assert percentile([4.0], 0.95) == 4.0


def shifted(days: float) -> RequestFlow:
    return request_flow([replace(e, at=e.at + timedelta(days=days)) for e in PARALLEL], LATER)


def test_progress_throughput_service_level_and_bands() -> None:
    flows = [shifted(d) for d in (0, 0.5, 14)]
    assert in_progress(flows, at(0, 12)) == 1
    assert in_progress(flows, at(1, 10)) == 2
    assert in_progress(flows, at(1, 16)) == 1  # finished at this instant is finished
    assert in_progress_by_stage(flows, at(1, 10))[Stage.ADMISSION] == 2
    weeks = throughput(flows)
    assert [(w.monday, w.published) for w in weeks] == [
        (date(2026, 3, 2), 2),
        (date(2026, 3, 9), 0),
        (date(2026, 3, 16), 1),
    ]
    assert len(throughput(flows, until=at(30, 0))) == 5
    level = service_level([1, 2, 3, 4], 3, 0.85)
    assert (level.attained, level.met) == (0.75, False)
    assert service_level([], 3).met is None
    finished = spread([1.0, 2.0, 3.0, 4.0])
    assert [band(a, finished) for a in (1, 3, 3.8, 9)] == ["50", "85", "95", "beyond"]


def test_the_bottleneck_is_said_in_a_sentence() -> None:
    summary = summarise([request_flow(PARALLEL, LATER, calendar_of=calendar_of)])
    assert summary.bottleneck.startswith("admission holds 90% of the lead time")
    assert "security" in summary.bottleneck
    assert summarise([]).bottleneck == ""


# --- any history -----------------------------------------------------------------------------------------

lines = st.tuples(
    st.integers(-600, 300_000), st.sampled_from(list(Stage)), st.sampled_from(list(Event)),
    st.sampled_from([None, None, "a", "b"]), st.sampled_from([None, None, "security", "business"]),
    st.integers(1, 3), st.sampled_from([None, "outage", "requester_input", "budget", "nonsense"]),
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(lines, max_size=40), st.integers(0, 400_000), st.booleans())
def test_parts_sum_to_the_whole_and_nothing_is_negative(chosen: list, now: int, office: bool) -> None:
    events = [
        StageEvent(
            seq,
            "r",
            stage,
            attempt,
            event,
            MONDAY + timedelta(seconds=when),
            table=table if role is None else None,
            role=role,
            reason_code=code,
        )
        for seq, (when, stage, event, table, role, attempt, code) in enumerate(chosen, start=1)
    ]
    flow = request_flow(events, MONDAY + timedelta(seconds=now), **({"calendar_of": calendar_of} if office else {}))
    assert flow.work + sum(flow.waits.values()) == pytest.approx(flow.lead)
    assert 0 <= flow.efficiency <= flow.business_efficiency <= 1 + 1e-9
    assert flow.cycle <= flow.lead
    if flow.stages:
        assert sum(f.critical for f in flow.stages) == pytest.approx(flow.lead)
    for f in flow.stages:
        assert f.work + f.wait == pytest.approx(f.elapsed)
        assert sum(f.waits.values()) == pytest.approx(f.wait)
        assert min(f.work, f.wait, f.queue, f.elapsed, f.rework, f.critical, *f.waits.values()) >= -1e-6
        assert f.elapsed <= flow.lead + 1e-6
        assert f.accepted <= f.judged <= f.attempts
        ends = [s.end for s in f.stretches]
        assert all(s.begin >= end for s, end in zip(f.stretches[1:], ends, strict=False))
        for ask in f.asks:
            assert 0 <= ask.business <= ask.wall + 1e-6 <= f.elapsed + 1e-5


@settings(max_examples=100)
@given(st.lists(lines, min_size=1, max_size=30), st.randoms())
def test_the_order_in_which_events_arrive_changes_nothing(chosen: list, random: object) -> None:
    events = [
        StageEvent(seq, "r", stage, attempt, event, MONDAY + timedelta(seconds=when), table=table, role=None)
        for seq, (when, stage, event, table, _, attempt, _) in enumerate(chosen, start=1)
    ]
    mixed = list(events)
    random.shuffle(mixed)
    assert request_flow(mixed, LATER) == request_flow(events, LATER)
