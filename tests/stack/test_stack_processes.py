from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sluice.errors import StackError
from sluice.stack import processes

ENVIRONMENT = {"PATH": os.environ["PATH"], "SPT_NOENV": "1"}
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
SLEEP_WITH_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('child started', flush=True); time.sleep(60)",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);print('deaf', flush=True); time.sleep(60)",
]


def wait_for(text: str, home: Path, part: str) -> None:
    deadline = time.monotonic() + 10
    while text not in processes.log_tail(home, part):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_started_part_is_recorded_logged_and_detached(home: Path) -> None:
    record = processes.start(home, "part", [sys.executable, "-c", "print('hello'); input()"], ENVIRONMENT)
    wait_for("hello", home, "part")
    assert os.getsid(record.pid) == record.pid
    processes.stop(home, "part")
    assert processes.running(home, "part") is None


def test_stop_ends_a_part_with_its_children_and_no_other_part(home: Path) -> None:
    processes.start(home, "one", SLEEP_WITH_CHILD, ENVIRONMENT)
    other = processes.start(home, "two", SLEEP, ENVIRONMENT)
    wait_for("child started", home, "one")
    assert processes.stop(home, "one") == 2
    assert [process.pid for process in processes.belonging(home)] == [other.pid]
    assert processes.stop(home) == 1


def test_what_outlives_a_killed_first_process_is_found_and_stopped(home: Path) -> None:
    record = processes.start(home, "part", SLEEP_WITH_CHILD, ENVIRONMENT)
    wait_for("child started", home, "part")
    psutil.Process(record.pid).kill()
    psutil.Process(record.pid).wait()
    assert processes.running(home, "part") is None
    assert len(processes.belonging(home, "part")) == 1
    assert processes.stop(home) == 1


def test_a_process_that_gave_itself_a_title_is_still_found(home: Path) -> None:
    title = "import time, setproctitle; setproctitle.setproctitle('x' * 2000); print('titled', flush=True)"
    record = processes.start(home, "part", [sys.executable, "-c", f"{title}; time.sleep(60)"], ENVIRONMENT)
    wait_for("titled", home, "part")
    (home / "run" / "part.json").unlink()
    assert [process.pid for process in processes.belonging(home)] == [record.pid]
    processes.stop(home)


def test_a_process_deaf_to_sigterm_is_killed(home: Path) -> None:
    processes.start(home, "part", STUBBORN, ENVIRONMENT)
    wait_for("deaf", home, "part")
    assert processes.stop(home, "part", patience=0.3) == 1
    assert processes.belonging(home) == []


def test_a_record_whose_number_went_to_another_process_is_stale(home: Path) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        processes.stack_id(home)
        file = home / "run" / "part.json"
        stale = {
            "part": "part",
            "pid": stranger.pid,
            "created": 1.0,
            "command": [],
            "stack": "x",
            "port": None,
        }
        file.write_text(json.dumps(stale))
        assert processes.stop(home) == 0
        assert stranger.poll() is None
        file.write_text(json.dumps(stale))
        assert processes.running(home, "part") is None
        assert not file.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_damaged_record_is_stale(home: Path) -> None:
    processes.stack_id(home)
    (home / "run" / "part.json").write_text('{"pid": 1')
    assert processes.running(home, "part") is None


def test_the_last_log_is_kept(home: Path) -> None:
    for word in ("first", "second"):
        processes.start(home, "part", [sys.executable, "-c", f"print({word!r}); input()"], ENVIRONMENT)
        wait_for(word, home, "part")
        processes.stop(home, "part")
    assert (home / "logs" / "part.previous.log").read_text().startswith("first")


def test_a_command_that_is_missing_is_named(home: Path) -> None:
    with pytest.raises(StackError, match="no-such-command"):
        processes.start(home, "part", ["/no-such-command"], ENVIRONMENT)
