"""What a contract may say about drift, and what it is told when it says it wrong."""

from __future__ import annotations

import json

import pytest

from sluice.contract.model import DriftTerms
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
    customProperties:
      - property: drift
        value: {}
    properties: [{{name: amount, logicalType: number}}, {{name: b, logicalType: string}}]
"""


def finding(value: object) -> Finding:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(CONTRACT.format(json.dumps(value)))
    (found,) = caught.value.findings
    assert (found.code, found.line) == ("DRIFT_TERMS", 11) or not isinstance(value, dict)
    assert found.mend
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, DriftTerms()),
        ({"volume": 0.1, "severity": "error"}, DriftTerms(volume=0.1, severity="error")),
        ({"psi": False, "ks": 1, "range": 0}, DriftTerms(psi=None, ks=1.0, range=0.0)),
        ({"ignore": "b"}, DriftTerms(ignore=("b",))),
        ({"ignore": ["b", "amount"]}, DriftTerms(ignore=("b", "amount"))),
        (False, None),
    ],
)
def test_terms_are_read(value: object, expected: DriftTerms | None) -> None:
    assert read_contract(CONTRACT.format(json.dumps(value))).tables[0].drift == expected


@pytest.mark.parametrize("value", [-0.1, True, None, "50%", 10**400, [0.5], {"max": 1}])
def test_a_threshold_that_is_none_is_named_with_its_line(value: object) -> None:
    assert "volume" in finding({"volume": value}).message


def test_what_cannot_be_understood_is_told_what_it_may_have_meant() -> None:
    assert "'volume'" in finding({"volumes": 0.5}).mend
    assert "'amount'" in finding({"ignore": ["amuont"]}).mend
    assert "0 to 1" in finding({"ks": 2}).mend
    assert "warning" in finding({"severity": "info"}).mend
    assert "warning" in finding({"severity": ["error"]}).mend
    for value in (True, 0.5, "strict", None, [1]):
        assert "thresholds" in finding(value).mend


def test_drift_is_said_once() -> None:
    twice = CONTRACT.format("{}\n      - {{property: drift, value: false}}".format("{}"))
    with pytest.raises(InvalidContractError) as caught:
        read_contract(twice.replace("{{", "{").replace("}}", "}"))
    assert [f.code for f in caught.value.findings] == ["DRIFT_TERMS"]
