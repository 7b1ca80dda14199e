"""The real stack, once for the session: PostgreSQL, moto server and Airflow on free ports, in a home of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import CONTRACT, LINES, ORDERS, Stack

from free_ports import free_ports


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    home = Path(tempfile.mkdtemp(prefix="sluice-", dir="/tmp")).resolve()
    airflow, aws, postgres = free_ports(3)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "SLUICE", "AWS"))} | {
        "SLUICE_HOME": str(home),
        "SLUICE_AIRFLOW_PORT": str(airflow),
        "SLUICE_AWS_PORT": str(aws),
        "SLUICE_POSTGRES_PORT": str(postgres),
    }
    running = Stack(home, environment)
    up = running.run("up")
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        yield running
    finally:
        running.close()
        down = running.run("down")
        if os.environ.get("SLUICE_KEEP_TEST_HOME") is None:
            shutil.rmtree(home, ignore_errors=True)
        assert down.returncode == 0, down.stdout + down.stderr


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small source and its contract: `source("shop")` gives the contract's file."""

    def write(name: str, *, orders: str = ORDERS, lines: str = LINES) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "orders.csv").write_text(orders)
        (folder / "lines.csv").write_text(lines)
        contract = folder / f"{name}.odcs.yaml"
        contract.write_text(CONTRACT.format(source=name))
        return contract

    return write
