"""What a contract asks of the values inside objects and arrays, compiled to SQL that counts the rows that break it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sluice.checks.constraints import LIMITS, counted, limit, require_room, sql_limit
from sluice.checks.formats import PATTERNS
from sluice.checks.rules import BadRuleError, Rule, check_pattern, identifier, is_number, literal
from sluice.contract.model import Column, Table
from sluice.contract.types import FLOATS, NESTED, NUMBERS, Kind

_UNCHECKED = ("uniqueItems", "minProperties", "maxProperties", "required")


@dataclass(frozen=True)
class _Asked:
    """One thing that is asked of a place inside a column; `broken` is SQL over the row."""

    place: str
    what: str
    said: str
    broken: str


def inside(table: Table, column: Column) -> list[Rule]:
    """A rule for everything that is asked of what is inside the column. Raises BadRuleError."""
    if column.type.kind not in NESTED:
        return []
    asked = _within(column, identifier(column.field_name), 0)
    rules = ((f"{column.field_name}{a.place}", a, counted(table, column, a.what, a.said, a.broken)) for a in asked)
    return [replace(r, name=f"{place}.{a.what}", description=f"{place} {a.said}") for place, a, r in rules]


def _within(column: Column, value: str, depth: int) -> Iterator[_Asked]:
    """What is asked of the parts of `value`, SQL for a struct or a list."""
    if column.type.kind is Kind.STRUCT:
        for field in column.type.fields:
            part = f"struct_extract({value}, {literal(field.field_name)})"
            for asked in _of(field, part, depth):
                there = f"{value} IS NOT NULL AND " if asked.what == "required" else ""
                yield replace(asked, place=f".{field.field_name}{asked.place}", broken=f"{there}({asked.broken})")
    elif column.type.kind is Kind.LIST:
        item = f"x{depth}"
        for asked in _of(column.type.item, item, depth + 1):
            some = f"len(list_filter({value}, lambda {item}: ({asked.broken}) IS TRUE)) > 0"
            yield replace(asked, place=f"[]{asked.place}", broken=some)


def _of(column: Column, value: str, depth: int) -> Iterator[_Asked]:
    """What is asked of the value itself, and of its parts."""
    if column.required:
        yield _Asked("", "required", "is required", f"{value} IS NULL")
    options, kind = column.options, column.type.kind
    if unchecked := next((name for name in _UNCHECKED if options.get(name)), None):
        raise BadRuleError(f"has {unchecked} at {column.name!r}, inside an object or array, where it is not checked",
                           "Take it out; a rule of type sql can look inside.")  # fmt: skip
    least, most = ("minItems", "maxItems") if kind is Kind.LIST else ("minLength", "maxLength")
    size = f"len({value})" if kind is Kind.LIST else f"length(CAST({value} AS VARCHAR))"
    for option, sign in ((least, "<"), (most, ">")):
        if (count := options.get(option)) is not None:
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise BadRuleError(f"has {option} {count!r}", "Write a whole number, 0 or more.")
            yield _Asked("", option, f"has {option} {count}", f"{size} {sign} {count}")
    yield from _limits(column, value)
    pattern = options.get("pattern")
    if pattern is not None:
        check_pattern(str(pattern))
    elif kind is Kind.STRING and str(options.get("format")).lower() in PATTERNS:
        pattern = PATTERNS[str(options["format"]).lower()][0]
    if pattern is not None:
        # DuckDB's meaning of a pattern, RE2's: Python is not asked about every item of every list.
        match = f"regexp_matches(CAST({value} AS VARCHAR), {literal(str(pattern))})"
        yield _Asked("", "pattern", f"matches {pattern}", f"NOT {match}")
    yield from _within(column, value, depth)


def _limits(column: Column, value: str) -> Iterator[_Asked]:
    if any(column.options.get(name) is not None for name in LIMITS):
        require_room(column, "range")
    for name, sign in zip(LIMITS, ("<", "<=", ">", ">="), strict=True):
        if (end := column.options.get(name)) is not None:
            yield _Asked("", name, f"has the {name} {end}", f"{value} {sign} {sql_limit(column, limit(column, end))}")
    step = column.options.get("multipleOf")
    if step is None:
        return
    if not is_number(step) or step <= 0 or column.type.kind not in NUMBERS - FLOATS:
        raise BadRuleError(
            f"has multipleOf {step!r} on the type {column.type}", "Give a number above 0, for integers or decimals."
        )
    yield _Asked("", "multiple_of", f"is a multiple of {step}", f"{value} % {literal(step)} <> 0")
