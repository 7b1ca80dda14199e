"""A first look at JSON: where its rows are, and which keys they have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sluice.adapters.duck.connection import connect, text_sql
from sluice.adapters.duck.json.elements import Elements
from sluice.adapters.duck.json.envelope import Envelope, find_rows, largest_array
from sluice.adapters.duck.json.files import in_lines
from sluice.adapters.duck.looks.typed_looks import no_table
from sluice.adapters.duck.text.encoding import TextFile, open_text
from sluice.draft.look import Look

_MOST = 0.5
"""So many of the values must be objects."""


def json_look(display: str, path: Path, scratch: Path, *, array: bool) -> Look:
    """What a JSON file holds: lines or an array of objects, objects one after the other, or rows inside an object.

    Raises SourceError NOT_A_TABLE.
    """
    text = open_text(display, path, None, scratch / "look-utf8")
    terms = {} if text.encoding == "utf-8" else {"encoding": text.encoding}
    try:
        if not array and not in_lines(text):
            return _of_values(text, terms)
        if not array and (found := largest_array(text.utf8, text.start, display)) is not None:
            return _of_rows(text, *found, terms)
        return Look("json" if array else "jsonl", _keys_by_duckdb(text, scratch, array=array), terms)
    finally:
        if text.transcoded:
            text.utf8.unlink()


def _of_values(text: TextFile, terms: dict[str, Any]) -> Look:
    """Objects written over many lines: one that holds the rows, or each of them a row."""
    if (found := largest_array(text.utf8, text.start, text.display)) is not None:
        return _of_rows(text, *found, terms)
    return Look("json", _keys(text, Envelope(text.start, array=False)), terms)


def _of_rows(text: TextFile, name: str, beside: Sequence[str], terms: dict[str, Any]) -> Look:
    names = _keys(text, find_rows(text.utf8, text.start, name, text.display))
    left_out = f"; beside them stand {', '.join(beside)}, which no column holds" if beside else ""
    remark = f"The rows are what is under {name!r}{left_out}. Without `property` the whole object would be one row."
    return Look("json", names, {**terms, "property": name}, remarks=(remark,))


def _keys(text: TextFile, envelope: Envelope) -> tuple[str, ...]:
    """The keys of the objects that an envelope holds, as they come. Raises SourceError NOT_A_TABLE."""
    keys: dict[str, None] = {}
    rows = objects = 0
    for cut in Elements(envelope, text.display).cut(text.utf8):
        for begin, end in zip(cut.begins.tolist(), cut.ends.tolist(), strict=True):
            rows += 1
            with suppress(ValueError, RecursionError):
                if isinstance(row := json.loads(cut.data[begin:end]), dict):
                    keys.update(dict.fromkeys(row))
                    objects += 1
    if not objects or objects < _MOST * rows:
        raise no_table(text.display, "its JSON values are not objects")
    if not keys:
        raise no_table(text.display, "its JSON objects are empty")
    return tuple(keys)


def _keys_by_duckdb(text: TextFile, scratch: Path, *, array: bool) -> tuple[str, ...]:
    display = text.display
    # Broken lines are bad rows; a broken array is no array.
    form = "'array'" if array else "'newline_delimited', ignore_errors=true"
    with connect("1GB", 2, scratch / "look", paths=[text.utf8]) as connection:
        import duckdb

        source = f"read_json_objects({text_sql(str(text.utf8))}, format={form}, maximum_object_size=67108864)"
        try:
            kinds = connection.execute(f"SELECT json_type(json), count(*) FROM {source} GROUP BY ALL").fetchall()
            objects = sum(n for k, n in kinds if k == "OBJECT")
            if not objects or objects < _MOST * sum(n for _, n in kinds):
                raise no_table(display, "its JSON values are not objects")
            first = [
                v
                for (v,) in connection.execute(
                    f"SELECT json FROM {source} WHERE json_type(json) = 'OBJECT' LIMIT 200"
                ).fetchall()
            ]
            rows = connection.execute(
                f"SELECT DISTINCT unnest(json_keys(json)) AS k FROM {source} WHERE json_type(json) = 'OBJECT' ORDER BY k"
            ).fetchall()
        except duckdb.InvalidInputException as e:
            raise no_table(
                display, "it is JSON, but neither lines of objects nor an array of objects",
                "Deliver JSON lines, or declare `property` in a contract of your own.",
            ) from e  # fmt: skip
    order: dict[str, None] = {}
    for one in first:
        order.update(dict.fromkeys(json.loads(one)))
    order.update(dict.fromkeys(k for (k,) in rows))
    if not order:
        raise no_table(display, "its JSON objects are empty")
    return tuple(order)
