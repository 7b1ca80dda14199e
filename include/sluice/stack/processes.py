"""Processes of the local stack: started detached, recorded, recognised after a crash, stopped.

Every process that `up` starts carries two variables in its environment, and so do all its descendants:
which stack it belongs to and which part it is. A record file tells where a part runs; the variables tell what
is left of it when its first process was killed and the rest lives on.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from sluice.errors import StackError
from sluice.stack.keys import keep, write_private

STACK_VARIABLE = "SLUICE_STACK_ID"
PART_VARIABLE = "SLUICE_STACK_PART"

# A process's create time is derived from the clock, which may be corrected while it runs.
_CLOCK_TOLERANCE = 2.0
_POLL = 0.1
_KILL_PATIENCE = 10.0

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Processes started by this very process, which must collect their exit codes."""


@dataclass(frozen=True)
class Record:
    """What is known of a part's first process."""

    part: str
    pid: int
    created: float
    command: list[str]
    stack: str
    port: int | None = None

    @property
    def alive(self) -> bool:
        """Whether this very process runs still, and not another one that was given its number."""
        if (child := _children.get(self.pid)) is not None and child.poll() is not None:
            return False
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return (
                abs(process.create_time() - self.created) <= _CLOCK_TOLERANCE
                or _variables(process).get(STACK_VARIABLE) == self.stack
            )
        except psutil.Error:
            return False

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, or when this is not the process that started it."""
        child = _children.get(self.pid)
        return child.poll() if child is not None else None


def stack_id(home: Path) -> str:
    """The random name of this stack, kept from the first `up` to the next complete `down`."""
    return keep(home / "run" / "stack.id", lambda: secrets.token_hex(16))


def log_file(home: Path, part: str) -> Path:
    """Where a part's output goes."""
    return home / "logs" / f"{part}.log"


def start(
    home: Path,
    part: str,
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    port: int | None = None,
    user: str | None = None,
) -> Record:
    """Start `command` in a session of its own and record it.

    `environment` is complete: nothing is inherited. What the part wrote the last time moves to
    `<part>.previous.log`.
    """
    stack = stack_id(home)
    log = log_file(home, part)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    arguments = [str(argument) for argument in command]
    with log.open("wb") as output:
        try:
            child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, STACK_VARIABLE: stack, PART_VARIABLE: part},
                cwd=home,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user else None,
            )
        except OSError as error:
            raise StackError("PART_NOT_STARTED", f"{part} could not be started: {error}") from error
    _children[child.pid] = child
    try:
        created = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:
        created = time.time()
    record = Record(part, child.pid, created, arguments, stack, port)
    write_private(_record_file(home, part), json.dumps(asdict(record), indent=2) + "\n")
    return record


def running(home: Path, part: str) -> Record | None:
    """The record of `part` when it really runs; a stale record is removed."""
    file = _record_file(home, part)
    try:
        record = Record(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):  # not ours, or cut short by a full disk
        file.unlink(missing_ok=True)
        return None
    if not record.alive:
        file.unlink(missing_ok=True)
        return None
    return record


def belonging(home: Path, part: str | None = None) -> list[psutil.Process]:
    """All live processes of this stack, or of one part of it, with and without a living first process."""
    file = home / "run" / "stack.id"
    if not file.exists():
        return []
    stack = file.read_text().strip()
    parts = [part] if part else [f.stem for f in (home / "run").glob("*.json")]
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        variables = _variables(process)
        if variables.get(STACK_VARIABLE) == stack and part in (None, variables.get(PART_VARIABLE)):
            found[process.pid] = process
    for record in filter(None, (running(home, name) for name in parts)):
        try:
            head = psutil.Process(record.pid)
            found |= {process.pid: process for process in (head, *head.children(recursive=True))}
        except psutil.NoSuchProcess:
            continue
    found.pop(os.getpid(), None)
    return [process for process in found.values() if _lives(process)]


def stop(home: Path, part: str | None = None, *, ask: signal.Signals = signal.SIGTERM, patience: float = 10) -> int:
    """Stop a part, or all that is left of the stack; returns how many processes that were.

    The heads are asked first, so that they can end their children in order (a scheduler waits for its tasks;
    a task that gets the signal itself would fail). Whoever outlives its head is asked next; whoever outlives
    `patience` seconds is killed.
    """
    began = time.monotonic()
    asked: set[int] = set()
    seen: set[int] = set()
    while members := belonging(home, part):
        pids = {process.pid for process in members}
        seen |= pids
        waited = time.monotonic() - began
        if waited > patience + _KILL_PATIENCE:
            raise StackError("NOT_STOPPED", f"Processes {sorted(pids)} do not end, not even when killed")
        for process in members:
            try:
                if waited > patience:
                    process.kill()
                elif process.pid not in asked and process.ppid() not in pids:
                    process.send_signal(ask)
                    asked.add(process.pid)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(members, timeout=_POLL)
    for file in [_record_file(home, part)] if part else (home / "run").glob("*.json"):
        file.unlink(missing_ok=True)
    return len(seen)


def log_tail(home: Path, part: str, lines: int = 20) -> str:
    """The last lines a part wrote."""
    try:
        text = log_file(home, part).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def failure(home: Path, part: str, what: str) -> StackError:
    """The error for a part that does not work, with the end of its log."""
    tail = log_tail(home, part) or "(nothing)"
    return StackError(
        "PART_FAILED",
        f"{part} {what}. The end of its log:\n{tail}\n",
        where=str(log_file(home, part)),
        mend="Read that log for the cause, then run `sluice up` again.",
    )


def _record_file(home: Path, part: str) -> Path:
    return home / "run" / f"{part}.json"


def _variables(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):  # another user's, or gone
        return {}


def _lives(process: psutil.Process) -> bool:
    if (child := _children.get(process.pid)) is not None:
        child.poll()
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
