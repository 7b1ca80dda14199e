"""The numbers of a summary's stages as bytes, so that a hundred thousand lines are read in a second or two."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime

from sluice.insight.summary import StageLine
from sluice.stages import Stage

NUMBERS = (
    "ready", "ended", "elapsed", "queue", "work", "people", "system", "off_hours", "critical", "rework",
    "attempts", "judged", "accepted", "ticking",
)  # fmt: skip
"""Of each stage, in this order: instants as seconds since 1970, durations in seconds, counts. NaN: none."""
STAGES = tuple(Stage)
_NAN = float("nan")
_FORM = struct.Struct(f"<{len(STAGES) * len(NUMBERS)}d")


def pack(stages: Mapping[Stage, StageLine]) -> bytes:
    """Little-endian doubles: for every stage in the order of the value stream its NUMBERS; NaN when never ready."""
    values: list[float] = []
    for stage in STAGES:
        line = stages.get(stage)
        values += [_NAN] * len(NUMBERS) if line is None else [_number(getattr(line, name)) for name in NUMBERS]
    return _FORM.pack(*values)


def _number(value: datetime | float | None) -> float:
    if value is None:
        return _NAN
    return value.timestamp() if isinstance(value, datetime) else float(value)
