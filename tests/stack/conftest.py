"""A stack of its own for each test: a temporary home with a short path, ports that are free now."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from free_ports import free_ports
from sluice.settings import Settings, load
from sluice.stack.local import down


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
