"""What docs/contract.md tells a source owner to write is accepted."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft201909Validator

from sluice.contract.reading import read_contract
from sluice.contract.types import resolve

GUIDE = (Path(__file__).parents[3] / "docs/contract.md").read_text("utf-8")
EXAMPLE, *FRAGMENTS = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
TYPES = re.findall(r"^\| [^|`]+ \| `(\w+)` \| `([^`]+)` \|$", GUIDE, re.MULTILINE)


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads((resources.files("open_data_contract_standard") / "schema.json").read_text("utf-8"))


def test_the_example_is_valid_odcs(schema: dict) -> None:
    errors = [e.message for e in Draft201909Validator(schema).iter_errors(yaml.safe_load(EXAMPLE))]
    assert errors == []


def test_the_example_is_accepted_by_sluice() -> None:
    contract = read_contract(EXAMPLE, "docs/contract.md")
    assert contract.owner == "kim.berg@example.com"
    assert contract.classification == "confidential"
    [table] = contract.tables
    assert table.location == "parcels.csv"
    assert table.bad_rows.max_share == 0.01
    assert [str(column.type) for column in table.columns] == [
        "string",
        "timestamptz",
        "decimal(8,3)",
        "string",
    ]


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_each_fragment_is_valid_where_it_stands(fragment: str, schema: dict) -> None:
    part = yaml.safe_load(fragment)
    at_column = "relationships" in part and "from" not in part["relationships"][0]
    place = "SchemaProperty" if at_column else "SchemaObject"
    here = {"$defs": schema["$defs"], "$ref": f"#/$defs/{place}"}
    assert list(Draft201909Validator(here).iter_errors({"name": "flights", **part})) == []


@pytest.mark.parametrize(("logical", "physical"), TYPES)
def test_each_type_of_the_table_is_known(logical: str, physical: str) -> None:
    resolve(logical, physical)


def test_the_guide_shows_types_and_fragments() -> None:
    assert len(TYPES) == 11
    assert len(FRAGMENTS) == 4
