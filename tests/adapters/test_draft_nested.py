"""`sluice draft` on objects and arrays inside rows: spelt out where they have one shape, JSON text where not."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice.adapters.duck.looks import nested_looks
from sluice.draft.document import DraftServer
from sluice.draft.report import Drafted
from sluice.linting import usable_text
from sluice.settings import Settings, load
from sluice.stream.drafting import draft_contract
from sluice.stream.places import find_place
from sluice.stream.trial import try_contract


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_THREADS": "2"})


def draft(path: Path, settings: Settings) -> Drafted:
    place = find_place([str(path)], settings, lambda: pytest.fail("no S3 here"))
    return draft_contract(place, "source", "Source", DraftServer("local", place.base), settings)


def order(i: int) -> dict[str, Any]:
    customer: Any = {
        "name": "Ann", "mail": f"u{i}@example.com", "born": ["1990-01-02", "", "1985-12-31"][i % 3],
        "address": {"zip": f"0{1000 + i}", "geo": [1.5, i / 7]},
    }  # fmt: skip
    return {
        "id": i, "customer": [customer, None, {"name": "only"}, {}][i % 4],
        "lines": [{"sku": f"S{j}", "price": i + j / 100, "Price": 2**40} for j in range(i % 4)],
        "tags": ["a", None, "b"][: i % 4],
        "odd": {"v": [1, "x"][i % 2], "w": [{"q": 1}, [2]][i % 2], "none": None, "e": []},
        "by_day": {f"2024-01-{1 + i % 28:02}": i}, "by_name": {f"k{i}_{j}": 1 for j in range(3)}, "{}": {},
    }  # fmt: skip


def test_objects_and_arrays_are_drafted_as_what_is_in_them(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    file.write_text(json.dumps([order(i) for i in range(120)]))
    drafted = draft(file, settings)
    contract = usable_text(drafted.text, "the draft")
    assert {c.name: str(c.type) for c in contract.tables[0].columns} == {
        "id": "int32",
        "customer": "struct<name:string,mail:string,born:date,address:struct<zip:string,geo:list<float64>>>",
        "lines": "list<struct<sku:string,price:decimal(18,2),price_2:int64>>",
        "tags": "list<string>",
        "odd": "struct<v:string,w:json,none:string,e:json>",
        "by_day": "json",
        "by_name": "json",
        "{}": "json",
    }
    customer = {
        p["name"]: p for p in yaml.safe_load(drafted.text)["schema"][0]["properties"][1]["properties"] if "name" in p
    }
    assert customer["mail"]["classification"] == "confidential"
    assert all("TODO" in p["description"] for p in customer.values())
    trial = try_contract(contract, "", tmp_path / "out", settings)
    (table,) = trial.evidence["tables"]
    assert (table["rows_staged"], table["rows_quarantined"]) == (120, 0)
    assert trial.evidence["quality"]["success"]


def test_what_the_look_inside_did_not_see_is_found_by_the_landing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nested_looks, "_MOST_BYTES", 500)  # so that of many rows few are looked into
    file = tmp_path / "events.jsonl"
    rows = [{"id": i, "a": {"n": i} | ({"seldom": 1} if i == 1501 else {}), "b": {"n": i}} for i in range(2000)]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    drafted = draft(file, settings)
    assert drafted.tables[0].quarantined == 0
    types = [str(c.type) for c in usable_text(drafted.text, "the draft").tables[0].columns]
    assert types == ["int32", "json", "struct<n:int32>"]


def test_whatever_is_in_it_the_draft_lints_and_lands(settings: Settings, tmp_path: Path) -> None:
    chance = random.Random(20)
    keys = ["a", "A", "order no.", "größe", "日本", " x", "select", "", "1st", "$base64", "x'y\"z"]

    def shape(depth: int) -> Any:
        kind = chance.choice(["object", "array", "plain"] if depth < 4 else ["plain"])
        if kind == "object":
            return {k: shape(depth + 1) for k in chance.sample(keys, chance.randint(0, 4))}
        if kind == "array":
            return [shape(depth + 1)]
        return chance.choice(["whole", "number", "text", "date", "truth", "mixed"])

    def value(of: Any) -> Any:
        if chance.random() < 0.1:
            return None
        if isinstance(of, dict):
            return {k: value(inner) for k, inner in of.items() if chance.random() < 0.9}
        if isinstance(of, list):
            return [value(of[0]) for _ in range(chance.choice([0, 1, 3]))]
        return {
            "whole": lambda: chance.randint(-5, 2 ** chance.choice([3, 33, 70])), "number": lambda: round(chance.random() * 1000, chance.randint(0, 9)),
            "text": lambda: chance.choice(["a", "N/A", "", "1,5", "x\ny", "007", "null"]), "date": lambda: chance.choice(["2024-01-02", "", "N/A"]),
            "truth": lambda: chance.random() < 0.5, "mixed": lambda: chance.choice([1, "x", True, [], {}, [1], {"a": 2}]),
        }[of]()  # fmt: skip

    columns = {f"c{i}": shape(0) for i in range(40)}
    file = tmp_path / "any.jsonl"
    file.write_text("".join(json.dumps({n: value(s) for n, s in columns.items()}) + "\n" for _ in range(60)))
    drafted = draft(file, settings)
    assert (drafted.tables[0].rows, drafted.tables[0].quarantined) == (60, 0)
    kinds = {str(c.type.kind) for c in usable_text(drafted.text, "the draft").tables[0].columns}
    assert {"struct", "list", "json"} <= kinds
