"""What a contract may say inside objects and arrays, and what is checked there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sluice.checks.inside import inside
from sluice.checks.rules import BadRuleError
from sluice.contract.model import Column, Table
from sluice.contract.reading import read_contract
from sluice.contract.types import Kind
from sluice.errors import InvalidContractError

HEAD = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: ., format: jsonl}]
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer}
      - """


def table(column: str) -> Table:
    return read_contract(HEAD + column + "\n").tables[0]


def column(text: str) -> Column:
    return table(text).columns[1]


def codes(text: str) -> list[str]:
    with pytest.raises(InvalidContractError) as caught:
        table(text)
    return [f.code for f in caught.value.findings]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name: o, logicalType: object}", "json"),
        ("{name: o, logicalType: object, properties: [{name: A b, logicalType: integer}]}", "struct<a_b:int64>"),
        ("{name: o, logicalType: object, physicalType: json, properties: [{name: a, logicalType: date}]}", "json"),
        ("{name: o, physicalType: struct, properties: [{name: a, logicalType: date}]}", "struct<a:date>"),
        ("{name: o, logicalType: array}", "json"),
        ("{name: o, logicalType: array, items: {logicalType: string}}", "list<string>"),
        ("{name: o, physicalType: array, items: {physicalType: int}}", "list<int32>"),
        ("{name: o, logicalType: array, items: {logicalType: array, items: {physicalType: 'decimal(5,2)'}}}", "list<list<decimal(5,2)>>"),
        ("{name: o, logicalType: array, items: {logicalType: object, properties: [{name: a, logicalType: date}]}}", "list<struct<a:date>>"),
    ],
)  # fmt: skip
def test_objects_and_arrays_have_types(text: str, said: str) -> None:
    assert str(column(text).type) == said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{name: o, logicalType: object, physicalType: struct}", ["UNKNOWN_TYPE"]),
        ("{name: o, logicalType: array, physicalType: struct, items: {logicalType: string}}", ["UNKNOWN_TYPE"]),
        ("{name: o, logicalType: array, items: {logicalType: string, physicalType: date}}", ["UNKNOWN_TYPE"]),
        ("{name: o, logicalType: object, properties: [{name: a, logicalType: date, unique: true}]}", ["BAD_NESTED"]),
        ("{name: o, logicalType: array, items: {logicalType: string, primaryKey: true}}", ["BAD_NESTED"]),
        ("{name: o, logicalType: object, properties: [{name: a, logicalType: date}, {name: A, logicalType: date}]}", ["DUPLICATE_COLUMN"]),
        ("{name: o, logicalType: object, primaryKey: true, properties: [{name: a, logicalType: date}]}", ["BAD_KEY"]),
        ("{name: o, " + "logicalType: array, items: {" * 30 + "logicalType: string" + "}" * 31, ["BAD_NESTED"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(text: str, found: list[str]) -> None:
    assert codes(text) == found


def test_the_most_sensitive_part_decides() -> None:
    parts = "properties: [{name: a, logicalType: string, classification: restricted}, {name: b, logicalType: string}]"
    told = column("{name: o, logicalType: object, classification: public, " + parts + "}")
    assert told.classification == "restricted"
    assert [f.classification for f in told.type.fields] == ["restricted", "public"]
    assert told.type.kind is Kind.STRUCT


def rules(text: str) -> Sequence[str]:
    found = table(text)
    return [rule.name for rule in inside(found, found.columns[1])]


def test_what_is_asked_inside_is_checked() -> None:
    lines = (
        "{name: o, logicalType: array, items: {logicalType: object, required: true, properties: ["
        "{name: Sku, logicalType: string, required: true, logicalTypeOptions: {pattern: '^[a-z]$', maxLength: 3}},"
        "{name: qty, logicalType: integer, logicalTypeOptions: {minimum: 1, exclusiveMaximum: 9, multipleOf: 2}},"
        "{name: mail, logicalType: string, logicalTypeOptions: {format: email}},"
        "{name: tags, logicalType: array, logicalTypeOptions: {minItems: 1}, items: {logicalType: string}}]}}"
    )
    assert rules(lines) == [
        "o[].required", "o[].sku.required", "o[].sku.maxLength", "o[].sku.pattern", "o[].qty.minimum",
        "o[].qty.exclusiveMaximum", "o[].qty.multiple_of", "o[].mail.pattern", "o[].tags.minItems",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        "{minLength: -1}",
        "{pattern: '('}",
        "{minimum: 1}",
        "{multipleOf: 2}",
        "{minimum: 5, maximum: 4}",
        "{uniqueItems: true}",
    ],
)
def test_what_no_value_inside_can_meet_is_told(options: str) -> None:
    with pytest.raises((BadRuleError, InvalidContractError)):
        rules("{name: o, logicalType: array, items: {logicalType: string, logicalTypeOptions: " + options + "}}")
