"""The real stack, once for the session: PostgreSQL, moto server and Airflow on free ports, in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice.adapters.airflow_api import AirflowApi

PROJECT = Path(__file__).parents[2]
SLUICE = Path(sys.executable).parent / "sluice"
ROLES = {"business": "bea", "compliance": "carl", "security": "sara", "governance": "gus", "architecture": "ada"}


class Stack:
    """A running stack, and the command line pointed at it."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment
        self.url = f"http://127.0.0.1:{environment['SLUICE_AIRFLOW_PORT']}"
        self.sessions: dict[str, AirflowApi] = {}

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `sluice …` as a user would."""
        return subprocess.run(
            [SLUICE, *arguments], env=self.environment, cwd=PROJECT, capture_output=True, text=True, timeout=timeout
        )

    def json(self, *arguments: str) -> Any:
        """The JSON a successful command prints."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def password(self, user: str) -> str:
        return str(json.loads((self.home / "logins.json").read_text())[user])

    def api(self, user: str) -> AirflowApi:
        """The logged-in session of a user."""
        if user not in self.sessions:
            self.sessions[user] = AirflowApi(self.url, user, self.password(user)).__enter__()
        return self.sessions[user]

    def token(self, user: str) -> dict[str, str]:
        """The header that logs a user in."""
        return {"Authorization": self.api(user)._http.headers["Authorization"]}

    def close(self) -> None:
        for session in self.sessions.values():
            session.__exit__()
        self.sessions.clear()

    def wait(self, request: str, until: Callable[[dict[str, Any]], bool], seconds: float = 120) -> dict[str, Any]:
        """The request's overview as soon as it satisfies the condition."""
        deadline = time.monotonic() + seconds
        while True:
            overview = dict(self.json("status", request))
            if until(overview):
                return overview
            assert time.monotonic() < deadline, json.dumps(overview, indent=1)
            time.sleep(1)

    def wait_run(self, run_id: str, seconds: float = 90) -> str:
        """How the DAG run ended."""
        deadline = time.monotonic() + seconds
        api = self.api("admin")
        while (state := (api.run(run_id) or {}).get("state")) not in ("success", "failed"):
            assert time.monotonic() < deadline, state
            time.sleep(1)
        return str(state)

    def approve(self, request: str, gate: str) -> None:
        """All five roles approve at a gate, each by its own user."""
        self.wait(request, lambda o: o["gates"][gate]["open"] and bool(o["gates"][gate]["evidence_digest"]))
        for role, user in ROLES.items():
            done = self.run(
                "decide", request, "--gate", gate, "--role", role, "--user", user, "--approve", "--comment", "seen"
            )
            assert done.returncode == 0, done.stderr


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


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


CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {source}
version: 1.0.0
status: active
domain: retail
team: {{name: Shop, members: [{{username: olga, role: owner}}]}}
servers: [{{server: files, type: local, path: ., format: csv}}]
schema:
  - name: orders
    description: One order of a customer.
    properties:
      - {{name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, classification: public, description: Number of the order.}}
      - {{name: Placed on, logicalType: date, classification: public, description: Day of the order.}}
      - {{name: amount, logicalType: number, physicalType: "decimal(9,2)", classification: public, description: Euros.}}
  - name: lines
    properties:
      - name: order_id
        logicalType: integer
        classification: public
        relationships: [{{to: orders.id}}]
      - {{name: sku, logicalType: string, classification: public}}
"""
ORDERS = "id,Placed on,amount\n1,2026-01-31,10.50\n2,2026-02-30,9.99\n3,2026-02-01,0.10\n"
LINES = "order_id,sku\n1,apple\n3,pear\n3,\n"


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
