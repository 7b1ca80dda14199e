"""Why a text is no value of its column: the code and the words that the quarantine gives."""

from __future__ import annotations

import re

from sluice.adapters.duck.casting.marks import INTEGER, UUID, boolean_words, decimal_pattern, marks_of
from sluice.adapters.duck.casting.moments import CLOCK, DAY, ZONE, zone_of
from sluice.contract.model import Column
from sluice.contract.types import INTEGERS, NUMBERS, Kind

_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_TIMESTAMP_ZONED = re.compile(rf"\s*{DAY}[T ]{CLOCK}\s?{ZONE}\s*")


def explain(column: Column, text: str) -> tuple[str, str]:
    """Reason code and reason why `text` is no value of `column`, for the quarantine."""
    kind = column.type.kind
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    if kind is Kind.JSON:
        return "JSON", f"{shown} is not valid JSON"
    if kind in NUMBERS:
        return _number(column, text, shown)
    if kind in (Kind.STRING, Kind.BINARY):
        return _text(column, text, shown)
    if kind is Kind.BOOLEAN:
        true, false = boolean_words(column)
        return "CAST", f"{shown} is neither true ({', '.join(true)}) nor false ({', '.join(false)})"
    if "format" in column.options:
        return "CAST", f"{shown} is not a {kind} written as {column.options['format']}"
    if kind is Kind.TIMESTAMP and _TIMESTAMP_ZONED.fullmatch(text):
        return "UNEXPECTED_ZONE", f"{shown} names a zone, and {column.type} has none"
    if kind is Kind.TIMESTAMPTZ and re.fullmatch(rf"\s*{DAY}[T ]{CLOCK}\s*", text):
        return "AMBIGUOUS_TIME", f"{shown} is no time, or happens twice, in {zone_of(column)}"
    return "CAST", f"{shown} is not a value of type {column.type}"


def _number(column: Column, text: str, shown: str) -> tuple[str, str]:
    kind, marks = column.type.kind, marks_of(column)
    plain = text if marks is None else marks.plain(text)
    if plain is None or not _NUMBER.fullmatch(plain):
        written = ""
        if marks is not None:
            groups = f" and groups by {marks.groups[0]!r}" if marks.groups else ""
            written = f", written with the decimal mark {marks.decimal!r}{groups}"
        return "CAST", f"{shown} is not a value of type {column.type}{written}"
    whole = re.fullmatch(rf"\s*({INTEGER})\s*", plain)
    if whole and column.type.low is not None and kind is not Kind.DECIMAL:
        return "OVERFLOW", f"{shown} is out of the range {column.type.low} to {column.type.high}"
    if kind is Kind.DECIMAL and "e" not in plain.lower():
        if re.fullmatch(rf"\s*({decimal_pattern(column.type.scale)})\s*", plain):
            return "OVERFLOW", f"{shown} has more digits than {column.type} can hold, or is out of its range"
        return "PRECISION_LOSS", f"{shown} would have to be rounded to become {column.type}"
    if kind in (Kind.FLOAT32, Kind.FLOAT64) or (kind in INTEGERS and whole):
        return "OVERFLOW", f"{shown} is out of the range of {column.type}"
    return "CAST", f"{shown} is not a value of type {column.type}"


def _text(column: Column, text: str, shown: str) -> tuple[str, str]:
    length = column.type.length
    if column.type.uuid and not re.fullmatch(UUID, text):
        return "CAST", f"{shown} is not a UUID"
    if length is not None and (column.type.kind is Kind.STRING or not column.options.get("format")):
        size, unit = (len(text), "characters") if column.type.kind is Kind.STRING else (len(text.encode()), "bytes")
        if size > length:
            return "TOO_LONG", f"{shown} has {size} {unit}, the column has room for {length}"
    if length is not None and column.type.kind is Kind.BINARY and re.fullmatch(r"[0-9A-Za-z+/]*=*", text):
        return "TOO_LONG", f"{shown} is not {column.options['format']}, or more than {length} bytes"
    return "CAST", f"{shown} is not a value of type {column.type}"
