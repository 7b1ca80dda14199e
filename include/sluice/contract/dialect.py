"""How files are written, as a contract says it: Frictionless terms in `customProperties`, read into a Dialect.

Sources: Frictionless CSV Dialect 1.2 (https://specs.frictionlessdata.io/csv-dialect/) and Table Dialect v2
(https://datapackage.org/standard/table-dialect/). `compression`, `encoding`, `skipRows`, `footerRows` and the terms
about values (`decimalChar`, `groupChar`, `trueValues`, `falseValues`, `dateFormat` ...) are named after Frictionless
Resource and Table Schema, or are Sluice's own.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sluice.contract.document import Document, Path
from sluice.contract.model import Column, Dialect, Table
from sluice.contract.terms import custom, near_miss
from sluice.contract.types import NUMBERS, Kind
from sluice.errors import Finding

COMPRESSIONS = ("none", "gz", "gzip", "bz2", "bzip2", "xz", "zst", "zstd", "zip", "tar")

Terms = dict[str, Any]
"""Field of Dialect → value, for what is declared."""


def read_terms(document: Document, data: Mapping[str, Any], path: Path, findings: list[Finding]) -> Terms:
    """The dialect terms among the customProperties of a server or a table; a wrong one becomes a BAD_DIALECT."""
    return _read(document, data, path, findings, _TERMS)


def read_options(document: Document, data: Mapping[str, Any], path: Path, findings: list[Finding]) -> dict[str, Any]:
    """What a column's customProperties say about its values, by its contract name: decimalChar, trueValues ..."""
    names = {_TERMS[name][0]: name for name in COLUMN_TERMS}
    terms = _read(document, data, path, findings, {n: _TERMS[n] for n in COLUMN_TERMS})
    options = {names[field]: value for field, value in terms.items()}
    for name, value, place in custom(data, path):
        if name == "format":
            if isinstance(value, str) and value:
                options["format"] = value
            else:
                mend = "Give a pattern such as dd.MM.yyyy."
                findings.append(document.finding("BAD_DIALECT", place, f"format is {value!r}", mend))
    return options


def check_dialect(dialect: Dialect) -> str:
    """What the terms contradict each other in; empty when they agree."""
    return next(_contradictions(dialect), "")


def _contradictions(dialect: Dialect) -> Iterator[str]:
    for term, mark in (("quoteChar", dialect.quote_char), ("escapeChar", dialect.escape_char)):
        if mark and len(mark) > 1:
            yield f"{term} {mark!r} is more than one character"
    for mark in (dialect.delimiter, dialect.quote_char, dialect.escape_char, dialect.comment_char):
        if mark is not None and set(mark) & set("\r\n\0"):
            yield f"{mark!r} cannot be a line end or NUL"
    if dialect.delimiter == "":
        yield "the delimiter is empty"
    marks = {"delimiter": dialect.delimiter, "quoteChar": dialect.quote_char, "commentChar": dialect.comment_char,
             "lineTerminator": dialect.line_terminator}  # fmt: skip
    used: dict[str, str] = {}
    for term, mark in marks.items():
        if mark and mark in used:
            yield f"{mark!r} is both {used[mark]} and {term}"
        used.setdefault(mark or "", term)
    if dialect.escape_char and dialect.escape_char == dialect.delimiter:
        yield f"{dialect.escape_char!r} is both delimiter and escapeChar"
    if dialect.decimal_char and dialect.decimal_char == dialect.group_char:
        yield f"{dialect.decimal_char!r} is both decimalChar and groupChar"
    both = {w.casefold() for w in dialect.true_values or ()} & {w.casefold() for w in dialect.false_values or ()}
    if both:
        yield f"{', '.join(sorted(both))} is in both trueValues and falseValues"
    if dialect.header is False and dialect.header_rows:
        yield "header is false, and headerRows names rows"


def apply_to_columns(table: Table, dialect: Dialect, *, marks: bool) -> Table:
    """`table` with what the dialect says about values among the options of the columns that it is meant for.

    A column's own option stays. Without `marks`, for formats whose numbers are all written in one way, neither
    dialect nor column has a decimal or a group mark.
    """
    moments = {Kind.DATE: dialect.date_format, Kind.TIME: dialect.time_format,
               Kind.TIMESTAMP: dialect.timestamp_format, Kind.TIMESTAMPTZ: dialect.timestamp_format}  # fmt: skip

    def options(column: Column) -> dict[str, Any]:
        kind = column.type.kind
        said: dict[str, Any] = {"format": moments.get(kind)}
        if kind in NUMBERS:
            said = {"decimalChar": dialect.decimal_char, "groupChar": dialect.group_char}
        elif kind is Kind.BOOLEAN:
            said = {"trueValues": dialect.true_values, "falseValues": dialect.false_values}
        together = {**said, **column.options}
        hidden = () if marks else ("decimalChar", "groupChar")
        return {name: value for name, value in together.items() if value is not None and name not in hidden}

    def applied(column: Column) -> Column:
        fields = tuple(map(applied, column.type.fields))
        return replace(column, options=options(column), type=replace(column.type, fields=fields))

    return replace(table, columns=tuple(map(applied, table.columns)))


def _read(
    document: Document, data: Mapping[str, Any], path: Path, findings: list[Finding], terms: Mapping[str, Any]
) -> Terms:
    values: Terms = {}
    for name, value, place in custom(data, path):
        if name in terms:
            field, understand, expected = terms[name]
            if value is None:
                if name in _NONE_IS_NOTHING:
                    values[field] = ""
                continue
            understood = understand(_read_escapes(value) if name in _ESCAPED else value)
            if understood is not None:
                values[field] = understood
                continue
            message, mend = f"{name} is {value!r}", f"Give {expected}."
        elif meant := near_miss(name, terms):
            message, mend = f"{name!r} is not a term of the dialect", meant
        else:
            continue  # somebody else's property
        findings.append(document.finding("BAD_DIALECT", place, message, mend))
    return values


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mark(value: object) -> str | None:
    """A text that can stand within a line."""
    return value if isinstance(value, str) and value and not set(value) & set("\r\n\0") else None


def spelt_out(mark: str) -> str:
    r"""A mark as a contract can say it in plain characters: `\x01`; a backslash and a t, that are no tab, as `\\t`."""
    plain = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in mark)
    return mark.replace("\\", "\\\\") if plain == mark != _read_escapes(mark) else plain


def _read_escapes(value: object) -> object:
    r"""`\t`, `\r\n`, `\x01` or `\u241e` as YAML leaves them when they stand in single quotes or in none."""
    if isinstance(value, str) and len(value) > 1 and _ESCAPES.fullmatch(value):
        return value.encode("ascii").decode("unicode_escape")
    return value


def _character(value: object) -> str | None:
    """One character, or "" for none."""
    return value if value == "" or (_mark(value) and len(str(value)) == 1) else None  # type: ignore[return-value]


def _mark_or_none(value: object) -> str | None:
    return "" if value == "" else _mark(value)


def _terminator(value: object) -> str | None:
    return value if isinstance(value, str) and value and "\0" not in value else None


def _encoding(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return value if codecs.lookup(value)._is_text_encoding else None
    except (LookupError, ValueError):
        return None


def _compression(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and value.lower() in COMPRESSIONS else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number_from_1(value: object) -> int | None:
    return _count(value) or None


def _rows(value: object) -> tuple[int, ...] | None:
    """Row numbers from 1; a count n means the rows 1 to n."""
    count = _count(value)
    if count is not None:
        return tuple(range(1, min(count, _MAX_HEADER) + 1)) if count <= _MAX_HEADER else None
    return _row_numbers(value)


def _row_numbers(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, list):
        return None
    numbers = tuple(n for n in value if _number_from_1(n))
    return tuple(sorted(set(numbers))) if len(numbers) == len(value) else None


def _texts(value: object) -> tuple[str, ...] | None:
    texts = value if isinstance(value, list) else [value]
    found = tuple(t for t in texts if isinstance(t, str))
    return found if len(found) == len(texts) else None


def _words(value: object) -> tuple[str, ...] | None:
    words = _texts(value)
    return words if words and all(w.strip() for w in words) else None


def _group(value: object) -> str | None:
    character = _character(value)
    return None if character is not None and (character.isdigit() or character in "+-eE") and character else character


def _decimal(value: object) -> str | None:
    return _group(value) or None


def _item_type(value: object) -> str | None:
    return value if value in ("array", "object") else None


_MAX_HEADER = 1000
_ESCAPES = re.compile(r"(\\([tnr]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})|\\\\[tnrxu])+")
_ESCAPED = ("delimiter", "quoteChar", "escapeChar", "commentChar", "lineTerminator", "groupChar")
_NONE_IS_NOTHING = ("quoteChar", "escapeChar", "commentChar", "groupChar")
"""Terms for which null says something: there is no such character. Elsewhere null is as if it were not written."""

_TERMS: dict[str, tuple[str, Callable[[object], Any], str]] = {
    "delimiter": ("delimiter", _mark, "a text of one or more characters, no line end"),
    "quoteChar": ("quote_char", _character, 'one character, or "" for none'),
    "escapeChar": ("escape_char", _character, 'one character, or "" for none'),
    "commentChar": ("comment_char", _mark_or_none, 'one or more characters, or "" for none'),
    "commentRows": ("comment_rows", _row_numbers, "a list of row numbers from 1"),
    "lineTerminator": ("line_terminator", _terminator, r'a text such as "\n"'),
    "encoding": ("encoding", _encoding, "an encoding's name, such as utf-8, latin-1, cp1252 or utf-16"),
    "compression": ("compression", _compression, f"one of {', '.join(COMPRESSIONS)}"),
    "doubleQuote": ("double_quote", _flag, "true or false"),
    "skipInitialSpace": ("skip_initial_space", _flag, "true or false"),
    "header": ("header", _flag, "true or false"),
    "headerRows": ("header_rows", _rows, f"a list of row numbers from 1, or their count (up to {_MAX_HEADER})"),
    "headerJoin": ("header_join", lambda v: v if isinstance(v, str) else None, "a text"),
    "caseSensitiveHeader": ("case_sensitive_header", _flag, "true or false"),
    "skipRows": ("skip_rows", _count, "the number of lines before the header"),
    "footerRows": ("footer_rows", _count, "the number of lines after the data"),
    "nullSequence": ("null_sequence", _texts, "a text or a list of texts; put numbers in quotes"),
    "decimalChar": ("decimal_char", _decimal, 'one character such as ","'),
    "groupChar": ("group_char", _group, 'one character such as ".", or "" for none'),
    "trueValues": ("true_values", _words, "a list of words; put them in quotes"),
    "falseValues": ("false_values", _words, "a list of words; put them in quotes"),
    "dateFormat": ("date_format", _text, "a pattern such as dd.MM.yyyy"),
    "timeFormat": ("time_format", _text, "a pattern such as HH:mm"),
    "timestampFormat": ("timestamp_format", _text, "a pattern such as dd.MM.yyyy HH:mm:ss"),
    "property": ("property", _text, "the name of the property that holds the rows"),
    "itemType": ("item_type", _item_type, "array or object"),
    "itemKeys": ("item_keys", _texts, "a list of names"),
    "sheetName": ("sheet_name", _text, "the name of a sheet"),
    "sheetNumber": ("sheet_number", _number_from_1, "the number of a sheet, from 1"),
}
"""Frictionless term → field of Dialect, how its value is understood, and what it should be."""

COLUMN_TERMS = ("decimalChar", "groupChar", "trueValues", "falseValues", "nullSequence")
