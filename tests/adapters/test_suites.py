"""Suites from every place where they are written: what `sluice lint`, `suite` and `try` make of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from sluice.checks.rules import BadRuleError
from sluice.checks.shared import SharedSuite
from sluice.cli.contracts import lint
from sluice.cli.suite import suite
from sluice.linting import usable_contract
from sluice.settings import load
from sluice.stream.trial import try_contract

COMMON = {
    "name": "shared.common_ids",
    "expectations": [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "${id}"}, "severity": "warning"}
    ],
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SLUICE_EXPECTATIONS", str(tmp_path / "expectations"))
    (tmp_path / "expectations" / "shared").mkdir(parents=True)
    (tmp_path / "expectations" / "shared" / "common_ids.json").write_text(json.dumps(COMMON))
    (tmp_path / "orders.csv").write_text("id,qty\n1,5\n2,-1\n2,7\n")

    def write(quality: list[dict[str, Any]] | None = None, suites: Any = None) -> Path:
        table: dict[str, Any] = {
            "name": "orders",
            "properties": [
                {"name": "id", "logicalType": "integer", "required": True},
                {"name": "qty", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
            ],
        }
        if quality:
            table["quality"] = quality
        if suites:
            table["customProperties"] = [{"property": "suites", "value": suites}]
        contract = {
            "apiVersion": "v3.1.0", "kind": "DataContract", "id": "shop", "version": "1.0.0", "status": "active",
            "name": "Shop", "domain": "sales", "description": {"purpose": "Orders."},
            "servers": [{"server": "files", "type": "local", "path": ".", "format": "csv"}],
            "team": [{"username": "owner@example.com", "role": "owner"}], "schema": [table],
        }  # fmt: skip
        path = tmp_path / "shop.odcs.yaml"
        path.write_text(yaml.safe_dump(contract, sort_keys=False))
        return path

    return write


REFERENCE = [{"suite": "shared/common_ids", "with": {"id": "id"}}]


def linted(path: Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(lint, [str(path), "--json"])
    return list(json.loads(done.output)[0]["findings"])


def test_a_shared_suite_joins_the_table_s_rules(shop: Any) -> None:
    done = CliRunner().invoke(suite, [str(shop(suites=REFERENCE)), "--json"])
    [printed] = json.loads(done.output)
    found = {(e["type"], e["kwargs"]["column"], e["severity"], e["meta"]["origin"]) for e in printed["expectations"]}
    assert ("expect_column_values_to_be_unique", "id", "warning", "shared/common_ids.json") in found
    assert ("expect_column_values_to_be_between", "qty", "critical", "contract") in found


@pytest.mark.parametrize(
    ("suites", "said"),
    [
        ("shared/common_id", "Did you mean 'shared/common_ids'?"),
        ("shared/common_ids", "needs the parameter 'id'"),
        ("../secrets", "refers to the suite"),
        ([{"suite": "shared/common_ids", "with": {"id": "zz"}}], "names the column 'zz'"),
        (
            [{"suite": "shared/common_ids", "with": {"id": "id", "key": "id"}}],
            "the parameter 'key', which it does not use",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_early(shop: Any, suites: Any, said: str) -> None:
    [finding] = linted(shop(suites=suites))
    assert said in finding["message"] + finding["mend"]


def test_nothing_that_people_wrote_is_lost(shop: Any, tmp_path: Path) -> None:
    """GX loads what is printed, and it says all that the files said: ids, notes, meta, the suite's own words."""
    gx = pytest.importorskip("great_expectations")
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}, "id": "0d2f3b7e-0000-4000-8000-000000000001",
              "notes": ["seen with the owner"], "meta": {"owner": "sales", "origin": "a mail of 3 May"}}  # fmt: skip
    own = {
        "name": "shop.orders",
        "id": "7",
        "notes": "All of them.",
        "meta": {"steward": "ann"},
        "expectations": [unique],
    }
    (tmp_path / "expectations" / "shop.orders.json").write_text(json.dumps(own))
    custom = {"type": "custom", "engine": "greatExpectations", "name": "rows", "implementation": {
        "type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}, "notes": "never empty", "meta": {"k": 1}}}  # fmt: skip
    done = CliRunner().invoke(suite, [str(shop(quality=[custom], suites=REFERENCE)), "--json"])
    [printed] = json.loads(done.output)
    by_type = {(e["type"], e["meta"].get("sluice", e["meta"])["origin"]): e for e in printed["expectations"]}
    mine = by_type["expect_column_values_to_be_unique", "shop.orders.json"]
    assert (mine["id"], mine["notes"]) == (unique["id"], unique["notes"])
    assert mine["meta"].items() >= unique["meta"].items()
    rows = by_type["expect_table_row_count_to_be_between", "custom"]
    assert (rows["notes"], rows["meta"]["k"]) == ("never empty", 1)
    beside = {key: value for key, value in own.items() if key != "expectations"}
    assert printed["meta"]["sluice_suites"] == [
        {"file": "shop.orders.json", **beside}, {"file": "shared/common_ids.json", "name": COMMON["name"], "with": {"id": "id"}}
    ]  # fmt: skip
    assert len(gx.ExpectationSuite(**printed).expectations) == len(printed["expectations"])


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("shop.ordres.json", '{"expectations": []}', "nothing reads this suite"),
        ("shop.ordres.json", '{"expectations": []}', "Did you mean 'orders'?"),
        ("shop.orders.json", '{"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}, "mostly": 0.5}]}',
         "has 'mostly' beside its kwargs"),
        ("shop.orders.json", '{"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3, "value": 4}}]}',
         "has the key 'value' twice"),
        ("shop.orders.json", '{"expectations": [], "expectations": []}', "has the key 'expectations' twice"),
        ("shop.orders.json", '{"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}, "meta": 5}]}',
         "has the meta 5"),
    ],
)  # fmt: skip
def test_what_a_suite_file_gets_wrong_is_told(shop: Any, tmp_path: Path, file: str, content: str, said: str) -> None:
    (tmp_path / "expectations" / file).write_text(content)
    [finding] = linted(shop())
    assert said in finding["message"] + finding["mend"]
    assert file in finding["file"]


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        ({"type": "custom", "engine": "greatExpectations", "implementation": {"type": "expect_table_row_count_to_be_betwen", "kwargs": {"min_value": 1}}},
         "Did you mean 'expect_table_row_count_to_be_between'?"),
        ({"type": "custom", "engine": "greatExpectations", "implementation": {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "qty", "value_set": 5}}},
         "value_set"),
        ({"type": "sql", "query": "SELECT count(*) FROM read_csv('/etc/passwd')", "mustBe": 0}, "refused"),
        ({"type": "sql", "query": "SELECT 1; DROP TABLE orders", "mustBe": 0}, "2 statements"),
        ({"type": "sql", "query": "SELECT count(*) FROM orders WHERE quantity < 0", "mustBe": 0}, '"quantity"'),
        ({"type": "sql", "query": "SELECT count_them(qty) FROM orders", "mustBe": 0}, "count_them"),
        ({"type": "custom", "engine": "greatExpectations", "implementation": {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "SELECT * FROM {batch} WHERE quantity < 0"}}},
         '"quantity"'),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_told_early(shop: Any, quality: dict[str, Any], said: str) -> None:
    [finding] = linted(shop(quality=[quality]))
    assert said in finding["message"] + finding["mend"]


def test_a_trial_keeps_the_rows_that_break_a_rule(shop: Any, tmp_path: Path) -> None:
    contract = usable_contract(shop(suites=REFERENCE))
    trial = try_contract(contract, str(tmp_path), tmp_path / "out", load())
    results = {r["name"]: r for r in trial.evidence["quality"]["results"]}
    broken = results["qty.range"]
    assert (broken["success"], broken["engine"], broken["examples"]) == (False, "duckdb", [-1])
    kept = pq.read_table(tmp_path / "out" / "shop" / "failed_rows" / "orders" / broken["failed_rows"]["file"])
    assert kept.column("qty").to_pylist() == [-1]
    assert results["id.column_values_to_be_unique"]["unexpected_count"] == 2


def test_parameters_stand_in_everywhere() -> None:
    reference = SharedSuite("s", {"n": 3, "id": "key"})
    assert reference.filled({"a": "${n}", "b": ["x_${id}"], "c": 1}) == {"a": 3, "b": ["x_key"], "c": 1}
    with pytest.raises(BadRuleError, match="'other'"):
        reference.filled("${other}")
