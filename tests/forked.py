"""Runs `sluice` in a process of its own, forked from one that has imported the heavy libraries once.

What a command does is the same; only the seconds are spared that Great Expectations and pandas take to be imported.
One server for a test process, started at its first use; it ends with its input.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

HEAVY = ("duckdb", "great_expectations", "jinja2", "numpy", "pandas", "pyarrow.parquet", "rich.table", "sqlalchemy")


def run(arguments: list[str], environment: dict[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """What `sluice ARGUMENTS` printed, and its exit code. Raises TimeoutExpired."""
    server = _server(environment.get("PYTHONPATH", ""))
    assert server.stdin is not None
    assert server.stdout is not None
    question = {"arguments": arguments, "environment": environment, "cwd": str(Path.cwd()), "timeout": timeout}
    print(json.dumps(question), file=server.stdin, flush=True)
    answer = json.loads(server.stdout.readline())
    if answer["code"] is None:
        raise subprocess.TimeoutExpired(["sluice", *arguments], timeout, answer["out"], answer["err"])
    return subprocess.CompletedProcess(["sluice", *arguments], answer["code"], answer["out"], answer["err"])


@cache
def _server(path: str) -> subprocess.Popen[str]:
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1",
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",  # macOS
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    # At the end its input is closed, and so it ends.
    atexit.register(server.communicate)
    return server


def serve() -> None:
    """Answer questions until there are no more."""
    import tempfile
    import threading
    from importlib import import_module

    for name in HEAVY:
        import_module(name)
    # Of several threads only the one that forks lives on in the child. (pyarrow's allocator has one that can bear it.)
    assert threading.active_count() == 1
    for line in sys.stdin:
        question = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if not child:
                _become(question, out.fileno(), err.fileno())
            code = _ended(child, question["timeout"])
            said = {}
            for name, file in (("out", out), ("err", err)):
                file.seek(0)
                said[name] = file.read().decode()
        print(json.dumps({"code": code, **said}), flush=True)


def _become(question: dict[str, Any], out: int, err: int) -> None:
    """Be the command, to the end."""
    import traceback

    for opened, standard in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
        os.dup2(opened, standard)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    os.chdir(question["cwd"])
    os.environ.clear()
    os.environ.update(question["environment"])
    code: object = 0
    try:
        from sluice.cli import main

        main(question["arguments"])
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _ended(child: int, timeout: float) -> int | None:
    """The exit code; None when it was killed for taking too long."""
    import threading

    late = threading.Event()

    def kill() -> None:
        late.set()
        os.kill(child, signal.SIGKILL)

    timer = threading.Timer(timeout, kill)
    timer.start()
    try:
        _, status = os.waitpid(child, 0)
    finally:
        timer.cancel()
        timer.join()
    return None if late.is_set() else os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    serve()
