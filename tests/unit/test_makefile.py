"""The Makefile, by what make itself says it would do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_make_test_runs_every_test_once() -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    said = subprocess.run(
        ["make", "--dry-run", "--warn-undefined-variables", "test"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "undefined variable" not in said.stderr
    runs = [line.split() for line in said.stdout.splitlines() if "-m pytest" in line]
    named = sorted(word for run in runs for word in run if word.startswith("tests/"))
    holding = {f"tests/{p.relative_to(PROJECT / 'tests').parts[0]}" for p in (PROJECT / "tests").rglob("test_*.py")}
    assert named == sorted(holding)
    assert all(any(word in holding for word in run) for run in runs), "a run that names no tests runs them all"
