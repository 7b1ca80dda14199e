"""Reminders, escalations and deadlines: at their hour, once, to the right people, while it is stuck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from sluice.approval import Absence, Person, delegate
from sluice.ledger import RequestState
from sluice.pull.deadlines import deadlines
from sluice.settings import Settings
from sluice.stages import Clock, Stage
from sluice.stream.keeping import Keeper
from sluice.stream.rounds import remind, watch_deadlines
from told import FRIDAY_NIGHT, MONDAY, World, a_world

LADDERS = """
owners: {members: [otto]}
ladders:
  standard:
    - {after: 1 business day, kind: reminder, tell: [signers]}
    - {after: 2 business days, kind: reminder, tell: [signers]}
    - {after: 2 business days, kind: escalation, tell: [owners, requester, governance]}
service_levels:
  calendar: office
  warn_at: 0.5
  request: {standard: 4 business days, expedite: 1 day}
  stages: {admission: 2 business days}
  tell: [owners]
"""


@pytest.fixture
def world(services: Settings, ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with a_world(services, ledger_url, tmp_path) as made:
        policy = yaml.safe_load(made.policy_file.read_text()) | yaml.safe_load(LADDERS)
        for gate in policy["gates"].values():
            gate |= {"ladder": "standard", "expires_after": "5 business days"}
        made.policy_file.write_text(yaml.safe_dump(policy, sort_keys=False))
        yield made


def look(world: World) -> str:
    keeper = Keeper(world.tools, world.secrets.get, lambda: pytest.fail("nobody needs Airflow for this"))
    said = [remind(keeper), watch_deadlines(keeper)]
    world.tell()
    return "; ".join(filter(None, said))


def opened(world: World, **ask: object) -> str:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx, **ask)
        world.asked(tx, request)
    world.tell()
    world.box.raw.clear()
    world.box.envelopes.clear()
    return request.id


def at(world: World, day: int, hour: int = 9, minute: int = 0) -> None:
    """A day of March 2026, in UTC; the office is open from 8:00 UTC to 16:30 UTC."""
    world.now = datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def mails(world: World, who: str) -> list[str]:
    return world.subjects(f"{who}@example.org")


def test_a_reminder_comes_after_its_time_once_and_only_to_who_has_not_answered(world: World) -> None:
    request = opened(world)
    world.decided(_request(world, request), "business")
    world.tell()
    world.box.raw.clear()
    world.box.envelopes.clear()
    at(world, 3, 8, 59)
    assert "reminder" not in look(world)
    at(world, 3, 9, 0)
    assert look(world).count("reminder") == 4
    assert look(world) == ""
    assert mails(world, "sara").count("Still waiting for you: shop, admission") == 1
    assert mails(world, "bea") == []
    letter = next(m for m in world.box.to("sara@example.org") if "Still" in m["subject"])
    text = letter.get_body(("plain",)).get_content()
    assert "for 1 d 0 h" in text
    assert "Please decide by Mon 09 Mar 2026, 09:00 UTC" in text


def test_an_escalation_reaches_those_whom_the_ladder_names(world: World) -> None:
    opened(world)
    at(world, 4)
    look(world)
    subject = "Nobody has decided yet: shop, admission (security)"
    assert subject in mails(world, "otto")
    assert subject in mails(world, "remy")
    assert subject in mails(world, "gus")
    assert subject not in mails(world, "sara")


def test_after_an_outage_only_the_highest_rung_is_told(world: World) -> None:
    opened(world)
    at(world, 4)
    look(world)
    assert mails(world, "sara").count("Still waiting for you: shop, admission") == 1


def test_who_is_away_is_left_alone_and_the_delegate_is_told(world: World) -> None:
    with world.tools.ledger.transaction() as tx:
        away = Absence("sara", "sam", "", MONDAY, MONDAY + timedelta(days=10))
        delegate(tx, world.tools.policy(), away, Person("sara"), MONDAY)
        request = world.requested(tx)
        world.asked(tx, request)
    world.tell()
    assert mails(world, "sam") == ["Your decision is needed: shop, admission"]
    assert mails(world, "sara") == []


def test_a_reminder_waits_for_business_hours(world: World) -> None:
    world.now = FRIDAY_NIGHT - timedelta(hours=5)  # Friday 15:00 UTC, the office closes at 16:30
    opened(world)
    at(world, 9, 14, 59)
    look(world)
    assert "Still waiting for you: shop, admission" not in mails(world, "sara")
    at(world, 9, 15, 0)
    look(world)
    assert "Still waiting for you: shop, admission" in mails(world, "sara")


def test_a_stage_deadline_that_comes_near_and_is_missed_is_told_once_each_while_it_is_stuck(world: World) -> None:
    opened(world)
    at(world, 3, 8, 59)
    assert look(world) == ""
    at(world, 3, 9, 0)  # half of two business days
    assert "late of" in look(world)
    assert "Soon late: shop, admission" in mails(world, "remy")
    assert "Soon late: shop, admission" in mails(world, "sara")
    assert mails(world, "otto") == []
    at(world, 4, 9, 0)
    look(world)
    look(world)
    assert mails(world, "otto").count("Late: shop, admission") == 1
    assert mails(world, "remy").count("Late: shop, admission") == 1
    letter = next(m for m in world.box.to("otto@example.org") if "Late" in m["subject"])
    text = letter.get_body(("plain",)).get_content()
    assert "admission should be done within 2 business days" in text
    assert "It waits for business, compliance, security, governance and architecture" in text


def test_the_request_as_a_whole_has_a_deadline_too(world: World) -> None:
    opened(world)
    at(world, 4, 9, 0)
    look(world)
    assert "Soon late: shop, the request as a whole" in mails(world, "remy")
    at(world, 6, 9, 0)
    look(world)
    assert "Late: shop, the request as a whole" in mails(world, "remy")


def test_what_has_ended_is_never_late(world: World) -> None:
    request = opened(world)
    with world.tools.ledger.transaction() as tx:
        tx.close_request(request, RequestState.PUBLISHED, "", world.now)
    at(world, 20)
    assert look(world) == ""


def test_a_fixed_date_is_its_own_deadline_until_the_end_of_that_day_where_the_office_is(world: World) -> None:
    request = opened(world, service_class="fixed_date", due=date(2026, 3, 5))
    with world.tools.ledger.reading() as tx:
        found = deadlines(world.tools.policy(), tx.request(request), Clock(tx.events(request)))  # type: ignore[arg-type]
    whole = next(d for d in found if d.stage is None)
    assert whole.due == datetime(2026, 3, 5, 23, 0, tzinfo=UTC)
    assert [d.stage for d in found] == [None, Stage.ADMISSION]
    assert whole.standing(whole.due) == "missed"
    assert whole.standing(whole.due - timedelta(seconds=1)) == "soon"


def test_a_class_has_its_own_promise_in_wall_time(world: World) -> None:
    request = opened(world, service_class="expedite")
    with world.tools.ledger.reading() as tx:
        found = deadlines(world.tools.policy(), tx.request(request), Clock(tx.events(request)))  # type: ignore[arg-type]
    assert found[0].due == MONDAY + timedelta(days=1)


def _request(world: World, request_id: str):  # type: ignore[no-untyped-def]
    with world.tools.ledger.reading() as tx:
        return tx.request(request_id)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("service_levels: {request: {standard: soon}}", "no length of time"),
        ("service_levels: {stages: {landing: 1 day}}", "unknown 'landing'"),
        ("service_levels: {warn_at: 2}", "between 0 and 1"),
        ("service_levels: {calendar: moon}", "unknown calendar"),
        ("service_levels: {tell: [nobody]}", "unknown 'nobody'"),
        ("wip: {total: 0}", "no limit"),
        ("wip: {stages: {request: 1}}", "no stage that can be limited"),
        (
            "notifications: {channels: {mail: {url: 'mailto://user:secret@example.org'}}}",
            "where the channel's Apprise URL is kept",
        ),
        ("notifications: {channels: {mail: {url: 'env:HOME'}}}", "where the channel's Apprise URL is kept"),
        ("notifications: {default: [mail]}", "unknown channel 'mail'"),
        (
            "notifications: {channels: {m: {url: 'env:SLUICE_NOTIFY_M', to: '{user}@x.org'}}, subscribers: {m: all}}",
            "cannot subscribe",
        ),
        (
            "notifications: {channels: {m: {url: 'env:SLUICE_NOTIFY_M'}}, subscribers: {m: [gossip]}}",
            "unknown kind of notice",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_with_its_place(tmp_path: Path, section: str, said: str) -> None:
    from sluice.errors import BadInputError
    from sluice.policy import load_policy

    text = (Path(__file__).parents[2] / "include" / "policy.yaml").read_text().split("# Who is told of what")[0]
    file = tmp_path / "policy.yaml"
    file.write_text(f"{text}\n{section}\n")
    with pytest.raises(BadInputError, match=said) as refused:
        load_policy(file)
    assert "policy.yaml:" in refused.value.where
