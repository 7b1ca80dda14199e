"""Personal data declared against found: through the contract, the profile and the evidence, on real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import sluice, strict
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: people
version: 1.0.0
status: active
servers: [{server: files, type: local, path: ., format: csv}]
schema:
  - name: people
    properties:
      - {name: id, logicalType: integer}
      - {name: contact, logicalType: string, customProperties: [{property: pii, value: DECLARED}]}
      - {name: remark, logicalType: string, customProperties: [{property: pii, value: phone}]}
"""


def pii_of(folder: Path, declared: str) -> dict[str, list[str]]:
    rows = [f"{i},person{i}@example.org,nothing" for i in range(30)]
    (folder / "people.csv").write_text("\n".join(["id,contact,remark", *rows]) + "\n")
    (folder / "people.odcs.yaml").write_text(CONTRACT.replace("DECLARED", declared))
    done = sluice("try", folder / "people.odcs.yaml", "--out", folder / "out", home=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "out" / "people" / "evidence.json").read_text()
    assert "person1@" not in text
    evidence = strict(text)
    (contact,) = [c for c in evidence["tables"][0]["columns"] if c["name"] == "contact"]
    (finding,) = contact["pii"]
    assert (finding["kind"], finding["share"]) == ("email", 1.0) and set(finding) == {
        "kind",
        "share",
        "confidence",
        "example",
    }
    return {**evidence["pii"], "tier": evidence["tier"]}


def test_undeclared_raises_the_tier_and_declared_but_unfound_is_noted(tmp_path: Path) -> None:
    assert pii_of(tmp_path, "[iban]") == {
        "undeclared": ["people.contact (email)"],
        "declared_not_found": ["people.contact (iban)", "people.remark (phone)"],
        "tier": "high",
    }


@pytest.mark.parametrize("declared", ["email", "true", "[iban, email]"])
def test_declared_and_found_is_as_it_should_be(tmp_path: Path, declared: str) -> None:
    found = pii_of(tmp_path, declared)
    assert found["undeclared"] == [] and found["tier"] == "standard"


def test_a_kind_that_does_not_exist_is_a_finding_with_a_mend() -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(CONTRACT.replace("DECLARED", "emial"), "people.odcs.yaml")
    (finding,) = caught.value.findings
    assert (finding.code, finding.line, finding.mend) == ("UNKNOWN_PII", 11, "Did you mean 'email'?")
