"""A published source for other catalogs and for people: nothing of the contract is lost, and the results are in it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from shop import Shop
from sluice.catalog_out import dcat, facts_of, odcs_with_results, odcs_yaml, page_data, source_lines, without_results
from sluice.catalog_out.dcat import CONTEXT
from sluice.contract import document as yaml_document
from sluice.contract.reading import read_contract
from sluice.errors import TerminalError
from sluice.stream.access import grant_access
from sluice.stream.catalog_out import exported


@pytest.fixture
def shop(ledger_url: str, lake: str, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00")])
    return shop


def keys(thing: Any) -> Iterator[str]:
    if isinstance(thing, dict):
        for key, value in thing.items():
            yield key
            yield from keys(value)
    elif isinstance(thing, list):
        for item in thing:
            yield from keys(item)


def test_a_published_source_in_every_form(shop: Shop) -> None:
    with shop.tools.ledger.reading() as tx, pytest.raises(TerminalError, match="NOT_PUBLISHED"):
        facts_of(tx, shop.source)
    request = shop.publish()
    grant_access(shop.tools, request.id)
    with shop.tools.ledger.reading() as tx:
        facts, lines = facts_of(tx, shop.source), source_lines(tx)
    assert [x["source"] for x in lines] == [shop.source]

    document = odcs_with_results(facts)
    assert without_results(document) == dict(shop.contract.document), "what came in goes out"
    text = exported(shop.tools, shop.source, "odcs")
    again = read_contract(text)
    assert without_results(dict(again.document)) == dict(shop.contract.document)
    assert yaml_document.parse(odcs_yaml(document), "x").data == json.loads(json.dumps(document))
    said = {p["property"]: p["value"] for p in again.document["customProperties"]}
    assert said["sluice.request"] == request.id
    assert said["sluice.quality"]["failed"] == 0
    assert {a["gate"] for a in said["sluice.approvals"]} == {"admission", "publication"}
    orders = again.document["schema"][0]
    of_table = {p["property"]: p["value"] for p in orders["customProperties"]}
    assert of_table["sluice.published"]["rows"] == 2
    assert of_table["sluice.rows"]["rows_staged"] == 2
    assert all(r["success"] for r in of_table["sluice.qualityResults"])
    assert of_table["sluice.qualityResults"]

    linked = json.loads(exported(shop.tools, shop.source, "dcat"))
    assert linked == json.loads(json.dumps(dcat(facts, f"{shop.tools.settings.airflow_url}/sluice")))
    prefixes = {k.split(":")[0] for k in keys(linked["@graph"]) if not k.startswith("@")}
    assert prefixes <= set(CONTEXT), "every term has a vocabulary"
    ids = [node["@id"] for node in linked["@graph"]]
    assert len(ids) == len(set(ids)) == 3
    series, first = linked["@graph"][:2]
    assert [m["@id"] for m in series["dcat:seriesMember"]] == ids[1:]
    assert first["dct:title"] == "orders"
    assert first["dct:accessRights"]["@id"].endswith("/RESTRICTED")
    assert first["dct:accrualPeriodicity"]["@id"].endswith("/DAILY")
    assert first["dcat:distribution"]["dcat:accessURL"]["@id"].startswith("s3://")
    assert first["dqv:hasQualityMeasurement"][0]["dqv:value"] == {"@type": "xsd:integer", "@value": "2"}

    page = page_data(facts)
    assert (page["owner"], page["domain"], page["version"]) == ("olga", "retail", "1.0.0")
    assert [c["name"] for c in page["tables"][0]["columns"]] == ["id", "buyer", "paid"]
    assert page["tables"][0]["rows"] == 2
    assert page["quality"]["history"][0]["evaluated"] == page["quality"]["evaluated"]
    assert page["lineage"]["from"][0]["location"].endswith("orders.csv")
    assert page["cost"]["monthly_usd"] >= 0
    assert {a["verdict"] for a in page["approvals"]} == {"approve"}
    assert page["access"][0]["principal"].endswith("role/analyst")
    json.dumps(page, allow_nan=False)


def test_results_are_added_once_however_often_a_contract_goes_round(shop: Shop) -> None:
    document = yaml.safe_load(shop.text)
    document["schema"][1].pop("customProperties")
    shop.text = odcs_yaml(document)
    shop.publish()
    with shop.tools.ledger.reading() as tx:
        facts = facts_of(tx, shop.source)
    once = odcs_with_results(facts)
    assert "customProperties" not in without_results(once)["schema"][1]
    assert without_results(once) == without_results(without_results(once)) == dict(facts.contract.document)
