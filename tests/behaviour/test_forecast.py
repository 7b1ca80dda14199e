"""Forecasts on histories whose future is known: exact where nothing varies, calibrated where it does, silent when it must be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.calendars import CONTINUOUS
from sluice.flow import request_flow
from sluice.forecast import FLOOR, PastRequest, backtest, forecast, learn, roadmap, slip
from sluice.forecast.clock import BusinessClock, instant
from sluice.simulation.engine import simulate
from sluice.simulation.model import Constant, Role, Scenario, Step
from sluice.simulation.scenarios import OFFICE, SLUICE
from sluice.stages import GATES, Stage

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
H = 3600.0
SIGN = dict.fromkeys(GATES, ("security", "business"))
STEPS = {s: Step(Constant(60.0), Constant(600.0)) for s in Stage if s not in GATES}
ROLES = {
    "security": Role("security", Constant(4 * H), Constant(H), 99),
    "business": Role("business", Constant(H), Constant(H), 99),
}
PLAIN = Scenario(
    "plain", ROLES, STEPS, {g: dict.fromkeys(("low", "standard", "high"), SIGN[g]) for g in GATES}, per_week=20.0
)
LEAD = 5 * 660 + 2 * 5 * H


def always(_: str) -> object:
    return CONTINUOUS


def office(_: str) -> object:
    return OFFICE


def past(scenario: Scenario, requests: int, calendar_of: object = always, seed: int = 1) -> list[tuple]:
    histories = simulate(scenario, requests=requests, begin=MONDAY, seed=seed)
    return [(h, request_flow(h.events, MONDAY, calendar_of=calendar_of)) for h in histories]


def experience(made: list[tuple]) -> object:
    return learn([(h.case.tier, f) for h, f in made], now=max(f.ended for _, f in made))


def at(made: tuple, seconds: float, calendar_of: object = always) -> tuple:
    """The same request as it stood so many seconds after it was asked for, and that instant."""
    history, flow = made
    now = flow.requested + timedelta(seconds=seconds)
    return request_flow([e for e in history.events if e.at <= now], now, calendar_of=calendar_of), now


@pytest.mark.parametrize("seconds", [0, 30, 660, 700, 2 * H, 5 * H + 661, 5 * H + 1000, 9 * H, LEAD - 10])
def test_where_nothing_varies_the_forecast_is_exact(seconds: float) -> None:
    made = past(PLAIN, 60)
    flow, now = at(made[30], seconds)
    found = forecast(flow, SIGN, experience(made), always, now=now)
    for end in (found.p50, found.p85):
        assert abs((end - made[30][1].ended).total_seconds()) < 1


def test_age_is_taken_into_account() -> None:
    """Half answer in 1 h, half in 100 h: after 2 h without an answer it will be the slow half."""
    made = past(PLAIN, 60)
    known = replace(
        experience(made), tiers={}, answers={"security": (H,) * 50 + (100 * H,) * 50, "business": (H,) * 100}
    )
    early, now = at(made[30], 700)
    late, then = at(made[30], 660 + 2.5 * H)
    assert forecast(early, SIGN, known, always, now=now).p50 < now + timedelta(hours=210)
    # 97.5 h left at admission, then 1 or 100 h at publication
    found = forecast(late, SIGN, known, always, now=then)
    assert found.p50 > then + timedelta(hours=97)
    old, much_later = at(made[30], 660 + 2.5 * H)
    assert not any(
        "longer than nearly all" in a for a in forecast(old, SIGN, known, always, now=much_later).assumptions
    )


def test_one_that_is_older_than_all_history_begins_again_and_says_so() -> None:
    made = past(PLAIN, 60)
    flow, _ = at(made[30], 2 * H)
    now = flow.requested + timedelta(days=30)
    stuck = request_flow([e for e in made[30][0].events if e.at <= flow.requested + timedelta(hours=2)], now)
    found = forecast(stuck, SIGN, experience(made), always, now=now)
    assert found.p50 > now
    assert any("admission has taken longer than nearly all before" in a for a in found.assumptions)


def test_people_are_not_expected_to_answer_at_night() -> None:
    made = past(replace(SLUICE, returns={}), 80, office)
    known = experience(made)
    flow, now = at(made[40], 3600, office)
    found = forecast(flow, SIGN, known, office, now=now)
    inside = [
        OFFICE.is_open(instant(t) - timedelta(minutes=40)) or OFFICE.is_open(instant(t)) for t in found.trials[:300]
    ]
    assert sum(inside) > 280  # machines need minutes after the last answer


def test_it_is_hidden_below_the_floor_and_for_what_has_ended() -> None:
    made = past(PLAIN, FLOOR + 10)
    few = experience(made[: FLOOR - 1])
    flow, now = at(made[-1], 700)
    found = forecast(flow, SIGN, few, always, now=now)
    assert (found.p50, found.p85, found.samples) == (None, None, FLOOR - 1)
    assert "only 19 requests" in found.reason
    assert forecast(made[0][1], SIGN, experience(made), always, now=now).reason == "it is published"


def test_the_same_seed_gives_the_same_dates() -> None:
    made = past(SLUICE, 100, office)
    flow, now = at(made[50], 3600, office)
    one, two, three = (forecast(flow, SIGN, experience(made), office, now=now, seed=s) for s in (1, 1, 2))
    assert one == two
    assert one.p50 != three.p50


def test_a_tier_is_forecast_from_its_own_when_there_is_enough() -> None:
    made = past(PLAIN, 300)
    known = experience(made)
    flow, now = at(made[5], 700)
    assert "of tier low" in forecast(flow, SIGN, known, always, now=now, tier="low").assumptions[0]
    assert "its own has too few" in forecast(flow, SIGN, known, always, now=now, tier="unheard of").assumptions[0]


def test_forecasts_of_the_past_come_true_as_often_as_they_say() -> None:
    made = past(replace(SLUICE, per_week=10.0), 300, office, seed=2)
    required = {g: tuple(SLUICE.gates[g]["low"]) for g in GATES}
    tested = backtest([PastRequest(h.case.tier, h.events, f, required) for h, f in made], office, most=300, trials=200)
    assert tested.n > 250
    assert 0.42 <= tested.p50 <= 0.58
    assert 0.78 <= tested.p85 <= 0.92
    few = backtest([PastRequest(h.case.tier, h.events, f, required) for h, f in made[:25]], office)
    assert (few.p50, few.good) == (None, None)
    assert "takes 20" in few.said


def test_a_wrong_model_is_found_out() -> None:
    """Roles that suddenly take five times as long: forecasts from before are too early, and the test says so."""
    slow = {n: replace(r, latency=Constant(60 * H)) for n, r in ROLES.items()}
    before = past(PLAIN, 60)
    after = past(replace(PLAIN, roles=slow, per_week=2000.0), 40, seed=2)
    moved = [(h, f) for h, f in before] + [(h, f) for h, f in after]
    shift = timedelta(days=40)
    late = [
        (replace(h, events=tuple(replace(e, at=e.at + shift) for e in h.events)), None) if i >= 60 else (h, f)
        for i, (h, f) in enumerate(moved)
    ]
    known = [PastRequest(h.case.tier, h.events, f or request_flow(h.events, MONDAY), SIGN) for h, f in late]
    tested = backtest(known, always)
    assert tested.good is False
    assert "take them with care" in tested.said


def test_those_that_are_still_open_do_not_make_the_test_kinder() -> None:
    """Of the newest requests only the quick ones have ended; were they tested, every forecast would seem late enough."""
    made = past(replace(SLUICE, per_week=30.0), 300, office, seed=2)
    required = {g: tuple(SLUICE.gates[g]["low"]) for g in GATES}
    every = [PastRequest(h.case.tier, h.events, f, required) for h, f in made]
    today = sorted(p.flow.requested for p in every)[-15]
    ended = [p for p in every if p.flow.ended <= today]
    assert len(ended) < 260
    tested = backtest(ended, office, most=60, trials=200)
    assert tested.n >= 50
    assert tested.p50 <= 0.58
    assert tested.p85 <= 0.9


# --- roadmap ------------------------------------------------------------------------------------------------


def test_a_roadmap_ends_with_its_last_request() -> None:
    made = past(PLAIN, 200)
    known = experience(made)
    flow, now = at(made[100], 700)
    one = forecast(flow, SIGN, known, always, now=now)
    alone = roadmap([one], known, done=3, not_asked=0, now=now)
    assert (alone.total, alone.done, alone.under_way) == (4, 3, 1)
    assert abs((alone.p50 - one.p50).total_seconds()) < 1
    more = roadmap([one], known, done=3, not_asked=30, now=now)
    weeks = 31 / (sum(known.weekly) / len(known.weekly))
    assert weeks - 1 <= (more.p50 - now).days / 7 <= weeks + 2
    assert more.p85 >= more.p50
    held = roadmap([one], known, done=3, not_asked=300, now=now, wip_limit=1)
    assert held.p50 > roadmap([one], known, done=3, not_asked=300, now=now).p50
    assert any("at most 1" in a for a in held.assumptions)


def test_a_roadmap_says_why_it_cannot_be_forecast() -> None:
    made = past(PLAIN, 200)
    known = experience(made)
    assert "it takes 20" in roadmap([], experience(made[:5]), done=0, not_asked=3, now=MONDAY).reason
    assert "whole weeks" in roadmap([], replace(known, weekly=(3, 4)), done=0, not_asked=3, now=MONDAY).reason
    assert roadmap([], known, done=5, not_asked=0, now=MONDAY).reason == "all of it is published"


# --- promises ------------------------------------------------------------------------------------------------


def test_a_slip_names_its_cause() -> None:
    made = past(PLAIN, 60)
    known = experience(made)
    fresh, asked = at(made[30], 0)
    promised = forecast(fresh, SIGN, known, always, now=asked).p85
    on_time, now = at(made[30], 3 * H)
    assert slip(promised, forecast(on_time, SIGN, known, always, now=now), on_time, known, now=now) is None
    late = asked + timedelta(days=3)
    stuck = request_flow([e for e in made[30][0].events if e.at <= asked + timedelta(hours=2)], late)
    found = slip(promised, forecast(stuck, SIGN, known, always, now=late), stuck, known, now=late)
    assert found.likely
    assert (found.stage, found.roles) == (Stage.ADMISSION, ("business", "security"))
    assert found.cause.startswith("admission has taken 2 d 23 h")
    assert "waiting for business, security since" in found.cause
    assert found.late > 2 * 86400


# --- business time in columns ------------------------------------------------------------------------------


@settings(max_examples=100)
@given(st.integers(0, 20_000_000), st.integers(0, 3_000_000))
def test_the_columns_say_what_the_calendar_says(offset: int, seconds: int) -> None:
    start = MONDAY + timedelta(seconds=offset)
    (found,) = BusinessClock(OFFICE, start).after(numpy.array([start.timestamp()]), numpy.array([float(seconds)]))
    wanted = OFFICE.after(start, seconds)
    assert abs(found - wanted.timestamp()) < 1e-3


def test_where_a_request_stands_says_when_it_should_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    from sluice.cli.views import show_request

    overview = {
        "source": "shop", "version": "1.0.0", "state": "open", "id": "onb-shop", "requester": "remy", "requested_at": "2026-03-02T09:00:00+00:00",
        "reason": "", "at": ["admission"], "waiting_for": ["security"], "tables": [], "checks": None,
        "flow": {"stages": [], "lead_seconds": 1, "work_seconds": 0, "efficiency": 0}, "gates": {g: {"decisions": []} for g in ("admission", "publication")},
    }  # fmt: skip
    dates = {"p50": "2026-03-05T09:00:00+00:00", "p85": "2026-03-09T09:00:00+00:00", "samples": 40, "reason": ""}
    show_request(overview | {"forecast": dates})
    assert (
        "should be done: half of such cases by Thu 05 Mar 2026, 09:00 UTC, 85% by Mon 09 Mar 2026"
        in capsys.readouterr().out
    )
    show_request(
        overview | {"forecast": {"p50": None, "p85": None, "samples": 3, "reason": "only 3 requests were published"}}
    )
    assert "no forecast yet: only 3 requests were published" in capsys.readouterr().out


def test_the_pages_name_the_promise_that_slips_most_and_why() -> None:
    from types import SimpleNamespace

    from sluice.forecast import Slip
    from sluice.insight.outlook import Outlooks

    at = datetime(2026, 3, 2, tzinfo=UTC)
    promised = at + timedelta(days=5)
    slips = {
        "a": Slip(promised, 86_400.0, False, None, (), "admission has taken 3 d"),
        "b": Slip(promised, 3 * 86_400.0, True, None, (), "waiting for security"),
        "ended": Slip(promised, 9e9, True, None, (), "gone"),
    }
    chosen = SimpleNamespace(open=SimpleNamespace(ids=["a", "b", "c"], source=["orders", "stock", "rest"]))
    found = Outlooks(at, {}, None, None, dict.fromkeys(("a", "b", "c", "ended"), promised), slips)  # type: ignore[arg-type]
    assert found.slipping(chosen) == (  # type: ignore[arg-type]
        "2 of 3 promised dates are not 85% sure any more, 1 will probably be missed. "
        "The worst: stock comes 3 d 0 h later with 85% odds: waiting for security."
    )
    assert Outlooks(at, {}, None, None).slipping(chosen) == ""  # type: ignore[arg-type]
