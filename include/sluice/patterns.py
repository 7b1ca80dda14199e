"""Glob patterns over `/`-separated paths, the same for folders, object keys and members of archives."""

from __future__ import annotations

import re
from collections.abc import Callable

MAGIC = re.compile(r"[*?\[]")


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a path matches: `*` and `?` stay within a folder, `**` goes through folders, `[a-z]` is one character.

    What is hidden (a name that begins with `.` or `_`) matches only where the pattern says so itself. A `_` before
    a partition such as `_day=1` hides nothing.
    """
    steps = pattern.split("/")
    regex = "".join(_step(step, last=i == len(steps) - 1) for i, step in enumerate(steps))
    whole = re.compile(regex, re.DOTALL)
    return lambda path: whole.fullmatch(path) is not None


def hidden(name: str) -> bool:
    """Whether Hive and Spark would leave a file or folder of this name out."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


_VISIBLE = r"(?!\.)(?!_[^=/]*(?:/|$))"


def _step(step: str, *, last: bool) -> str:
    folder = f"{_VISIBLE}[^/]*/"
    if step == "**":
        return f"(?:{folder})*" + (f"{_VISIBLE}[^/]+" if last else "")
    text = "" if step[:1] in (".", "_") else _VISIBLE if MAGIC.match(step) else ""
    at = 0
    while at < len(step):
        char = step[at]
        at += 1
        end = step.find("]", at + 1) if char == "[" else -1
        if char == "*":
            text += "[^/]*"
        elif char == "?":
            text += "[^/]"
        elif end > 0:
            inner = step[at:end].replace("\\", "\\\\").replace("[", "\\[")
            text += f"(?!/)[{'^' + inner[1:] if inner.startswith('!') else inner}]"
            at = end + 1
        else:
            text += re.escape(char)
    return text + ("" if last else "/")
