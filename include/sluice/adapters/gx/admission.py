"""What a row condition and a JSON schema of somebody else's may say, before anything evaluates them.

`DataFrame.query` is a way to call whatever Python can reach (`@pd…`, `column.to_csv(…)`), and a JSON schema may refer to
files and to the network. A condition is therefore read with Python's own parser, every part of it must be one that is
listed here, and what pandas is given is written anew from what was read, never the text itself.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sluice.adapters.gx.fields import BadArgumentError
from sluice.contract.terms import did_you_mean

MAX_LENGTH = 10_000
MAX_DEPTH = 60
MAX_POWER = 16

_METHODS = {"isnull", "isna", "notnull", "notna", "isin", "between", "abs", "round"}
_TEXT_METHODS = {
    "len", "contains", "startswith", "endswith", "match", "fullmatch", "lower", "upper", "strip", "lstrip", "rstrip",
    "isdigit", "isalpha", "isalnum", "isspace", "islower", "isupper", "isnumeric", "isdecimal", "slice", "count", "find",
}  # fmt: skip
_MOMENT_PARTS = {
    "year", "month", "day", "hour", "minute", "second", "quarter", "dayofweek", "weekday", "dayofyear", "date", "time",
}  # fmt: skip
_COMPARED = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)
_COMPUTED = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_ALLOWED = "comparisons, and/or/not, arithmetic, isin, isnull, notnull, between, .str and .dt of the table's columns"
_PARAMETER = (str, int, float, bool, type(None))


def parse_query(query: str, names: dict[str, str]) -> ast.expr:
    """A `DataFrame.query` text as Python's tree; `names` is filled with what stands in for backticked names.

    Raises BadArgumentError when it is no expression.
    """
    if len(query) > MAX_LENGTH:
        raise BadArgumentError(f"row_condition is longer than {MAX_LENGTH:,} characters")
    try:
        try:
            tree = ast.parse(_python(query, names, {"&": " and ", "|": " or "}), mode="eval")
        except SyntaxError:
            names.clear()
            tree = ast.parse(_python(query, names, {"&": " and ", "|": " or ", "=": "=="}), mode="eval")
    except (SyntaxError, tokenize.TokenError, ValueError, RecursionError, MemoryError) as error:
        raise BadArgumentError(f"row_condition {query[:200]!r} is refused: {error}. It may use {_ALLOWED}") from error
    return tree.body


def _python(query: str, names: dict[str, str], words: Mapping[str, str]) -> str:
    """The query as plain Python: backticked names stood in for, and operators as pandas reads them."""
    parts = query.strip().split("`")
    if len(parts) % 2 == 0:
        raise ValueError("an odd number of backticks")
    for i in range(1, len(parts), 2):
        names[f"__column_{i}"] = parts[i]
        parts[i] = f" __column_{i} "
    tokens = tokenize.generate_tokens(io.StringIO("".join(parts)).readline)
    return tokenize.untokenize((t.type, words.get(t.string, t.string)) for t in tokens).strip()


def safe_query(query: str, columns: Collection[str]) -> str:
    """The condition written anew from the parts of it that are allowed. Raises BadArgumentError for any other."""
    names: dict[str, str] = {}
    tree = parse_query(query, names)
    _Query(columns, names, query).boolean(tree)
    tokens = tokenize.generate_tokens(io.StringIO(ast.unparse(tree)).readline)
    return tokenize.untokenize((t.type, f"`{names[t.string]}`" if t.string in names else t.string) for t in tokens)


class _Query:
    def __init__(self, columns: Collection[str], names: Mapping[str, str], text: str) -> None:
        self.columns, self.names, self.text = columns, names, text

    def refused(self, why: str) -> BadArgumentError:
        return BadArgumentError(f"row_condition {self.text[:200]!r} is refused: {why}. It may use {_ALLOWED}")

    def boolean(self, node: ast.expr, depth: int = 0) -> None:
        """A part that is true or false for a row."""
        if depth > MAX_DEPTH:
            raise self.refused("it is nested too deeply")
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    self.boolean(value, depth + 1)
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                self.boolean(operand, depth + 1)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                if not all(isinstance(op, _COMPARED) for op in ops):
                    raise self.refused("it compares by 'is'")
                for side in (left, *comparators):
                    self.side(side, depth + 1)
            case _:
                self.value(node, depth)

    def side(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, (ast.List, ast.Tuple)):
            for item in node.elts:
                self.constant(item)
        else:
            self.value(node, depth)

    def value(self, node: ast.expr, depth: int) -> None:
        """A part that is a value of a row."""
        if depth > MAX_DEPTH:
            raise self.refused("it is nested too deeply")
        match node:
            case ast.Constant():
                self.constant(node)
            case ast.Name(id=name):
                self.column(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self.value(operand, depth + 1)
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _COMPUTED):
                self.arithmetic(left, op, right, depth + 1)
            case ast.Call(func=ast.Attribute(value=inner, attr=name), args=args, keywords=keywords):
                self.method(inner, name, depth + 1)
                for argument in (*args, *(keyword.value for keyword in keywords)):
                    self.argument(argument)
            case ast.Attribute(value=ast.Attribute(value=inner, attr="dt"), attr=name) if name in _MOMENT_PARTS:
                self.value(inner, depth + 1)
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp():
                self.boolean(node, depth + 1)
            case _:
                raise self.refused(f"it has {ast.unparse(node)[:60]!r}")

    def arithmetic(self, left: ast.expr, op: ast.operator, right: ast.expr, depth: int) -> None:
        for side in (left, right):
            text = isinstance(side, ast.Constant) and isinstance(side.value, str)
            if text and not isinstance(op, ast.Add):
                raise self.refused("it calculates with a text")
            self.value(side, depth)
        if isinstance(op, ast.Pow):
            power = right.value if isinstance(right, ast.Constant) else None
            fixed = not any(isinstance(part, ast.Name) for part in ast.walk(left))
            if not isinstance(power, (int, float)) or power > MAX_POWER or fixed:
                raise self.refused("its power is too large")

    def method(self, inner: ast.expr, name: str, depth: int) -> None:
        match inner:
            case ast.Attribute(value=of, attr="str") if name in _TEXT_METHODS:
                self.value(of, depth)
            case _ if name in _METHODS:
                self.value(inner, depth)
            case _:
                raise self.refused(f"it calls {name!r}")

    def argument(self, node: ast.expr) -> None:
        if isinstance(node, (ast.List, ast.Tuple)):
            for item in node.elts:
                self.constant(item)
        else:
            self.constant(node)

    def constant(self, node: ast.expr) -> None:
        match node:
            case ast.Constant(value=str() | int() | float() | bool() | None):
                return
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float())):
                return
        raise self.refused(f"{ast.unparse(node)[:60]!r} is no constant")

    def column(self, name: str) -> None:
        written = self.names.get(name, name)
        if written not in self.columns:
            raise BadArgumentError(
                f"row_condition names the column {written!r}, which is not there. {did_you_mean(written, self.columns)}"
            )


def safe_condition(condition: Any, parser: Any, columns: Collection[str]) -> Any:
    """The `row_condition` as pandas may be given it: texts written anew, GX's objects as they are.

    Raises BadArgumentError.
    """
    if condition is None or condition == "":
        return condition
    if isinstance(condition, str):
        return safe_query(condition, columns) if parser == "pandas" else condition
    found = condition if isinstance(condition, Mapping) else condition.dict()
    return _safe_object(found, columns, 0)


def _safe_object(condition: Any, columns: Collection[str], depth: int) -> dict[str, Any]:
    if not isinstance(condition, Mapping):
        condition = condition.dict() if hasattr(condition, "dict") else {}
    kind = condition.get("type")
    if depth > MAX_DEPTH:
        raise BadArgumentError("row_condition is nested too deeply")
    if kind == "pass_through":
        text = safe_query(str(condition.get("pass_through_filter")), columns)
        return {**condition, "pass_through_filter": text}
    if kind in ("and", "or") and isinstance(condition.get("conditions"), list):
        return {**condition, "conditions": [_safe_object(c, columns, depth + 1) for c in condition["conditions"]]}
    if kind in ("nullity", "comparison"):
        column = condition.get("column")
        name = column.get("name") if isinstance(column, Mapping) else getattr(column, "name", None)
        if name not in columns or "`" in str(name):
            hint = did_you_mean(str(name), columns)
            raise BadArgumentError(f"row_condition names the column {name!r}, which is not there. {hint}")
        values = condition.get("parameter")
        for value in values if isinstance(values, (list, tuple, set)) else [values]:
            if type(value) not in _PARAMETER:
                raise BadArgumentError(f"row_condition compares with {value!r}")
        return dict(condition)
    raise BadArgumentError("row_condition is not one of GX's conditions")


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def check_schema(schema: Any) -> None:
    """Raises BadArgumentError for a JSON schema that refers to anything outside of itself, or is none."""
    import jsonschema
    import referencing.exceptions

    if not isinstance(schema, (dict, bool)):
        raise BadArgumentError("json_schema is no object")
    refers = named = False
    # Before draft 6 the keyword was `id`, which is also a common name for a property.
    old = isinstance(schema, dict) and bool(re.search(r"draft-0[34]", str(schema.get("$schema"))))
    for depth, node in _objects(schema):
        named |= depth > 0 and (isinstance(node.get("$id"), str) or (old and isinstance(node.get("id"), str)))
        for key in _REFERENCES:
            written = node.get(key)
            refers |= isinstance(written, str)
            if isinstance(written, str) and not written.startswith("#"):
                raise BadArgumentError(
                    f"json_schema refers to {written!r}: a check reads no network and no files, write it into "
                    "the schema's own `$defs` and refer to '#/$defs/…'"
                )
    if refers and named:
        raise BadArgumentError("json_schema has an inner `$id` beside references: take it out")
    try:
        kind: Any = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise BadArgumentError(f"json_schema: {error.message}") from error
    except (referencing.exceptions.Unresolvable, RecursionError) as error:
        raise BadArgumentError(f"json_schema: {type(error).__name__}") from error


def _objects(schema: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Every object in the schema, with how deep it stands."""
    waiting = [(0, schema)]
    while waiting:
        depth, node = waiting.pop()
        if isinstance(node, Mapping):
            yield depth, node
            waiting.extend((depth + 1, inner) for inner in node.values())
        elif isinstance(node, list):
            waiting.extend((depth + 1, inner) for inner in node)


def admit(kwargs: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """An expectation's kwargs as they may be evaluated. Raises BadArgumentError."""
    admitted = dict(kwargs)
    if admitted.get("row_condition") is not None:
        admitted["row_condition"] = safe_condition(admitted["row_condition"], admitted.get("condition_parser"), columns)
    if admitted.get("json_schema") is not None:
        check_schema(admitted["json_schema"])
    return admitted
