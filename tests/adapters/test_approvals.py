"""Approvals on a real ledger: n-of-m, veto, delegation, return, revoke, expiry, and which signatures outlive a change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from governed import MONDAY, POLICY, Governed, policy_of

from sluice.adapters.ledger import PostgresLedger
from sluice.approval import Absence, Person, delegate, end_delegation, expire_unanswered, promised, require_approvals
from sluice.approval.delegating import groups_on_record
from sluice.errors import NotApprovedError, RefusedError, SentBackError
from sluice.flow import request_flow
from sluice.ledger import RequestState, Verdict
from sluice.notifications.waiting import holders
from sluice.onboarding import begin, complete
from sluice.record import broken_record
from sluice.review.evidence import evidence_view
from sluice.review.inbox import inbox
from sluice.stages import Event, Stage
from sluice.stream.rework import wanting_restart


@pytest.fixture
def world(ledger_url: str, tmp_path: Path) -> Governed:
    return Governed(PostgresLedger(ledger_url), policy_of(tmp_path))


def refused(world: Governed, *decision: Any, **more: Any) -> tuple[str, int]:
    with pytest.raises(RefusedError) as caught:
        world.decide(*decision, **more)
    return caught.value.code, caught.value.status


def publishable(world: Governed) -> bool:
    with world.ledger.reading() as tx:
        try:
            require_approvals(tx, world.seen(tx))
        except NotApprovedError:
            return False
    return True


class TestWhoSigns:
    def test_two_of_three_and_never_one_person_twice(self, world: Governed) -> None:
        world.to_publication()
        world.decide("sara", "security")
        assert world.standing().missing == ("business", "security")
        assert refused(world, "sara", "security") == ("ALREADY_DECIDED", 409)
        world.decide("sam", "security")
        assert refused(world, "sue", "security") == ("ALREADY_DECIDED", 409)
        assert not publishable(world)
        world.decide("ben", "business")
        assert publishable(world)
        assert world.clock().completed(Stage.PUBLICATION)

    def test_twenty_at_once_make_two_signatures(self, world: Governed) -> None:
        world.to_publication()

        def one(number: int) -> str:
            try:
                world.decide(("sara", "sam", "sue")[number % 3], "security")
            except RefusedError as error:
                return error.code
            return "recorded"

        with ThreadPoolExecutor(20) as pool:
            outcomes = list(pool.map(one, range(20)))
        assert (outcomes.count("recorded"), outcomes.count("ALREADY_DECIDED")) == (2, 18)
        assert len(world.signed()["security"]) == 2

    def test_a_veto_counts_although_nobody_asked(self, world: Governed) -> None:
        world.to_publication()
        assert world.standing().vetoes == ("legal",)
        assert refused(world, "lea", "legal") == ("ROLE_NOT_ASKED", 403)
        world.decide("lea", "legal", Verdict.REJECT)
        assert refused(world, "bea", "business") == ("REQUEST_CLOSED", 409)
        assert not publishable(world)

    def test_a_role_signs_for_another_where_the_policy_says_so(self, world: Governed) -> None:
        world.to_publication(tier="high")
        assert world.standing().required == ("business", "security", "governance", "legal")
        world.decide("lea", "governance")
        assert refused(world, "lea", "legal") == ("SAME_PERSON", 403)
        assert refused(world, "gus", "legal") == ("NOT_YOUR_ROLE", 403)

    def test_what_is_pre_approved_is_signed_by_the_policy_on_record(self, world: Governed) -> None:
        standing = world.to_publication(tier="standard")
        assert "governance" not in standing.missing
        (signature,) = next(g for g in standing.groups if g.role == "governance").signatures
        assert (signature.by_policy, signature.decision.comment) == (True, "pre-approved: Agreed in May")
        assert refused(world, "gus", "governance") == ("ALREADY_DECIDED", 409)
        world.decide("gus", "governance", Verdict.RETURN, back_to=Stage.CHECK)
        assert not publishable(world)

    def test_nobody_is_the_policy(self, world: Governed) -> None:
        world.to_publication(tier="standard")
        assert refused(world, "policy", "security") == ("NOT_YOUR_ROLE", 403)

    def test_a_group_of_the_auth_manager_gives_a_role(self, world: Governed, tmp_path: Path) -> None:
        text = POLICY.replace("members: [lea]", "members: [lea], groups: [lake-legal]")
        world.policy = policy_of(tmp_path, text)
        world.to_publication(tier="high")
        assert refused(world, "lou", "legal") == ("NOT_YOUR_ROLE", 403)
        world.decide("lou", "legal", groups=frozenset({"lake-legal"}))
        assert world.signed()["legal"] == ["lou"]


class TestWhoIsAsked:
    def inbox(self, world: Governed, name: str) -> list[str]:
        with world.ledger.reading() as tx:
            return [w.role for w in inbox(tx, world.policy, Person(name), world.now).waiting]

    def test_a_role_that_left_the_policy_is_still_asked_of_those_it_had(self, world: Governed, tmp_path: Path) -> None:
        """What a running request was promised must be signed, so whoever can sign it must see that it waits."""
        world.to_publication(tier="high")
        text = POLICY.replace("  legal: {members: [lea]}\n", "").replace(", also_signed_by: [legal]", "")
        text = text.replace(", veto: [legal]}", "}").replace(", governance, legal]", ", governance]")
        world.policy = policy_of(tmp_path, text)
        assert "legal" not in world.policy.roles and self.inbox(world, "lea") == ["legal"]
        with world.ledger.reading() as tx:
            request = world.seen(tx)
            assert holders(tx, world.policy, "legal", request, world.now) == ("lea",)
            view = evidence_view(tx, world.policy, request, Stage.PUBLICATION, Person("lea"), world.now)
        assert [(m.role, m.approves) for m in view.mine] == [("legal", True)]
        assert world.decide("lea", "legal").role == "legal"
        assert self.inbox(world, "lea") == []

    def test_whoever_asked_for_what_it_continues_is_not_asked_to_decide(self, world: Governed) -> None:
        world.request(requester="ben")
        world.decide("bea", "business", Verdict.RETURN, gate=Stage.ADMISSION, comment="change it")
        world.request(requester="remy")
        assert self.inbox(world, "bea") == ["business"] and self.inbox(world, "ben") == []
        with pytest.raises(RefusedError, match="OWN_REQUEST"):
            world.decide("ben", "business", gate=Stage.ADMISSION)


class TestDelegation:
    def test_an_owner_lends_a_role_of_a_group_once_the_record_shows_who_holds_it(
        self, ledger_url: str, tmp_path: Path
    ) -> None:
        text = POLICY.replace("business: {members: [bea, ben],", "business: {groups: [traders],")
        world = Governed(PostgresLedger(ledger_url), policy_of(tmp_path, text))
        world.request()
        wanted = Absence("tom", "dan", "business", world.now, world.now + timedelta(days=3))
        with pytest.raises(RefusedError, match="tom holds no role"), world.ledger.transaction() as tx:
            delegate(tx, world.policy, wanted, Person("olga"), world.now)
        world.decide("tom", "business", gate=Stage.ADMISSION, groups=frozenset({"traders"}))
        with world.ledger.transaction() as tx:
            with pytest.raises(RefusedError, match="NOT_YOUR_DELEGATION"):
                delegate(tx, world.policy, wanted, Person("bea"), world.now)
            assert delegate(tx, world.policy, wanted, Person("olga"), world.now).groups == ("traders",)
        world.request(version="2.0.0")
        given = world.decide("dan", "business", gate=Stage.ADMISSION)
        assert (given.actor, given.on_behalf_of) == ("dan", "tom")
        with world.ledger.reading() as tx:
            assert broken_record(tx) is None
            late = world.now + timedelta(days=400)
            assert groups_on_record(tx, world.policy, "tom", world.now) == {"traders"}
            assert (
                groups_on_record(tx, world.policy, "tom", late)
                == groups_on_record(tx, world.policy, "eve", world.now)
                == frozenset()
            )

    def away(self, world: Governed, principal: str, other: str, by: str = "", role: str = "", days: float = 5) -> int:
        with world.ledger.transaction() as tx:
            wanted = Absence(principal, other, role, world.now, world.now + timedelta(days=days), "holiday")
            return delegate(tx, world.policy, wanted, Person(by or principal), world.now).seq

    def test_it_holds_at_once_within_its_dates_and_until_it_is_ended(self, world: Governed) -> None:
        world.to_publication(tier="high")
        assert refused(world, "dan", "legal") == ("NOT_YOUR_ROLE", 403)
        number = self.away(world, "lea", "dan")
        given = world.decide("dan", "legal")
        assert (given.on_behalf_of, given.delegation) == ("lea", number)
        other = self.away(world, "gus", "dora", by="olga", days=2)
        world.later(days=3)
        assert refused(world, "dora", "governance") == ("NOT_YOUR_ROLE", 403)
        again = self.away(world, "gus", "dora", days=2)
        with world.ledger.transaction() as tx:
            end_delegation(tx, world.policy, again, Person("gus"), world.now)
        assert refused(world, "dora", "governance") == ("NOT_YOUR_ROLE", 403)
        with pytest.raises(RefusedError, match="ALREADY_ENDED"), world.ledger.transaction() as tx:
            end_delegation(tx, world.policy, other, Person("gus"), world.now)
        with world.ledger.reading() as tx:
            assert [d.set_by for d in tx.delegations()] == ["lea", "olga", "gus", "gus"]
            assert broken_record(tx) is None

    def test_a_delegate_is_one_person_and_never_the_requester_nor_stands_for_one(self, world: Governed) -> None:
        world.to_publication(tier="high")
        self.away(world, "lea", "sara")
        self.away(world, "gus", "remy")
        self.away(world, "sam", "dan")
        world.decide("sara", "security")
        assert refused(world, "sara", "legal") == ("SAME_PERSON", 403)
        assert refused(world, "remy", "governance") == ("OWN_REQUEST", 403)
        world.decide("sam", "security")
        world.decide("sam", "security", Verdict.REVOKE)
        world.decide("dan", "security")
        assert world.signed()["security"] == ["sara", "dan"]

    def test_whoever_stands_for_the_requester_decides_nothing(self, world: Governed) -> None:
        world.request(requester="ben")
        self.away(world, "ben", "dan")
        assert refused(world, "dan", "business", gate=Stage.ADMISSION) == ("OWN_REQUEST", 403)

    def test_two_who_stand_for_one_person_are_one_signature(self, world: Governed) -> None:
        world.to_publication()
        self.away(world, "sara", "dan")
        self.away(world, "sara", "dora")
        world.decide("dan", "security")
        assert refused(world, "dora", "security") == ("SAME_PERSON", 403)
        assert refused(world, "sara", "security") == ("SAME_PERSON", 403)

    @pytest.mark.parametrize(
        ("principal", "other", "by", "days", "code"),
        [
            ("lea", "dan", "sara", 5, "NOT_YOUR_DELEGATION"),
            ("lea", "lea", "lea", 5, "DELEGATE"),
            ("lea", "policy", "lea", 5, "DELEGATE"),
            ("lea", "dan", "lea", -1, "DELEGATION_DATES"),
            ("nobody", "dan", "nobody", 5, "NOTHING_TO_DELEGATE"),
        ],
    )
    def test_what_cannot_be_delegated(
        self, world: Governed, principal: str, other: str, by: str, days: float, code: str
    ) -> None:
        with pytest.raises(RefusedError, match=code):
            self.away(world, principal, other, by, days=days)


class TestReturn:
    def test_back_to_a_stage_all_its_tables_are_done_again_and_the_request_stays_open(self, world: Governed) -> None:
        world.to_publication()
        world.decide("bea", "business")
        world.decide("sara", "security", Verdict.RETURN, back_to=Stage.LAND, comment="the March file is missing")
        with world.ledger.reading() as tx:
            request = world.seen(tx)
            (restart,) = wanting_restart(tx)
        assert request.state is RequestState.OPEN
        assert world.clock().current() == (Stage.LAND,)
        assert refused(world, "sam", "security") == ("GATE_NOT_OPEN", 409)
        assert (restart.stage, restart.attempt, restart.task_ids) == (Stage.LAND, 2, ("land.turn",))
        assert "the March file is missing" in restart.why
        with world.ledger.transaction() as tx:
            begin(tx, request.id, Stage.LAND, world.now, table="orders")
            complete(tx, request, Stage.LAND, world.now, table="orders")
        assert not world.clock().completed(Stage.LAND), "the other table is still to be done again"
        with pytest.raises(SentBackError, match="the March file is missing"), world.ledger.transaction() as tx:
            begin(tx, request.id, Stage.PROFILE, world.now, table="orders")
        world.work()
        standing = world.ask(Stage.PUBLICATION)
        assert standing.missing == ("security",), "the same evidence: what was signed stays good"
        assert world.clock().attempt(Stage.PUBLICATION) == 2
        returned = [e for e in world.clock().events if e.event is Event.RETURNED]
        assert [(e.role, e.actor) for e in returned] == [("security", "sara"), (None, None)]
        flow = {s.stage: s for s in request_flow(world.clock().events, world.now).stages}
        assert flow[Stage.LAND].attempts == 2

    def test_a_veto_that_returned_must_look_at_what_became_of_it(self, world: Governed) -> None:
        world.to_publication()
        world.decide("bea", "business")
        world.decide("sara", "security")
        world.decide("lea", "legal", Verdict.RETURN, back_to=Stage.CHECK)
        world.work(Stage.CHECK)
        assert world.ask(Stage.PUBLICATION).missing == ("security", "legal")
        world.decide("sam", "security")
        assert not publishable(world)
        world.decide("lea", "legal")
        assert publishable(world)

    def test_only_where_there_is_something_to_go_back_to(self, world: Governed) -> None:
        world.to_publication()
        assert refused(world, "bea", "business", Verdict.RETURN, back_to=Stage.PUBLISH) == ("BACK_TO", 400)
        assert refused(world, "bea", "business", Verdict.RETURN, back_to=Stage.ADMISSION) == ("BACK_TO", 400)
        assert refused(world, "bea", "business", back_to=Stage.LAND) == ("BACK_TO", 400)
        assert refused(world, "bea", "business", Verdict.RETURN, comment=" ") == ("COMMENT_NEEDED", 400)

    def test_back_to_the_requester_the_next_one_continues_and_the_clock_never_stops(self, world: Governed) -> None:
        world.to_publication()
        first = world.ids[-1]
        world.decide("bea", "business")
        world.decide("sara", "security", Verdict.RETURN, comment="classify the id")
        world.later(days=3)
        world.request()
        with world.ledger.reading() as tx:
            before, after = tx.request(first), world.seen(tx)
        assert before is not None
        assert before.state is RequestState.RETURNED
        assert (after.continues, after.requested_at, after.renewed_at) == (first, MONDAY, world.now)
        assert world.clock().attempt(Stage.REQUEST) == 2
        assert request_flow(world.clock().events, world.now).lead == timedelta(days=3).total_seconds()
        assert world.signed(Stage.ADMISSION) == {"business": ["bea"]}, "nothing that concerns business changed"
        with world.ledger.reading() as tx:
            carried = [d for d in tx.decisions(after.id) if d.verdict is Verdict.CARRY]
            assert [(d.actor, tx.decisions_numbered([d.carries or 0])[0].request_id) for d in carried] == [
                ("bea", first)
            ]
            assert broken_record(tx) is None
        world.work()
        assert world.ask(Stage.PUBLICATION, classification="now confidential").missing == ("security",)

    def test_whoever_asked_first_does_not_decide_when_somebody_else_asks_again(self, world: Governed) -> None:
        world.request(requester="ben")
        world.decide("bea", "business", Verdict.RETURN, gate=Stage.ADMISSION)
        world.request(requester="remy")
        assert refused(world, "ben", "business", gate=Stage.ADMISSION) == ("OWN_REQUEST", 403)
        assert refused(world, "remy", "business", gate=Stage.ADMISSION) == ("OWN_REQUEST", 403)

    def test_a_rejected_request_leaves_nothing_behind(self, world: Governed) -> None:
        world.to_publication()
        world.decide("bea", "business")
        world.decide("sara", "security", Verdict.REJECT)
        world.request()
        with world.ledger.reading() as tx:
            assert world.seen(tx).continues is None
        assert world.signed(Stage.ADMISSION) == {"business": []}


class TestDeltaReapproval:
    def test_only_signatures_whose_parts_changed_are_void(self, world: Governed) -> None:
        world.to_publication()
        old = world.standing().evidence_digest
        world.decide("bea", "business")
        world.decide("sara", "security")
        world.decide("sam", "security", Verdict.RETURN, back_to=Stage.PROFILE)
        world.work(Stage.PROFILE)
        standing = world.ask(Stage.PUBLICATION, profile="other numbers", cost="dearer")
        assert standing.missing == ("business", "security")
        assert world.signed() == {"business": [], "security": ["sara"]}
        (kept,) = next(g for g in standing.groups if g.role == "security").signatures
        assert kept.carried
        assert kept.original.evidence_digest == old
        with pytest.raises(RefusedError) as caught:
            world.decide("bea", "business", digest=old)
        assert (caught.value.code, caught.value.status) == ("STALE_EVIDENCE", 409)
        world.decide("ben", "business")
        world.decide("sue", "security")
        assert publishable(world)

    def test_a_signature_that_was_taken_back_is_never_carried(self, world: Governed) -> None:
        world.to_publication()
        world.decide("bea", "business")
        world.decide("bea", "business", Verdict.REVOKE)
        world.decide("sara", "security", Verdict.RETURN, back_to=Stage.PROFILE)
        world.work(Stage.PROFILE)
        assert world.ask(Stage.PUBLICATION, profile="other").missing == ("business", "security")

    def test_a_forged_carry_counts_for_nothing(self, world: Governed) -> None:
        world.to_publication()
        given = world.decide("bea", "business")
        world.decide("sara", "security", Verdict.RETURN, back_to=Stage.PROFILE)
        world.work(Stage.PROFILE)
        digest = world.ask(Stage.PUBLICATION, cost="dearer").evidence_digest
        with world.ledger.transaction() as tx:
            tx.decide(
                world.ids[-1],
                Stage.PUBLICATION,
                "business",
                Verdict.CARRY,
                "bea",
                "",
                digest,
                world.now,
                carries=given.seq,
            )
        assert world.signed()["business"] == []

    def test_a_carried_signature_is_not_carried_twice_and_may_be_revoked(self, world: Governed) -> None:
        world.to_publication()
        world.decide("bea", "business")
        for number in range(3):
            world.decide("sara", "security", Verdict.RETURN, back_to=Stage.PROFILE)
            world.work(Stage.PROFILE)
            world.ask(Stage.PUBLICATION, profile=number)
            assert world.signed()["business"] == ["bea"]
        world.decide("bea", "business", Verdict.REVOKE)
        assert world.signed()["business"] == []
        assert refused(world, "bea", "business", Verdict.REVOKE) == ("NOTHING_TO_REVOKE", 409)


class TestRevoke:
    def test_it_opens_a_gate_again_that_was_complete(self, world: Governed) -> None:
        world.to_publication()
        for actor, role in (("bea", "business"), ("sara", "security"), ("sam", "security")):
            world.decide(actor, role)
        world.work(Stage.REGISTER)
        assert refused(world, "sue", "security", Verdict.REVOKE) == ("NOTHING_TO_REVOKE", 409)
        assert refused(world, "sam", "security", Verdict.REVOKE, comment="") == ("COMMENT_NEEDED", 400)
        world.decide("sam", "security", Verdict.REVOKE, comment="I looked at the wrong file")
        assert not publishable(world)
        assert world.clock().is_open(Stage.PUBLICATION)
        with pytest.raises(SentBackError, match="wrong file"), world.ledger.transaction() as tx:
            begin(tx, world.ids[-1], Stage.PUBLISH, world.now)
        world.decide("sue", "security")
        assert publishable(world)
        assert world.clock().current() == (Stage.REGISTER,), "what came after the gate is done again"

    def test_not_any_more_when_it_is_being_published(self, world: Governed) -> None:
        world.to_publication()
        for actor, role in (("bea", "business"), ("sara", "security"), ("sam", "security")):
            world.decide(actor, role)
        world.work(Stage.REGISTER)
        with world.ledger.transaction() as tx:
            begin(tx, world.ids[-1], Stage.PUBLISH, world.now)
        assert refused(world, "sam", "security", Verdict.REVOKE) == ("TOO_LATE", 409)


class TestExpiry:
    def test_unanswered_it_ends_in_the_roles_business_time_and_approves_nothing(self, world: Governed) -> None:
        world.to_publication()
        world.decide("bea", "business")
        world.later(days=6, hours=23)  # the Monday after, 08:00: the office has been open for five days
        with world.ledger.transaction() as tx:
            assert expire_unanswered(tx, MONDAY + timedelta(days=4)) == []
            assert expire_unanswered(tx, world.now) == [world.ids[-1]]
            assert expire_unanswered(tx, world.now) == []
            request = world.seen(tx)
        assert request.state is RequestState.EXPIRED
        assert "security" in request.state_reason
        assert "5 business days" in request.state_reason
        assert refused(world, "sara", "security") == ("EXPIRED", 410)
        assert not publishable(world)
        world.request()
        with world.ledger.reading() as tx:
            assert world.seen(tx).requested_at == MONDAY, "asking again does not turn the clock back"
        assert world.signed(Stage.ADMISSION) == {"business": []}

    def test_too_late_is_too_late_before_anybody_looked(self, world: Governed) -> None:
        world.to_publication()
        world.later(days=8)
        assert refused(world, "sara", "security") == ("EXPIRED", 410)
        with world.ledger.reading() as tx:
            assert tx.decisions(world.ids[-1])[-1].gate is Stage.ADMISSION


class TestPromised:
    def test_a_change_of_policy_changes_nothing_for_who_asked_before(self, world: Governed, tmp_path: Path) -> None:
        world.to_publication()
        before = world.policy
        world.policy = policy_of(
            tmp_path,
            POLICY.replace("{role: security, signatures: 2}]", "security]").replace("veto: [legal]", "veto: []"),
        )
        world.decide("bea", "business")
        world.decide("sara", "security")
        assert not publishable(world)
        with world.ledger.reading() as tx:
            assert promised(tx, world.seen(tx)).digest == before.digest
            assert [v.digest for v in tx.policy_versions()] == [before.digest, world.policy.digest]
            assert tx.decisions(world.ids[-1])[-1].policy_digest == world.policy.digest
        world.decide("lea", "legal", Verdict.REJECT)

    def test_who_left_may_not_sign_and_who_came_may(self, world: Governed, tmp_path: Path) -> None:
        world.to_publication()
        world.policy = policy_of(tmp_path, POLICY.replace("[sara, sam, sue]", "[sam, sophie]"))
        assert refused(world, "sara", "security") == ("NOT_YOUR_ROLE", 403)
        world.decide("sophie", "security")

    def test_a_request_from_before_policies_were_kept_is_promised_its_roles(self, world: Governed) -> None:
        world.to_publication()
        with world.ledger.reading() as tx:
            old = replace(world.seen(tx), policy_digest="0" * 64)
            assert promised(tx, old).required(Stage.PUBLICATION, "low") == ("business", "security")


class TestProvable:
    @pytest.mark.parametrize(
        ("table", "column", "noun"),
        [("delegation", "delegate", "delegation"), ("policy_version", "digest", "policy version")],
    )
    def test_an_edit_of_what_decisions_rest_on_is_named(
        self, world: Governed, ledger_url: str, table: str, column: str, noun: str
    ) -> None:
        world.to_publication()
        TestDelegation().away(world, "lea", "dan")
        engine = sa.create_engine(ledger_url)
        with engine.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE sluice.{table} DISABLE TRIGGER append_only"))
            connection.execute(sa.text(f"UPDATE sluice.{table} SET {column} = 'mallory' WHERE seq = 1"))
        engine.dispose()
        with world.ledger.reading() as tx:
            assert broken_record(tx) == f"{noun} 1 was changed after it was recorded"

    def test_a_requester_who_was_exchanged_is_named(self, world: Governed, ledger_url: str) -> None:
        world.request(requester="bea")
        engine = sa.create_engine(ledger_url)
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE sluice.request SET requester = 'remy'"))
        engine.dispose()
        with world.ledger.reading() as tx:
            assert "its stage clock tells of bea" in str(broken_record(tx))
