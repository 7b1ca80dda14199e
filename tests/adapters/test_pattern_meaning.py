"""A pattern means what it means to Python, whatever the rule's operator, unit and column."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from test_data_docs import HEAD, checked

from sluice.contract.reading import read_contract
from sluice.settings import load as _load

TEXTS = ["aa", "b", "é", "١", "a\n", "ab", None]
PATTERNS = ["(?=a)a", r"^\w$", r"\d", r"(a)\1", "a$", r"\ba", "it''s|'|\"", "/* python */|a"]
CONTRACT = HEAD + "  - name: o\n    properties:\n      - {name: s, logicalType: string, quality: QUALITY}\n"


def found(folder: Path, text: str, data: dict[str, Any]) -> list[Any]:
    report = checked(folder, read_contract(text), {"o": data}).report
    assert [r.error for r in report.results] == [None] * len(report.results)
    return list(report.results)


@pytest.mark.parametrize("unit", ["rows", "percent"])
def test_whatever_is_asked_of_the_count(tmp_path: Path, unit: str) -> None:
    invalid = [sum(re.search(p, t) is None for t in TEXTS if t is not None) for p in PATTERNS]
    rules = [
        {"type": "library", "metric": "invalidValues", "arguments": {"pattern": p}, "mustBeLessThan": 101, "unit": unit, "name": str(i)}
        for i, p in enumerate(PATTERNS)
    ]  # fmt: skip
    results = found(tmp_path, CONTRACT.replace("QUALITY", json.dumps(rules)), {"s": TEXTS})
    wanted = invalid if unit == "rows" else [100 * n / len(TEXTS) for n in invalid]
    assert [r.observed for r in results] == pytest.approx(wanted)


def test_of_a_column_that_is_no_text(tmp_path: Path) -> None:
    rule = {"type": "library", "metric": "invalidValues", "arguments": {"pattern": "^(?=1)1"}, "mustBe": 0}
    text = CONTRACT.replace("s, logicalType: string", "n, logicalType: integer").replace("QUALITY", json.dumps([rule]))
    (result,) = found(tmp_path, text, {"n": pa.array([1, 12, 2], pa.int64())})
    assert (result.success, result.observed, result.failed_rows["rows"]) == (False, 1, 1)


def test_one_that_takes_too_long_is_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        {"type": "library", "metric": "invalidValues", "arguments": {"pattern": r"^((a+)+)\1$"}, "mustBeLessThan": 101, "unit": "percent"},
        {"type": "library", "metric": "invalidValues", "arguments": {"pattern": "a"}, "mustBeLessThan": 101, "unit": "percent"},
    ]  # fmt: skip
    monkeypatch.setattr("test_data_docs.load", lambda given, load=_load: load({**given, "SLUICE_SQL_SECONDS": "1"}))
    contract = read_contract(CONTRACT.replace("QUALITY", json.dumps(rules)))
    slow, good = checked(tmp_path, contract, {"o": {"s": ["a" * 31 + "b"]}}).report.results
    assert "too long" in str(slow.error) or "longer than" in str(slow.error)
    assert (good.error, good.observed) == (None, 0)
