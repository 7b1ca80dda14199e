"""Cron expressions in a contract's `slaProperties`: those that a scheduler would not take are named by lint."""

from __future__ import annotations

import re

from sluice.contract.document import Document
from sluice.errors import Finding

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Minute, hour, day of the month, month, day of the week. Source: crontab(5)."""
_WORDS = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_PART = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?")
_NOTHING = re.compile("(?!)")
_ODD = (_NOTHING, _NOTHING, re.compile(r"\?|l"), _NOTHING, re.compile(r"\?|l[0-7]|(?:[0-7]|[a-z]{3})#[1-5]"))
"""The last day of the month, the second Friday: what schedulers take beside crontab(5)."""
PRESETS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")


def is_cron(text: str) -> bool:
    """Whether it is a cron expression of five fields, or a name for one."""
    fields = text.split()
    return text in PRESETS or (len(fields) == len(_RANGES) and all(_is_field(i, f) for i, f in enumerate(fields)))


def _is_field(place: int, field: str) -> bool:
    return all(_is_part(place, part) for part in field.split(","))


def _is_part(place: int, part: str) -> bool:
    if _ODD[place].fullmatch(part.lower()):
        return True
    shape = _PART.fullmatch(part)
    if shape is None or (shape["step"] is not None and not int(shape["step"])):
        return False
    ends = [_number(place, shape[name]) for name in ("low", "high") if shape[name] is not None]
    low, high = _RANGES[place]
    return all(n is not None and low <= n <= high for n in ends)


def _number(place: int, text: str) -> int | None:
    words = _WORDS.get(place, [])
    if text.lower() in words:
        return words.index(text.lower()) + (1 if place == 3 else 0)
    return int(text) if text.isdecimal() else None


def check_schedules(document: Document, findings: list[Finding]) -> None:
    """Report (SLA_SCHEDULE) what no scheduler would take: the source would never be refreshed."""
    for i, item in enumerate(document.data.get("slaProperties") or ()):
        if str(item.get("scheduler", "")).lower() != "cron" or not (text := str(item.get("schedule") or "").strip()):
            continue
        if not is_cron(text):
            findings.append(
                document.finding("SLA_SCHEDULE", ("slaProperties", i, "schedule"), f"{text!r} is no cron expression",
                                 "Write minute, hour, day, month, weekday: `0 6 * * *`. Quote it, as * begins an alias in YAML.")
            )  # fmt: skip
