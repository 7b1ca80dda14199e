"""Evidence in parts: every word belongs to exactly one, and what changed is told."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contract.model import Contract
from sluice.contract.reading import load_contract, read_contract
from sluice.evidence_changes import changes
from sluice.evidence_parts import part_digests
from sluice.policy import PARTS

FLIGHTS = Path(__file__).parents[2] / "include" / "contracts" / "nyc_flights.odcs.yaml"
CONTRACT = load_contract(FLIGHTS)
PACK: dict[str, Any] = {
    "source": "nyc_flights", "contract_digest": "c" * 64, "evidence_digest": "e" * 64, "uri": "s3://x", "signatures": ["security"],
    "contract": {"name": "Flights", "version": "1.0.0", "classification": "public", "purpose": "delays", "tables": {"flights": "one a flight"}},
    "tier": "low", "tier_reasons": ["public"],
    "pii": {"undeclared": [], "declared_not_found": ["planes.owner (name)"]},
    "tables": [{
        "name": "flights", "content_digest": "d" * 64, "rows_read": 5, "rows_staged": 4, "rows_quarantined": 1, "rows_dropped": 0,
        "quarantine_reasons": {"CAST": 1}, "dialect": {"delimiter": ","}, "duplicate_rows": 0, "drift": None,
        "columns": [{"name": "carrier", "field_name": "carrier", "type": "string", "nulls": 0, "distinct": 2, "min": "AA", "max": "UA",
                     "classification": "public", "pii": [], "withheld": False}],
    }],
    "quality": {"success": True, "evaluated": 3, "failed": 0, "warnings": 0, "results": [{"name": "r", "table": "flights", "success": True}]},
    "cost": {"monthly_usd": 0.5, "assumptions": ["a"]},
    "catalog": {"kind": "glue", "database": "nyc_flights", "tables": {"flights": {"identifier": "nyc_flights.flights", "location": "s3://x/flights", "parameters": {"version": "1.0.0"}}},
                "access": [{"role": "analysts", "table": "nyc_flights.flights", "columns": None}], "access_enforced": True},
}  # fmt: skip
WHOLE = {"version", "contract_digest", "evidence_digest", "uri", "signatures", "source"}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, (*path, i))
    else:
        yield path


def changed(document: Any, path: tuple[Any, ...]) -> Any:
    copy = deepcopy(document)
    here = copy
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = "something else"
    return copy


def parts_that_differ(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return [part for part in PARTS if one[part] != other[part]]


@pytest.mark.parametrize("path", [p for p in leaves(PACK) if not WHOLE & set(p)], ids=lambda p: ".".join(map(str, p)))
def test_every_figure_of_the_pack_belongs_to_one_part(path: tuple[Any, ...]) -> None:
    if path[:1] == ("tables",) and path[-1] in ("name", "field_name"):
        return  # a table or column of another name is another one: all parts that tell of it change
    before, after = part_digests(CONTRACT, PACK), part_digests(CONTRACT, changed(PACK, path))
    assert len(parts_that_differ(before, after)) == 1


@given(st.data())
@settings(max_examples=60)
def test_no_word_of_the_contract_can_change_unseen(data: st.DataObject) -> None:
    document = dict(CONTRACT.document)
    path = data.draw(st.sampled_from([p for p in leaves(document) if p != ("version",)]))
    other = as_contract(changed(document, path))
    assert parts_that_differ(part_digests(CONTRACT, PACK), part_digests(other, PACK)), path


def as_contract(document: dict[str, Any]) -> Contract:
    from dataclasses import replace

    return replace(CONTRACT, document=document)


def test_the_version_alone_changes_no_part() -> None:
    text = FLIGHTS.read_text()
    document = yaml.safe_load(text)
    newer = read_contract(text.replace(f"version: {document['version']}", "version: 9.9.9", 1))
    assert newer.digest != CONTRACT.digest
    assert part_digests(newer, PACK) == part_digests(CONTRACT, PACK)


def test_what_changed_is_told_part_by_part_in_words() -> None:
    after = deepcopy(PACK)
    after["tables"][0]["rows_read"] = 1_000_005
    after["tables"][0]["columns"][0]["pii"] = [{"kind": "email", "share": 0.5}]
    after["tier"] = "high"
    after["pii"]["undeclared"] = ["flights.carrier (email)"]
    told = {c.part: c for c in changes((CONTRACT, PACK), (CONTRACT, after))}
    assert set(told) == {"classification", "profile", "risk"}
    assert "5 → 1,000,005" in str(told["profile"])
    assert "flights.carrier (email)" in str(told["classification"])
    assert told["risk"].words == ("tier: low → high",)


def test_many_changes_are_counted_not_listed() -> None:
    after = deepcopy(PACK)
    after["quality"]["results"] = [{"name": f"r{i}", "table": "flights", "success": False} for i in range(50)]
    (quality,) = changes((CONTRACT, PACK), (CONTRACT, after))
    assert len(quality.words) == 8
    assert quality.more > 40


def test_who_may_read_it_is_a_part_of_its_own() -> None:
    """A reader more must be agreed to by whoever looks at access, whatever else they look at."""
    document = dict(CONTRACT.document) | {"roles": [{"role": "marketing", "access": "read"}]}
    assert parts_that_differ(part_digests(CONTRACT, PACK), part_digests(as_contract(document), PACK)) == ["access"]
    after = deepcopy(PACK)
    after["catalog"]["access"].append({"role": "marketing", "table": "nyc_flights.flights", "columns": None})
    (access,) = changes((CONTRACT, PACK), (CONTRACT, after))
    assert access.part == "access" and "marketing" in str(access)
