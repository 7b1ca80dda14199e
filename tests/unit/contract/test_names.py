"""Names in the catalog: lower case, safe for Glue, told by the source name alone, never two the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluice.contract.names import MAX_NAME, field_name
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: ., format: csv}}]
schema:
  - name: t
    properties: [{}]
"""


def contract_of(*names: str) -> str:
    import json

    return CONTRACT.format(", ".join(f"{{name: {json.dumps(n)}, logicalType: string}}" for n in names))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ID", "id"), ("Order No.", "order_no_"), ("  x ", "x"), ("2nd", "_2nd"), ("Größe", "grosse"), ("CAFÉ", "cafe"),
        ("Ørsted", "orsted"), ("Łódź", "lodz"), ("İstanbul", "istanbul"), ("日本", "u65e5_u672c"), ("😀", "u1f600"), ("a😀", "a_"),
        ("select", "select"), ("_file", "_file_"), ("a\tb", "a_b"), ("ｗｉｄｅ", "wide"), ("", ""), ("   ", ""),
    ],
)  # fmt: skip
def test_a_name_becomes_safe_in_a_way_people_can_foresee(name: str, expected: str) -> None:
    assert field_name(name) == expected


@given(st.text())
@example("ﬃ" * 300)
@example("ß" * 200)
def test_every_name_is_safe_and_always_the_same(name: str) -> None:
    made = field_name(name)
    assert re.fullmatch(r"([a-z_][a-z0-9_]*)?", made)
    assert len(made) <= MAX_NAME
    assert bool(made) == bool(name.strip())
    assert field_name(made) == made


def test_long_names_that_differ_at_the_end_stay_apart() -> None:
    assert field_name("a" * 300 + "x") != field_name("a" * 300 + "y")
    assert read_contract(contract_of("a" * 300 + "x", "a" * 300 + "y"))


@pytest.mark.parametrize("names", [("Id", "ID"), ("a b", "a_b"), ("é", "e"), ("a-b", "a.b")])
def test_names_that_would_be_one_are_refused_with_both(names: tuple[str, str]) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(contract_of(*names))
    (finding,) = caught.value.findings
    assert finding.code == "DUPLICATE_COLUMN"
    assert all(repr(n) in finding.message for n in names)
    assert "physicalName" in finding.mend


@pytest.mark.parametrize("name", ["  ", "__", "...", "-"])
def test_a_name_with_nothing_to_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(contract_of(name))
    assert "BAD_NAME" in [f.code for f in caught.value.findings]
