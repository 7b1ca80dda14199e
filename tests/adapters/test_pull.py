"""Pull on a real ledger: limits hold, the order is by class, due date and age, and what waits says why."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluice.adapters.ledger import PostgresLedger
from sluice.approval import Choice, decide, open_gate
from sluice.contract.reading import read_contract
from sluice.errors import BadInputError, NotApprovedError, TerminalError
from sluice.flow.kinds import Kind
from sluice.ledger import Artifact, Request, RequestState, Transaction, Verdict
from sluice.onboarding import Ask, begin, complete, open_request
from sluice.policy import Policy, load_policy
from sluice.policy.service_levels import NONE
from sluice.policy.wip import WipLimits
from sluice.pull import ServiceClass
from sluice.pull.expediting import cost_of_expediting
from sluice.pull.floor import STRETCHES, Floor
from sluice.pull.letting import anything_to_do, is_in, let_in, position
from sluice.pull.queue import entries
from sluice.settings import Settings
from sluice.stages import PREDECESSORS, Clock, Event, Stage
from sluice.stream.pulling import come_in, let_in_whose_turn_it_is
from sluice.stream.tools import connect
from statements import statements

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROLES = {"business": "bea", "compliance": "carl", "security": "sara", "governance": "gus", "architecture": "ada"}
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {id}
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: shop, format: csv}}]
schema: [{{name: orders, properties: [{{name: id, logicalType: integer, classification: public}}]}}]
"""
TWO = WipLimits(stages={Stage.ADMISSION: 2})


@pytest.fixture
def ledger(ledger_url: str) -> PostgresLedger:
    return PostgresLedger(ledger_url)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(Path(__file__).parents[2] / "include" / "policy.yaml")


def ask(tx: Transaction, policy: Policy, name: str, now: datetime = MONDAY, **how: Any) -> Request:
    return open_request(tx, read_contract(CONTRACT.format(id=name)), Ask(requester="remy", **how), policy,
                        run_id=f"run-{name}", requested_at=now, started_at=now, now=now)  # fmt: skip


def sources(let: list[tuple[str, Stage]]) -> list[str]:
    return [request.removeprefix("onb-").rsplit("-", 1)[0] for request, _ in let]


def through_admission(tx: Transaction, policy: Policy, request: Request, now: datetime) -> None:
    open_gate(tx, request.id, Stage.ADMISSION, Artifact(Stage.ADMISSION, None, "e" * 64, {}), now)
    for role, who in ROLES.items():
        decide(tx, policy, Choice(request.id, Stage.ADMISSION, role, Verdict.APPROVE, who, "", "e" * 64), now)


def test_every_stage_is_reached_through_one_entry_and_nothing_inside_waits_for_another() -> None:
    reached = [s for stages in STRETCHES.values() for s in stages]
    assert sorted(reached) == sorted(s for s in Stage if s is not Stage.REQUEST)
    for entry, stages in STRETCHES.items():
        assert stages[0] is entry
        for stage in stages[1:]:
            assert set(PREDECESSORS[stage]) <= set(stages)


def test_twenty_that_ask_at_once_are_never_more_than_the_limit(
    services: Settings, ledger_url: str, policy: Policy, tmp_path: Path
) -> None:
    text = (Path(__file__).parents[2] / "include" / "policy.yaml").read_text()
    file = tmp_path / "policy.yaml"
    file.write_text(text.split("\nwip:")[0] + "\nwip: {total: 30, stages: {admission: 3}}\n")
    tools = connect(dataclasses.replace(services, ledger_url=ledger_url, policy=file))
    with tools.ledger.transaction() as tx:
        ids = [ask(tx, policy, f"s{i:02d}", MONDAY + timedelta(minutes=i)).id for i in range(20)]
    seen: list[int] = []

    def come(request_id: str) -> bool:
        let_in_whose_turn_it_is(tools)
        came = come_in(tools, request_id, Stage.ADMISSION) is None
        with tools.ledger.reading() as tx:
            seen.append(Floor.now(tx, tools.policy().wip).in_progress(Stage.ADMISSION))
        return came

    with ThreadPoolExecutor(20) as pool:
        came = list(pool.map(come, reversed(ids)))
    assert sum(came) == 3
    assert max(seen) == 3
    assert [i for i, c in zip(reversed(ids), came, strict=True) if c] == [ids[2], ids[1], ids[0]], (
        "the oldest, not the fastest"
    )


def test_the_order_is_by_class_then_due_date_then_age(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        limit = WipLimits(stages={Stage.ADMISSION: 1})
        for i, (name, how) in enumerate([
            ("whim", {"service_class": "intangible"}), ("old", {}), ("new", {}),
            ("june", {"service_class": "fixed_date", "due": date(2026, 6, 1)}),
            ("april", {"service_class": "fixed_date", "due": date(2026, 4, 1)}),
            ("fire", {"service_class": "expedite", "accepts_delay": True}),
        ]):  # fmt: skip
            ask(tx, policy, name, MONDAY + timedelta(hours=i), **how)
        came = []
        for _ in range(6):
            (first,) = let_in(tx, limit, MONDAY)
            came.append(first)
            assert let_in(tx, limit, MONDAY) == []
            tx.close_request(first[0], RequestState.FAILED, "out of the way", MONDAY)
    assert sources(came) == ["fire", "april", "june", "old", "new", "whim"]


def test_what_is_held_back_is_ready_not_started_and_says_why(ledger: PostgresLedger, policy: Policy) -> None:
    from sluice.flow.request import request_flow

    later = MONDAY + timedelta(days=2)
    with ledger.transaction() as tx:
        for name in ("one", "two", "three", "four"):
            ask(tx, policy, name)
            let_in(tx, TWO, MONDAY)
        four = next(r for r in tx.requests() if r.source == "four")
        held = position(tx, TWO, four.id)
        assert held is not None
        assert (held.place, held.of, held.code.value) == (1, 2, "wip_limit")
        assert held.reason == "2 of at most 2 are at admission; place 1"
        events = [(e.event, e.reason_code) for e in tx.events(four.id) if e.stage is Stage.ADMISSION]
        assert events == [(Event.READY, None), (Event.PAUSED, "wip_limit")]
        assert not anything_to_do(tx, TWO), "it is recorded once"
        one = next(r for r in tx.requests() if r.source == "one")
        tx.close_request(one.id, RequestState.FAILED, "x", later)
        assert sources(let_in(tx, TWO, later)) == ["four"]
        assert [e.event for e in tx.events(four.id) if e.stage is Stage.ADMISSION] == [
            Event.READY,
            Event.PAUSED,
            Event.RESUMED,
        ]
        through_admission(tx, policy, four, later)
        flow = request_flow(tx.events(four.id), later)
        stage = next(s for s in flow.stages if s.stage is Stage.ADMISSION)
        assert stage.waits[Kind.QUEUE] == pytest.approx(2 * 86_400)


def test_a_place_comes_free_when_the_stage_is_complete_not_before(ledger: PostgresLedger, policy: Policy) -> None:
    one = WipLimits(stages={Stage.CHECK: 1})
    with ledger.transaction() as tx:
        first, second = ask(tx, policy, "first"), ask(tx, policy, "second", MONDAY + timedelta(hours=1))
        for request in (first, second):
            let_in(tx, one, MONDAY)
            through_admission(tx, policy, request, MONDAY)
        let_in(tx, one, MONDAY)
        assert (is_in(tx, first.id, Stage.LAND), is_in(tx, second.id, Stage.LAND)) == (True, False)
        for stage in (Stage.LAND, Stage.PROFILE, Stage.CHECK):
            assert not is_in(tx, second.id, Stage.LAND), stage
            begin(tx, first.id, stage, MONDAY, table="orders")
            assert let_in(tx, one, MONDAY) == []
            complete(tx, first, stage, MONDAY, table="orders")
        assert [e for e in let_in(tx, one, MONDAY) if e[1] is Stage.LAND] == [(second.id, Stage.LAND)]


def test_the_total_counts_from_admission_to_the_end(ledger: PostgresLedger, policy: Policy) -> None:
    total = WipLimits(total=1)
    with ledger.transaction() as tx:
        first, second = ask(tx, policy, "first"), ask(tx, policy, "second", MONDAY + timedelta(hours=1))
        assert sources(let_in(tx, total, MONDAY)) == ["first"]
        through_admission(tx, policy, first, MONDAY)
        let_in(tx, total, MONDAY)
        held = position(tx, total, second.id)
        assert held is not None and held.reason == "1 of at most 1 are on their way; place 1"
        tx.close_request(first.id, RequestState.PUBLISHED, "", MONDAY)
        assert sources(let_in(tx, total, MONDAY)) == ["second"]


def test_one_expedite_at_a_time_and_it_holds_up_nobody_else(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        ask(tx, policy, "fire", service_class="expedite")
        ask(tx, policy, "fire2", MONDAY + timedelta(hours=1), service_class="expedite", accepts_delay=True)
        ask(tx, policy, "calm", MONDAY + timedelta(hours=2))
        limits = WipLimits(total=10, expedite=1)
        assert sources(let_in(tx, limits, MONDAY)) == ["fire", "calm"]
        (held,) = Floor.now(tx, limits).turn(Stage.ADMISSION)[1]
        assert (held.request.source, held.code.value) == ("fire2", "expedite")
        assert held.reason == "at most 1 expedited at a time, and fire is on its way"


def test_what_an_expedite_delays_is_named_in_days_and_must_be_accepted(ledger: PostgresLedger, policy: Policy) -> None:
    now = MONDAY + timedelta(days=56)
    tight = dataclasses.replace(policy, wip=WipLimits(stages={Stage.ADMISSION: 1}))
    with ledger.transaction() as tx:
        for i in range(8):  # eight passed admission in the eight weeks: one a week
            done = ask(tx, policy, f"done{i}", MONDAY + timedelta(days=7 * i))
            through_admission(tx, policy, done, MONDAY + timedelta(days=7 * i, hours=1))
            tx.close_request(done.id, RequestState.FAILED, "x", MONDAY + timedelta(days=7 * i, hours=2))
        for name in ("inside", "crm", "hr"):
            ask(tx, policy, name, now - timedelta(hours=1), use_case=f"use of {name}")
        let_in(tx, tight.wip, now)
        cost = cost_of_expediting(tx, tight, now)
        assert [(d.source, d.at, d.days) for d in cost.delays] == [
            ("hr", Stage.ADMISSION, 7.0),
            ("inside", Stage.ADMISSION, 7.0),
        ]
        assert cost.days == 14.0
        assert cost.words == (
            "It delays 2 that wait to start (hr, inside) by about 7.0 days each, 14.0 days together. "
            "1 that wait for signatures come after it in every inbox."
        )
        with pytest.raises(BadInputError, match=r"14\.0 days together") as refused:
            ask(tx, tight, "fire", now, service_class="expedite")
        assert refused.value.code == "EXPEDITE_NOT_ACCEPTED"
        fire = ask(tx, tight, "fire", now, service_class="expedite", accepts_delay=True)
        first = tx.events(fire.id)[0]
        assert first.reason == f"expedited by remy. {cost.words}", "what was accepted stays on record"


def test_without_a_measured_pace_the_service_levels_stand_in_and_without_those_it_says_so(
    ledger: PostgresLedger, policy: Policy
) -> None:
    tight = dataclasses.replace(policy, wip=WipLimits(stages={Stage.ADMISSION: 1}))
    with ledger.transaction() as tx:
        for name in ("one", "two", "three"):
            ask(tx, policy, name)
        let_in(tx, tight.wip, MONDAY)
        cost = cost_of_expediting(tx, tight, MONDAY)
        silent = cost_of_expediting(tx, dataclasses.replace(tight, service_levels=NONE), MONDAY)
    assert [d.days for d in cost.delays] == [2.0, 2.0], "two business days at admission, one at a time"
    assert "4.0 days together (assumed from the service levels: fewer than 5 were finished in 8 weeks)" in cost.words
    assert silent.days is None
    assert "by an unknown time: fewer than 5 were finished in 8 weeks" in silent.words


def test_with_room_it_delays_nobody_and_needs_no_acceptance(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        assert ask(tx, policy, "fire", service_class="expedite").priority == "expedite"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"service_class": "urgent"}, "CLASS_OF_SERVICE"),
        ({"service_class": "fixed_date"}, "DUE_DATE"),
        ({"due": date(2026, 6, 1)}, "DUE_DATE"),
        ({"service_class": "fixed_date", "due": date(2026, 1, 1)}, "DUE_DATE"),
    ],
)
def test_a_class_that_makes_no_sense_is_refused(
    ledger: PostgresLedger, policy: Policy, how: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadInputError) as refused, ledger.transaction() as tx:
        ask(tx, policy, "shop", **how)
    assert refused.value.code == code


def test_priorities_of_earlier_versions_are_still_read(ledger: PostgresLedger, policy: Policy) -> None:
    assert [ServiceClass.of(p) for p in ("expedite", "standard", "low", "nonsense")] == [
        ServiceClass.EXPEDITE, ServiceClass.STANDARD, ServiceClass.INTANGIBLE, ServiceClass.STANDARD,
    ]  # fmt: skip
    with ledger.transaction() as tx:
        assert ask(tx, policy, "shop", service_class="low").priority == "intangible"


def test_airflow_cannot_pass_a_stage_that_is_not_ready(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = ask(tx, policy, "shop")
        with pytest.raises(NotApprovedError):
            is_in(tx, request.id, Stage.LAND)
        tx.close_request(request.id, RequestState.REJECTED, "no", MONDAY)
        with pytest.raises(TerminalError, match="is rejected"):
            is_in(tx, request.id, Stage.ADMISSION)


def test_who_jumped_the_queue_in_airflow_counts_all_the_same(ledger: PostgresLedger, policy: Policy) -> None:
    one = WipLimits(stages={Stage.ADMISSION: 1})
    with ledger.transaction() as tx:
        first, jumper = ask(tx, policy, "first"), ask(tx, policy, "jumper", MONDAY + timedelta(hours=1))
        open_gate(tx, jumper.id, Stage.ADMISSION, Artifact(Stage.ADMISSION, None, "e" * 64, {}), MONDAY)
        assert let_in(tx, one, MONDAY) == []
        assert Floor.now(tx, one).in_progress(Stage.ADMISSION) == 1
        assert position(tx, one, first.id) is not None


def test_the_queue_is_plain_data(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        for name in ("one", "two", "three"):
            ask(tx, policy, name)
        let_in(tx, TWO, MONDAY)
        found = entries(Floor.now(tx, TWO), MONDAY + timedelta(hours=2))
    assert [e["entry"] for e in found] == ["admission", "land", "publication", "register"]
    assert found[0]["stages"] == [{"stage": "admission", "in_progress": 2, "limit": 2}]
    (waiting,) = found[0]["queue"]
    assert (waiting["source"], waiting["place"], waiting["waited_seconds"]) == ("two", 1, 7200.0)


def test_many_that_wait_are_looked_at_together(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        for i in range(40):
            ask(tx, policy, f"s{i:02d}")
        let_in(tx, TWO, MONDAY)
    with ledger.reading() as tx, statements() as sent:
        assert not anything_to_do(tx, TWO)
    assert len(sent) < 10


def test_a_turn_that_was_marked_done_in_airflow_lets_nobody_in(
    services: Settings, ledger_url: str, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from sluice_airflow import failures
    from sluice_airflow.stream import waits_for_its_turn

    text = (Path(__file__).parents[2] / "include" / "policy.yaml").read_text()
    file = tmp_path / "policy.yaml"
    file.write_text(text.split("\nwip:")[0] + "\nwip: {stages: {admission: 1}}\n")
    tools = connect(dataclasses.replace(services, ledger_url=ledger_url, policy=file))
    monkeypatch.setattr(failures, "connect", lambda: tools)
    with tools.ledger.transaction() as tx:
        first, second = ask(tx, policy, "first"), ask(tx, policy, "second", MONDAY + timedelta(hours=1))
    did: list[str] = []

    def begun(_: Any, request_id: str) -> None:
        did.append(request_id)

    failures.at_stage(Stage.ADMISSION, begun, first.id)
    with pytest.raises(AirflowFailException, match=r"NOT_ITS_TURN.*place 1"):
        failures.at_stage(Stage.ADMISSION, begun, second.id)
    with tools.ledger.transaction() as tx:
        clock = Clock(tx.events(second.id))
        assert not clock.started(Stage.ADMISSION)
        assert waits_for_its_turn(tx, second.id, clock) == "it waits for its turn at admission"
        assert not waits_for_its_turn(tx, first.id, Clock(tx.events(first.id)))
        tx.close_request(first.id, RequestState.FAILED, "out of the way", MONDAY)
    failures.at_stage(Stage.ADMISSION, begun, second.id)
    assert did == [first.id, second.id]
