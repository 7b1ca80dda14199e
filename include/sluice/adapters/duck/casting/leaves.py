"""JSON values as texts, exactly: what a column's rule is to read, and the texts inside objects and arrays.

Numbers keep their digits; a text in quotes is no number, a number no date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sluice.contract.model import Column
from sluice.contract.types import FLOATS, FROM_JSON, INTEGERS, ColumnType, Kind

_BARE_NUMBER = INTEGERS | FLOATS
_EXACT_NUMBER = INTEGERS | {Kind.DECIMAL}
_CONTROL = re.compile(r"\\u00[01][0-9a-f]")
_LONGEST_EXPONENT = 400
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
"""What JSON cannot write as a number; files with types hand it on in quotes."""


class MisfitError(ValueError):
    """What stands in an object or array is not what its type says; never leaves this package. `path` tells where."""

    def __init__(self, code: str, path: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.path = path
        self.why = why


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def exactly(text: str) -> Any:
    """JSON as RFC 8259 has it, its numbers as they were written. Raises ValueError, RecursionError."""
    return _DECODER.decode(text)


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's content; ValueError when a key is repeated."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is repeated")
    return content


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_object, parse_float=Number, parse_int=Number, parse_constant=_refuse
)


def text_fault(text: str) -> str:
    """The reason code of a text that no column can hold; empty for all others."""
    if "\0" in text:
        return "NUL_BYTE"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "JSON"
    return ""


Form = str | dict[str, Any]
"""A type as `leaves` needs it: a kind's name; {"fields": {name: form}} for a struct; {"item": form} for a list."""


def form_of(column_type: ColumnType) -> Form:
    """The form of a contract's type; it can be written as JSON."""
    if column_type.kind is Kind.STRUCT:
        return {"fields": {f.name: form_of(f.type) for f in column_type.fields}}
    return {"item": form_of(column_type.item.type)} if column_type.kind is Kind.LIST else str(column_type.kind)


def leaves_json(text: str | None, form: str) -> str | None:
    """JSON text with every value inside as the text its rule is to read, and a struct's fields as f0, f1 ... in their order.

    None when the text is null, or not what `form` (JSON of a Form) says.
    """
    if text is None:
        return None
    try:
        return json.dumps(leaves(text, _read_form(form)), ensure_ascii=False)
    except MisfitError:
        return None


def leaves(text: str, form: Form) -> Any:
    """What `leaves_json` writes. Raises MisfitError."""
    try:
        return _leaves(exactly(text), form, "")
    except RecursionError:
        raise MisfitError("JSON_DEPTH", "", "objects and arrays lie too deep inside each other") from None
    except MisfitError:
        raise
    except ValueError:
        raise MisfitError("JSON", "", f"{shown(text)} is not valid JSON") from None


def located(tree: Any, column: Column, path: str = "") -> Iterator[tuple[str, Column, str]]:
    """Every text in what `leaves` gave for the column's type, with its path and the column whose rule reads it."""
    if tree is None:
        return
    if column.type.kind is Kind.STRUCT:
        for i, field in enumerate(column.type.fields):
            yield from located(tree[f"f{i}"], field, f"{path}.{field.name}")
    elif column.type.kind is Kind.LIST:
        for i, item in enumerate(tree):
            yield from located(item, column.type.item, f"{path}[{i}]")
    else:
        yield path, column, tree


def shown(value: Any) -> str:
    """A value for people: short."""
    text = repr(value) if isinstance(value, str) and not isinstance(value, Number) else write(value)
    return text if len(text) <= 80 else text[:77] + "..."


@lru_cache(64)
def _read_form(form: str) -> Form:
    read: Form = json.loads(form)
    return read


def _leaves(value: Any, form: Form, path: str) -> Any:
    if value is None:
        return None
    if isinstance(form, str):
        text = value if value in _NOT_FINITE and form in FLOATS else text_of(value, Kind(form))
        if text is None:
            raise MisfitError("CAST", path, f"{shown(value)} is not a value of type {form}")
        if fault := text_fault(text):
            raise MisfitError(fault, path, "holds a character that no text may hold")
        return text
    if "fields" in form:
        return _fields(value, form["fields"], path)
    if not isinstance(value, list):
        raise MisfitError("CAST", path, f"{shown(value)} is not an array")
    return [_leaves(item, form["item"], f"{path}[{i}]") for i, item in enumerate(value)]


def _fields(value: Any, fields: dict[str, Form], path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MisfitError("CAST", path, f"{shown(value)} is not an object")
    if not fields.keys() >= value.keys():
        stranger = next(k for k in value if k not in fields)
        raise MisfitError("UNKNOWN_PROPERTY", path, f"has {shown(stranger)}, which is not in the contract")
    return {
        f"f{i}": _leaves(value.get(name), inner, f"{path}.{name}") for i, (name, inner) in enumerate(fields.items())
    }


def text_of(value: Any, kind: Kind) -> str | None:
    """A JSON value as the text that the column's rule will read; None when its JSON type does not fit."""
    if kind in FROM_JSON:
        return write(value)
    if isinstance(value, (dict, list)):
        return write(value) if kind is Kind.STRING else None
    if isinstance(value, bool):
        return write(value) if kind in (Kind.BOOLEAN, Kind.STRING) else None
    if isinstance(value, Number):
        if kind in _EXACT_NUMBER:
            return _without_exponent(value)
        return str(value) if kind in _BARE_NUMBER or kind is Kind.STRING else None
    # A decimal may be a string: that is how careful senders keep its digits.
    return None if kind in _BARE_NUMBER or kind is Kind.BOOLEAN else str(value)


def _without_exponent(number: Number) -> str:
    """1.5e3 as 1500, exactly; as it was written when that would be long."""
    _, exponent, power = number.lower().partition("e")
    if not exponent or abs(int(power[:6])) > _LONGEST_EXPONENT:
        return str(number)
    return format(Decimal(number), "f")


def write(value: Any) -> str:
    """JSON text with numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{write(k)}:{write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    text = json.dumps(value, ensure_ascii=False)
    return _CONTROL.sub(lambda escape: escape[0][:2] + escape[0][2:].upper(), text) if "\\u00" in text else text
