"""Airflow's components, each a process of its own: migrated, started, waited for, stopped.

Not `airflow standalone`: it serves task logs on every network interface, on two fixed ports, and cannot be
told otherwise; and its one log holds five voices.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from sluice.settings import Settings
from sluice.stack import airflow, processes
from sluice.stack.environment import inherited

MIGRATION = "airflow-migration"
API = "airflow-api"
_SCHEDULER = "airflow-scheduler"
_TRIGGERER = "airflow-triggerer"
_DAG_PROCESSOR = "airflow-dag-processor"
WORKING = (_SCHEDULER, _TRIGGERER, _DAG_PROCESSOR)
"""Those that need the API, and not each other, to end in order."""
COMMANDS = {
    _SCHEDULER: ["scheduler", "--skip-serve-logs"],
    _TRIGGERER: ["triggerer", "--skip-serve-logs"],
    _DAG_PROCESSOR: ["dag-processor"],
    API: ["api-server"],
}
_HEALTH = {
    "scheduler": _SCHEDULER,
    "triggerer": _TRIGGERER,
    "dag_processor": _DAG_PROCESSOR,
}
_MIGRATION_PATIENCE = 180.0
_START_PATIENCE = 180.0
_SIGN_OF_LIFE = 5.0
# The scheduler waits for its tasks; one that takes longer is killed and runs again after the next `up`. The
# triggerer now and then hangs while it ends; its triggers may be cut short at any time anyway.
_STOP_PATIENCE = {_SCHEDULER: 8.0, _TRIGGERER: 3.0, _DAG_PROCESSOR: 3.0, API: 5.0}
_ONBOARDING = "onboard_source"


def start_migration(settings: Settings, users: Mapping[str, str]) -> processes.Record:
    """Begin to bring Airflow's database to this version."""
    return _run(settings, users, MIGRATION, ["db", "migrate"])


def wait_for_migration(settings: Settings, migration: processes.Record, say: Callable[[str], None]) -> None:
    """Return when `migration` has ended and the database is of this version.

    Raises StackError when it could not be made so.
    """
    waiting = _Waiting(_MIGRATION_PATIENCE, say)
    while migration.alive:
        if waiting.over("database migration"):
            raise processes.failure(settings.home, MIGRATION, f"took longer than {_MIGRATION_PATIENCE:.0f} s")
    if migration.exit_code != 0:
        raise processes.failure(settings.home, MIGRATION, "failed")


def start(settings: Settings, users: Mapping[str, str]) -> list[str]:
    """Start the components that do not run; returns their names."""
    missing = [part for part in COMMANDS if processes.running(settings.home, part) is None]
    for part in reversed(missing):  # the API first: the others call it
        _run(settings, users, part, COMMANDS[part])
    return missing


def wait(settings: Settings, users: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Return when every component is healthy and the onboarding can be asked for.

    Raises StackError when a component ended, takes too long, or the DAG file cannot be imported.
    """
    waiting = _Waiting(_START_PATIENCE, say)
    with httpx.Client(base_url=airflow.local_url(settings), trust_env=False, timeout=20) as client:
        while missing := _missing(settings, client):
            for part in COMMANDS:
                if processes.running(settings.home, part) is None:
                    raise processes.failure(settings.home, part, "ended while it started")
            if waiting.over(", ".join(missing)):
                part = missing[0]
                raise processes.failure(settings.home, part, f"is not healthy after {_START_PATIENCE:.0f} s")
        file = settings.project / "dags" / f"{_ONBOARDING}.py"
        while file.exists() and not _visible(settings, users, client):
            if waiting.over(f"DAG {_ONBOARDING}"):
                what = f"does not show the DAG {_ONBOARDING} after {_START_PATIENCE:.0f} s"
                raise processes.failure(settings.home, _DAG_PROCESSOR, what)


def health(url: str) -> dict[str, Any]:
    """What Airflow says of its components.

    Raises httpx.HTTPError when it does not answer.
    """
    with httpx.Client(trust_env=False, timeout=10) as client:
        answer: dict[str, Any] = client.get(f"{url}/api/v2/monitor/health").raise_for_status().json()
        return answer


def answers(settings: Settings) -> bool:
    """Whether the local Airflow answers and finds itself healthy."""
    try:
        return not unhealthy(health(airflow.local_url(settings)))
    except (httpx.HTTPError, ValueError):
        return False


def unhealthy(answer: Mapping[str, Any]) -> list[str]:
    """The components that are not healthy by that answer."""
    return [name for name in ("metadatabase", *_HEALTH) if (answer.get(name) or {}).get("status") != "healthy"]


def stop(settings: Settings, part: str) -> int:
    """Stop one component; returns how many processes that were.

    What outlived its first process is killed at once: a task that is asked to end is recorded as failed, one
    that is killed runs again after the next `up`.
    """
    alive = processes.running(settings.home, part) is not None
    return processes.stop(settings.home, part, patience=_STOP_PATIENCE[part] if alive else 0)


class _Waiting:
    """Sleeps a little at a time, gives a sign of life now and then, and knows when it has been enough."""

    def __init__(self, patience: float, say: Callable[[str], None]) -> None:
        self._began = self._said = time.monotonic()
        self._patience = patience
        self._say = say

    def over(self, what: str) -> bool:
        time.sleep(0.25)
        now = time.monotonic()
        if now - self._said >= _SIGN_OF_LIFE:
            self._said = now
            self._say(f"  airflow: waiting for {what} ({now - self._began:.0f} s)")
        return now - self._began > self._patience


def _run(settings: Settings, users: Mapping[str, str], part: str, arguments: list[str]) -> processes.Record:
    (settings.home / "airflow").mkdir(mode=0o700, exist_ok=True)
    program = "sluice.stack.preloaded" if part == _SCHEDULER else "airflow"  # the tasks are forks of the scheduler
    return processes.start(
        settings.home,
        part,
        [sys.executable, "-m", program, *arguments],
        {**inherited(settings), **airflow.airflow_environment(settings, users)},
        port=settings.airflow_port if part == API else None,
    )


def _missing(settings: Settings, client: httpx.Client) -> list[str]:
    """The parts that are not healthy yet. A heartbeat from before a part's start is its predecessor's."""
    try:
        response = client.get("/api/v2/monitor/health")
        answer = response.json() if response.is_success else {}
    except (httpx.HTTPError, json.JSONDecodeError):
        answer = {}
    if (answer.get("metadatabase") or {}).get("status") != "healthy":
        return [API]
    return [
        part
        for name, part in _HEALTH.items()
        if answer[name]["status"] != "healthy" or not _is_news(settings, part, answer[name][f"latest_{name}_heartbeat"])
    ]


def _is_news(settings: Settings, part: str, heartbeat: str) -> bool:
    record = processes.running(settings.home, part)
    if record is None:
        return False
    return datetime.fromisoformat(heartbeat) >= datetime.fromtimestamp(record.created, UTC)


def _visible(settings: Settings, users: Mapping[str, str], client: httpx.Client) -> bool:
    """Whether the onboarding can be asked for.

    Raises StackError when its file cannot be imported: waiting would not help.
    """
    name = next(iter(users))
    password = json.loads((settings.home / "logins.json").read_text())[name]
    try:
        response = client.post("/auth/token", json={"username": name, "password": password})
        if response.status_code == 401:
            raise processes.failure(settings.home, API, f"refuses the log-in of {name}")
        token = {"Authorization": f"Bearer {response.raise_for_status().json()['access_token']}"}
        if client.get(f"/api/v2/dags/{_ONBOARDING}", headers=token).is_success:
            return True
        errors = client.get("/api/v2/importErrors", headers=token).raise_for_status().json()["import_errors"]
    except httpx.HTTPError:  # too busy yet
        return False
    for error in errors:
        if error["filename"] == f"{_ONBOARDING}.py" and _is_news(settings, _DAG_PROCESSOR, error["timestamp"]):
            what = f"cannot import {error['filename']}:\n{error['stack_trace']}"
            raise processes.failure(settings.home, _DAG_PROCESSOR, what)
    return False
