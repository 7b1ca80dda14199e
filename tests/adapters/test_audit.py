"""The audit of a source and the anchors of the record, on a real ledger and lake."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from governed import Governed, policy_of

from sluice.adapters.ledger import PostgresLedger
from sluice.approval import Absence, Person, delegate
from sluice.audit import audit_page, source_audit
from sluice.errors import BadInputError
from sluice.ledger import Verdict
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.anchor import against_anchors, anchor
from sluice.stream.tools import Tools, connect

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def world(ledger_url: str, tmp_path: Path) -> Governed:
    return Governed(PostgresLedger(ledger_url), policy_of(tmp_path))


def a_whole_story(world: Governed) -> None:
    """Carried, pre-approved, delegated, returned, taken back, and asked again."""
    world.to_publication(tier="standard")
    with world.ledger.transaction() as tx:
        delegate(
            tx,
            world.policy,
            Absence("sam", "dan", "", world.now, world.now + timedelta(days=3), "ill"),
            Person("olga"),
            world.now,
        )
    world.decide("bea", "business", comment=EVIL)
    world.decide("dan", "security")
    world.decide("sara", "security", Verdict.RETURN, back_to=Stage.PROFILE, comment="look again")
    world.work(Stage.PROFILE)
    world.ask(Stage.PUBLICATION, tier="standard", profile="other")
    world.decide("bea", "business", Verdict.REVOKE, comment="wrong source")
    world.decide("sara", "security", Verdict.RETURN, comment="change the contract")
    world.later(days=1)
    world.request()


def test_who_when_as_whom_on_what_and_what_became_of_it(world: Governed) -> None:
    a_whole_story(world)
    with world.ledger.reading() as tx:
        report = source_audit(tx, "shop", world.now)
    assert json.loads(json.dumps(report)) == report
    assert report["record"] | {"heads": None} == {"whole": True, "problem": None, "heads": None}
    first, second = report["requests"]
    assert (second["continues"], second["requested_at"], second["rework"]) == (first["id"], first["requested_at"], 1)
    assert first["rework"] == 2
    publication = first["gates"][1]
    told = [(d["verdict"], d["role"], d["by"], d["on_behalf_of"], d["effect"]) for d in publication["decisions"]]
    assert told == [
        ("approve", "governance", "policy", None, "was void when the evidence changed"),
        ("approve", "business", "bea", None, "was taken back"),
        ("approve", "security", "dan", "sam", "was carried over by decision 7"),
        ("return", "security", "sara", None, "sent the request back to profile"),
        ("carry", "business", "bea", None, "was taken back"),
        ("carry", "security", "dan", "sam", "counts"),
        ("approve", "governance", "policy", None, "counts"),
        ("revoke", "business", "bea", None, "took an approval back"),
        ("return", "security", "sara", None, "ended the request"),
    ]
    assert publication["decisions"][5]["original"]["by"] == "dan"
    assert [e["changed_parts"] for e in publication["evidence"]] == [[], ["profile"]]
    assert [(d["principal"], d["delegate"], d["set_by"]) for d in report["delegations"]] == [("sam", "dan", "olga")]
    assert [p["promised_to"] for p in report["policies"]] == [[first["id"], second["id"]]]


def test_the_page_shows_it_and_runs_nothing(world: Governed) -> None:
    a_whole_story(world)
    with world.ledger.reading() as tx:
        page = audit_page(source_audit(tx, "shop", world.now))
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    for said in (
        "The record is whole",
        "the policy itself",
        "dan for sam",
        "was carried over",
        "Delegations used",
        "continues onb-shop",
    ):
        assert said in page


def test_nobody_asked(world: Governed) -> None:
    with world.ledger.reading() as tx, pytest.raises(BadInputError, match="NO_REQUEST"):
        source_audit(tx, "shop", world.now)


@pytest.fixture
def tools(services: Settings, ledger_url: str, lake: str) -> Tools:
    return connect(replace(services, ledger_url=ledger_url, lake=lake))


class TestAnchors:
    def tampered(self, ledger_url: str, *statements: str) -> None:
        engine = sa.create_engine(ledger_url)
        with engine.begin() as connection:
            for table in ("decision", "delegation", "policy_version"):
                connection.execute(sa.text(f"ALTER TABLE sluice.{table} DISABLE TRIGGER append_only"))
            for statement in statements:
                connection.execute(sa.text(statement))
        engine.dispose()

    def test_the_same_heads_are_one_object_and_all_agree(self, world: Governed, tools: Tools) -> None:
        first = anchor(tools)
        world.to_publication()
        world.decide("sara", "security")
        assert anchor(tools) == anchor(tools) != first
        with world.ledger.reading() as tx:
            assert against_anchors(tools, tx) == against_anchors(tools, tx)
            assert (against_anchors(tools, tx).found, against_anchors(tools, tx).problem) == (2, None)

    def test_a_tail_that_was_cut_off_without_a_trace_is_found(
        self, world: Governed, tools: Tools, ledger_url: str
    ) -> None:
        world.to_publication()
        given = world.decide("sara", "security")
        anchor(tools)
        self.tampered(ledger_url, f"DELETE FROM sluice.decision WHERE seq = {given.seq}")
        with world.ledger.reading() as tx:
            assert f"decision {given.seq} is gone" in str(against_anchors(tools, tx).problem)

    def test_a_tail_that_was_written_anew_is_found(self, world: Governed, tools: Tools, ledger_url: str) -> None:
        world.to_publication()
        given = world.decide("sara", "security")
        anchor(tools)
        self.tampered(ledger_url, f"DELETE FROM sluice.decision WHERE seq = {given.seq}")
        with world.ledger.transaction() as tx:
            tx.decide(
                world.ids[-1],
                Stage.PUBLICATION,
                "security",
                Verdict.APPROVE,
                "mallory",
                "",
                given.evidence_digest,
                world.now,
            )
        with world.ledger.reading() as tx:
            assert f"decision {given.seq} is another one" in str(against_anchors(tools, tx).problem)
        anchor(tools)  # a new anchor does not hide the old one
        with world.ledger.reading() as tx:
            assert f"decision {given.seq} is another one" in str(against_anchors(tools, tx).problem)
