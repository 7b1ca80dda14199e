"""Great Expectations' stock engine in a process of its own, which can be ended.

A pattern on pandas may take longer than the age of the universe, and a custom expectation may leave the process or
print what it sees. A child process imports GX once and then forks for each rule: a rule that takes too long is killed
alone, one that leaves the process is only its own error, and what it prints goes nowhere.
"""

from __future__ import annotations

import atexit
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any, cast

from sluice.adapters.gx.expectations import UnusableError, loaded_modules
from sluice.adapters.gx.searching import SECONDS_PER_TEXT
from sluice.adapters.gx.stock import StockError
from sluice.checks.rules import Rule
from sluice.errors import BadInputError

CHECK_TIMEOUT = "CHECK_TIMEOUT"
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Verdict:
    """What of GX's ExpectationValidationResult comes back from the child."""

    success: bool
    result: Mapping[str, Any]


def evaluate(
    rule: Rule, files: Sequence[Path], *, memory: int, result_format: Mapping[str, Any], seconds: float
) -> Verdict:
    """GX's verdict from its pandas engine, within `seconds` and SECONDS_PER_TEXT for each row.

    Raises UnusableError, StockError, BadInputError (CHECK_TIMEOUT).
    """
    import pyarrow.parquet as pq

    rows = sum(pq.read_metadata(file).num_rows for file in files)
    asked = (rule, list(files), memory, dict(result_format), loaded_modules())
    kind, *told = _child().ask(asked, seconds + SECONDS_PER_TEXT * rows)
    match kind:
        case "found":
            return Verdict(*told)
        case "unusable":
            raise UnusableError(told[0])
        case "timeout":
            raise BadInputError(
                CHECK_TIMEOUT, f"{rule.expectation_type} on pandas takes too long, longer than {seconds:g} seconds",
                mend="Make it cheaper, or raise SLUICE_SQL_SECONDS.",
            )  # fmt: skip
        case "left":
            raise StockError(f"it ended its process ({told[0]})")
    raise StockError(told[0])


class _Child:
    def __init__(self) -> None:
        self.owner = os.getpid()
        self.lock = Lock()
        path = os.pathsep.join(p for p in sys.path if p)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sluice.adapters.gx.apart_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )
        atexit.register(self.end)

    def ask(self, request: Any, seconds: float) -> tuple[Any, ...]:
        with self.lock:
            try:
                send(cast("IO[bytes]", self.process.stdin), pickle.dumps((seconds, pickle.dumps(request))))
                answer = receive(cast("IO[bytes]", self.process.stdout))
            except OSError as error:
                raise StockError("its process could not be reached") from error
            if answer is None:
                raise StockError("its process ended")
            return tuple(pickle.loads(answer))  # noqa: S301  # our own child's, which runs nothing that we do not

    def end(self) -> None:
        if os.getpid() == self.owner:
            self.process.kill()
            self.process.communicate()


_children: list[_Child] = []
_starting = Lock()


def _child() -> _Child:
    """This process's child, started when it is first needed."""
    with _starting:
        usable = [c for c in _children if c.owner == os.getpid() and c.process.poll() is None]
        if not usable:
            usable = [_Child()]
        _children[:] = usable
        return usable[0]


def send(pipe: IO[bytes], content: bytes) -> None:
    """One message."""
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """One message; None when the other side is gone."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    return content if len(content) == length else None
