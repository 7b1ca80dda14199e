"""The simulation against what can be worked out by hand, and its histories as real ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sluice.errors import BadInputError
from sluice.flow import Kind, request_flow
from sluice.flow.statistics import in_progress
from sluice.flow.summary import summarise
from sluice.simulation.engine import numbered, simulate
from sluice.simulation.fitting import FLOOR, fit
from sluice.simulation.model import (
    Constant,
    Lognormal,
    Role,
    Scenario,
    Step,
    faster,
    limited,
    parallel,
    pre_approved,
    serial,
)
from sluice.simulation.past import simulated_past
from sluice.simulation.scenarios import OFFICE, SERIAL, SLUICE
from sluice.simulation.whatif import outcomes
from sluice.stages import GATES, Clock, Event, Stage

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
H = 3600.0


def plain(**changes: object) -> Scenario:
    roles = {
        "security": Role("security", Constant(4 * H), Constant(H)),
        "business": Role("business", Constant(H), Constant(H)),
    }
    steps = {s: Step(Constant(60.0), Constant(600.0)) for s in Stage if s not in GATES}
    gates = {g: dict.fromkeys(("low", "standard", "high"), ("security", "business")) for g in GATES}
    return replace(Scenario("plain", roles, steps, gates, per_week=1.0), **changes)


def leads(scenario: Scenario, requests: int = 5) -> list[float]:
    return [request_flow(h.events, MONDAY).lead for h in simulate(scenario, requests=requests, begin=MONDAY, seed=3)]


def test_constant_times_add_up_as_by_hand() -> None:
    # request, land, profile beside check, register, publish: 5 × 660 s; two gates of max(5 h, 2 h) or 5 h + 2 h
    assert leads(plain()) == pytest.approx([5 * 660 + 2 * 5 * H] * 5, abs=0.01)
    assert leads(serial(plain())) == pytest.approx([5 * 660 + 2 * 7 * H] * 5, abs=0.01)
    assert leads(pre_approved(plain(), ("low", "standard", "high"))) == pytest.approx([5 * 660] * 5, abs=0.01)
    assert leads(faster(plain(), "security", 0.5)) == pytest.approx([5 * 660 + 2 * 3 * H] * 5, abs=0.01)
    assert parallel(serial(plain())).serial is False


def test_people_are_a_queue_and_a_limit_holds_back_starts() -> None:
    crowd = plain(
        per_week=10_000.0,
        roles={
            "security": Role("security", Constant(0.0), Constant(H), people=1),
            "business": Role("business", Constant(0.0), Constant(0.0)),
        },
    )
    assert max(leads(crowd, 20)) > 15 * H  # one person, twenty signatures at an hour each
    held = limited(plain(per_week=10_000.0), 2)
    histories = simulate(held, requests=12, begin=MONDAY, seed=3)
    flows = [request_flow(h.events, MONDAY) for h in histories]
    begun = {
        h.case.id: next(e.at for e in h.events if e.stage is Stage.ADMISSION and e.event is Event.STARTED)
        for h in histories
    }
    for at in begun.values():
        assert (
            sum(b <= at and (f.ended is None or at < f.ended) for b, f in zip(begun.values(), flows, strict=True)) <= 2
        )
    assert max(f.waits[Kind.QUEUE] for f in flows) > 20 * H


def test_people_answer_in_their_hours_only() -> None:
    for history in simulate(SLUICE, requests=40, begin=MONDAY, seed=5):
        for event in history.events:
            if event.event in (Event.APPROVED, Event.RETURNED) and event.role:
                assert OFFICE.is_open(event.at - timedelta(milliseconds=2)), event


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    one, two, three = (simulate(SLUICE, requests=20, begin=MONDAY, seed=s) for s in (7, 7, 8))
    assert one == two
    assert one != three


def test_a_simulated_history_follows_the_rules_of_a_real_one() -> None:
    histories = simulate(SLUICE, requests=60, begin=MONDAY, seed=2)
    assert {h.case.state for h in histories} >= {"published"}
    assert any(e.attempt > 1 for h in histories for e in h.events)  # some were sent back
    for h in histories:
        clock = Clock(h.events)
        assert (h.case.state == "published") == clock.completed(Stage.PUBLISH)
        flow = request_flow(h.events, MONDAY)
        assert flow.outcome == h.case.state
        assert flow.work + sum(flow.waits.values()) == pytest.approx(flow.lead)
        assert h.case.origin == "simulated"
    events = list(numbered(histories))
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.at for e in events] == sorted(e.at for e in events)


def test_a_past_has_open_requests_and_no_future() -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    past = simulated_past(SLUICE, requests=150, now=now, seed=4)
    assert len(past) == 150
    assert max(e.at for h in past for e in h.events) <= now
    flows = [request_flow(h.events, now) for h in past]
    assert 1 <= in_progress(flows, now) <= 30
    assert sum(f.outcome == "published" for f in flows) > 120


@pytest.mark.parametrize("hours", range(0, 168, 5))
def test_a_past_has_as_many_requests_as_asked_for_whenever_it_is_made(hours: int) -> None:
    now = MONDAY + timedelta(hours=hours)
    past = simulated_past(SLUICE, requests=40, now=now, seed=4)
    assert len(past) == 40
    asked = [h.case.requested_at for h in past]
    assert asked == sorted(asked)
    assert now - timedelta(weeks=40 / SLUICE.per_week) <= asked[0] < asked[-1] <= now
    assert all(SLUICE.requesters.is_open(at) for at in asked)


def test_what_is_fitted_to_a_history_gives_that_history_back() -> None:
    histories = simulate(replace(SLUICE, returns={}), requests=500, begin=MONDAY, seed=2)
    flows = [(h.case.tier, request_flow(h.events, MONDAY, calendar_of=lambda _: OFFICE)) for h in histories]
    measured = summarise(f for _, f in flows)
    again = outcomes([fit(flows, lambda _: OFFICE)], begin=MONDAY, seed=9, requests=500)[0].lead
    for mine, theirs in ((again.p50, measured.lead.p50), (again.p85, measured.lead.p85)):
        assert mine == pytest.approx(theirs, rel=0.25)
    with pytest.raises(BadInputError, match="too few"):
        fit(flows[: FLOOR - 1], lambda _: OFFICE)


def test_what_if_says_what_each_change_saves() -> None:
    found = outcomes([serial(SLUICE), parallel(SLUICE), pre_approved(SLUICE)], begin=MONDAY, requests=200)
    assert found[0].saved == 0
    assert 0 < found[1].saved < found[2].saved
    assert found[1].share == pytest.approx(found[1].saved / (found[0].lead.p50 or 0))


def test_the_serial_process_takes_the_three_weeks_that_are_claimed() -> None:
    before, now = outcomes([SERIAL, SLUICE], begin=MONDAY, requests=800)
    assert before.lead.p50 == pytest.approx(21 * 86400, rel=0.1)
    assert (now.lead.p50 or 0) < 8 * 86400
    assert before.summary.efficiency == pytest.approx(0.12, abs=0.04)


def test_half_and_85_percent_lie_where_the_distribution_says() -> None:
    from random import Random

    random = Random(1)
    drawn = sorted(Lognormal(100.0, 300.0).draw(random) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(100, rel=0.05)
    assert drawn[17_000] == pytest.approx(300, rel=0.05)


def test_the_page_about_lead_time_is_what_the_program_says() -> None:
    from pathlib import Path

    from sluice.simulation.lead_time import document

    page = (Path(__file__).parents[2] / "docs" / "lead-time.md").read_text("utf-8")
    assert page == document()
    assert "simulation, not a field result" in page
