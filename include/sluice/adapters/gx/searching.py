"""Python's `re` and JSON Schema on texts, in a process that can be ended.

A regular expression may take longer than the age of the universe on one short text, and Python's engine holds the
interpreter all the while: no timer stops it. What RE2 cannot search is therefore searched in a child process.
"""

from __future__ import annotations

import json
import math
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from threading import Lock
from typing import IO, Any, cast

from sluice.errors import BadInputError

SECONDS_PER_TEXT = 1e-4
"""What a text may take on average beside the fixed time: a hundred times what an ordinary pattern needs."""
TIMEOUT = "PATTERN_TIMEOUT"

_WORKER = """
import json, sys
given = json.loads(sys.stdin.readline())
if "regex" in given:
    import re
    search = re.compile(given["regex"]).search
    test = lambda text: search(text) is not None
else:
    import jsonschema, referencing
    schema = given["json_schema"]
    validator = jsonschema.validators.validator_for(schema)(schema, registry=referencing.Registry())
    test = lambda text: bool(validator.is_valid(json.loads(text)))
for line in sys.stdin:
    try:
        answer = [test(text) for text in json.loads(line)]
    except Exception as error:
        answer = type(error).__name__
    print(json.dumps(answer), flush=True)
"""


class Search:
    """A test on texts, called with distinct ones: `{"regex": …}` (re.search) or `{"json_schema": …}`.

    `seconds` are for the whole of its calls, beside SECONDS_PER_TEXT. `what` names it in an error.
    """

    def __init__(self, test: dict[str, Any], what: str, seconds: float) -> None:
        self._test, self._what, self._left = test, what, seconds
        self._child: subprocess.Popen[str] | None = None
        self._alone = Lock()

    def __call__(self, texts: Sequence[str]) -> list[bool]:
        """Raises BadInputError (PATTERN_TIMEOUT), at once if it did before, and ValueError for a text that is no JSON."""
        with self._alone:
            answer = self._answer(texts)
        if answer is None:
            raise BadInputError(
                TIMEOUT, f"{self._what} takes too long to search the data", mend="Write it without a repetition inside of "
                "a repetition, such as (a+)+, or raise SLUICE_SQL_SECONDS.",
            )  # fmt: skip
        if isinstance(answer, str):
            raise ValueError(answer)  # noqa: TRY004  # what the test raised on a text
        return list(answer)

    def _answer(self, texts: Sequence[str]) -> Any:
        child = self._started()
        began = time.monotonic()
        self._left += SECONDS_PER_TEXT * len(texts)
        answer = self._asked(child, json.dumps(list(texts))) if self._left > 0 else None
        self._left -= time.monotonic() - began
        if answer is None:
            child.kill()
            self._left = -math.inf
        return answer

    def _started(self) -> subprocess.Popen[str]:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-c", _WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
            weakref.finalize(self, _ended, self._child)
            self._told(self._child, json.dumps(self._test))
        return self._child

    def _asked(self, child: subprocess.Popen[str], line: str) -> Any:
        """The child's answer, None when it does not come in time."""
        self._told(child, line)
        output = cast("IO[str]", child.stdout)
        ready, _, _ = select.select([output], [], [], self._left)
        return json.loads(output.readline()) if ready else None

    @staticmethod
    def _told(child: subprocess.Popen[str], line: str) -> None:
        pipe = cast("IO[str]", child.stdin)
        pipe.write(line + "\n")
        pipe.flush()


def _ended(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()
