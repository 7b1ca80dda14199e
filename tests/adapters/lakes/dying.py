"""Stages run in a process of their own, which may be made to die at a named place: forked from a server with warm imports."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
from collections.abc import Mapping
from typing import Any

SERVER = mp.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "pyarrow.dataset",
        "pyiceberg.catalog.glue",
        "pyiceberg.catalog.sql",
        "pyiceberg.io.pyarrow",
        "sluice.adapters.ledger",
        "boto3",
    ]
)


def _work(
    step: str,
    arguments: tuple[Any, ...],
    named: Mapping[str, Any],
    environment: Mapping[str, str],
    crash: str,
    out: Any,
) -> None:
    from importlib import import_module

    from sluice.crashing import VARIABLE
    from sluice.settings import load
    from sluice.stream.tools import connect

    os.environ.clear()
    os.environ.update(environment)
    if crash:
        os.environ[VARIABLE] = crash
    module, name = step.split(":")
    try:
        out.send(("done", getattr(import_module(module), name)(connect(load()), *arguments, **named)))
    except Exception as error:
        out.send(("raised", error))


def run(step: str, *arguments: Any, environment: Mapping[str, str], crash: str = "", **named: Any) -> tuple[str, Any]:
    """(`done`, the result), (`raised`, the error) or (`died`, None), of `module:function` on tools of its own."""
    receive, send = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_work, args=(step, arguments, named, dict(environment), crash, send))
    process.start()
    send.close()
    try:
        answer = receive.recv()
    except EOFError:
        answer = ("died", None)
    process.join(120)
    if answer[0] == "died":
        assert process.exitcode == -signal.SIGKILL, process.exitcode
    return answer
