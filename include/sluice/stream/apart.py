"""Work that would keep a server's other answers waiting is done by a process of its own, politely.

Python runs one thread at a time: a forecast of a thousand requests in the server would slow down every page that is
asked for meanwhile, however many cores there are.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from sluice.errors import TransientError
from sluice.stream.tools import Tools, connect

T = TypeVar("T")
LARGE = 20_000
"""Events from which on a ledger's history is not looked through in the server itself."""
SECONDS = 600
POLITE = 5


def apart(tools: Tools, work: Callable[..., T], *arguments: Any) -> T:
    """`work(tools, *arguments)`, of a large ledger in another process. `work` is a function of a module, its arguments
    and what it gives can be pickled. Raises what it raises, and TransientError (APART) when the process was ended.
    """
    with tools.ledger.reading() as tx:
        if tx.newest_event() < LARGE:
            return work(tools, *arguments)
    asked = pickle.dumps((tools.settings, work, arguments))
    where = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=asked, capture_output=True, timeout=SECONDS, env=os.environ | where, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TransientError("APART", f"it took longer than {SECONDS} s", mend="It is tried again.") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise TransientError("APART", f"the process was ended ({done.returncode}): {''.join(said)}")
    good, found = pickle.loads(done.stdout)  # noqa: S301 - from our own process
    if not good:
        raise found
    answer: T = found
    return answer


def main() -> None:
    """Read what to do, do it, write what came of it. Whatever else is printed goes to the log."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(POLITE)
    settings, work, arguments = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our own server
    try:
        answer = True, work(connect(settings), *arguments)
    except Exception as error:  # raised again by whoever asked
        answer = False, error
    out.write(pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL))
    out.close()


if __name__ == "__main__":
    main()
