"""Ctrl-C at a bad moment, in a process of its own: one SIGINT after 50 ms, and what came of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BEFORE = """
import os, signal, threading, time
from sluice.cli import interrupting
from sluice.cli.interrupting import interruptible
interrupting.IMPORTING, interrupting.UNHEARD = 0.02, 0.1
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
class Lost:
    def __del__(self):
        time.sleep(0.2)
def cleaning():
    try:
        time.sleep(9)
    finally:
        time.sleep(0.3)
        print("cleaned")
try:
    with interruptible():
"""
AFTER = """
        print("never")
except KeyboardInterrupt:
    print("stopped")
time.sleep(0.15)
print(signal.getitimer(signal.ITIMER_REAL)[0], signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("import slow; time.sleep(9)", ["imported", "stopped"]),
        ("del Lost; time.sleep(9)", ["stopped"]),
        ("lost = Lost(); del lost; time.sleep(9)", ["stopped"]),
        ("cleaning()", ["cleaned", "stopped"]),
    ],
    ids=["while a module is imported", "at work", "where Python loses it", "not while it is cleaned up"],
)
def test_it_stops_once_and_cleanly(work: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.2)\nprint('imported')\n")
    done = subprocess.run(
        [sys.executable, "-c", f"{BEFORE}        {work}{AFTER}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=8,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [*said, "0.0 True"]


LATE = """
import signal, time
from sluice.cli import interrupting
interrupting.UNHEARD = 0.05
set_timer = signal.setitimer
def set_timer_late(which, seconds):
    set_timer(which, seconds)
    if not seconds:
        signal.raise_signal(signal.SIGALRM)  # came before the timer was stopped, and Python deals with it only now
signal.setitimer = set_timer_late
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with interrupting.interruptible():
        signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    time.sleep(0.15)
    print("alive", signal.getsignal(signal.SIGALRM) is signal.SIG_DFL)
"""


def test_an_alarm_dealt_with_late_does_not_end_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=8)
    assert (done.returncode, done.stdout) == (0, "alive True\n"), done.stderr
