"""Bad contracts, each with the code, the line and the mend its author will read."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sys import getswitchinterval, setswitchinterval
from threading import Barrier

import pytest

from sluice.contract.document import parse
from sluice.contract.reading import load_contract, read_contract
from sluice.contract.types import Kind
from sluice.errors import BadInputError, InvalidContractError
from sluice.linting import usable_text

GOOD = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers:
  - server: files
    type: local
    path: shop
    format: csv
    customProperties:
      - property: nullSequence
        value: "NA"
schema:
  - name: orders
    properties:
      - name: id
        logicalType: integer
        primaryKey: true
        primaryKeyPosition: 1
      - name: Amount paid
        logicalType: number
        physicalType: decimal(9,2)
        classification: confidential
  - name: lines
    customProperties:
      - property: location
        value: order_lines.csv.gz
    properties:
      - name: order_id
        logicalType: integer
        relationships:
          - to: orders.id
"""


def problems(text: str) -> list[tuple[str, int]]:
    with pytest.raises(InvalidContractError) as caught:
        usable_text(text, "shop.odcs.yaml")
    for finding in caught.value.findings:
        assert finding.mend, finding
        assert finding.file == "shop.odcs.yaml"
    return [(f.code, f.line) for f in caught.value.findings]


def test_a_good_contract_is_resolved() -> None:
    contract = read_contract(GOOD)
    orders, lines = contract.tables
    assert [c.field_name for c in orders.columns] == ["id", "amount_paid"]
    assert orders.columns[1].type.kind is Kind.DECIMAL
    assert contract.classification == "confidential"
    assert [c.name for c in orders.key] == ["id"]
    assert contract.location(orders) == "shop/orders.csv"
    assert contract.location(lines) == "shop/order_lines.csv.gz"
    assert lines.relationships[0].to_table == "orders"
    assert contract.server.dialect.null_sequence == ("NA",)


def test_the_digest_ignores_layout_and_sees_meaning() -> None:
    same = GOOD.replace("status: active", "status:    'active'  # a comment")
    other = GOOD.replace("decimal(9,2)", "decimal(9,3)")
    assert read_contract(GOOD).digest == read_contract(same).digest != read_contract(other).digest


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (("v3.1.0", "v2.2.2"), "CONTRACT_VERSION", 1),
        (("v3.1.0", "v9.9.9"), "CONTRACT_VERSION", 1),
        (("DataContract", "DataProduct"), "CONTRACT_KIND", 2),
        (("status: active\n", ""), "MISSING_KEY", 1),
        (("status: active", "status: live"), "BAD_STATUS", 5),
        (("status: active", "status: active\ncolour: blue"), "UNKNOWN_KEY", 6),
        (("logicalType: number", "logicalTyp: number"), "UNKNOWN_KEY", 22),
        (("logicalType: number", "logicalType: money"), "UNKNOWN_TYPE", 22),
        (("decimal(9,2)", "decimal(99,2)"), "UNKNOWN_TYPE", 23),
        (("decimal(9,2)", "gizmo"), "UNKNOWN_TYPE", 23),
        (("decimal(9,2)", "boolean"), "UNKNOWN_TYPE", 23),
        (("confidential", "secret"), "BAD_CLASSIFICATION", 24),
        (("id: shop", "id: ../etc"), "BAD_ID", 3),
        (("id: shop", "id: Shop-1"), "BAD_ID", 3),
        (("name: lines", "name: Orders"), "DUPLICATE_TABLE", 25),
        (("name: Amount paid", "name: ID"), "DUPLICATE_COLUMN", 21),
        (("orders.id", "orders.number"), "BAD_RELATIONSHIP", 33),
        (("orders.id", "clients.id"), "BAD_RELATIONSHIP", 33),
        (("primaryKeyPosition: 1", "primaryKeyPosition: 3"), "BAD_KEY", 16),
        (("type: local", "type: custom"), "SERVER_TYPE", 8),
        (("format: csv", "format: xml"), "UNKNOWN_FORMAT", 10),
        (("order_lines.csv.gz", "../../etc/passwd"), "BAD_LOCATION", 25),
        (("order_lines.csv.gz", "/etc/passwd"), "BAD_LOCATION", 25),
        (("path: shop", "path: https://host/x"), "BAD_LOCATION", 9),
        (('value: "NA"', "value: 7"), "BAD_DIALECT", 12),
        (("primaryKeyPosition: 1", "primaryKeyPosition: 1\n        quality:\n          - type: custom\n            engine: greatExpectations\n            implementation: {type: be_nice}"), "BAD_QUALITY_RULE", 22),
    ],
)  # fmt: skip
def test_bad_contracts_are_named_by_line(change: tuple[str, str], code: str, line: int) -> None:
    found = problems(GOOD.replace(*change))
    assert code in [c for c, _ in found]
    assert dict(found)[code] == line


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "YAML_NOT_A_CONTRACT"),
        ("just a sentence", "YAML_NOT_A_CONTRACT"),
        ("- a\n- list", "YAML_NOT_A_CONTRACT"),
        ("a: [b", "YAML_SYNTAX"),
        ("a: 1\na: 2", "YAML_DUPLICATE_KEY"),
        ("a: &x [1]\nb: [*x, *x]", "YAML_ALIAS"),
        ("a: !!python/object/apply:os.system [id]", "YAML_TAG"),
        ("[" * 100_000, "YAML_TOO_DEEP"),
        ("a: " + "x" * 2_000_000, "YAML_TOO_LARGE"),
        ("a: \x00", "YAML_SYNTAX"),
        ('a: "b\\0c"', "YAML_SYNTAX"),
        ('a: "\\uD800"', "YAML_SYNTAX"),
        ("apiVersion: v3.1.0\n\tkind: x", "YAML_SYNTAX"),
    ],
)
def test_poisonous_or_broken_yaml_is_refused_before_anything_is_built(text: str, code: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "secret",
    [
        "path: s3://key:hunter2hunter2@bucket/x",
        "path: AKIAABCDEFGHIJKLMNOP",
        "path: shop\n    description: 'Server=db;Password=hunter2hunter2;'",
        "path: shop\n    password: hunter2hunter2",
    ],
)
def test_a_secret_is_refused_and_never_repeated(secret: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(GOOD.replace("path: shop", secret))
    assert {f.code for f in caught.value.findings} == {"SECRET"}
    assert "hunter2" not in str(caught.value) + "".join(map(str, caught.value.findings))


def test_a_custom_property_can_hide_no_secret_either() -> None:
    text = GOOD.replace("property: nullSequence", "property: dbPassword").replace(
        'value: "NA"', "value: hunter2hunter2"
    )
    with pytest.raises(InvalidContractError) as caught:
        read_contract(text)
    assert caught.value.code == "SECRET"


def test_a_column_may_be_called_password() -> None:
    assert read_contract(GOOD.replace("Amount paid", "password")).tables[0].columns[1].name == "password"


def test_no_tables_and_no_columns() -> None:
    head = GOOD[: GOOD.index("schema:")]
    assert problems(head) == [("NO_TABLES", 1)]
    assert problems(head + "schema: []\n") == [("NO_TABLES", 14)]
    assert ("NO_COLUMNS", 15) in problems(head + "schema:\n  - name: orders\n")


def test_a_missing_file_a_folder_and_bytes_that_are_not_text(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(BadInputError) as caught:
            load_contract(path)
        assert caught.value.code == "CONTRACT_NOT_FOUND"
    binary = tmp_path / "x.yaml"
    binary.write_bytes(b"a: 1\nb: \xff\xfe")
    with pytest.raises(InvalidContractError) as invalid:
        load_contract(binary)
    assert invalid.value.findings[0].line == 2


def test_no_is_norway_and_true_is_true() -> None:
    """YAML 1.1 would read `NO` as false."""
    contract = read_contract(
        GOOD.replace('value: "NA"', "value: [NO, off, y]").replace("primaryKey: true", "primaryKey: True")
    )
    assert contract.server.dialect.null_sequence == ("NO", "off", "y")
    assert contract.tables[0].key


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{metric: rowCount}", "the rule has no operator"),
        ("{metric: rowCount, mustBe: 1, mustNotBe: 2}", "the rule has 2 operators (mustBe, mustNotBe)"),
        ('{type: sql, query: "SELECT 1"}', "the rule has no operator"),
    ],
)
def test_a_rule_without_its_one_operator_is_told_in_one_line(rule: str, said: str) -> None:
    text = GOOD.replace("primaryKeyPosition: 1", f"primaryKeyPosition: 1\n        quality:\n          - {rule}", 1)
    with pytest.raises(InvalidContractError) as caught:
        read_contract(text)
    assert [(f.code, f.message) for f in caught.value.findings] == [("BAD_QUALITY_RULE", said)]


def test_many_may_read_at_once() -> None:
    text = "\n".join(f"- {{a: {i}, b: 2026-01-{1 + i % 28:02}, c: text {i}}}" for i in range(200))
    begin, before = Barrier(8), getswitchinterval()
    setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            found = list(
                threads.map(
                    lambda _: (begin.wait(), parse(f"rows:\n{text}", "f", a="x", begins="`rows:`"))[1], range(8)
                )
            )
    finally:
        setswitchinterval(before)
    assert all(one.data == found[0].data for one in found)
