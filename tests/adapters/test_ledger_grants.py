"""What the application's role may do to the ledger on a real PostgreSQL: its work, and nothing to the record."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from sluice.adapters.ledger import PostgresLedger, forget_connections, schema_is_current
from sluice.approval import Choice, decide, open_gate
from sluice.chain import broken_link
from sluice.contract.reading import read_contract
from sluice.ledger import Artifact, RequestState, Verdict
from sluice.onboarding import Ask, open_request
from sluice.policy import load_policy
from sluice.settings import Settings
from sluice.stages import Stage

PROJECT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: shop, format: csv}]
schema: [{name: orders, properties: [{name: id, logicalType: integer, classification: public}]}]
"""
ADD = {"SELECT", "INSERT"}
GRANTED = {
    "request": ADD, "stage_event": ADD, "decision": ADD, "artifact": ADD, "alembic_version": {"SELECT"},
    "policy_version": ADD, "delegation": ADD, "outbox": ADD, "outbox_cursor": ADD | {"UPDATE"}, "baseline": ADD, "pull": ADD,
    "source_record": ADD,
    "request_summary": ADD | {"UPDATE"},
    "publication": ADD, "access_grant": ADD,
}  # fmt: skip
"""Every table of the ledger. One that is not here has no rights yet: decide, then say so in ledger-grants.sql."""
CLOSING = {"state", "state_reason", "closed_at"}


@pytest.fixture(scope="module")
def app_url(services: Settings) -> Iterator[str]:
    """The ledger as the production shape makes it: migrated by its owner, used by the application's role."""
    database, words = (
        f"ledger_{secrets.token_hex(4)}",
        {"ledger_owner": secrets.token_hex(8), "ledger_app": secrets.token_hex(8)},
    )
    superuser = services.database_url("postgres").replace("+psycopg", "")
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role, password in words.items():
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        connection.execute(f"CREATE DATABASE {database} OWNER ledger_owner")
    place = f"127.0.0.1:{services.postgres_port}/{database}"
    for _ in range(2):  # every deployment does it again
        done = subprocess.run(
            [sys.executable, PROJECT / "include" / "deploy" / "migrate_ledger.py"],
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT / "include"),
                "LEDGER_OWNER_URL": f"postgresql+psycopg://ledger_owner:{words['ledger_owner']}@{place}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert words["ledger_owner"] not in done.stdout + done.stderr
    url = f"postgresql+psycopg://ledger_app:{words['ledger_app']}@{place}"
    yield url
    forget_connections(url)


@pytest.fixture
def as_app(app_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(app_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def test_the_application_can_do_its_work(app_url: str) -> None:
    """Open, ask, decide, reject (which closes), and verify the chain."""
    ledger = PostgresLedger(app_url)
    policy = load_policy(PROJECT / "include" / "policy.yaml")
    assert schema_is_current(app_url)
    with ledger.transaction() as tx:
        request = open_request(tx, read_contract(CONTRACT), Ask(requester="remy"), policy,
                               run_id="run-1", requested_at=NOW, started_at=NOW, now=NOW)  # fmt: skip
        pack = Artifact(Stage.ADMISSION, None, "e" * 64, {})
        open_gate(tx, request.id, Stage.ADMISSION, pack, NOW)
    for role, actor, verdict in (("business", "bea", Verdict.APPROVE), ("security", "sara", Verdict.REJECT)):
        with ledger.transaction() as tx:
            decide(tx, policy, Choice(request.id, Stage.ADMISSION, role, verdict, actor, "Because", "e" * 64), NOW)
    with ledger.reading() as tx:
        closed = tx.request(request.id)
        assert closed is not None
        assert closed.state is RequestState.REJECTED
        assert broken_link(tx.decisions()) is None


def test_every_table_has_exactly_the_rights_it_needs(as_app: psycopg.Connection) -> None:
    query = """
        SELECT c.relname, p.privilege FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
               unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) AS p(privilege)
        WHERE n.nspname = 'sluice' AND c.relkind IN ('r', 'p', 'v', 'm') AND has_table_privilege(c.oid, p.privilege)
    """
    found: dict[str, set[str]] = {}
    for table, privilege in as_app.execute(query):
        found.setdefault(table, set()).add(privilege)
    assert found == GRANTED
    tables = {name for (name,) in as_app.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'sluice'")}
    assert tables == set(GRANTED)


def test_of_a_request_only_its_end_can_be_written(as_app: psycopg.Connection) -> None:
    query = """
        SELECT attname FROM pg_attribute WHERE attrelid = 'sluice.request'::regclass AND attnum > 0
        AND has_column_privilege('sluice.request', attname, 'UPDATE')
    """
    assert {name for (name,) in as_app.execute(query)} == CLOSING


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sluice.decision SET verdict = 'approve'",
        "DELETE FROM sluice.decision",
        "TRUNCATE sluice.decision",
        "UPDATE sluice.stage_event SET at = now()",
        "DELETE FROM sluice.stage_event",
        "UPDATE sluice.artifact SET content = '{}'",
        "DELETE FROM sluice.artifact",
        "UPDATE sluice.request SET requester = 'somebody else'",
        "DELETE FROM sluice.request",
        "UPDATE sluice.policy_version SET content = '{}'",
        "DELETE FROM sluice.policy_version",
        "UPDATE sluice.delegation SET ends = now()",
        "DELETE FROM sluice.delegation",
        "UPDATE sluice.outbox SET payload = '{}'",
        "DELETE FROM sluice.outbox",
        "UPDATE sluice.baseline SET obtained = 'measured'",
        "DELETE FROM sluice.baseline",
        "UPDATE sluice.alembic_version SET version_num = '0000'",
        "ALTER TABLE sluice.decision DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON sluice.decision",
        "CREATE OR REPLACE FUNCTION sluice.append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TABLE sluice.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "SET ROLE ledger_owner",
    ],
)
def test_the_application_is_refused(as_app: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_app.execute(statement)


def test_old_letters_may_be_let_go_and_only_they(as_app: psycopg.Connection) -> None:
    (gone,) = as_app.execute("SELECT sluice.prune_outbox(now(), 10)").fetchone() or (None,)
    assert gone == 0
