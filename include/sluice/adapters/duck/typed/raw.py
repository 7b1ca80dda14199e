"""Writes a quarantined row of a typed file so that people can repair it, and sluice.adapters.duck.typed.repaired can
read it again as what it was: one JSON object, a member for every column of the contract.

Numbers and booleans of the file are bare, texts and moments are strings. What JSON has no word for is an object with
one member: {"$base64": …} are bytes that are no text, {"$json": …} a nested value that is neither object nor array,
{"$error": …} a cell with an error. "$more" holds what stood beyond the last column.
"""

from __future__ import annotations

import re
import struct
from base64 import b64encode
from typing import Any
from uuid import UUID

from sluice.adapters.duck.typed.forms import Form, Shape
from sluice.adapters.duck.typed.rows import to_json
from sluice.contract.model import Column
from sluice.contract.types import INTEGERS, Kind

BASE64, JSON, ERROR, MORE = "$base64", "$json", "$error", "$more"

CELL_ERROR = to_json(
    {ERROR: "an error of Excel's or a formula without its result, not a value: write the value here, or null"}
)
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MOST_WHOLE = 10**38
"""Larger numbers are no integers or decimals of ours, and are shown shorter."""
_DAY = 86_400 * 10**9


def raw_value(column: Column, form: Form, value: Any) -> str:
    """JSON text of a column's value, which has this form in the file."""
    if value is None:
        return "null"
    if form.shape is Shape.JSON:
        plain = value[:1] in ("{", "[") and not value.startswith('{"$')
        return str(value) if plain else f'{{"{JSON}":{value}}}'
    if isinstance(value, bytes):
        return _bytes(column, form, value)
    if form.shape is Shape.UUID and column.type.kind is Kind.BINARY:
        return to_json({BASE64: b64encode(UUID(value).bytes).decode()})
    if form.tick:
        return _clock(value * form.tick) if 0 <= value * form.tick < _DAY else to_json(value)
    if form.canonical and isinstance(value, str) and (value in ("true", "false") or _JSON_NUMBER.fullmatch(value)):
        return value
    if form.shape is Shape.TIMESTAMP and column.type.kind is Kind.DATE:
        return to_json(value.removesuffix(" 00:00:00"))
    if isinstance(value, float):
        return _float(column, form, value)
    return to_json(value)


def _float(column: Column, form: Form, value: float) -> str:
    """The digits that make the same value of the column's type as the float in the file does."""
    if column.type.kind in (*INTEGERS, Kind.DECIMAL) and value.is_integer() and abs(value) < _MOST_WHOLE:
        return str(int(value))
    return _single(value) if form.bits == 32 and column.type.kind is not Kind.FLOAT64 else to_json(value)


def _bytes(column: Column, form: Form, value: bytes) -> str:
    # A binary column's options say how texts become bytes; these bytes are none.
    if form.textual or column.type.kind is not Kind.BINARY or not column.options:
        try:
            return to_json(value.decode())
        except UnicodeDecodeError:
            pass
    return to_json({BASE64: b64encode(value).decode()})


def _clock(nanos: int) -> str:
    seconds, rest = divmod(nanos, 10**9)
    digits = f".{rest:09}".rstrip("0") if rest else ""
    return f'"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{digits}"'


def _single(value: float) -> str:
    """The shortest digits that are read as the same number of 32 bits."""
    for digits in range(1, 9):
        short = float(f"{value:.{digits}g}")
        try:
            if struct.pack("f", short) == struct.pack("f", value):
                return to_json(short)
        except OverflowError:
            continue
    return to_json(value)
