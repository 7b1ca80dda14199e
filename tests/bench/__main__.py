"""`python -m bench --rows 1M`: measure, then write docs/benchmarks.md and its picture."""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from bench import report
from bench.cases import CASES, LARGE, Home
from bench.data import make
from bench.measure import PROJECT, run, verdicts

CACHE = PROJECT / ".bench"


def main(arguments: list[str] | None = None) -> int:
    """Measure one size. Returns 0 also when targets are missed: a benchmark reports."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rows", default="1M", type=_rows, help="such as 20k, 1M, 10M, 50M")
    parser.add_argument("--repeats", type=int, help="rounds (default: 5 to 1M rows, 3 to 10M, then 1)")
    parser.add_argument("--only", help="a regular expression for names of cases")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs", help="where benchmarks.md and images/ go")
    given = parser.parse_args(arguments)
    rows: int = given.rows
    repeats = given.repeats or (5 if rows <= 1_000_000 else 3 if rows <= 10_000_000 else 1)
    wanted = LARGE if rows > 10_000_000 else [c.name for c in CASES]
    cases = [c for c in CASES if c.name in wanted and (not given.only or re.search(given.only, c.name))]
    if not cases:
        parser.error(f"no case is called like {given.only!r}")
    load = os.getloadavg()[0]
    print(f"Data in {CACHE}", file=sys.stderr)
    sources = {kind: make(CACHE, kind, rows) for kind in dict.fromkeys(c.data for c in cases)}
    found = run(cases, sources, rows, repeats)
    elsewhere = next((PROJECT / Home.OTHERS).glob("lib/python*/site-packages"), PROJECT)
    around = report.surroundings(repeats, load, report.versions(elsewhere))
    judged = verdicts(found, rows)
    given.out.joinpath("images").mkdir(parents=True, exist_ok=True)
    report.write(given.out / "benchmarks.md", rows, report.section(rows, cases, found, judged, around))
    results = CACHE / f"results-{report.size_name(rows)}.json"
    groups: dict[str, list[dict[str, object]]] = {}
    for case in cases:
        m = found[case.name]
        if m.wall:
            medians = {"wall": statistics.median(m.wall), "peak_mb": statistics.median(m.peak_mb)}
            groups.setdefault(case.group, []).append({"label": case.label, **medians})
    results.write_text(json.dumps({"size": report.size_name(rows), "measured": around["measured"], "groups": groups}))
    python = PROJECT / Home.OTHERS / "bin" / "python"
    if rows >= 1_000_000 and python.exists():
        picture = given.out / "images" / f"bench-{report.size_name(rows)}.svg"
        subprocess.run([python, Path(__file__).with_name("plot.py"), results, picture], check=True)
    for verdict in judged:
        mark = "met   " if verdict.met else "MISSED"
        print(
            f"{mark} {verdict.target.what}: {verdict.wall:.2f} (CPU {verdict.cpu:.2f}), limit {verdict.target.limit:.2f}"
        )
    print(given.out / "benchmarks.md")
    return 0


def _rows(text: str) -> int:
    match = re.fullmatch(r"(\d+)([kKmM]?)", text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows such as 20k, 1M or 10000000")
    return int(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()]


if __name__ == "__main__":
    sys.exit(main())
