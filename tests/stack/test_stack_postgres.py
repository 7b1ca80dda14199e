from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from sluice.errors import StackError
from sluice.settings import Settings
from sluice.stack import postgres, processes


def connect(settings: Settings, database: str = "ledger") -> psycopg.Connection:
    return psycopg.connect(settings.database_url(database).replace("+psycopg", ""))


def start(settings: Settings) -> processes.Record:
    postgres.start(settings)
    postgres.wait(settings)
    record = processes.running(settings.home, postgres.PART)
    assert record is not None
    return record


def crash(settings: Settings) -> None:
    record = processes.running(settings.home, postgres.PART)
    assert record is not None
    postmaster = psutil.Process(record.pid)
    everyone = [postmaster, *postmaster.children(recursive=True)]
    postmaster.kill()
    psutil.wait_procs(everyone, timeout=10)


def test_it_keeps_what_was_committed_through_a_crash_and_a_stop(settings: Settings) -> None:
    start(settings)
    with connect(settings) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    crash(settings)
    pid_file = settings.home / "postgres" / "postmaster.pid"
    assert pid_file.exists()
    # As if the number of the killed postmaster had been given to somebody else since.
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        start(settings)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    with closing(connect(settings)) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        # A client that stays connected does not keep it from stopping.
        began = time.monotonic()
        assert postgres.stop(settings) > 1
        assert time.monotonic() - began < 10
    assert not pid_file.exists()

    (settings.home / "run" / "stack.id").unlink()
    start(settings)
    with connect(settings) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_it_lets_in_only_who_knows_the_password_over_loopback(settings: Settings) -> None:
    record = start(settings)
    for database in ("ledger", "airflow"):
        connect(settings, database).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=settings.postgres_port, user="sluice", password="wrong", dbname="ledger")
    password_file = settings.home / "postgres.password"
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    server = psutil.Process(record.pid)
    assert password_file.read_text().strip() not in " ".join(server.cmdline())
    addresses = {c.laddr.ip for c in server.net_connections("all") if c.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}
    assert not [c for c in server.net_connections("unix") if c.laddr]
    if os.geteuid() == 0:
        assert server.username() == "pgserver"
    postgres.stop(settings)


def test_a_lost_record_does_not_hide_a_running_server(settings: Settings) -> None:
    record = start(settings)
    for file in (settings.home / "run").iterdir():
        file.unlink()
    assert postgres.stop(settings) > 1
    assert not psutil.pid_exists(record.pid)


def test_a_lost_password_is_told(settings: Settings) -> None:
    (settings.home / "postgres").mkdir()
    (settings.home / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(StackError) as caught:
        postgres.start(settings)
    assert caught.value.code == "POSTGRES_PASSWORD"


def test_a_server_that_cannot_start_shows_its_log(settings: Settings, home: Path) -> None:
    start(settings)
    postgres.stop(settings)
    with (home / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_option = 1\n")
    with pytest.raises(StackError, match="no_such_option") as caught:
        start(settings)
    assert caught.value.where == str(home / "logs" / "postgres.log")


def test_data_of_an_unknown_version_is_refused(settings: Settings) -> None:
    postgres.password(settings)
    (settings.home / "postgres").mkdir()
    (settings.home / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StackError) as caught:
        postgres.start(dataclasses.replace(settings))
    assert caught.value.code == "POSTGRES_VERSION"
