"""A stack of its own for each test: a temporary home with a short path, ports that are free now."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.settings import Settings, load
from sluice.stack.local import down


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sluice-", dir="/tmp")).resolve()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def settings(home: Path) -> Iterator[Settings]:
    airflow, aws, postgres = free_ports(3)
    found = load(
        {
            "SLUICE_HOME": str(home),
            "SLUICE_AIRFLOW_PORT": str(airflow),
            "SLUICE_AWS_PORT": str(aws),
            "SLUICE_POSTGRES_PORT": str(postgres),
        }
    )
    # Without the project's own DAGs and plugins a test fails for reasons of the stack only.
    project = home / "project"
    (project / "dags").mkdir(parents=True)
    (project / "plugins").mkdir()
    (project / "include").symlink_to(found.project / "include")
    yield dataclasses.replace(found, project=project)
    down(found, lambda line: None)
