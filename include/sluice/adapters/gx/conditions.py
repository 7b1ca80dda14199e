"""GX's `row_condition` as SQL that is TRUE or FALSE for every row, never NULL.

Conditions for pandas (`DataFrame.query` texts and GX's condition objects) follow pandas: a missing value equals
nothing, is less or greater than nothing, and is unequal to everything. GX's own texts, `col("x") > 5`, follow SQL.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from sluice.adapters.gx.admission import parse_query
from sluice.adapters.gx.fields import (
    FALSE,
    MOMENTS,
    NUMERIC,
    TRUE,
    BadArgumentError,
    Family,
    Field,
    NotCompiledError,
    field_named,
    text,
)

Fields = Mapping[str, Field]

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=", ast.NotEq: "<>",
}  # fmt: skip
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_NULLITY = {"isnull": "IS NULL", "isna": "IS NULL", "notnull": "IS NOT NULL", "notna": "IS NOT NULL"}


def condition_sql(condition: Any, parser: str | None, fields: Fields) -> str:
    """The condition as SQL; empty for none.

    Raises NotCompiledError when only pandas can read it, BadArgumentError when nothing can.
    """
    if condition is None or condition == "":
        return ""
    if isinstance(condition, str):
        if parser == "pandas":
            return pandas_query(condition, fields)
        if parser in ("great_expectations", "great_expectations__experimental__"):
            return gx_text(condition, fields)
        raise BadArgumentError(f"row_condition needs the condition_parser pandas or great_expectations, not {parser!r}")
    found: Mapping[str, Any] = condition if isinstance(condition, Mapping) else condition.dict()
    return _object(found, fields)


def _object(condition: Mapping[str, Any], fields: Fields) -> str:
    match condition.get("type"):
        case "pass_through":
            return pandas_query(str(condition["pass_through_filter"]), fields)
        case "and" | "or" as word:
            parts = [_object(part if isinstance(part, Mapping) else part.dict(), fields)
                     for part in condition["conditions"]]  # fmt: skip
            return "(" + f" {word.upper()} ".join(parts) + ")" if parts else TRUE
        case "nullity":
            field = field_named(fields, condition["column"]["name"])
            return f"({field.sql} IS {'' if condition['is_null'] else 'NOT '}NULL)"
        case "comparison":
            field = field_named(fields, condition["column"]["name"])
            operator, value = (
                str(getattr(condition["operator"], "value", condition["operator"])),
                condition["parameter"],
            )
            if operator in ("IN", "NOT_IN"):
                return _member(field, list(value), negated=operator == "NOT_IN")
            return _compare(field, {"==": "=", "!=": "<>"}.get(operator, operator), value)
    raise BadArgumentError("row_condition is not one of GX's conditions")


def _compare(field: Field, operator: str, value: Any) -> str:
    if operator in ("=", "<>"):
        if field.family is Family.OTHER:
            raise NotCompiledError(f"{field.name} is of the type {field.family}")
        literal = field.equal(value)
        same = FALSE if literal is None else f"coalesce({field.sql} = {literal}, FALSE)"
        return same if operator == "=" else f"(NOT {same})"
    return f"coalesce({field.compare(operator, value)}, FALSE)"


def _member(field: Field, values: list[Any], *, negated: bool) -> str:
    if any(value is None for value in values):
        raise NotCompiledError("None in a list")
    literals = [literal for value in values if (literal := field.equal(value)) is not None]
    inside = f"coalesce({field.sql} IN ({', '.join(literals)}), FALSE)" if literals else FALSE
    return f"(NOT {inside})" if negated else inside


def pandas_query(query: str, fields: Fields) -> str:
    """A `DataFrame.query` text as SQL. Raises NotCompiledError for what is beyond comparisons and nullity."""
    names: dict[str, str] = {}
    return _Query(fields, names).boolean(parse_query(query, names))


class _Query:
    def __init__(self, fields: Fields, names: Mapping[str, str]) -> None:
        self.fields, self.names = fields, names

    def boolean(self, node: ast.expr) -> str:
        match node:
            case ast.BoolOp(op=op, values=values):
                word = " AND " if isinstance(op, ast.And) else " OR "
                return "(" + word.join(self.boolean(value) for value in values) + ")"
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return f"(NOT {self.boolean(operand)})"
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [left, *comparators]
                pairs = zip(sides, ops, sides[1:], strict=False)
                return "(" + " AND ".join(self.comparison(a, op, b) for a, op, b in pairs) + ")"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute), args=[], keywords=[]) if (
                attribute in _NULLITY
            ):
                return f"({self.field(name).sql} {_NULLITY[attribute]})"
            case ast.Name(id=name) if self.field(name).family is Family.BOOLEAN:
                return f"coalesce({self.field(name).sql}, FALSE)"
        raise NotCompiledError("row_condition is beyond comparisons")

    def comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> str:
        if isinstance(op, (ast.In, ast.NotIn)) and isinstance(left, ast.Name):
            values = self.constant(right)
            if isinstance(values, (list, tuple)):
                return _member(self.field(left.id), list(values), negated=isinstance(op, ast.NotIn))
        operator = _OPERATORS.get(type(op))
        if operator is None:
            raise NotCompiledError("row_condition is beyond comparisons")
        if isinstance(left, ast.Name) and isinstance(right, ast.Name):
            return _columns(self.field(left.id), operator, self.field(right.id))
        if isinstance(right, ast.Name):
            return self.with_value(right, _MIRRORED[operator], left)
        if isinstance(left, ast.Name):
            return self.with_value(left, operator, right)
        raise NotCompiledError("row_condition compares no column")

    def with_value(self, name: ast.Name, operator: str, other: ast.expr) -> str:
        value, field = self.constant(other), self.field(name.id)
        if value is None or isinstance(value, (list, tuple)):
            # pandas compares element by element, and a list as membership.
            raise NotCompiledError("row_condition compares with None or a list")
        return _compare(field, operator, value)

    def constant(self, node: ast.expr) -> Any:
        try:
            return ast.literal_eval(node)
        except ValueError as error:
            raise NotCompiledError("row_condition calculates") from error

    def field(self, name: str) -> Field:
        written = self.names.get(name, name)
        if written not in self.fields:
            raise NotCompiledError(f"{written} is no column")
        return self.fields[written]


def _columns(left: Field, operator: str, right: Field) -> str:
    if not comparable(left, right):
        raise NotCompiledError("columns of different kinds")
    held = f"coalesce({left.sql} {'=' if operator == '<>' else operator} {right.sql}, FALSE)"
    return f"(NOT {held})" if operator == "<>" else held


def comparable(left: Field, right: Field) -> bool:
    """Whether the two columns' values compare in SQL as they do in pandas."""
    if {left.family, right.family} <= NUMERIC:
        return (left.family is Family.BOOLEAN) is (right.family is Family.BOOLEAN)
    plain = MOMENTS - {Family.TIMESTAMPTZ}
    return (left.family is right.family and left.family is not Family.OTHER) or {left.family, right.family} <= plain


def gx_text(condition: str, fields: Fields) -> str:
    """A condition in GX's own language, such as `col("x").notnull()`, as its SQL engine runs it."""
    from great_expectations.expectations.legacy_row_conditions import (
        ConditionParserError,
        parse_great_expectations_condition,
    )

    try:
        parsed = parse_great_expectations_condition(condition)
    except ConditionParserError as error:
        raise BadArgumentError(str(error)) from error
    field = field_named(fields, parsed["column"])
    if "notnull" in parsed:
        return f"({field.sql} IS NOT NULL)"
    operator = {"==": "=", "!=": "<>"}.get(parsed["op"], parsed["op"])
    value: Any = parsed["condition_value"] if "condition_value" in parsed else _number(parsed["fnumber"])
    if field.family in NUMERIC and isinstance(value, str):
        value = _number(value)
    if field.family is Family.TEXT:
        compared = f"{field.sql} {operator} {text(str(value))}"
    elif operator in ("=", "<>"):
        compared = f"{field.sql} {operator} {field.equal(value) or 'NULL'}"
    else:
        compared = field.compare(operator, value)
    return f"coalesce({compared}, FALSE)"


_number: Callable[[str], Any] = lambda written: int(written) if written.lstrip("+-").isdigit() else float(written)  # noqa: E731
