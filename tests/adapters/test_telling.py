"""People are told, by real mail and real webhooks: the right ones, once, at the right hour, and harmlessly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sluice.ledger import RequestState, Verdict
from sluice.notifications import safe
from sluice.outbox import MessageState
from sluice.settings import Settings, load
from told import FRIDAY_NIGHT, MONDAY, NEXT_MONDAY, ROLES, World, a_world


@pytest.fixture
def world(services: Settings, ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with a_world(services, ledger_url, tmp_path) as made:
        yield made


def test_those_who_are_asked_get_one_letter_each_with_the_way_to_the_page(world: World) -> None:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx, use_case="Churn")
        world.asked(tx, request)
    world.tell()
    world.tell()
    assert sorted(to for _, (to,) in world.box.envelopes) == sorted(f"{p}@example.org" for p in ROLES.values())
    (letter,) = world.box.to("sara@example.org")
    assert letter["subject"] == "Your decision is needed: shop, admission"
    plain = letter.get_body(("plain",)).get_content()
    html = letter.get_body(("html",)).get_content()
    for text in (plain, html):
        assert "remy asks to onboard shop 1.0.0" in text
        assert "Churn" in text
        assert "security" in text and "business" not in text.split("Risk tier")[0]
    assert f'href="https://sluice.example.org/sluice/pages/requests/{request.id}/evidence?gate=admission"' in html


def test_what_is_rolled_back_is_not_told(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx))
        _ = 1 / 0
    assert world.tell() == {}
    assert world.box.raw == []


def test_nobody_is_told_at_night_or_at_the_weekend(world: World) -> None:
    world.now = FRIDAY_NIGHT
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx))
    world.tell()
    assert world.box.raw == []
    assert len(world.hook.calls) == 1, "a system is told at any hour"
    world.now = NEXT_MONDAY - timedelta(minutes=1)
    world.tell()
    assert world.box.raw == []
    world.now = NEXT_MONDAY
    world.tell()
    assert len(world.box.raw) == 5


def test_who_has_answered_before_the_hour_came_is_left_alone(world: World) -> None:
    world.now = FRIDAY_NIGHT
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        world.asked(tx, request)
    world.tell()
    world.decided(request, "security")
    world.now = NEXT_MONDAY
    world.tell()
    assert world.subjects("sara@example.org") == []
    assert len(world.subjects("bea@example.org")) == 1
    assert world.subjects("remy@example.org") == ["shop: approved by security at admission"]


def test_a_person_with_two_roles_gets_one_letter_that_names_both(world: World) -> None:
    text = world.policy_file.read_text().replace("members: [bea]", "members: [bea, sara]")
    world.policy_file.write_text(text)
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx))
    world.tell()
    (letter,) = world.box.to("sara@example.org")
    assert "business and security" in letter.get_body(("plain",)).get_content()


def test_the_requester_is_never_asked_to_sign(world: World) -> None:
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx, requester="sara"))
    world.tell()
    assert world.subjects("sara@example.org") == []


def test_new_evidence_asks_again_and_the_same_evidence_does_not(world: World) -> None:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        world.asked(tx, request)
        world.asked(tx, request)
    world.tell()
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, request, "f" * 64)
    world.tell()
    assert len(world.subjects("sara@example.org")) == 2


@pytest.mark.parametrize(
    ("verdict", "comment", "subject"),
    [
        (Verdict.REJECT, "no licence", "shop: rejected by security at admission"),
        (Verdict.RETURN, "owner missing", "Please correct and send again: shop"),
    ],
)
def test_a_no_reaches_the_requester_with_its_reason(world: World, verdict: Verdict, comment: str, subject: str) -> None:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        world.asked(tx, request)
    world.tell()
    world.decided(request, "security", verdict, comment)
    world.tell()
    (letter,) = world.box.to("remy@example.org")
    assert letter["subject"] == subject
    assert comment in letter.get_body(("plain",)).get_content()
    assert world.subjects("help@example.org") == ([subject] if verdict is Verdict.RETURN else [])


@pytest.mark.parametrize(
    ("state", "subject"),
    [
        (RequestState.PUBLISHED, "shop 1.0.0 is published"),
        (RequestState.FAILED, "shop 1.0.0 could not be onboarded"),
    ],
)
def test_the_end_is_told_to_the_requester_and_the_sources_support(
    world: World, state: RequestState, subject: str
) -> None:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        tx.close_request(request.id, state, "land: [EMPTY_FILE] orders.csv", world.now)
    world.tell()
    assert world.subjects("remy@example.org") == world.subjects("help@example.org") == [subject]


def test_a_system_gets_cloud_events(world: World) -> None:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        world.asked(tx, request)
    world.tell()
    ((path, headers, _),) = world.hook.calls
    (event,) = world.hook.bodies
    assert path == "/hooks/sluice"
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert headers["authorization"] == "Bearer secret-token"
    assert (event["specversion"], event["source"], event["type"]) == ("1.0", "/sluice", "sluice.asked")
    assert event["subject"] == request.id
    assert datetime.fromisoformat(event["time"]) == MONDAY
    assert event["data"]["waiting"] == list(ROLES)
    assert event["data"]["link"].startswith("https://sluice.example.org/sluice/pages/")


def test_a_mail_server_that_is_down_holds_up_neither_the_stream_nor_the_other_channels(world: World) -> None:
    world.secrets["env:SLUICE_NOTIFY_MAIL"] = "mailto://127.0.0.1:1?from=sluice@example.org"
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        world.asked(tx, request)
    world.tell()
    assert len(world.hook.calls) == 1
    world.decided(request, "security")
    with world.tools.ledger.reading() as tx:
        pending = tx.messages(state=MessageState.PENDING, lane="mail")
    assert len(pending) == 5
    assert any("CHANNEL_FAILED" in m.note and "Connection refused" in m.note for m in pending), "the reason is said"
    world.secrets["env:SLUICE_NOTIFY_MAIL"] = world.box.url
    world.now = MONDAY + timedelta(minutes=10)
    world.tell()
    assert len(world.box.raw) == 5, "the four who still have to answer, and the requester"


def test_a_refused_letter_is_tried_again(world: World) -> None:
    world.box.refuse = "450 mailbox busy"
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx))
    world.tell()
    assert world.box.raw == []
    world.box.refuse = ""
    world.now += timedelta(minutes=5)
    world.tell()
    assert len(world.box.raw) == 5


@pytest.mark.parametrize(
    ("status", "state"), [(500, "pending"), (429, "pending"), (302, "pending"), (404, "dead"), (410, "dead")]
)
def test_a_webhooks_answer_decides_whether_it_is_tried_again(world: World, status: int, state: str) -> None:
    world.hook.status = status
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx))
    world.tell()
    (found,) = [s for key, s in world.states().items() if key.endswith(">events:room")]
    assert found == state
    assert len(world.hook.calls) == 1, "a redirect is not followed"
    with world.tools.ledger.reading() as tx:
        assert not any("secret-token" in m.note for m in tx.messages(limit=1000))


def test_a_channel_that_is_not_set_up_says_so_and_is_no_failure(world: World) -> None:
    world.secrets["env:SLUICE_NOTIFY_MAIL"] = None
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx))
    world.tell()
    with world.tools.ledger.reading() as tx:
        dropped = tx.messages(state=MessageState.DROPPED, lane="mail")
    assert len(dropped) == 5
    assert dropped[0].note == "the channel 'mail' is not set up: env:SLUICE_NOTIFY_MAIL is not set"


ATTACKS = [
    "x\r\nBcc: everybody@evil.example\r\n\r\nbody",
    "x\nSubject: other",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% for x in y %}",
    "<!channel> <!here|now> @channel @here <@U123>",
    "[click](https://evil.example) <https://evil.example|bank>",
    "\u202eevil\u2066 \u200bzero\u0000null\x1b[31m",
    "\u2028line\u2029sep\u0085nel",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_others_wrote_stays_words(world: World, attack: str) -> None:
    attack = attack.replace("\x00", "")  # the ledger refuses NUL before anything is told
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx, use_case=attack)
        world.asked(tx, request)
    world.decided(request, "security", Verdict.REJECT, attack)
    world.tell()
    for raw, letter in zip(world.box.raw, world.box.letters, strict=True):
        head = raw.partition(b"\r\n\r\n")[0]
        assert b"evil" not in head and b"Bcc" not in head
        assert len(letter.get_all("subject")) == 1
        html = letter.get_body(("html",)).get_content()
        plain = letter.get_body(("plain",)).get_content()
        for bad in (
            "<script",
            "<img",
            "<!channel",
            "<!here",
            "<@U",
            "@channel",
            "@here",
            "](http",
            "https://evil",
            "\u202e",
            "\x1b",
        ):
            assert bad not in html and bad not in plain, bad
        assert "49" not in plain.split("Use case")[-1].split("\n")[0]
    assert {to for _, all_ in world.box.envelopes for to in all_} <= {
        f"{p}@example.org" for p in (*ROLES.values(), "remy", "help")
    }


def test_a_contract_cannot_have_letters_sent_elsewhere(world: World) -> None:
    from sluice.notifications.recipients import of_support

    policy = world.tools.policy()

    def to(entry: dict[str, str]) -> list[str | None]:
        return [r.address for r in of_support(policy, [entry])]

    assert to({"tool": "email", "channel": "x", "url": "mailto:help@example.org"}) == ["help@example.org"]
    assert to({"tool": "Email", "channel": "help@example.org"}) == ["help@example.org"]
    for url in (
        "mailto:a@evil.example", "mailto:a@example.org,b@evil.example", "mailto:a@example.org?bcc=b@evil.example",
        "mailto:a@example.org\r\nBcc:x@example.org", "mailtos://user:pw@evil.example", "json://169.254.169.254/",
        "mailto:a@example.org&to=b@evil.example",
    ):  # fmt: skip
        assert to({"tool": "email", "channel": "x", "url": url}) == [], url
    assert to({"tool": "telegram", "channel": "x"}) == []


def test_history_is_no_news(world: World) -> None:
    with world.tools.ledger.transaction() as tx:
        world.asked(tx, world.requested(tx))
    world.now = MONDAY + timedelta(days=40)
    world.tell()
    assert world.box.raw == [] and world.hook.calls == []


def test_an_incident_is_told_at_once_whatever_the_hour(world: World) -> None:
    world.now = FRIDAY_NIGHT
    with world.tools.ledger.transaction() as tx:
        told = {"source": "shop", "title": "shop was put back to its last good state", "sentences": ["A check failed."],
                "roles": ["governance"], "urgent": True, "link": "/sluice/pages/running/shop"}  # fmt: skip
        tx.enqueue("notify.incident.restored", "incident/shop/1", told, world.now)
    world.tell()
    (letter,) = world.box.to("gus@example.org")
    assert letter["subject"] == "shop was put back to its last good state"
    assert "https://sluice.example.org/sluice/pages/running/shop" in letter.get_body(("html",)).get_content()
    assert world.hook.bodies[0]["type"] == "sluice.incident.restored"


def test_a_running_sources_incident_reaches_its_owner_and_its_support(world: World) -> None:
    world.now = FRIDAY_NIGHT
    payload = {
        "incident": "inc-shop-1", "source": "shop", "severity": "major", "owner": "olga", "text": "Restored to Tuesday.",
        "reason": "wrong amounts", "eta": None, "consumers": ["bi"], "use_cases": ["Churn"], "link": "/sluice/pages/incidents/inc-shop-1",
        "channels": [{"tool": "email", "channel": "x", "url": "mailto:help@example.org"}],
    }  # fmt: skip
    with world.tools.ledger.transaction() as tx:
        tx.enqueue("incident.opened", "inc-shop-1/1", payload, world.now)
    world.tell()
    assert world.subjects("olga@example.org") == world.subjects("help@example.org") == ["Incident at shop: opened"]
    assert "Restored to Tuesday." in world.box.letters[0].get_body(("plain",)).get_content()
    assert world.hook.bodies[0]["type"] == "sluice.incident.opened"


def test_secrets_are_found_only_where_they_belong() -> None:
    from sluice.settings import secret

    env = {"SLUICE_NOTIFY_MAIL": "mailto://x", "SLUICE_PASSWORD": "hidden", "AIRFLOW_CONN_CHAT": "slack://a/b/c",
           "AIRFLOW_CONN_T": '{"conn_type": "apprise", "extra": {"url": "msteams://x"}}'}  # fmt: skip
    assert secret("env:SLUICE_NOTIFY_MAIL", env) == "mailto://x"
    assert secret("env:SLUICE_PASSWORD", env) is None
    assert secret("connection:chat", env) == "slack://a/b/c"
    assert secret("connection:t", env) == "msteams://x"
    assert secret("connection:none", env) is None
    assert load({"SLUICE_PUBLIC_URL": "https://x.org/"}).public_url == "https://x.org"


def test_texts_are_made_harmless_and_stay_readable() -> None:
    assert safe.subject("a\r\nb\tc") == "a b c"
    assert len(safe.subject("x" * 500)) == 150
    assert safe.harmless("Données — naïve 数据 😀") == "Données — naïve 数据 😀"
    assert "@" in safe.harmless("ada@example.org")


def test_a_system_that_follows_gets_every_event_once_numbered_without_gaps(world: World) -> None:
    from sluice.stream.event_log import send_event_log

    world.policy_file.write_text(
        world.policy_file.read_text().replace("  subscribers: {events: all}", "  event_log: [events]")
    )
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        world.asked(tx, request)
    assert send_event_log(world.tools) > 8
    assert send_event_log(world.tools) == 0
    world.hook.status = 503
    world.tell()
    world.decided(request, "security")
    world.hook.status, world.hook.calls[:] = 200, []
    assert send_event_log(world.tools) == 1
    for _ in range(3):
        world.now += timedelta(minutes=5)
        world.tell()
    with world.tools.ledger.reading() as tx:
        recorded = tx.events(request.id)
    told = sorted(world.hook.bodies, key=lambda e: e["sequence"])
    assert [int(e["sequence"]) for e in told] == [e.seq for e in recorded]
    assert [e["type"] for e in told] == [f"sluice.stage.{e.event}" for e in recorded]
    assert told[-1]["data"]["role"] == "security"
