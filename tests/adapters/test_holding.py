"""Blocking with a reason, going on, and withdrawing, on a real ledger."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from test_ledger import NOW, asked, requested

from sluice.adapters.ledger import PostgresLedger
from sluice.approval import Person
from sluice.errors import RefusedError, TerminalError
from sluice.flow import Kind, request_flow
from sluice.holding import BLOCKABLE, block, unblock, withdraw
from sluice.ledger import RequestState, Transaction
from sluice.onboarding import live_request
from sluice.policy import Policy, load_policy
from sluice.record import broken_record
from sluice.stages import Event, Stage

REMY, SARA, MALLORY = Person("remy"), Person("sara"), Person("mallory")
H = timedelta(hours=1)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(Path(__file__).parents[2] / "include" / "policy.yaml")


@pytest.fixture
def ledger(ledger_url: str) -> PostgresLedger:
    return PostgresLedger(ledger_url)


def at_admission(tx: Transaction, policy: Policy) -> str:
    request = requested(tx, policy)
    asked(tx, request, Stage.ADMISSION)
    return request.id


def test_a_block_moves_the_wait_to_whom_it_names(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        identity = at_admission(tx, policy)
        assert block(tx, policy, identity, "source_access", "no key yet", SARA, NOW + H) == (Stage.ADMISSION,)
        assert unblock(tx, policy, identity, "the key is here", REMY, NOW + 4 * H) == (Stage.ADMISSION,)
        flow = request_flow(tx.events(identity), NOW + 6 * H)
        assert (flow.waits[Kind.REQUESTER], flow.waits[Kind.APPROVER]) == (3 * 3600, 3 * 3600)
        assert {a.wall for a in flow.stages[-1].asks} == {3 * 3600}  # no approver is charged for it
        said = [(e.event, e.reason_code, e.actor, e.reason) for e in tx.events(identity)][-2:]
        assert said == [
            (Event.PAUSED, "source_access", "sara", "no key yet"),
            (Event.RESUMED, None, "remy", "the key is here"),
        ]
        assert broken_record(tx) is None


@pytest.mark.parametrize(
    ("code", "comment", "person", "refused"),
    [
        ("lunch", "", REMY, "REASON_CODE"), ("wip_limit", "", REMY, "REASON_CODE"), ("other", " ", REMY, "COMMENT_NEEDED"),
        ("outage", "", MALLORY, "NOT_YOURS"),
    ],
)  # fmt: skip
def test_a_block_without_reason_or_part_is_refused(
    ledger: PostgresLedger, policy: Policy, code: str, comment: str, person: Person, refused: str
) -> None:
    with ledger.transaction() as tx:
        identity = at_admission(tx, policy)
        with pytest.raises(RefusedError) as caught:
            block(tx, policy, identity, code, comment, person, NOW)
        assert caught.value.code == refused


def test_what_is_not_so_is_refused(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        with pytest.raises(RefusedError, match="no request"):
            block(tx, policy, "onb-nobody", "outage", "", REMY, NOW)
        request = requested(tx, policy)
        with pytest.raises(RefusedError, match="no stage of it has started"):
            block(tx, policy, request.id, "outage", "", REMY, NOW)
        asked(tx, request, Stage.ADMISSION)
        with pytest.raises(RefusedError, match="is not blocked"):
            unblock(tx, policy, request.id, "", REMY, NOW)
        block(tx, policy, request.id, "outage", "", REMY, NOW)
        with pytest.raises(RefusedError, match="blocked already"):
            block(tx, policy, request.id, "budget", "", REMY, NOW)


def test_a_withdrawn_request_has_ended_and_can_be_asked_again(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        identity = at_admission(tx, policy)
        for person, comment, refused in ((SARA, "no", "NOT_YOURS"), (REMY, " ", "COMMENT_NEEDED")):
            with pytest.raises(RefusedError) as caught:
                withdraw(tx, policy, identity, comment, person, NOW)
            assert caught.value.code == refused
        withdraw(tx, policy, identity, "the use case is cancelled", REMY, NOW + 2 * H)
        closed = tx.request(identity)
        assert closed is not None
        assert (closed.state, closed.state_reason) == (
            RequestState.CANCELLED,
            "withdrawn by remy: the use case is cancelled",
        )
        flow = request_flow(tx.events(identity), NOW + 9 * H, request=closed)
        assert (flow.outcome, flow.lead) == ("cancelled", 2 * 3600)
        with pytest.raises(TerminalError, match="cancelled"):
            live_request(tx, identity)
        with pytest.raises(RefusedError, match="is cancelled"):
            withdraw(tx, policy, identity, "again", REMY, NOW)
        assert requested(tx, policy, run_id="run-2").id != identity
        assert broken_record(tx) is None


def test_the_command_offers_the_codes_that_are_taken() -> None:
    from sluice.cli.holding import BLOCK_CODES

    assert tuple(c.value for c in BLOCKABLE) == BLOCK_CODES
