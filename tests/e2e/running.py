"""A running stack as the end-to-end tests use it: the command line and the API, pointed at it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sluice.adapters.airflow_api import AirflowApi
from sluice.adapters.catalogs import open_catalog
from sluice.adapters.catalogs.iceberg import IcebergCatalog
from sluice.settings import load
from sluice.stack.processes import PART_VARIABLE, STACK_VARIABLE

PROJECT = Path(__file__).parents[2]
SLUICE = Path(sys.executable).parent / "sluice"
ROLES = {"business": "bea", "compliance": "carl", "security": "sara", "governance": "gus", "architecture": "ada"}


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


def airflows_answer(method: str, url: str, **request: Any) -> httpx.Response:
    """To a change, of some tries: Airflow answers 500 while its scheduler moves the same rows, and has done nothing."""
    for _ in range(5):
        answer = httpx.request(method, url, timeout=60, **request)
        if answer.status_code < 500:
            break
        time.sleep(1)
    return answer


@contextmanager
def catalog_of(stack: Stack) -> Iterator[IcebergCatalog]:
    """The stack's catalog as a reader opens it. Other tests of this process have an AWS of their own."""
    settings = load(stack.environment)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.aws_environment().items():
            patch.setenv(name, value)
        yield open_catalog(settings, settings.lake)


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


def kill(stack: Stack, *parts: str) -> int:
    """SIGKILL these parts of the stack with all their children; without any, every process. Gives how many."""
    identity = (stack.home / "run" / "stack.id").read_text().strip()
    ours = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            variables = process.environ()
            if variables.get(STACK_VARIABLE) == identity and (not parts or variables.get(PART_VARIABLE) in parts):
                ours.append(process)
    for process in ours:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(ours, timeout=10)
    return len(ours)
