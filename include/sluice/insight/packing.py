"""The numbers of a request's line as bytes, so that a hundred thousand lines are read in a second or two.

A line's bytes are little-endian doubles: for every stage in the order of the value stream its STAGE_NUMBERS, then the
request's own WHOLE_NUMBERS, then ASK_NUMBERS for each question to a role, then the seconds of each cause. Instants
are seconds since 1970, durations seconds; NaN says "none".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from sluice.flow import Kind
from sluice.insight.summary import Summary
from sluice.stages import Event, Stage

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

STAGES = tuple(Stage)
KINDS = tuple(Kind)
STAGE_NUMBERS = (
    "ready", "ended", "elapsed", *(kind.value for kind in KINDS), "critical", "rework", "attempts", "judged", "accepted", "ticking",
)  # fmt: skip
WHOLE_NUMBERS = (*(kind.value for kind in KINDS), "between")
ASK_NUMBERS = ("asked", "answered", "wall", "business", "answer")
ANSWERS = tuple(Event)
"""An ask's `answer` is the place of its event here; NaN while it is open."""
_STAGED = len(STAGES) * len(STAGE_NUMBERS)
_HEAD = _STAGED + len(WHOLE_NUMBERS)
FORM = "4"
"""Goes up when what a line holds changes: lines of another form are made again."""


def pack(line: Summary) -> bytes:
    """The line's numbers; which role each ask and what each cause is stand beside them, in the same order."""
    values: list[float] = []
    for stage in STAGES:
        own = line.stages.get(stage)
        if own is None:
            values += [float("nan")] * len(STAGE_NUMBERS)
            continue
        f = own.flow
        values += [
            _at(f.ready), _at(f.ended), f.elapsed, f.work, *(f.waits[k] for k in KINDS if k is not Kind.WORK),
            f.critical, f.rework, f.attempts, f.judged, f.accepted, own.ticking,
        ]  # fmt: skip
    values += [*(line.spent[k] for k in KINDS), line.between]
    for ask in line.asks:
        answer = float("nan") if ask.answer is None else ANSWERS.index(ask.answer)
        values += [_at(ask.asked), _at(ask.answered), ask.wall, ask.business, answer]
    values += line.causes.values()
    return np.array(values, dtype="<f8").tobytes()


def _at(value: datetime | None) -> float:
    return float("nan") if value is None else value.timestamp()


@dataclass(frozen=True)
class Unpacked:
    """Many lines' numbers: `staged` (lines, stages, STAGE_NUMBERS), `whole` (lines, WHOLE_NUMBERS); `asks` (asks,
    ASK_NUMBERS) and `causes` (causes) of all lines, and of which line each is."""

    staged: Floats
    whole: Floats
    asks: Floats
    ask_line: Counts
    causes: Floats
    cause_line: Counts


def unpack(packed: Sequence[bytes], asks: Iterable[int], causes: Iterable[int]) -> Unpacked:
    """The numbers of many lines, given how many asks and causes each has."""
    n_asks, n_causes = (np.fromiter(counts, dtype=np.int64, count=len(packed)) for counts in (asks, causes))
    everything = np.frombuffer(b"".join(packed), dtype="<f8")
    starts = np.cumsum(np.concatenate([[0], _HEAD + n_asks * len(ASK_NUMBERS) + n_causes]))[:-1]
    head = everything[starts[:, None] + np.arange(_HEAD)]
    ask_starts, cause_starts = starts + _HEAD, starts + _HEAD + n_asks * len(ASK_NUMBERS)
    tail, cause_line = _runs(ask_starts, n_asks * len(ASK_NUMBERS))[0], _runs(cause_starts, n_causes)[1]
    return Unpacked(
        head[:, :_STAGED].reshape(len(packed), len(STAGES), len(STAGE_NUMBERS)),
        head[:, _STAGED:],
        everything[tail].reshape(-1, len(ASK_NUMBERS)),
        np.repeat(np.arange(len(packed)), n_asks),
        everything[_runs(cause_starts, n_causes)[0]],
        cause_line,
    )


def _runs(starts: Counts, lengths: Counts) -> tuple[Counts, Counts]:
    """The places of runs of these lengths from these starts, and the number of the run each belongs to."""
    of = np.repeat(np.arange(len(starts)), lengths)
    within = np.arange(len(of)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return starts[of] + within, of
