"""Ctrl-C stops a command, wherever it is: once, cleanly, and never by a crash.

Python raises KeyboardInterrupt at any instruction. While a module is imported that ends the process (DuckDB's and
pyarrow's modules are set up in C++, which then calls abort: found by running) or is lost (in a callback of the import
system). So it waits until the import is done, and is raised again as long as nobody deals with it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

IMPORTING, UNHEARD = 0.05, 1.0
"""Seconds after which to look again: while something is imported, and after KeyboardInterrupt was raised."""


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block, SIGINT raises KeyboardInterrupt as described; where somebody else deals with SIGINT, nothing."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    later = signal.signal(signal.SIGALRM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # An alarm that has come, and was not dealt with yet, would set the timer again: and the next one would end
        # the process.
        signal.signal(signal.SIGALRM, _nothing)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, later)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _importing(frame):
        signal.setitimer(signal.ITIMER_REAL, IMPORTING)
        return
    signal.setitimer(signal.ITIMER_REAL, UNHEARD)
    # A second Ctrl-C stops the cleaning up after the first; the timer does not.
    if number == signal.SIGINT or not _heard():
        raise KeyboardInterrupt


def _nothing(number: int, frame: FrameType | None) -> None:
    pass


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _heard() -> bool:
    """Whether somebody cleans up after a KeyboardInterrupt at this moment."""
    error = sys.exception()
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False
