"""What a contract may say about bad rows, and what it is told when it says it wrong."""

from __future__ import annotations

import pytest

from sluice.contract.model import BadRows
from sluice.contract.reading import read_contract
from sluice.errors import Finding, InvalidContractError

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: ., format: csv}}]
schema:
  - name: t
    customProperties: [{}]
    properties: [{{name: a, logicalType: string}}]
"""


def contract(**terms: object) -> str:
    import json

    return CONTRACT.format(", ".join(f"{{property: {n}, value: {json.dumps(v)}}}" for n, v in terms.items()))


def finding(**terms: object) -> Finding:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(contract(**terms))
    (found,) = caught.value.findings
    assert found.code == "QUARANTINE_POLICY"
    assert found.line == 9
    assert found.mend
    return found


def test_without_a_word_bad_rows_are_quarantined_without_limit() -> None:
    assert read_contract(contract()).tables[0].bad_rows == BadRows("quarantine", None, None, True)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"quarantineMaxShare": 0.01}, BadRows(max_share=0.01)),
        ({"quarantineLimit": 1}, BadRows(max_share=1)),
        ({"quarantineMaxRows": 100}, BadRows(max_rows=100)),
        ({"quarantineMaxShare": 0.5, "quarantineMaxRows": 0}, BadRows(max_share=0.5, max_rows=0)),
        ({"quarantinePolicy": "drop", "quarantineKeepRaw": False}, BadRows("drop", keep_raw=False)),
        ({"quarantinePolicy": "refuse"}, BadRows("refuse")),
    ],
)
def test_terms_are_read(terms: dict[str, object], expected: BadRows) -> None:
    assert read_contract(contract(**terms)).tables[0].bad_rows == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quarantineMaxShare", 1.5), ("quarantineMaxShare", -0.1), ("quarantineMaxShare", True), ("quarantineMaxShare", "1%"),
        ("quarantineMaxShare", 10**400), ("quarantineMaxRows", 0.5), ("quarantineMaxRows", -1), ("quarantineMaxRows", True),
        ("quarantinePolicy", "ignore"), ("quarantinePolicy", None), ("quarantineKeepRaw", "no"),
    ],
)  # fmt: skip
def test_a_term_that_does_not_fit_is_named_with_its_line(name: str, value: object) -> None:
    assert name in finding(**{name: value}).message


def test_a_count_where_a_share_belongs_is_told_where_it_belongs() -> None:
    assert "quarantineMaxRows" in finding(quarantineLimit=100).mend


def test_a_misspelt_term_is_not_passed_over() -> None:
    assert "quarantineMaxRows" in finding(quarantineMaxRow=3).mend


def test_contradictions_are_refused() -> None:
    assert "same thing" in finding(quarantineLimit=0.1, quarantineMaxShare=0.2).message
    assert "refuse" in finding(quarantinePolicy="refuse", quarantineMaxRows=3).message
