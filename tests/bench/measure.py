"""Runs cases in processes of their own, round after round, so that whatever disturbs the machine meets them all."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cases import TARGETS, Case, Home, Target

PROJECT = Path(__file__).resolve().parents[2]
_CHILD = Path(__file__).with_name("child.py")


@dataclass
class Measured:
    """What one case gave, round by round; `error` says why there is nothing."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    error: str = ""


def run(cases: Sequence[Case], sources: Mapping[str, Path], rows: int, repeats: int) -> dict[str, Measured]:
    """Measure every case `repeats` times, alternating; a case that fails is reported once and left out."""
    found = {case.name: Measured() for case in cases}
    for number in range(repeats):
        for case in cases:
            measured = found[case.name]
            if measured.error:
                continue
            answer = _once(case, sources[case.data])
            wanted = case.rows or rows
            if "error" not in answer and answer["rows"] != wanted:
                answer = {"error": f"answered {answer['rows']:,}, not {wanted:,}"}
            if "error" in answer:
                measured.error = answer["error"]
                said = f"failed: {measured.error}"
            else:
                for name in ("wall", "cpu", "peak_mb"):
                    getattr(measured, name).append(answer[name])
                said = f"{answer['wall']:.2f} s, {answer['cpu']:.2f} s CPU, {answer['peak_mb']:,.0f} MB"
            print(f"  [{number + 1}/{repeats}] {case.group}: {case.label}: {said}", file=sys.stderr, flush=True)
    return found


def _once(case: Case, source: Path) -> dict[str, Any]:
    python = PROJECT / case.home / "bin" / "python"
    if not python.exists():
        return {"error": f"{case.home} is not set up"}
    work = tempfile.mkdtemp(prefix="sluice-bench-", dir=source.parent)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "AWS_"))},
        "PYTHONPATH": str(PROJECT / "include") if case.home is Home.SLUICE else "",
        "PYTHONWARNINGS": "ignore",
    }
    try:
        done = subprocess.run(
            [python, _CHILD, case.where, source, work], env=environment, capture_output=True, text=True, timeout=3600
        )
    except subprocess.TimeoutExpired:
        return {"error": "took longer than an hour"}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"error": lines[-1][:200] if lines else f"ended with {done.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


@dataclass(frozen=True)
class Verdict:
    """A target and the ratios it was measured at: the medians over rounds of wall time and of CPU time."""

    target: Target
    wall: float
    cpu: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """By both: a busy machine blurs wall time, and CPU time does not see a core that idles."""
        return self.target.met(self.wall) and self.target.met(self.cpu)


def verdicts(found: Mapping[str, Measured], rows: int) -> list[Verdict]:
    """The targets whose cases were measured. A ratio is taken within a round, then the median over rounds."""
    made = []
    for target in TARGETS:
        if rows < target.from_rows or any(n not in found or not found[n].wall for n in target.needs):
            continue
        wall, cpu = (_ratios(target, found, kind) for kind in ("wall", "cpu"))
        made.append(Verdict(target, statistics.median(wall), statistics.median(cpu), min(wall), max(wall)))
    return made


def _ratios(target: Target, found: Mapping[str, Measured], kind: str) -> list[float]:
    rounds: Iterable[tuple[float, ...]] = zip(*(getattr(found[n], kind) for n in target.needs), strict=True)
    return [target.ratio(dict(zip(target.needs, seconds, strict=True))) for seconds in rounds]
