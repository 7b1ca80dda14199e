"""The whole local stack, with a real Airflow."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from sluice.errors import StackError
from sluice.settings import Settings
from sluice.stack import processes
from sluice.stack.local import doctor, down, up

USERS = {"ana": "admin", "vera": "viewer"}
DAG = """
from airflow.sdk import dag, task
@dag(schedule=None)
def onboard_source():
    @task
    def step():
        import time
        print("step has begun", flush=True)
        time.sleep({seconds})
    step()
onboard_source()
"""


def nothing() -> None:
    pass


def write_dag(settings: Settings, text: str) -> None:
    (settings.project / "dags" / "onboard_source.py").write_text(text)


def test_a_taken_port_stops_up_before_anything_has_started(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.airflow_port)), pytest.raises(StackError) as caught:
        up(settings, USERS, print, nothing)
    assert caught.value.code == "PORT_TAKEN"
    assert "SLUICE_AIRFLOW_PORT" in caught.value.mend
    assert processes.belonging(settings.home) == []


def test_a_preparation_that_fails_leaves_nothing_running(settings: Settings) -> None:
    def fails() -> None:
        raise StackError("NO_BUCKETS", "no buckets")

    with pytest.raises(StackError, match="no buckets"):
        up(settings, USERS, print, fails)
    assert processes.belonging(settings.home) == []


def test_production_does_not_start(settings: Settings) -> None:
    with pytest.raises(StackError) as caught:
        up(dataclasses.replace(settings, profile="production"), USERS, print, nothing)
    assert caught.value.code == "DEV_AUTH_IN_PRODUCTION"


def test_down_of_a_home_that_never_was_says_so(settings: Settings) -> None:
    lines: list[str] = []
    down(dataclasses.replace(settings, home=settings.home / "none"), lines.append)
    assert lines == ["Nothing is running."]
    assert not (settings.home / "none").exists()


def test_one_up_or_down_works_at_a_time(settings: Settings) -> None:
    lines: list[str] = []
    with (settings.home / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=down, args=(settings, lines.append))
        waiting.start()
        time.sleep(0.5)
        assert len(lines) == 1
        assert "waiting" in lines[0]
    waiting.join(timeout=10)
    assert lines[1:] == ["Nothing is running."]


def _up_quietly(settings: Settings) -> None:
    up(settings, USERS, lambda line: None, nothing)


def test_up_that_was_killed_midway_is_cleared_by_down(settings: Settings) -> None:
    child = multiprocessing.get_context("fork").Process(target=_up_quietly, args=(settings,))
    child.start()
    deadline = time.monotonic() + 60
    while processes.running(settings.home, "airflow-migration") is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert processes.belonging(settings.home)
    down(settings, print)
    assert processes.belonging(settings.home) == []


def _listening(settings: Settings) -> set[tuple[str, int]]:
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes.belonging(settings.home)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


@contextmanager
def _client(settings: Settings, user: str) -> Iterator[httpx.Client]:
    password = json.loads((settings.home / "logins.json").read_text())[user]
    url = f"http://127.0.0.1:{settings.airflow_port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        token = client.post("/auth/token", json={"username": user, "password": password})
        client.headers["Authorization"] = f"Bearer {token.raise_for_status().json()['access_token']}"
        yield client


def _wait_for_task(client: httpx.Client, run: str, states: set[str], seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while True:
        answer = client.get(f"/api/v2/dags/onboard_source/dagRuns/{run}/taskInstances/step")
        state = str(answer.json()["state"]) if answer.is_success else f"{answer.status_code}"
        if state in states:
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.3)


@pytest.mark.stack
def test_the_stack_starts_survives_a_crash_and_stops(settings: Settings) -> None:
    write_dag(settings, DAG.format(seconds=20))
    calls: list[str] = []
    up(settings, USERS, print, lambda: calls.append("prepare"))
    assert calls == ["prepare"]
    healthy = {name: part["healthy"] for name, part in doctor(settings, lambda: "").items()}
    assert set(healthy.values()) == {True}, healthy
    ports = {settings.airflow_port, settings.aws_port, settings.postgres_port}
    assert _listening(settings) == {("127.0.0.1", port) for port in ports}

    lines: list[str] = []
    up(settings, USERS, lines.append, lambda: calls.append("again"))
    assert calls == ["prepare"]
    assert lines[0].startswith("Already running")
    with pytest.raises(StackError, match="runs on port"):
        up(dataclasses.replace(settings, airflow_port=1), USERS, print, nothing)

    with _client(settings, "ana") as client:
        body = {"dag_run_id": "r", "logical_date": None}
        client.post("/api/v2/dags/onboard_source/dagRuns", json=body).raise_for_status()
        _wait_for_task(client, "r", {"running"}, 60)
        token = client.headers["Authorization"]

    # The scheduler is killed, and what it was the parent of lives on.
    scheduler = processes.running(settings.home, "airflow-scheduler")
    assert scheduler is not None
    psutil.Process(scheduler.pid).kill()
    psutil.Process(scheduler.pid).wait()
    orphans = processes.belonging(settings.home, "airflow-scheduler")
    assert orphans
    everybody = processes.belonging(settings.home)
    down(settings, print)
    assert [process for process in everybody if process.is_running()] == []
    assert processes.belonging(settings.home) == []
    down(settings, lines.append)
    assert lines[-1] == "Nothing is running."

    # Log-ins hold, and the task that ran goes on, though it allows no retries.
    up(settings, USERS, print, nothing)
    with _client(settings, "vera") as client:
        client.headers["Authorization"] = token
        assert _wait_for_task(client, "r", {"success", "failed"}, 120) == "success"
    down(settings, print)
    assert processes.belonging(settings.home) == []


@pytest.mark.stack
def test_a_dag_that_cannot_be_imported_is_shown_and_nothing_stays(settings: Settings, home: Path) -> None:
    write_dag(settings, "from airflow.sdk import dag\nraise RuntimeError('broken on purpose')\n")
    with pytest.raises(StackError, match="broken on purpose") as caught:
        up(settings, USERS, print, nothing)
    assert caught.value.where == str(home / "logs" / "airflow-dag-processor.log")
    assert processes.belonging(settings.home) == []
