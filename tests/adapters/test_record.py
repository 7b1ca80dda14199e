"""What `sluice ledger verify` finds beyond the chains: requests, evidence, rights and numbers, tampered with by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from governed import POLICY, Governed, policy_of

from sluice.adapters.ledger import PostgresLedger
from sluice.approval import Person, overdue
from sluice.chain import broken_link, link_hash
from sluice.contract.model import digest_of
from sluice.errors import SourceError
from sluice.governance import KeptPack
from sluice.ledger import Verdict
from sluice.notifications.watching import due_reminders
from sluice.record import _intact, broken_record
from sluice.review.inbox import inbox
from sluice.stages import Event, Stage


@pytest.fixture
def world(ledger_url: str, tmp_path: Path) -> Governed:
    return Governed(PostgresLedger(ledger_url), policy_of(tmp_path))


def tampered(ledger_url: str, *statements: str, **values: Any) -> None:
    """As whoever owns the database: the triggers are out of the way."""
    engine = sa.create_engine(ledger_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(sa.text(statement), values)


def problem(world: Governed) -> str | None:
    with world.ledger.reading() as tx:
        return broken_record(tx)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE sluice.request SET tier = 'standard'", "was promised other signatures than that tier asks"),
        ("UPDATE sluice.request SET tier = 'low', signatures = '{\"admission\": [], \"publication\": []}'", "other signatures"),
        ("UPDATE sluice.request SET tier = 'none'", "its policy does not know"),
        ("UPDATE sluice.request SET contract_text = replace(contract_text, 'public', 'restricted')", "its contract is not the one"),
        ("UPDATE sluice.request SET contract_digest = repeat('a', 64)", "its contract is not the one"),
        ("UPDATE sluice.request SET policy_digest = repeat('a', 64), requested_at = requested_at + interval '1 day'", "a policy that is not on record"),
        ("UPDATE sluice.request SET requester = 'mallory'", "says that mallory asked for it"),
        ("UPDATE sluice.artifact SET content = jsonb_set(content, '{tier}', '\"low\"') WHERE stage = 'publication'", "at publication was changed after people were asked"),
        ("UPDATE sluice.artifact SET content = content - 'parts' WHERE stage = 'admission'", "at admission was changed after people were asked"),
        ("DELETE FROM sluice.artifact WHERE seq = 1", "finding 1 is missing"),
        ("DELETE FROM sluice.stage_event WHERE seq = 2", "event 2 of the stage clock is missing"),
        ("UPDATE sluice.policy_version SET content = replace(content, 'bea', 'eve')", "policy version 1 was changed"),
    ],
    ids=lambda v: None,
)  # fmt: skip
def test_what_was_changed_by_hand_is_named(world: Governed, ledger_url: str, statement: str, said: str) -> None:
    world.to_publication(tier="high")
    world.decide("sara", "security")
    assert problem(world) is None
    tampered(ledger_url, statement)
    assert said in str(problem(world))


def test_a_decision_with_a_good_hash_by_somebody_without_the_right_is_named(world: Governed) -> None:
    """Whoever can insert rows can chain them; nobody but `decide` looks who may."""
    standing = world.to_publication()
    for actor, role, said in (
        ("mallory", "business", "was made without the right to"),
        ("remy", "business", "is by whoever asked for it"),
        ("policy", "business", "was made without the right to"),
    ):
        world_before = world.clock().events[-1].seq
        with pytest.raises(ZeroDivisionError), world.ledger.transaction() as tx:
            forged = tx.decide(
                world.ids[-1], Stage.PUBLICATION, role, Verdict.APPROVE, actor, "", standing.evidence_digest, world.now,
                policy_digest=world.policy.digest,
            )  # fmt: skip
            tx.append(world.ids[-1], Stage.PUBLICATION, 1, Event.APPROVED, world.now, actor=actor, role=role, digest=standing.evidence_digest)  # fmt: skip
            assert broken_link(tx.decisions()) is None and forged.hash == link_hash(replace(forged, hash=""))
            assert broken_record(tx) == f"decision {forged.seq} ({actor} as {role} on {world.ids[-1]}) {said}"
            raise ZeroDivisionError  # none of it is kept
        assert world.clock().events[-1].seq == world_before
    assert problem(world) is None


def test_numbers_that_the_database_writes_differently_are_no_tampering() -> None:
    """JSONB keeps no negative zero, and 1e16 as a whole number: the lake has the words that were hashed."""
    said = {"tier": "low", "low": -0.0, "high": 1e16, "n": 3}
    digest = digest_of(said)
    kept = KeptPack(
        "r", Stage.PUBLICATION, digest, {"tier": "low", "low": 0.0, "high": 10**16, "n": 3, "uri": "s3://x"}
    )
    copy = json.dumps(said | {"evidence_digest": digest}).encode()
    assert not _intact(kept, None)
    assert _intact(kept, lambda uri: copy)
    assert not _intact(replace(kept, content={**kept.content, "tier": "high"}), lambda uri: copy)
    assert not _intact(kept, lambda uri: json.dumps(said | {"n": 4}).encode())

    def gone(uri: str) -> bytes:
        raise SourceError("GONE", "not there")

    assert not _intact(kept, gone)


def test_a_request_whose_policy_cannot_be_read_stops_nobody_elses(
    world: Governed, ledger_url: str, tmp_path: Path
) -> None:
    broken = world.request()
    world.policy = policy_of(tmp_path, POLICY.replace("olga", "oscar"))
    fine = world.request()
    world.later(days=30)
    tampered(ledger_url, "UPDATE sluice.policy_version SET content = replace(content, 'bea', 'eve') WHERE seq = 1")
    from sluice.approval import standing

    standing._PROMISED.clear()  # as in a process that has not read it before
    with world.ledger.reading() as tx:
        assert [w.request.id for w in inbox(tx, world.policy, Person("bea"), world.now).waiting] == [fine]
        assert overdue(tx, world.now) == [] and due_reminders(tx, world.policy, world.now) == []
    assert broken != fine
