"""The benchmark itself, on 20,000 rows: it measures, it checks its answers, it writes what it says it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import cases, data, measure, report


def test_the_benchmark_measures_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CACHE", tmp_path / "cache")
    only = "^(parse|csv_sluice|csv_dirty|profile|hand)$"
    assert bench.main(["--rows", "20k", "--repeats", "1", "--only", only, "--out", str(tmp_path)]) == 0
    text = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert "## 20k rows" in text
    assert "not measured" not in text
    for label in ("raw DuckDB, parse only", "Sluice, with quarantine", "Sluice, 0.1% bad rows", "hand-written DuckDB"):
        assert f"| {label} |" in text


def test_the_data_is_the_same_every_time(tmp_path: Path) -> None:
    for kind in ("clean.csv", "dirty.csv", "dirty.jsonl"):
        one, other = (data.make(tmp_path / name, kind, 5000).read_bytes() for name in ("a", "b"))
        assert one == other
    text = (tmp_path / "a" / "dirty-5000-v1.csv").read_text("utf-8")
    assert "2024-02-30" in text
    assert ",many," in text


def test_a_wrong_answer_is_no_measurement(tmp_path: Path) -> None:
    source = data.make(tmp_path, "clean.csv", 1000)
    (case,) = (c for c in cases.CASES if c.name == "parse")
    found = measure.run([case], {"clean.csv": source}, rows=999, repeats=1)
    assert found["parse"].error == "answered 1,000, not 999"
    assert not found["parse"].wall


def test_a_run_replaces_the_part_of_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    report.write(path, 1_000_000, "first")
    report.write(path, 10_000_000, "ten million")
    report.write(path, 1_000_000, "second")
    text = path.read_text("utf-8")
    assert "first" not in text
    assert text.index("second") < text.index("ten million")


def test_targets_are_judged_round_by_round() -> None:
    found = {
        "csv_sluice": measure.Measured([2.0, 3.0, 8.0], [2.0, 2.0, 2.0], [1.0] * 3),
        "csv_raw": measure.Measured([1.0, 3.0, 2.0], [1.0, 1.0, 1.0], [1.0] * 3),
    }
    (verdict,) = measure.verdicts(found, 1_000_000)
    assert (verdict.wall, verdict.cpu, verdict.low, verdict.high) == (2.0, 2.0, 1.0, 4.0)
    assert not verdict.met
    assert not measure.verdicts(found, 20_000)
