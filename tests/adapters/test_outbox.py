"""The outbox on a real PostgreSQL: written with the state, leased to one, retried, given up in the open."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from sluice.adapters.ledger import PostgresLedger
from sluice.errors import TerminalError, TransientError
from sluice.outbox import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    MAX_ATTEMPTS,
    Draft,
    Message,
    MessageState,
    Settled,
    pause_after,
)
from sluice.stream import delivery
from sluice.stream.delivery import deliver

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SENT = Settled(MessageState.DELIVERED)


@pytest.fixture
def ledger(ledger_url: str) -> PostgresLedger:
    return PostgresLedger(ledger_url)


def fill(ledger: PostgresLedger, *keys: str, lane: str | None = None, due: datetime = NOW) -> None:
    with ledger.transaction() as tx:
        for key in keys:
            tx.enqueue("test.note", key, {"key": key}, due, lane=lane)


def test_the_same_thing_is_told_once_and_only_if_it_happened(ledger: PostgresLedger) -> None:
    with ledger.transaction() as tx:
        assert tx.enqueue("test.note", "a", {"n": 1}, NOW)
        assert not tx.enqueue("test.note", "a", {"n": 2}, NOW)
    with pytest.raises(ZeroDivisionError), ledger.transaction() as tx:
        tx.enqueue("test.note", "b", {}, NOW)
        _ = 1 / 0
    with ledger.reading() as tx:
        (only,) = tx.messages()
    assert (only.key, only.payload, only.lane, only.seq) == ("a", {"n": 1}, "test", 1)


def test_it_is_delivered_when_it_is_due_and_once(ledger: PostgresLedger) -> None:
    fill(ledger, "now", "then", due=NOW)
    fill(ledger, "later", due=NOW + timedelta(hours=1))
    seen: list[str] = []

    def handler(message: Message) -> Settled:
        seen.append(message.key)
        return SENT

    for _ in range(2):
        deliver(ledger, {"test": handler}, lambda: NOW)
    assert seen == ["now", "then"]
    deliver(ledger, {"test": handler}, lambda: NOW + timedelta(hours=1))
    assert seen == ["now", "then", "later"]


def test_twenty_deliverers_send_each_message_once(ledger: PostgresLedger) -> None:
    fill(ledger, *(f"m{i}" for i in range(60)))
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def handler(message: Message) -> Settled:
        with lock:
            seen[message.key] += 1
        return SENT

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: deliver(ledger, {"test": handler}, lambda: NOW), range(20)))
    assert len(seen) == 60
    assert set(seen.values()) == {1}


def test_a_deliverer_that_died_loses_its_lease_and_cannot_settle_any_more(ledger: PostgresLedger) -> None:
    fill(ledger, "a")
    with ledger.transaction() as tx:
        first = tx.claim("test", "one", NOW, NOW + LEASE)
        assert first is not None
        assert tx.claim("test", "two", NOW + LEASE / 2, NOW + 2 * LEASE) is None
    late = NOW + LEASE
    with ledger.transaction() as tx:
        second = tx.claim("test", "two", late, late + LEASE)
        assert second is not None
        assert not tx.settle(first, Settled(MessageState.DEAD, "from the grave"), late)
        assert tx.settle(second, SENT, late)
        assert tx.messages()[0].state is MessageState.DELIVERED


def test_an_outage_is_tried_again_with_growing_pauses_and_then_given_up_in_the_open(ledger: PostgresLedger) -> None:
    fill(ledger, "a")
    tries = []

    def down(message: Message) -> Settled:
        tries.append(message.attempts)
        raise TransientError("CHANNEL_DOWN", "nobody answers")

    for i in range(MAX_ATTEMPTS + 3):
        deliver(ledger, {"test": down}, lambda i=i: NOW + i * LONGEST_PAUSE)
    assert tries == list(range(1, MAX_ATTEMPTS + 1))
    with ledger.reading() as tx:
        (dead,) = tx.messages(state=MessageState.DEAD)
    assert dead.note.startswith(f"given up after {MAX_ATTEMPTS} attempts: [CHANNEL_DOWN] nobody answers")
    with ledger.transaction() as tx:
        assert tx.retry_messages([dead.seq], NOW) == 1
    assert deliver(ledger, {"test": lambda _: SENT}, lambda: NOW) == {MessageState.DELIVERED: 1}


def test_the_pauses_double_up_to_the_longest() -> None:
    assert [pause_after(n) for n in (1, 2, 3, 9, 10, 100)] == [
        FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, timedelta(minutes=256), LONGEST_PAUSE, LONGEST_PAUSE,
    ]  # fmt: skip


def test_it_is_not_tried_again_before_its_pause_is_over(ledger: PostgresLedger) -> None:
    fill(ledger, "a")
    calls = []

    def down(message: Message) -> Settled:
        calls.append(message.attempts)
        raise ConnectionResetError("reset")

    for offset in (0, 30, 59, 61, 120, 182):
        deliver(ledger, {"test": down}, lambda offset=offset: NOW + timedelta(seconds=offset))
    assert calls == [1, 2, 3]


def test_what_can_never_succeed_is_given_up_at_once(ledger: PostgresLedger) -> None:
    def never(_: Message) -> Settled:
        raise TerminalError("NO_SUCH_PERSON", "unknown mailbox")

    fill(ledger, "a")
    assert deliver(ledger, {"test": never}, lambda: NOW) == {MessageState.DEAD: 1}


def test_a_message_that_kills_its_deliverer_does_not_do_so_for_ever(ledger: PostgresLedger) -> None:
    fill(ledger, "a")
    now = NOW
    for _ in range(MAX_ATTEMPTS):
        with ledger.transaction() as tx:
            assert tx.claim("test", "doomed", now, now + LEASE)
        now += LEASE
    assert deliver(ledger, {"test": lambda _: SENT}, lambda: now) == {MessageState.DEAD: 1}


def test_a_dead_or_slow_lane_holds_up_no_other(ledger: PostgresLedger) -> None:
    fill(ledger, *(f"slow{i}" for i in range(5)), lane="slow")
    fill(ledger, *(f"down{i}" for i in range(200)), lane="down")
    fill(ledger, *(f"fast{i}" for i in range(20)), lane="fast")
    asked: Counter[str] = Counter()
    fast_done: list[float] = []
    began = time.monotonic()

    def handler(message: Message) -> Settled:
        asked[message.lane] += 1
        if message.lane == "down":
            raise TransientError("CHANNEL_DOWN", "nobody answers")
        if message.lane == "slow":
            time.sleep(0.4)
        else:
            fast_done.append(time.monotonic() - began)
        return SENT

    done = deliver(ledger, {"test": handler}, lambda: NOW)
    assert (asked["fast"], asked["slow"]) == (20, 5)
    assert asked["down"] == delivery.FAILURES_IN_A_ROW, "a lane that is down is not asked two hundred times"
    assert max(fast_done) < 1.5
    assert done[MessageState.DELIVERED] == 25


def test_one_bad_message_does_not_hold_up_its_lane(ledger: PostgresLedger) -> None:
    fill(ledger, *(f"m{i}" for i in range(8)))

    def handler(message: Message) -> Settled:
        if message.key in ("m1", "m4"):
            raise TransientError("BUSY", "later")
        return SENT

    assert deliver(ledger, {"test": handler}, lambda: NOW)[MessageState.DELIVERED] == 6


def test_what_follows_is_written_with_the_outcome_and_delivered_in_the_same_round(ledger: PostgresLedger) -> None:
    fill(ledger, "fact")
    seen: list[str] = []

    def plan(message: Message) -> Settled:
        return Settled(
            MessageState.DELIVERED, follow=[Draft("send.x", f"{message.key}/{w}", {}, NOW, f"to-{w}") for w in "ab"]
        )

    def send(message: Message) -> Settled:
        seen.append(message.key)
        return SENT

    deliver(ledger, {"test": plan, "send": send}, lambda: NOW)
    assert sorted(seen) == ["fact/a", "fact/b"]


def test_time_runs_out_without_losing_anything(ledger: PostgresLedger) -> None:
    fill(ledger, *(f"m{i}" for i in range(50)))

    def slow(_: Message) -> Settled:
        time.sleep(0.1)
        return SENT

    began = time.monotonic()
    first = deliver(ledger, {"test": slow}, lambda: NOW, seconds=1.0)[MessageState.DELIVERED]
    assert time.monotonic() - began < 3
    assert 0 < first < 50
    assert deliver(ledger, {"test": lambda _: SENT}, lambda: NOW)[MessageState.DELIVERED] == 50 - first


def test_readers_of_the_event_log_remember_their_place(ledger: PostgresLedger) -> None:
    with ledger.transaction() as tx:
        assert tx.cursor("lineage") == 0
        tx.move_cursor("lineage", 7)
        tx.move_cursor("lineage", 9)
        assert (tx.cursor("lineage"), tx.cursor("digest")) == (9, 0)


def test_what_was_given_up_is_counted_by_lane(ledger: PostgresLedger) -> None:
    fill(ledger, "a", "b", lane="mail")
    fill(ledger, "c", lane="chat")
    with ledger.reading() as tx:
        assert tx.message_counts() == {("mail", MessageState.PENDING): 2, ("chat", MessageState.PENDING): 1}


def test_letters_delivered_long_ago_are_let_go_and_nothing_else(ledger: PostgresLedger) -> None:
    with ledger.transaction() as tx:
        for key, kind in (("letter", "send.asked"), ("event", "send.event"), ("run", "lineage.run"), ("fact", "notify.asked"),
                          ("dead", "send.asked"), ("fresh", "send.asked"), ("waits", "send.asked")):  # fmt: skip
            tx.enqueue(kind, key, {}, NOW, lane=key)
    for key in ("letter", "event", "run", "fact", "dead", "fresh"):
        at = NOW + timedelta(days=80) if key == "fresh" else NOW
        with ledger.transaction() as tx:
            message = tx.claim(key, "me", at, at + LEASE)
            assert message is not None
            tx.settle(message, Settled(MessageState.DEAD) if key == "dead" else SENT, at)
    before = NOW + timedelta(days=10)
    with ledger.transaction() as tx:
        assert [tx.prune_letters(before, 2), tx.prune_letters(before, 2), tx.prune_letters(before, 2)] == [2, 1, 0]
        assert {m.key for m in tx.messages()} == {"fact", "dead", "fresh", "waits"}
        assert not tx.enqueue("notify.asked", "fact", {}, NOW), "it is not told again"
    today = datetime.now(UTC)
    with ledger.transaction() as tx:
        message = tx.claim("waits", "me", today, today + LEASE)
        assert message is not None and tx.settle(message, SENT, today - timedelta(days=1))
        assert tx.prune_letters(today + timedelta(days=99), 99) == 1, "only fresh: whoever asks, a month is kept"
        assert "waits" in {m.key for m in tx.messages()}
