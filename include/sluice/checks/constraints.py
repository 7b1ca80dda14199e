"""A column's own constraints (required, unique, ODCS `logicalTypeOptions`) compiled to rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import product
from typing import Any

from sluice.checks.formats import string_format
from sluice.checks.rules import BadRuleError, Rule, check_pattern, identifier, is_number, literal, search, select
from sluice.contract.model import Column, Table
from sluice.contract.types import FLOATS, FROM_JSON, NESTED, NUMBERS, Kind

EXACT_DIGITS = 15
EXACT_INTEGER = 2**53
"""Up to here a double holds every decimal number of so many digits, and every integer."""

LIMITS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")

_TEMPORAL = {
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMPTZ: "TIMESTAMPTZ",
}


def _expectation(column: Column, what: str, kind: str, dimension: str, said: str, **kwargs: Any) -> Rule:
    field = column.field_name
    kwargs = {"column": field} | kwargs
    return Rule(f"{field}.{what}", "expectation", kind, kwargs, "error", dimension, field, f"{field} {said}")


def not_null(column: Column, why: str) -> Rule:
    """The column has a value in every row."""
    return _expectation(column, "required", "expect_column_values_to_not_be_null", "completeness", f"is {why}")


def unique(column: Column, why: str) -> Rule:
    """No value of the column stands twice; nulls may."""
    return _expectation(column, "unique", "expect_column_values_to_be_unique", "uniqueness", f"is {why}")


def _presence(_: Table, column: Column) -> list[Rule]:
    required = [not_null(column, "required")] if column.required else []
    return [*required, *([unique(column, "unique")] if column.unique else [])]


def _length(table: Table, column: Column) -> list[Rule]:
    low, high = column.options.get("minLength"), column.options.get("maxLength")
    if low is None and high is None:
        return []
    if not all(end is None or (isinstance(end, int) and not isinstance(end, bool) and end >= 0) for end in (low, high)):
        raise BadRuleError(f"has the lengths {low!r} to {high!r}", "Write whole numbers, 0 or more.")
    if low is not None and high is not None and low > high:
        raise BadRuleError(f"has at least {low} and at most {high} characters: no value can", "Correct one of them.")
    said = f"has {_between(low, high)} characters"
    if column.type.kind is Kind.STRING:
        ends = _given(min_value=low, max_value=high)
        kind = "expect_column_value_lengths_to_be_between"
        return [_expectation(column, "length", kind, "conformity", said, **ends)]
    measured = f"octet_length({identifier(column.field_name)})"
    if column.type.kind is not Kind.BINARY:
        measured = f"length(CAST({identifier(column.field_name)} AS VARCHAR))"
    parts = [f"{measured} < {low}"] if low is not None else []
    parts += [f"{measured} > {high}"] if high is not None else []
    return [counted(table, column, "length", said, " OR ".join(parts))]


def _pattern(table: Table, column: Column) -> list[Rule]:
    pattern = column.options.get("pattern")
    if pattern is None:
        return []
    check_pattern(str(pattern))
    said = f"matches {pattern}"
    if column.type.kind is not Kind.STRING:
        condition = f"NOT {search(f'CAST({identifier(column.field_name)} AS VARCHAR)', pattern)}"
        return [counted(table, column, "pattern", said, condition)]
    kind = "expect_column_values_to_match_regex"
    return [_expectation(column, "pattern", kind, "conformity", said, regex=str(pattern))]


def _range(table: Table, column: Column) -> list[Rule]:
    return _limits(table, column, "range", column.options.get("minimum"), column.options.get("maximum"))


def _exclusive_range(table: Table, column: Column) -> list[Rule]:
    low, high = column.options.get("exclusiveMinimum"), column.options.get("exclusiveMaximum")
    return _limits(table, column, "exclusive_range", low, high, strict=True)


def _limits(table: Table, column: Column, what: str, low: Any, high: Any, *, strict: bool = False) -> list[Rule]:
    if low is None and high is None:
        return []
    kind = column.type.kind
    low, high = (None if end is None else limit(column, end) for end in (low, high))
    require_room(column, what)
    said = f"lies {'strictly ' if strict else ''}{_between(low, high)}"
    if kind in NUMBERS:
        # GX takes limits as doubles: where a double cannot hold them, SQL compares exactly.
        exact = kind is not Kind.DECIMAL or column.type.precision <= EXACT_DIGITS
        in_gx = exact and all(end is None or abs(end) <= EXACT_INTEGER for end in (low, high))
    else:
        in_gx = kind is not Kind.TIME
    if in_gx:
        ends = _given(min_value=low, max_value=high, strict_min=strict or None, strict_max=strict or None)
        between = "expect_column_values_to_be_between"
        return [_expectation(column, what, between, "conformity", said, **ends)]
    name, equal = identifier(column.field_name), "=" if strict else ""
    parts = [f"{name} <{equal} {sql_limit(column, low)}"] if low is not None else []
    parts += [f"{name} >{equal} {sql_limit(column, high)}"] if high is not None else []
    return [counted(table, column, what, said, " OR ".join(parts))]


def require_room(column: Column, what: str) -> None:
    """Raises BadRuleError when the column's limits together leave no value."""
    given = {name: limit(column, end) for name in LIMITS if (end := column.options.get(name)) is not None}
    for low, high in product(("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if low in given and high in given:
            strict = "exclusive" in low or "exclusive" in high
            if given[low] > given[high] or (strict and given[low] == given[high]):
                raise BadRuleError(
                    f"({what}) has {low} {given[low]} and {high} {given[high]}: no value can", "Correct one of them."
                )


def limit(column: Column, written: Any) -> Any:
    kind = column.type.kind
    if kind in NUMBERS:
        if not is_number(written):
            raise BadRuleError(f"has the limit {written!r}", "Write a number.")
        return written
    if kind not in _TEMPORAL:
        raise BadRuleError(f"has a limit, but is of type {column.type}", "Limits are for numbers, dates and times.")
    text = written.isoformat() if isinstance(written, (date, time)) else str(written)
    try:
        if kind is Kind.TIME:
            return time.fromisoformat(text).isoformat()
        if kind is Kind.DATE:
            return date.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRuleError(
            f"has the limit {written!r}: {error}", "Write it in ISO 8601, for example 2026-01-31."
        ) from error
    if kind is Kind.TIMESTAMPTZ and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.isoformat()


def sql_limit(column: Column, value: Any) -> str:
    kind = column.type.kind
    return f"CAST({literal(value)} AS {_TEMPORAL[kind]})" if kind in _TEMPORAL else literal(value)


def _multiple_of(table: Table, column: Column) -> list[Rule]:
    step = column.options.get("multipleOf")
    if step is None:
        return []
    if not is_number(step) or step <= 0 or column.type.kind not in NUMBERS:
        raise BadRuleError(
            f"has multipleOf {step!r} on the type {column.type}",
            "Give a number above 0, on a column of numbers.",
        )
    name = identifier(column.field_name)
    condition = f"{name} % {literal(step)} <> 0"
    if column.type.kind in FLOATS:
        # 0.3 is not a multiple of 0.1 in doubles, but is by its shortest text; what no decimal holds is told by ratio.
        exact, whole = f"TRY_CAST(CAST({name} AS VARCHAR) AS DECIMAL(38,18))", f"{Decimal(str(step)):f}"
        ratio = f"{name} / {step!r} - round({name} / {step!r})"
        condition = (
            f"NOT isnan({name}) AND CASE WHEN {exact} IS NULL THEN isinf({name}) OR abs({ratio}) > 1e-9 "
            f"ELSE {exact} % {whole} <> 0 OR ({exact} = 0 AND {name} <> 0) END"
        )
    return [counted(table, column, "multiple_of", f"is a multiple of {step}", condition)]


def _nested(table: Table, column: Column) -> list[Rule]:
    """Arrays and objects, staged as JSON or as what they are: a value of another shape breaks the rule too."""
    name = identifier(column.field_name)
    if column.type.kind in NESTED:
        name = f"to_json({name})"
    for low, high in (("minItems", "maxItems"), ("minProperties", "maxProperties")):
        least, most = column.options.get(low), column.options.get(high)
        if isinstance(least, int) and isinstance(most, int) and least > most:
            raise BadRuleError(f"has {low} {least} and {high} {most}: no value can", "Correct one of them.")
    rules = []
    for option, (shape, said, broken) in _NESTED.items():
        value = column.options.get(option)
        if value is None or value is False:
            continue
        if column.type.kind not in (*FROM_JSON, Kind.STRING):
            raise BadRuleError(f"has {option}, but is of type {column.type}", f"{option} is for an {shape.lower()}.")
        bound = _nested_limit(option, value)
        condition = f"json_type({name}) <> '{shape}' OR {broken.format(name=name, limit=bound)}"
        rules.append(counted(table, column, option, said.format(value), condition))
    return rules


_NESTED = {
    "minItems": ("ARRAY", "has {} items or more", "json_array_length({name}) < {limit}"),
    "maxItems": ("ARRAY", "has {} items or fewer", "json_array_length({name}) > {limit}"),
    "uniqueItems": (
        "ARRAY", "repeats no item",
        "len(list_distinct(CAST(json_extract({name}, '$[*]') AS VARCHAR[]))) < json_array_length({name})",
    ),
    "minProperties": ("OBJECT", "has {} properties or more", "len(json_keys({name})) < {limit}"),
    "maxProperties": ("OBJECT", "has {} properties or fewer", "len(json_keys({name})) > {limit}"),
    "required": ("OBJECT", "has the properties {}", "NOT list_has_all(json_keys({name}), {limit})"),
}  # fmt: skip


def _nested_limit(option: str, value: Any) -> str:
    if option == "uniqueItems":
        return ""
    if option == "required":
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise BadRuleError(f"has required {value!r}", "Write a list of the object's properties.")
        return f"[{', '.join(map(literal, value))}]"
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadRuleError(f"has {option} {value!r}", "Write a whole number, 0 or more.")
    return str(value)


def counted(table: Table, column: Column, what: str, said: str, broken: str) -> Rule:
    query = select("count(*)", f"{identifier(table.name)} WHERE {broken}")
    kwargs = {"query": query, "operator": "mustBe", "value": 0, "broken": broken}
    field = column.field_name
    return Rule(f"{field}.{what}", "sql", None, kwargs, "error", "conformity", field, f"{field} {said}")


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _between(low: Any, high: Any) -> str:
    return f"from {low} up" if high is None else f"up to {high}" if low is None else f"{low} to {high}"


CONSTRAINTS = (_presence, _length, _pattern, string_format, _range, _exclusive_range, _multiple_of, _nested)
"""Each makes the rules of one kind of constraint; all raise BadRuleError."""
