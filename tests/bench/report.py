"""docs/benchmarks.md: one part per size, each replaced by the run that measured that size."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench.cases import Case, Target
from bench.measure import Measured, Verdict

_HEAD = """# Benchmarks

Made by `make bench` (`ROWS=10M`, `ROWS=50M` for the larger sets); nothing here is written by hand. The data is
generated: twelve columns with quoted commas, embedded newlines, nulls, decimals, dates and timestamps, the same for
everybody by a seed. Every figure is the median over rounds; every measurement is a process of its own, limited to two
threads (and DuckDB to 2 GB), with imports and set-up not counted and the source in the page cache: it is read once
just before. Rounds alternate between the contestants, and a ratio is taken within a round. **Ratios compare; seconds do not travel**: they depend on the machine and on what else
it does, which the load average and the distance between wall and CPU time betray. So a target counts as met only
when wall time and CPU time both keep it.

The contestants do not do the same work. Sluice accounts for every row (read = staged + quarantined), keeps the bytes
of each bad one and lets no value through that does not write back as it was read; of the others only raw DuckDB with
reject tables could name the bad rows, and pandas turns decimals into doubles.
"""
_TOOLS = ("duckdb", "pyarrow", "polars", "pandas", "dlt", "great-expectations", "pandera", "soda-core")


def size_name(rows: int) -> str:
    """1M, 10M, 20k."""
    return f"{rows // 1_000_000}M" if rows >= 1_000_000 else f"{rows // 1000}k"


def section(
    rows: int,
    cases: Sequence[Case],
    found: Mapping[str, Measured],
    judged: Sequence[Verdict],
    around: Mapping[str, str],
) -> str:
    """The part of one size, in Markdown."""
    name = size_name(rows)
    lines = [f"## {name} rows", "", *(f"- {k}: {v}" for k, v in around.items()), ""]
    if judged:
        lines += ["| target | limit | wall | (spread) | CPU | |", "|---|---:|---:|---:|---:|---|"]
        lines += [_target_line(v) for v in judged]
        lines.append("")
    if rows >= 1_000_000:
        lines += [f"![Seconds and memory at {name} rows](images/bench-{name}.svg)", ""]
    for group in dict.fromkeys(c.group for c in cases):
        lines += [f"### {group}", "", "| | wall s | spread | CPU s | peak MB |", "|---|---:|---:|---:|---:|"]
        lines += [_case_line(c, found[c.name]) for c in cases if c.group == group]
        lines.append("")
    return "\n".join(lines)


def write(path: Path, rows: int, text: str) -> None:
    """Put the part of this size into the document, in the place of an earlier one."""
    parts: dict[int, str] = {}
    if path.exists():
        for size, part in re.findall(r"<!-- (\d+) -->\n(.*?)<!-- end -->", path.read_text("utf-8"), re.DOTALL):
            parts[int(size)] = part
    parts[rows] = text + "\n"
    growth = _growth(parts)
    body = "\n".join(f"<!-- {size} -->\n{parts[size]}<!-- end -->\n" for size in sorted(parts))
    path.write_text(f"{_HEAD}\n{growth}{body}", "utf-8")


def surroundings(repeats: int, load_before: float, tools: Mapping[str, str]) -> dict[str, str]:
    """When and where this was measured."""
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {repeats} rounds",
        "machine": f"{os.cpu_count()} cores, {_memory_gb()} GB, {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
        "load average (1 min)": f"{load_before:.1f} before, {os.getloadavg()[0]:.1f} after",
        "versions": ", ".join(f"{name} {version}" for name, version in tools.items()),
    }


def versions(elsewhere: Path) -> dict[str, str]:
    """The tools' versions, here or in the other environment's site-packages."""
    found = {}
    for tool in _TOOLS:
        for places in (None, [str(elsewhere)]):
            options = {"path": places} if places else {}
            match = next(iter(metadata.distributions(name=tool, **options)), None)
            if match is not None and match.metadata["Name"].lower().replace("_", "-") == tool:
                found[tool] = match.version
    return found


def _target_line(v: Verdict) -> str:
    t: Target = v.target
    sign, mark = ("≥" if t.at_least else "≤"), ("met" if v.met else "**missed**")
    if t.met(v.wall) != t.met(v.cpu):
        mark += f" ({'wall' if t.met(v.wall) else 'CPU'} time alone would do)"
    return f"| {t.what} | {sign} {t.limit:.2f} | {v.wall:.2f} | {v.low:.2f}–{v.high:.2f} | {v.cpu:.2f} | {mark} |"


def _case_line(case: Case, m: Measured) -> str:
    if not m.wall:
        return f"| {case.label} | not measured: {m.error or 'no round'} | | | |"
    wall, cpu, peak = (statistics.median(x) for x in (m.wall, m.cpu, m.peak_mb))
    return f"| {case.label} | {wall:.2f} | {min(m.wall):.2f}–{max(m.wall):.2f} | {cpu:.2f} | {peak:,.0f} |"


def _growth(parts: Mapping[int, str]) -> str:
    """Peak memory by size, for what was measured at several."""
    peaks: dict[str, dict[int, str]] = {}
    for size, part in sorted(parts.items()):
        _, *groups = re.split(r"^### (.+)$", part, flags=re.MULTILINE)
        for group, table in zip(groups[::2], groups[1::2], strict=True):
            for label, peak in re.findall(
                r"^\| (Sluice(?:, .*?)?) \| [\d.]+ \| .* \| ([\d,]+) \|$", table, re.MULTILINE
            ):
                peaks.setdefault(f"{group}: {label}", {})[size] = peak
    several = {label: of for label, of in peaks.items() if len(of) > 1}
    if not several:
        return ""
    sizes = sorted({s for of in several.values() for s in of})
    lines = ["## Memory as files grow", "", "Peak MB of the process. Target: from 10M to 50M rows at most 1.25 ×.", "",
             "| | " + " | ".join(f"{size_name(s)} rows" for s in sizes) + " |", "|---" + "|---:" * len(sizes) + "|"]  # fmt: skip
    lines += [f"| {label} | " + " | ".join(of.get(s, "") for s in sizes) + " |" for label, of in several.items()]
    return "\n".join(lines) + "\n\n"


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else []
    return names[0] if names else platform.machine()
