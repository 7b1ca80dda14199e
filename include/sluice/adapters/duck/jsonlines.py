"""JSON lines: one object per line, read exactly (numbers keep their digits) and handed on as text.

DuckDB's and pyarrow's readers pass decimals through doubles, accept "5" as an integer and repeated keys; until
they can be told not to, Python's parser reads every line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sluice.adapters.duck.encoding import open_text
from sluice.adapters.duck.header import unknown_columns
from sluice.adapters.duck.parts import Bad, Part, Rewritten
from sluice.adapters.duck.records import MAX_RECORD
from sluice.adapters.duck.spelling import Spelling
from sluice.adapters.duck.values import unique_object
from sluice.contract.model import Column, Dialect, Table
from sluice.contract.types import INTEGERS, Kind
from sluice.errors import SourceError

_BARE_NUMBER = INTEGERS | {Kind.FLOAT32, Kind.FLOAT64}


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def json_part(display: str, path: Path, table: Table, dialect: Dialect, *, utf8: Path) -> tuple[Part, dict[str, Any]]:
    """The file as a part, and what was used to read it. Raises SourceError JSON_ARRAY, UNKNOWN_COLUMN later."""
    text = open_text(display, path, dialect.encoding, utf8)
    with text.utf8.open("rb") as file:
        file.seek(text.start)
        head = file.read(1 << 12).lstrip()
    if head.startswith(b"["):
        raise SourceError(
            "JSON_ARRAY", "the file is one JSON array", where=display, mend="Deliver JSON lines: one object per line."
        )

    def value_in(record: bytes, column: int) -> str:
        expected = table.columns[column]
        value = _parse(record).get(expected.name)
        # Text in quotes where no text belongs is shown in its quotes: they are what is wrong with it.
        return _text(value, expected.type.kind) or _write(value)

    part = Part(
        text=text,
        spelling=Spelling(),
        order=tuple(range(len(table.columns))),
        start=text.start,
        header=False,
        trailing=False,
        crlf=False,
        ordinary=False,
        value_in=value_in,
        rewrite=lambda part, target: _rewrite(part, table, target),
    )
    return part, {"encoding": text.encoding, "detected": ["encoding"] if dialect.encoding is None else []}


def _rewrite(part: Part, table: Table, target: Path) -> Rewritten:
    result = Rewritten(target)
    names = {c.name for c in table.columns}
    at = part.start
    with part.text.utf8.open("rb") as source, target.open("wb") as out:
        source.seek(at)
        while line := source.readline(MAX_RECORD + 1):
            begin, at = at, at + len(line)
            if len(line) > MAX_RECORD:
                raise SourceError(
                    "RECORD_TOO_LONG", f"the line at byte {begin} does not end within {MAX_RECORD} bytes",
                    where=part.text.display, mend="Deliver one object per line.",
                )  # fmt: skip
            record = line.rstrip(b"\r\n")
            if not record.strip():
                continue
            bad, values = _convert(record, begin, table.columns, names, part.text.display, table)
            if bad is not None:
                result.bad.append(bad)
                continue
            row = b",".join(b"" if v is None else b'"' + v.replace(b'"', b'""') + b'"' for v in values)
            out.write(row + b"\n")
            result.longest = max(result.longest, len(row))
            result.begins.append(begin)
            result.ends.append(begin + len(record))
    return result


def _convert(
    record: bytes, begin: int, columns: tuple[Column, ...], names: set[str], where: str, table: Table
) -> tuple[Bad | None, list[bytes | None]]:
    end = begin + len(record)
    try:
        content = _parse(record)
    except UnicodeDecodeError:
        return Bad(begin, end, None, "INVALID_ENCODING"), []
    except (ValueError, RecursionError):
        return Bad(begin, end, None, "JSON"), []
    if not names.issuperset(content):
        unknown = [k for k in content if k not in names]
        difference = f"expected {', '.join(map(repr, sorted(names)))}; byte {begin}"
        raise unknown_columns(unknown, table, where, difference)
    values: list[bytes | None] = []
    for position, column in enumerate(columns):
        value = content.get(column.name)
        if value is None:
            values.append(None)
            continue
        text = _text(value, column.type.kind)
        if text is None:
            return Bad(begin, end, position), []
        try:
            values.append(text.encode("utf-8"))
        except UnicodeEncodeError:
            return Bad(begin, end, None, "JSON"), []
        if "\0" in text:
            return Bad(begin, end, None, "NUL_BYTE"), []
    return None, values


def _text(value: Any, kind: Kind) -> str | None:
    """A JSON value as the text that the column's rule will read; None when its JSON type does not fit."""
    if kind is Kind.JSON:
        return _write(value)
    if isinstance(value, (dict, list)):
        return _write(value) if kind is Kind.STRING else None
    if isinstance(value, bool):
        return _write(value) if kind in (Kind.BOOLEAN, Kind.STRING) else None
    if isinstance(value, _Number):
        return str(value) if kind in _BARE_NUMBER | {Kind.DECIMAL, Kind.STRING} else None
    # A decimal may be a string: that is how careful senders keep its digits.
    return None if kind in _BARE_NUMBER or kind is Kind.BOOLEAN else str(value)


def _parse(record: bytes) -> dict[str, Any]:
    content = json.loads(
        record.decode("utf-8"),
        object_pairs_hook=unique_object,
        parse_float=_Number,
        parse_int=_Number,
        parse_constant=_refuse,
    )
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - like every other way of not being one
    return content


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _write(value: Any) -> str:
    """JSON text with numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
