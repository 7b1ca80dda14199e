"""The child process of `apart`: GX imported once, a fork for each rule. Run as `python -m`, never imported."""

from __future__ import annotations

import os
import pickle
import select
import signal
import time
import warnings
from contextlib import suppress
from typing import IO, Any

from sluice.adapters.gx.apart import receive, send
from sluice.adapters.gx.expectations import UnusableError, contained, fill_registry, load_modules
from sluice.adapters.gx.stock import StockError, evaluate


def main() -> None:
    """Answer requests until the parent closes its end."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which then closes its end
    fill_registry()
    import pyarrow.dataset
    from great_expectations.execution_engine import PandasExecutionEngine

    del pyarrow, PandasExecutionEngine  # imported before the forks, so that each of them has it
    while (message := receive(asked)) is not None:
        seconds, request = pickle.loads(message)  # noqa: S301  # the parent's own
        send(answers, _forked(request, seconds, asked))


def _forked(request: bytes, seconds: float, parent: IO[bytes]) -> bytes:
    """The pickled answer of a process that lives for this rule only."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()  # whatever it starts is ended with it
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(_answer(request))
        os._exit(0)
    os.close(writer)
    parts: list[bytes] = []
    until = time.monotonic() + seconds
    timed_out = False
    while True:
        left = max(0.0, until - time.monotonic())
        ready, _, _ = select.select([reader, parent.fileno()], [], [], left)
        if reader in ready:
            part = os.read(reader, 1 << 20)
            if not part:
                break
            parts.append(part)
        elif ready:  # it asks nothing before it is answered: it is gone
            _kill(child)
            os._exit(0)
        else:
            timed_out = True
            break
    os.close(reader)
    _kill(child)
    _, ended = os.waitpid(child, 0)
    if timed_out:
        return pickle.dumps(("timeout",))
    return b"".join(parts) or pickle.dumps(("left", os.waitstatus_to_exitcode(ended)))


def _kill(child: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _answer(request: bytes) -> bytes:
    try:
        return pickle.dumps(_evaluated(request))
    except Exception as error:  # a result that cannot be pickled
        return pickle.dumps(("failed", f"its result cannot be read: {type(error).__name__}"))


def _evaluated(request: bytes) -> tuple[Any, ...]:
    rule, files, memory, result_format, modules = pickle.loads(request)  # noqa: S301  # the parent's own
    try:
        warnings.simplefilter("ignore")
        with contained():
            load_modules(modules)
            found = evaluate(rule, files, memory=memory, result_format=result_format)
    except UnusableError as error:
        return "unusable", str(error)
    except StockError as error:
        return "failed", str(error)
    except Exception as error:
        return "failed", str(error).strip().split("\n")[0] or type(error).__name__
    return "found", bool(found.success), dict(found.result or {})


if __name__ == "__main__":
    main()
