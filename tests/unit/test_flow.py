"""Stage durations on hand-computed histories, and what must hold for any history."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sluice.flow import request_flow
from sluice.stages import Clock, Event, Stage, StageEvent

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def history(*lines: tuple) -> list[StageEvent]:
    """(seconds after T0, stage, event[, table[, attempt]]) in the order they were written."""
    return [
        StageEvent(
            seq,
            "r",
            Stage(stage),
            rest[1] if len(rest) > 1 else 1,
            Event(event),
            T0 + timedelta(seconds=at),
            table=rest[0] if rest else None,
        )
        for seq, (at, stage, event, *rest) in enumerate(lines, start=1)
    ]


WHOLE = history(
    (0, "request", "requested"), (0, "request", "ready"), (2, "request", "started"), (5, "request", "completed"),
    (5, "admission", "ready"), (8, "admission", "started"), (108, "admission", "completed"),
    (108, "land", "ready"), (110, "land", "started"),
    (110, "land", "started", "a"), (112, "land", "started", "b"), (120, "land", "completed", "a"),
    (130, "land", "completed", "b"), (130, "land", "completed"),
    (130, "publish", "ready"), (131, "publish", "started"), (135, "publish", "completed"),
)  # fmt: skip


def test_work_is_told_from_wait() -> None:
    flow = request_flow(WHOLE, T0 + timedelta(days=9))
    found = {s.stage: (s.elapsed, s.queue, s.work, s.wait) for s in flow.stages}
    assert found == {
        Stage.REQUEST: (5, 2, 3, 2),
        Stage.ADMISSION: (103, 3, 0, 103),  # people's time is wait, all of it
        Stage.LAND: (22, 2, 20, 2),  # two tables side by side are a union, not a sum
        Stage.PUBLISH: (5, 1, 4, 1),
    }
    assert (flow.lead, flow.work) == (135, 27)
    assert flow.efficiency == 27 / 135


def test_a_worker_that_died_did_not_work_until_the_next_try() -> None:
    flow = request_flow(
        history(
            (0, "land", "ready"), (1, "land", "started"), (1, "land", "started", "a"),
            (61, "land", "started", "a"), (66, "land", "completed", "a"), (66, "land", "completed"),
        ),
        T0 + timedelta(seconds=100),
    )  # fmt: skip
    (land,) = flow.stages
    assert (land.elapsed, land.work, land.wait) == (66, 5, 61)


def test_what_is_open_is_measured_up_to_now() -> None:
    flow = request_flow(history((0, "request", "ready"), (0, "request", "started")), T0 + timedelta(seconds=7))
    assert (flow.lead, flow.stages[0].elapsed, flow.stages[0].done) == (7, 7, False)


def test_a_rejection_ends_the_lead_time() -> None:
    flow = request_flow(
        history((0, "admission", "ready"), (1, "admission", "started"), (9, "admission", "rejected")),
        T0 + timedelta(days=1),
    )
    assert flow.lead == 9


stages = st.sampled_from(list(Stage))
lines = st.tuples(
    st.integers(-600, 10_000), stages, st.sampled_from(["ready", "started", "completed", "failed", "cancelled"]),
    st.sampled_from([None, "a", "b"]), st.integers(1, 3),
)  # fmt: skip


@given(st.lists(lines, max_size=40), st.integers(0, 20_000))
def test_parts_sum_to_elapsed_and_nothing_is_negative(events: list, now: int) -> None:
    """Whatever the clocks of the machines said."""
    for f in request_flow(history(*events), T0 + timedelta(seconds=now)).stages:
        assert f.elapsed >= 0
        assert f.work >= 0
        assert f.queue >= 0
        assert abs(f.work + f.wait - f.elapsed) < 1e-6
        assert f.queue <= f.elapsed


def test_a_stage_done_again_voids_what_came_after_it() -> None:
    clock = Clock(WHOLE)
    assert clock.completed(Stage.LAND)
    again = [
        *WHOLE,
        StageEvent(99, "r", Stage.ADMISSION, 2, Event.READY, T0),
        StageEvent(100, "r", Stage.ADMISSION, 2, Event.COMPLETED, T0),
    ]
    assert not Clock(again).completed(Stage.LAND)


def test_a_table_whose_files_were_lost_is_not_done() -> None:
    lost = [*WHOLE, StageEvent(99, "r", Stage.LAND, 1, Event.CANCELLED, T0, table="a")]
    assert Clock(WHOLE).tables_done(Stage.LAND) == {"a", "b"}
    assert Clock(lost).tables_done(Stage.LAND) == {"b"}
