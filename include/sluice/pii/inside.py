"""Personal data inside objects and arrays: every place has a name and values of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sluice.pii.detection import Finding, find


def find_inside(values: Iterable[str], *, name: str) -> tuple[Finding, ...]:
    """What personal data a column of JSON texts holds, the most certain first; `name` is the column's name.

    What is no JSON is looked at as the text it is.
    """
    places: dict[str, dict[str, None]] = {}
    for value in values:
        for place, text in _texts(_read(value), name):
            places.setdefault(place, {})[text] = None
    found: dict[str, Finding] = {}
    for place, texts in places.items():
        for finding in find(sorted(texts), name=place):
            if finding.kind not in found or finding.confidence > found[finding.kind].confidence:
                found[finding.kind] = finding
    return tuple(sorted(found.values(), key=lambda f: (-f.confidence, f.kind)))


def _read(value: str) -> Any:
    try:
        return json.loads(value, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return value


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every text and number in it, with the name of the property that holds it."""
    waiting = [(value, name)]
    while waiting:
        value, name = waiting.pop()
        if isinstance(value, dict):
            waiting += [(inner, key) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(inner, name) for inner in value]
        elif isinstance(value, str):
            yield name, value
