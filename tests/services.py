"""Real services for tests: PostgreSQL and moto server, started once, on free ports, in a folder of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from free_ports import free_ports
from sluice.settings import Settings, load
from sluice.stack import aws, postgres, processes


@pytest.fixture(scope="session")
def services() -> Iterator[Settings]:
    """Settings of a PostgreSQL and a moto server that run for the session."""
    home = Path(tempfile.mkdtemp(prefix="sluice-", dir="/tmp")).resolve()
    airflow_port, aws_port, postgres_port = free_ports(3)
    settings = load(
        {
            "SLUICE_HOME": str(home),
            "SLUICE_AIRFLOW_PORT": str(airflow_port),
            "SLUICE_AWS_PORT": str(aws_port),
            "SLUICE_POSTGRES_PORT": str(postgres_port),
        }
    )
    before = dict(os.environ)
    os.environ.update(settings.aws_environment())
    try:
        aws.start(settings)
        postgres.start(settings)
        postgres.wait(settings)
        _forgetful(settings)
        aws.wait(settings)
        yield settings
    finally:
        postgres.stop(settings)
        processes.stop(home)
        shutil.rmtree(home, ignore_errors=True)
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def ledger_template(services: Settings) -> str:
    """Name of a migrated database that others are copied from."""
    from sluice.adapters.ledger import forget_connections, migrate

    _create_database(services, "ledger_template")
    url = services.database_url("ledger_template")
    migrate(url)
    forget_connections(url)
    return "ledger_template"


@pytest.fixture
def ledger_url(services: Settings, ledger_template: str) -> Iterator[str]:
    """A fresh, migrated ledger of its own."""
    from sluice.adapters.ledger import forget_connections

    name = f"ledger_{secrets.token_hex(4)}"
    _create_database(services, name, f'TEMPLATE "{ledger_template}"')
    url = services.database_url(name)
    yield url
    forget_connections(url)


def _forgetful(settings: Settings) -> None:
    """Write to memory, not to the disk: what a test keeps need not outlive the machine, and others use the disk too.
    Nor is anything cleaned that was filled a second ago: PostgreSQL would come to every test's database each minute."""
    import psycopg

    url = settings.database_url("ledger").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        for option in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {option} = off")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")


def _create_database(services: Settings, name: str, more: str = "") -> None:
    import psycopg

    url = services.database_url("ledger").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" {more}')  # type: ignore[arg-type]


@pytest.fixture
def lake(services: Settings) -> str:
    """A fresh bucket."""
    from sluice.adapters.stores.s3 import ensure_bucket

    uri = f"s3://lake-{secrets.token_hex(4)}"
    ensure_bucket(uri, services.region)
    return uri
