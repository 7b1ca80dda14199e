"""Rules that no data can meet, or that do not say what they mean, are told when the contract is read."""

import duckdb
import pytest

from sluice.checks.suite import compile_rules
from sluice.contract.model import Column, Table
from sluice.contract.reading import read_contract
from sluice.contract.types import resolve
from sluice.errors import BadInputError, InvalidContractError


def rule_of(type_, physical=None, *, options=None, quality=None):
    column = Column("n", "n", resolve(type_, physical), options=options or {}, quality=(quality,) if quality else ())
    return compile_rules(Table("t", "t", "t.csv", (column,)), [])


@pytest.mark.parametrize(
    ("type_", "options"),
    [
        ("integer", {"minimum": 9, "maximum": 3}), ("integer", {"exclusiveMinimum": 5, "exclusiveMaximum": 5}),
        ("integer", {"minimum": 5, "exclusiveMaximum": 5}), ("date", {"minimum": "2026-02-01", "maximum": "2026-01-01"}),
        ("string", {"minLength": 9, "maxLength": 3}), ("array", {"minItems": 5, "maxItems": 1}),
    ],
)  # fmt: skip
def test_limits_that_leave_no_value(type_, options):
    with pytest.raises(BadInputError, match="no value can"):
        rule_of(type_, options=options)


@pytest.mark.parametrize(
    "limits",
    [
        {"metric": "nullValues", "mustBeLessThan": 0}, {"metric": "nullValues", "mustBe": -5},
        {"metric": "nullValues", "mustBeBetween": [150, 200], "unit": "percent"},
        {"metric": "duplicateValues", "mustBeGreaterThan": 100, "unit": "percent"},
    ],
)  # fmt: skip
def test_counts_and_shares_that_cannot_be(limits):
    with pytest.raises(BadInputError, match="never can"):
        rule_of("integer", quality=limits)


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        ({"metric": "nullValues", "arguments": {"missingValues": [""]}, "mustBe": 0}, "missingValues"),
        ({"metric": "duplicateValues", "arguments": {"properties": ["n", "m"]}, "mustBe": 0}, "Move the rule to the table"),
        ({"metric": "invalidValues", "arguments": {"validValues": [1], "minLength": 3}, "mustBe": 0}, "minLength"),
    ],
)  # fmt: skip
def test_an_argument_that_would_be_ignored(quality, said):
    with pytest.raises(BadInputError, match=said):
        rule_of("integer", quality=quality)


def broken(rule, *values):
    """The values that a SQL rule counts."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (n DOUBLE)")
    connection.executemany("INSERT INTO t VALUES (?)", [[v] for v in values])
    return [v for (v,) in connection.execute(f"SELECT n FROM t WHERE {rule.kwargs['broken']} ORDER BY n").fetchall()]


@pytest.mark.parametrize(
    ("step", "good", "bad"),
    [
        (0.25, [0.0, 0.5, -1.75, 1e15, 0.25e3], [1e-10, 1e-30, 0.3, 1e15 + 0.125]),
        (0.1, [100000000.1, 0.3, -0.7, 12345.6], [0.05, 100000000.15]),
    ],
)
def test_multiples_are_told_as_they_are_written(step, good, bad):
    [rule] = rule_of("number", "double", options={"multipleOf": step})
    assert broken(rule, *good, float("nan"), None) == []
    assert broken(rule, *bad, float("inf")) == [*sorted(bad), float("inf")]


@pytest.mark.parametrize(
    ("quality", "count"),
    [
        ({"metric": "nullValues", "mustBeLessThan": 9}, 2),
        ({"metric": "missingValues", "arguments": {"missingValues": [None, -1]}, "mustBeLessThan": 9}, 3),
        ({"metric": "invalidValues", "arguments": {"validValues": [1, 2]}, "mustBeLessThan": 9}, 2),
        ({"metric": "duplicateValues", "mustBeLessThan": 9}, 1),
    ],
)  # fmt: skip
def test_nan_is_a_value_that_is_not_there(quality, count):
    [rule] = rule_of("number", "double", quality=quality)
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest([1.0, 1.0, 7.0, -1.0, NULL, 'nan'::DOUBLE]) AS n")
    assert connection.execute(rule.kwargs["query"]).fetchone() == (count,)


CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: draft
servers: [{server: files, type: local, path: ., format: csv}]
schema:
  - name: clients
    properties:
      - {name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}
  - name: orders
    properties:
      - {name: client, logicalType: TYPE}
      - {name: at, logicalType: date}
    relationships:
      - {type: foreignKey, from: FROM, to: clients.id}
"""


@pytest.mark.parametrize(
    ("type_", "start", "said"),
    [
        ("string", "orders.client", "never the same"), ("date", "orders.client", "never the same"),
        ("integer", "clients.client", "stands at the table 'orders'"), ("integer", "other.client", "stands at the table"),
    ],
)  # fmt: skip
def test_a_relationship_means_what_it_says(type_, start, said):
    with pytest.raises(InvalidContractError) as caught:
        read_contract(CONTRACT.replace("TYPE", type_).replace("FROM", start))
    [finding] = caught.value.findings
    assert said in finding.message and finding.line == 16
    assert read_contract(CONTRACT.replace("TYPE", "number").replace("FROM", "orders.client")).tables[1].relationships


def test_a_place_in_the_key_needs_the_key():
    with pytest.raises(InvalidContractError, match="place in the key"):
        read_contract(
            CONTRACT.replace("TYPE", "integer").replace("FROM", "orders.client").replace("primaryKey: true, ", "", 1)
        )
