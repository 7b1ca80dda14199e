"""The ledger on a real PostgreSQL: requests, the clock, gates and decisions, and what nobody may do to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sluice.adapters.ledger import PostgresLedger, migrate, schema_is_current
from sluice.approval import Choice, decide, gate_standing, open_gate, require_approvals
from sluice.chain import broken_link
from sluice.contract.model import Contract, digest_of
from sluice.contract.reading import read_contract
from sluice.errors import (
    BadInputError,
    ConflictError,
    LedgerUnavailableError,
    NotApprovedError,
    RefusedError,
    TerminalError,
)
from sluice.ledger import Artifact, Request, RequestState, Transaction, Verdict
from sluice.onboarding import Ask, begin, complete, fail, live_request, open_request
from sluice.policy import Policy, load_policy
from sluice.record import broken_record
from sluice.stages import Clock, Event, Stage

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROLES = {"business": "bea", "compliance": "carl", "security": "sara", "governance": "gus", "architecture": "ada"}
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: shop, format: csv}]
schema:
  - {name: orders, properties: [{name: id, logicalType: integer, classification: public}]}
  - {name: lines, properties: [{name: id, logicalType: integer, classification: public}]}
"""


@pytest.fixture
def ledger(ledger_url: str) -> PostgresLedger:
    return PostgresLedger(ledger_url)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(Path(__file__).parents[2] / "include" / "policy.yaml")


def requested(tx: Transaction, policy: Policy, *, run_id: str = "run-1", contract: Contract | None = None) -> Request:
    return open_request(tx, contract or read_contract(CONTRACT), Ask(requester="remy"), policy,
                        run_id=run_id, requested_at=NOW, started_at=NOW, now=NOW)  # fmt: skip


SEEN = digest_of({})
"""Of evidence that holds nothing."""


def asked(tx: Transaction, request: Request, gate: Stage, digest: str = SEEN) -> str:
    open_gate(tx, request.id, gate, Artifact(gate, None, digest, {}), NOW)
    return digest


def choice(request: Request, role: str, **changes: Any) -> Choice:
    values: dict[str, Any] = {
        "request_id": request.id, "gate": Stage.ADMISSION, "role": role, "verdict": Verdict.APPROVE, "actor": ROLES[role],
        "comment": "", "evidence_digest": SEEN,
    }  # fmt: skip
    return Choice(**(values | changes))


def approve_all(tx: Transaction, policy: Policy, request: Request, gate: Stage, digest: str = SEEN) -> None:
    for role in ROLES:
        decide(tx, policy, choice(request, role, gate=gate, evidence_digest=digest), NOW)


def work(tx: Transaction, request: Request, stage: Stage) -> None:
    for table in request.tables:
        begin(tx, request.id, stage, NOW, table=table)
        complete(tx, request, stage, NOW, table=table)


def test_migrating_twice_and_by_two_at_once_is_harmless(ledger_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [ledger_url] * 4))
    assert schema_is_current(ledger_url)


def test_the_whole_stream(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        assert request.id == f"onb-shop-{request.contract_digest[:12]}"
        assert request.tier == "low"
        asked(tx, request, Stage.ADMISSION)
        approve_all(tx, policy, request, Stage.ADMISSION)
        for stage in (Stage.LAND, Stage.PROFILE, Stage.CHECK):
            work(tx, request, stage)
        asked(tx, request, Stage.PUBLICATION)
        approve_all(tx, policy, request, Stage.PUBLICATION)
        work(tx, request, Stage.REGISTER)
        begin(tx, request.id, Stage.PUBLISH, NOW)
        require_approvals(tx, request)
        complete(tx, request, Stage.PUBLISH, NOW)
    with ledger.reading() as tx:
        assert tx.requests()[0].state is RequestState.PUBLISHED
        events = tx.events(request.id)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        assert broken_link(tx.decisions()) is None


def test_the_same_run_gets_the_same_request_and_another_run_is_refused(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        first = requested(tx, policy)
        assert requested(tx, policy).id == first.id
    with pytest.raises(ConflictError, match="already open"), ledger.transaction() as tx:
        requested(tx, policy, run_id="run-2")


def test_twenty_at_once_make_one_request(ledger: PostgresLedger, policy: Policy) -> None:
    def one(number: int) -> str:
        try:
            with ledger.transaction() as tx:
                return requested(tx, policy, run_id=f"run-{number}").id
        except ConflictError as error:
            return error.code

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(one, range(20)))
    assert outcomes.count("REQUEST_EXISTS") == 19


def test_a_rejected_request_can_be_asked_again_and_both_decisions_stay(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
        decide(tx, policy, choice(request, "security", verdict=Verdict.REJECT, comment="no licence"), NOW)
    with ledger.transaction() as tx:
        closed = tx.request(request.id)
        assert closed is not None
        assert closed.state is RequestState.REJECTED
        assert closed.state_reason == "rejected at admission by sara (security): no licence"
        again = requested(tx, policy, run_id="run-2")
        assert again.id == f"{request.id}-2"
        assert gate_standing(tx, again, Stage.ADMISSION).signed == ()
        assert len(tx.decisions(request.id)) == 1


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"actor": "bea"}, "NOT_YOUR_ROLE", 403),
        ({"actor": "mallory"}, "NOT_YOUR_ROLE", 403),
        ({"actor": "remy"}, "OWN_REQUEST", 403),
        ({"gate": Stage.PUBLICATION}, "GATE_NOT_OPEN", 409),
        ({"gate": Stage.LAND}, "NO_GATE", 404),
        ({"evidence_digest": "f" * 64}, "STALE_EVIDENCE", 409),
        ({"request_id": "onb-none-000000000000"}, "NO_REQUEST", 404),
        ({"verdict": Verdict.REJECT}, "COMMENT_NEEDED", 400),
        ({"verdict": Verdict.RETURN, "comment": "  "}, "COMMENT_NEEDED", 400),
    ],
)
def test_refusals_say_why_and_leave_nothing(
    ledger: PostgresLedger, policy: Policy, change: dict[str, Any], code: str, status: int
) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
    with pytest.raises(RefusedError) as caught, ledger.transaction() as tx:
        decide(tx, policy, choice(request, "security", **change), NOW)
    assert (caught.value.code, caught.value.status) == (code, status)
    with ledger.reading() as tx:
        assert tx.decisions() == []


def test_one_person_signs_for_one_role_only(ledger: PostgresLedger, policy: Policy) -> None:
    from dataclasses import replace

    role = policy.roles["business"]
    shared = replace(policy, roles={**policy.roles, "business": replace(role, members=("bea", "sara"))})
    with ledger.transaction() as tx:
        request = requested(tx, shared)
        asked(tx, request, Stage.ADMISSION)
        decide(tx, shared, choice(request, "security"), NOW)
        with pytest.raises(RefusedError) as caught:
            decide(tx, shared, choice(request, "business", actor="sara"), NOW)
    assert caught.value.code == "SAME_PERSON"


def test_twenty_concurrent_decisions_on_one_signature_have_one_winner(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)

    def one(_: int) -> str:
        try:
            with ledger.transaction() as tx:
                decide(tx, policy, choice(request, "security"), NOW)
        except RefusedError as error:
            return error.code
        return "recorded"

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(one, range(20)))
    assert sorted(set(outcomes)) == ["ALREADY_DECIDED", "recorded"]
    assert outcomes.count("recorded") == 1


def test_no_stage_starts_before_its_gate_whatever_airflow_says(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
        for role in list(ROLES)[:4]:
            decide(tx, policy, choice(request, role), NOW)
        for stage in (Stage.LAND, Stage.CHECK, Stage.REGISTER, Stage.PUBLISH):
            with pytest.raises(NotApprovedError) as caught:
                begin(tx, request.id, stage, NOW, table="orders")
            assert caught.value.code == "STAGE_NOT_READY"
        with pytest.raises(NotApprovedError):
            require_approvals(tx, request)


def test_landing_other_content_again_voids_the_signatures_and_the_same_content_keeps_them(
    ledger: PostgresLedger, policy: Policy
) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
        approve_all(tx, policy, request, Stage.ADMISSION)
        for stage in (Stage.LAND, Stage.PROFILE, Stage.CHECK):
            work(tx, request, stage)
        same = asked(tx, request, Stage.PUBLICATION)
        approve_all(tx, policy, request, Stage.PUBLICATION)
        assert Clock(tx.events(request.id)).completed(Stage.PUBLICATION)

        for stage in (Stage.LAND, Stage.PROFILE, Stage.CHECK):
            work(tx, request, stage)
        assert not Clock(tx.events(request.id)).completed(Stage.PUBLICATION)
        with pytest.raises(NotApprovedError):
            begin(tx, request.id, Stage.REGISTER, NOW, table="orders")
        asked(tx, request, Stage.PUBLICATION, same)
        assert Clock(tx.events(request.id)).completed(Stage.PUBLICATION)

        for stage in (Stage.LAND, Stage.PROFILE, Stage.CHECK):
            work(tx, request, stage)
        asked(tx, request, Stage.PUBLICATION, "f" * 64)
        standing = gate_standing(tx, request, Stage.PUBLICATION)
        assert (standing.satisfied, standing.signed) == (False, ())
        with pytest.raises(NotApprovedError):
            require_approvals(tx, request)


def test_a_failure_ends_the_request_with_its_reason_and_closes_the_door(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
        approve_all(tx, policy, request, Stage.ADMISSION)
        begin(tx, request.id, Stage.LAND, NOW, table="orders")
        fail(tx, request.id, Stage.LAND, NOW, "[TIMEOUT] S3", table="orders", final=False)
        assert live_request(tx, request.id)
        fail(tx, request.id, Stage.LAND, NOW, "[EMPTY_FILE] orders.csv", table="orders")
        with pytest.raises(TerminalError, match=r"is failed: land: \[EMPTY_FILE\] orders.csv"):
            begin(tx, request.id, Stage.LAND, NOW, table="lines")


@pytest.mark.parametrize("table", ["stage_event", "decision", "artifact"])
@pytest.mark.parametrize("statement", ["UPDATE sluice.{} SET seq = seq", "DELETE FROM sluice.{}", "TRUNCATE sluice.{}"])
def test_history_cannot_be_changed(
    ledger: PostgresLedger, policy: Policy, ledger_url: str, table: str, statement: str
) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
        decide(tx, policy, choice(request, "security"), NOW)
    engine = sa.create_engine(ledger_url)
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(statement.format(table)))
    engine.dispose()


def test_an_edited_decision_is_named(ledger: PostgresLedger, policy: Policy, ledger_url: str) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
        approve_all(tx, policy, request, Stage.ADMISSION)
    engine = sa.create_engine(ledger_url)
    with engine.begin() as connection:
        # Only the owner of the tables can do this, and it shows.
        connection.execute(sa.text("ALTER TABLE sluice.decision DISABLE TRIGGER append_only"))
        connection.execute(sa.text("UPDATE sluice.decision SET actor = 'mallory' WHERE seq = 3"))
    with ledger.reading() as tx:
        assert broken_link(tx.decisions()) == "decision 3 was changed after it was recorded"
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM sluice.decision WHERE seq = 2"))
    with ledger.reading() as tx:
        assert broken_link(tx.decisions()) == "decision 2 is missing"
    engine.dispose()


def test_a_rolled_back_transaction_leaves_no_gap(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
    for _ in range(3):
        with pytest.raises(RuntimeError), ledger.transaction() as tx:
            tx.append(request.id, Stage.ADMISSION, 1, Event.PAUSED, NOW)
            raise RuntimeError
    with ledger.transaction() as tx:
        tx.append(request.id, Stage.ADMISSION, 1, Event.PAUSED, NOW - timedelta(minutes=10))
    with ledger.reading() as tx:
        seqs = [e.seq for e in tx.events(request.id)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_database_that_is_away_is_a_passing_fault() -> None:
    with pytest.raises(LedgerUnavailableError), PostgresLedger("postgresql+psycopg://x@127.0.0.1:1/none").reading():
        pass


def test_a_text_the_database_cannot_keep_is_bad_input(ledger: PostgresLedger, policy: Policy) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
    with pytest.raises(BadInputError, match="NOT_STORABLE"), ledger.transaction() as tx:
        decide(tx, policy, choice(request, "security", comment="a\0b"), NOW)
    with pytest.raises(BadInputError, match="NOT_STORABLE"), ledger.reading() as tx:
        tx.request("onb-\0")
    with ledger.reading() as tx:
        assert tx.decisions() == []


def test_decisions_forged_in_the_database_open_no_gate(ledger: PostgresLedger, policy: Policy, ledger_url: str) -> None:
    """Inserted with the application's own rights, so no trigger minds; the chain does."""
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        for gate in (Stage.ADMISSION, Stage.PUBLICATION):
            if gate is Stage.PUBLICATION:
                for stage in (Stage.LAND, Stage.PROFILE, Stage.CHECK):
                    work(tx, request, stage)
            asked(tx, request, gate)
            for role in list(ROLES)[:4] if gate is Stage.PUBLICATION else ROLES:
                decide(tx, policy, choice(request, role, gate=gate), NOW)
    engine = sa.create_engine(ledger_url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO sluice.decision SELECT seq + 1, request_id, gate, 'architecture', verdict, 'ghost', comment,"
                " evidence_digest, at, hash, repeat('f', 64) FROM sluice.decision ORDER BY seq DESC LIMIT 1"
            )
        )
    engine.dispose()
    with pytest.raises(NotApprovedError, match="LEDGER_BROKEN"), ledger.transaction() as tx:
        require_approvals(tx, request)


def test_a_removed_newest_decision_is_noticed_by_the_clock(
    ledger: PostgresLedger, policy: Policy, ledger_url: str
) -> None:
    with ledger.transaction() as tx:
        request = requested(tx, policy)
        asked(tx, request, Stage.ADMISSION)
        decide(tx, policy, choice(request, "security"), NOW)
        decide(tx, policy, choice(request, "business"), NOW)
        assert broken_record(tx) is None
    engine = sa.create_engine(ledger_url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE sluice.decision DISABLE TRIGGER append_only"))
        connection.execute(sa.text("DELETE FROM sluice.decision WHERE seq = 2"))
    engine.dispose()
    with ledger.reading() as tx:
        assert broken_link(tx.decisions()) is None
        assert "1 decisions, its stage clock tells of 2" in str(broken_record(tx))
