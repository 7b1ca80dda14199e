"""The local stack as a whole: up, down."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sluice.errors import StackError
from sluice.settings import Settings
from sluice.stack import airflow, aws, components, ports, postgres, processes
from sluice.stack.diagnosis import PartHealth, doctor

__all__ = ["PartHealth", "doctor", "down", "up"]

Say = Callable[[str], None]
_LOCK_PATIENCE = 300.0


def up(settings: Settings, users: Mapping[str, str], say: Say, prepare: Callable[[], None]) -> None:
    """Start what of the local stack does not run yet, and return when all of it is ready.

    `users` maps each log-in to its Airflow role; passwords are in `<home>/logins.json`. `prepare` is called
    when database and AWS answer, before Airflow's components start; it may find its work done already.

    Raises StackError naming the part, its log and the end of it; what this call had started is stopped then.
    """
    airflow.refuse_production(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    with _alone(settings.home, say):
        parts = _parts(settings)
        running = _running(settings, parts)
        _same_ports(settings, running)
        if all(running.values()) and _ready_file(settings).exists() and components.answers(settings):
            say(f"Already running: {airflow.local_url(settings)}")
            return
        running = _running(settings, parts)
        began = time.monotonic()
        try:
            _start(settings, users, say, prepare)
        except BaseException:  # also Ctrl-C: nothing half-started stays behind
            for part in [components.MIGRATION, *parts]:
                if running.get(part) is None:
                    _stop(settings, part)
            raise
        _ready_file(settings).touch()
        say(f"Ready after {time.monotonic() - began:.0f} s: {airflow.local_url(settings)}")


def down(settings: Settings, say: Say) -> None:
    """Stop everything that `up` started and nothing else, also after a crash.

    Raises StackError when a process does not end.
    """
    if not settings.home.exists():
        say("Nothing is running.")
        return
    with _alone(settings.home, say):
        _ready_file(settings).unlink(missing_ok=True)
        stopped = 0

        def stop(part: str) -> int:
            began = time.monotonic()
            if count := _stop(settings, part):
                say(f"  {part}: stopped ({time.monotonic() - began:.1f} s)")
            return count

        with ThreadPoolExecutor() as together:
            for parts in [(components.MIGRATION,), *_STOPPED_TOGETHER]:
                stopped += sum(together.map(stop, parts))
        stopped += processes.stop(settings.home)
        (settings.home / "run" / "stack.id").unlink(missing_ok=True)
        say("The local stack is down." if stopped else "Nothing is running.")


def is_up(settings: Settings) -> bool:
    """Whether any part of the stack runs."""
    return any(_running(settings, _EVERY_PART).values())


# In the order in which they are stopped: nobody loses what it still needs.
_STOPPED_TOGETHER = [components.WORKING, (components.API,), (aws.PART, postgres.PART)]
_EVERY_PART = [part for parts in _STOPPED_TOGETHER for part in parts]


def _parts(settings: Settings) -> list[str]:
    absent = set()
    if not settings.embedded_aws:
        absent.add(aws.PART)
    if not settings.embedded_postgres:
        absent.add(postgres.PART)
    return [part for part in _EVERY_PART if part not in absent]


def _running(settings: Settings, parts: list[str]) -> dict[str, processes.Record | None]:
    return {part: processes.running(settings.home, part) for part in parts}


def _stop(settings: Settings, part: str) -> int:
    if part == postgres.PART:
        return postgres.stop(settings)
    if part in components.COMMANDS:
        return components.stop(settings, part)
    return processes.stop(settings.home, part)


def _start(settings: Settings, users: Mapping[str, str], say: Say, prepare: Callable[[], None]) -> None:
    _ready_file(settings).unlink(missing_ok=True)
    parts = _parts(settings)
    missing = [part for part, record in _running(settings, parts).items() if record is None]
    if postgres.PART in missing:
        # Components that lost their database die of it later, when nobody looks.
        missing = [part for part in parts if part in missing or part in components.COMMANDS]
    for part in [components.MIGRATION, *missing]:
        _stop(settings, part)  # what outlived a part that was killed holds its port
    _require_free_ports(settings, missing)
    airflow.airflow_environment(settings, users)  # refuses bad users before anything has started

    began = time.monotonic()

    def ready(part: str) -> None:
        say(f"  {part}: ready ({time.monotonic() - began:.1f} s)")

    if aws.PART in missing:
        aws.start(settings)
    if postgres.PART in parts:
        if postgres.PART in missing:
            postgres.start(settings)
        postgres.wait(settings)
        ready(postgres.PART)
    migration = components.start_migration(settings, users)
    if aws.PART in parts:
        aws.wait(settings)
        ready(aws.PART)
    prepare()
    components.wait_for_migration(settings, migration, say)
    ready("airflow database")
    components.start(settings, users)
    components.wait(settings, users, say)
    ready("airflow")


def _require_free_ports(settings: Settings, missing: list[str]) -> None:
    for part, port, variable, what in (
        (components.API, settings.airflow_port, "SLUICE_AIRFLOW_PORT", "Airflow"),
        (aws.PART, settings.aws_port, "SLUICE_AWS_PORT", "the embedded AWS"),
        (postgres.PART, settings.postgres_port, "SLUICE_POSTGRES_PORT", "the embedded PostgreSQL"),
    ):
        if part in missing:
            ports.require_free(port, variable, what)


def _same_ports(settings: Settings, running: Mapping[str, processes.Record | None]) -> None:
    wanted = {
        components.API: settings.airflow_port,
        aws.PART: settings.aws_port,
        postgres.PART: settings.postgres_port,
    }
    for part, record in running.items():
        if record is not None and record.port is not None and record.port != wanted[part]:
            raise StackError(
                "OTHER_PORT",
                f"{part} runs on port {record.port}, the settings say {wanted[part]}",
                mend="Run `sluice down` first.",
            )


def _ready_file(settings: Settings) -> Path:
    """There from the end of a complete `up` on: processes may run while their preparation was cut short."""
    return settings.home / "run" / "ready"


@contextmanager
def _alone(home: Path, say: Say) -> Iterator[None]:
    """One `up` or `down` of this home works at a time; the system frees the lock of one that was killed."""
    descriptor = os.open(home / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + _LOCK_PATIENCE
        told = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise StackError(
                        "STACK_BUSY", "Another `sluice up` or `down` is still at work", where=str(home)
                    ) from error
                if not told:
                    say("Another `sluice up` or `down` is at work; waiting for it.")
                    told = True
                time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)
