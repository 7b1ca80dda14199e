"""Writes values of typed files as strict JSON: the text of nested values, and the raw form of quarantined rows.

Numbers keep their digits; dates, times and moments are ISO 8601; bytes are text where they are UTF-8 and base64
where not; NaN and the infinities, which JSON lacks, are the texts "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sluice.contract.types import ColumnType, Kind

ENTRY = ("key", "value")
"""What the entries of a map are called where a contract spells them out, as in Parquet's own layout."""


class Entries(list[tuple[Any, Any]]):
    """The entries of a map. As JSON they are an object, or where a key is repeated a list of pairs."""


def is_entries(expected: ColumnType) -> bool:
    """Whether the type is what a map is spelt out as: an array of objects with a key and a value."""
    return expected.kind is Kind.LIST and tuple(f.name for f in expected.item.type.fields) == ENTRY


def spelt(value: Any, expected: ColumnType) -> Any:
    """The value with those maps as arrays of entries that the type spells out; Entries stand for maps."""
    if isinstance(value, Entries):
        if not is_entries(expected):
            return value
        _, inner = expected.item.type.fields
        return [{"key": k, "value": spelt(v, inner.type)} for k, v in value]
    if isinstance(value, Mapping) and expected.kind is Kind.STRUCT:
        types = {f.name: f.type for f in expected.fields}
        return {k: spelt(v, types[k]) if k in types else v for k, v in value.items()}
    if isinstance(value, (list, tuple)) and expected.kind is Kind.LIST:
        return [spelt(v, expected.item.type) for v in value]
    return value


def to_json(value: Any) -> str:
    """JSON text of a value as pyarrow or fastavro gives it; no spaces, characters as they are."""
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, str):
        # Half of a surrogate pair is no character: JSON can only spell it out.
        return json.dumps(value, ensure_ascii=any("\ud800" <= c <= "\udfff" for c in value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else f'"{value}"'
    if isinstance(value, (bytes, bytearray, memoryview)):
        return json.dumps(_bytes(bytes(value)), ensure_ascii=False)
    if isinstance(value, (datetime, date, time)):
        return f'"{value.isoformat()}"'
    if isinstance(value, timedelta):
        return json.dumps(str(value))
    if isinstance(value, Mapping):
        return _object([(k if isinstance(k, str) else to_json(k), v) for k, v in value.items()])
    if isinstance(value, Entries):
        return _entries(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(to_json, value))}]"
    return json.dumps(str(value), ensure_ascii=False)


def _entries(entries: Entries) -> str:
    keys = [k if isinstance(k, str) else to_json(k) for k, _ in entries]
    if len(set(keys)) == len(keys):
        return _object(list(zip(keys, (v for _, v in entries), strict=True)))
    return f"[{','.join(map(to_json, entries))}]"


def _object(pairs: list[tuple[str, Any]]) -> str:
    return "{" + ",".join(f"{to_json(k)}:{to_json(v)}" for k, v in pairs) + "}"


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return b64encode(value).decode()
