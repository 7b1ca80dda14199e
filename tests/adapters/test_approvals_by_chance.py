"""Whatever people do, in whatever order: nothing is ever publishable without the signatures it needs.

The rule is written a second time here, from the log of decisions alone, and compared after every step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from governed import Governed, policy_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sluice.adapters.ledger import PostgresLedger
from sluice.approval import Absence, Person, delegate, end_delegation, expire_unanswered, require_approvals
from sluice.errors import NotApprovedError, RefusedError
from sluice.ledger import Decision, RequestState, Verdict
from sluice.policy import PARTS
from sluice.record import without_right
from sluice.stages import Stage

PEOPLE = ("bea", "ben", "sara", "sam", "sue", "lea", "gus", "dan", "remy", "olga")
ROLES = ("business", "security", "legal", "governance")
NEEDED = {
    "": {"business": 1, "security": 2},
    "standard": {"business": 1, "security": 2},
    "high": {"business": 1, "security": 2, "governance": 1, "legal": 1},
}
RIGHTLY = (("business", "bea"), ("security", "sara"), ("security", "sam"), ("legal", "lea"), ("governance", "gus"))
GATE = Stage.PUBLICATION


class Approvals(RuleBasedStateMachine):
    """One request at the publication gate, and ten people who do what they like."""

    world: Governed
    reached = 0
    """How often something was publishable: a rule that nothing ever meets proves nothing."""

    @initialize(tier=st.sampled_from(sorted(NEEDED)))
    def begin(self, tier: str) -> None:
        self.tier, self.said = tier, dict.fromkeys(PARTS, 0)
        self.packs: dict[str, dict[str, Any]] = {}
        if self.world.ids and self.state() is RequestState.OPEN:
            with self.world.ledger.transaction() as tx:
                tx.close_request(self.world.ids[-1], RequestState.REJECTED, "the next one", self.world.now)
        self.world.to_publication(tier=tier, **self.said)
        self.remember()

    def state(self) -> RequestState:
        with self.world.ledger.reading() as tx:
            return self.world.seen(tx).state

    def remember(self) -> None:
        self.packs[self.world.standing().evidence_digest] = dict(self.said)

    def attempt(self, actor: str, role: str, verdict: Verdict, **more: Any) -> None:
        with contextlib.suppress(RefusedError):
            self.world.decide(actor, role, verdict, **more)

    @rule(actor=st.sampled_from(PEOPLE), role=st.sampled_from(ROLES))
    def approve(self, actor: str, role: str) -> None:
        self.attempt(actor, role, Verdict.APPROVE)

    @rule(but=st.sampled_from(["", "bea", "sara", "sam", "lea", "gus"]))
    def nearly_everybody_approves(self, but: str) -> None:
        for role, actor in RIGHTLY:
            if actor != but:
                self.attempt(actor, role, Verdict.APPROVE)

    @rule(actor=st.sampled_from(PEOPLE), role=st.sampled_from(ROLES))
    def approve_what_was(self, actor: str, role: str) -> None:
        self.attempt(actor, role, Verdict.APPROVE, digest=next(iter(self.packs)))

    @rule(actor=st.sampled_from(PEOPLE), role=st.sampled_from(ROLES))
    def revoke(self, actor: str, role: str) -> None:
        self.attempt(actor, role, Verdict.REVOKE)

    @rule(actor=st.sampled_from(PEOPLE), other=st.sampled_from(PEOPLE), days=st.integers(0, 3))
    def go_away(self, actor: str, other: str, days: int) -> None:
        now = self.world.now
        with contextlib.suppress(RefusedError), self.world.ledger.transaction() as tx:
            delegate(
                tx, self.world.policy, Absence(actor, other, "", now, now + timedelta(days=days)), Person(actor), now
            )

    @rule(number=st.integers(1, 5))
    def come_back(self, number: int) -> None:
        with contextlib.suppress(RefusedError), self.world.ledger.transaction() as tx:
            end_delegation(tx, self.world.policy, number, Person("olga"), self.world.now)

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.world.later(hours=hours)
        with self.world.ledger.transaction() as tx:
            expire_unanswered(tx, self.world.now)

    @precondition(lambda self: self.state() is RequestState.OPEN)
    @rule(actor=st.sampled_from(("sara", "lea", "bea")), role=st.sampled_from(("security", "legal", "business")),
          changed=st.sets(st.sampled_from(sorted(PARTS)), max_size=2))  # fmt: skip
    def send_back(self, actor: str, role: str, changed: set[str]) -> None:
        try:
            self.world.decide(actor, role, Verdict.RETURN, back_to=Stage.CHECK)
        except RefusedError:
            return
        for part in changed:
            self.said[part] += 1
        self.world.work(Stage.CHECK)
        self.world.ask(GATE, tier=self.tier, **self.said)
        self.remember()

    @rule(actor=st.sampled_from(PEOPLE), role=st.sampled_from(ROLES))
    def forge(self, actor: str, role: str) -> None:
        """An approval, or a carry of one, put into the ledger past the one function: wrong person, wrong evidence."""
        digest = next(iter(self.packs))
        if self.packs[digest] == self.said:
            return
        with self.world.ledger.transaction() as tx:
            earlier = [d for d in tx.decisions(self.world.ids[-1]) if d.verdict is Verdict.APPROVE]
            if earlier:
                tx.decide(self.world.ids[-1], GATE, role, Verdict.CARRY, actor, "forged", self.world.standing().evidence_digest,
                          self.world.now, carries=earlier[-1].seq)  # fmt: skip

    @invariant()
    def never_publishable_without_what_is_needed(self) -> None:
        with self.world.ledger.reading() as tx:
            request = self.world.seen(tx)
            decisions = [d for d in tx.decisions(request.id) if d.gate is GATE]
            try:
                require_approvals(tx, request)
            except NotApprovedError:
                return
            type(self).reached += 1
        good = list(self.standing_by_the_book(decisions))
        for role, needed in NEEDED[self.tier].items():
            signers = {d.actor for d in good if d.role == role}
            assert len(signers) >= needed, (role, signers)
        wanted = [d for d in good if d.role in NEEDED[self.tier]]
        assert len({d.actor for d in wanted}) >= sum(NEEDED[self.tier].values()), "different people"
        assert "remy" not in {d.actor for d in wanted}

    def teardown(self) -> None:
        """Whatever people did through the one function, the verifier finds nothing to say against it."""
        with self.world.ledger.reading() as tx:
            request, versions = self.world.seen(tx), {v.digest: v for v in tx.policy_versions()}
            for d in tx.decisions(request.id):
                said = without_right(tx, request, [d], versions, tx.delegations())
                if d.comment != "forged":
                    assert said is None
                elif d.actor not in {o.actor for o in tx.decisions_numbered([d.carries or 0])}:
                    assert said is not None

    def standing_by_the_book(self, decisions: list[Decision]) -> Iterator[Decision]:
        """Real approvals, not taken back, of evidence whose parts that concern the role are as they are now."""
        for d in decisions:
            if d.verdict is not Verdict.APPROVE or d.actor == "policy":
                continue
            if any(
                r.verdict is Verdict.REVOKE and (r.role, r.actor) == (d.role, d.actor) and r.seq > d.seq
                for r in decisions
            ):
                continue
            seen = self.packs[d.evidence_digest]
            if all(seen[part] == self.said[part] for part in self.world.policy.concerns(d.role)):
                yield d


def test_nothing_is_publishable_without_its_signatures(ledger_url: str, tmp_path: Path) -> None:
    world = Governed(PostgresLedger(ledger_url), policy_of(tmp_path))

    class Machine(Approvals):
        pass

    Machine.world = world
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            derandomize=True,
            max_examples=20,
            stateful_step_count=20,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Machine.reached
