"""What stands inside the objects and arrays of a JSON column: their shape, and whether a contract can spell it out.

It can where every value at a place has one shape. Where shapes differ, where the keys of objects are data (a key for
each customer or day), and where nothing is known of an array's items, that part stays JSON text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sluice.contract.model import Column
from sluice.contract.types import ColumnType, Kind
from sluice.draft.choice import IN_TEXT, Choice
from sluice.draft.naming import catalog_names
from sluice.pii import find

PERSONAL = (Kind.STRING, Kind.INT64, Kind.DATE)
"""What personal data is looked for in."""

MOST_LEAVES = 300
"""Values inside one column beyond which nobody reads the contract any more."""

AS_JSON = Choice(
    ColumnType(Kind.JSON), notes=("TODO: what is in it differs from row to row, or is not known: kept as JSON text.",)
)
DEEPEST = 16
"""Objects and arrays deeper inside a column are JSON text."""

_MANY_KEYS = 100
_FEW_KEYS = 10
_FILLED = 0.2
"""The share of its keys that a usual object has; with less, and more keys than a few, the keys are data."""

_ENOUGH_OBJECTS = 20
_DATA_KEY = re.compile(
    r"[0-9][0-9.,:/T+ -]*|[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^@ ]+@[^@ ]+"
)
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\s|\s$|^$|.{200}", re.DOTALL)


@dataclass
class Shape:
    """All values at one place, `depth` steps inside a column. `texts` are the JSON texts of those that are no containers."""

    depth: int = 0
    objects: int = 0
    arrays: int = 0
    keys: dict[str, Shape] = field(default_factory=dict)
    item: Shape | None = None
    texts: list[str] = field(default_factory=list)
    _first: list[int] = field(default_factory=list)
    """Of each key, the number of the object that had it first."""

    def add(self, value: Any, text: Callable[[Any], str]) -> None:
        """One more value; null is none. `text` writes a value as JSON."""
        if isinstance(value, dict):
            self.objects += 1
            if self.depth >= DEEPEST or len(self.keys) > _MANY_KEYS:
                return
            for key, inner in value.items():
                if key not in self.keys:
                    self.keys[key] = Shape(self.depth + 1)
                    self._first.append(self.objects)
                self.keys[key].add(inner, text)
        elif isinstance(value, list):
            self.arrays += 1
            if self.depth >= DEEPEST:
                return
            self.item = self.item or Shape(self.depth + 1)
            for inner in value:
                self.item.add(inner, text)
        elif value is not None:
            self.texts.append(text(value))

    @property
    def kind(self) -> Kind:
        """STRUCT or LIST where the parts can be spelt out, JSON for other containers, STRING for plain values."""
        if self.objects and not self.arrays and not self.texts:
            spelt = self.depth < DEEPEST and self.keys and not self.keys_are_data
            return Kind.STRUCT if spelt and all(map(is_name, self.keys)) else Kind.JSON
        if self.arrays and not self.objects and not self.texts:
            return Kind.LIST if self.item is not None and self.item.seen else Kind.JSON
        return Kind.JSON if self.objects or self.arrays else Kind.STRING

    @property
    def seen(self) -> int:
        """How many values there were, nulls left out."""
        return self.objects + self.arrays + len(self.texts)

    @property
    def keys_are_data(self) -> bool:
        """Whether the next delivery's objects will have keys that nobody has seen yet."""
        if len(self.keys) > _MANY_KEYS or (len(self.keys) > 1 and all(map(_DATA_KEY.fullmatch, self.keys))):
            return True
        if self.objects < 2 or len(self.keys) <= _FEW_KEYS:
            return False
        filled = sum(min(s.seen, self.objects) for s in self.keys.values()) / (len(self.keys) * self.objects)
        late = sum(first > self.objects / 2 for first in self._first)
        return filled < _FILLED or (self.objects >= _ENOUGH_OBJECTS and late > 0.2 * len(self.keys))

    def leaves(self, name: str) -> Iterator[tuple[str, Shape]]:
        """The plain values inside, each with the key it stands at."""
        if self.kind is Kind.STRUCT:
            for key, shape in self.keys.items():
                yield from shape.leaves(key)
        elif self.kind is Kind.LIST and self.item is not None:
            yield from self.item.leaves(name)
        elif self.kind is Kind.STRING:
            yield name, self


def spelt_out(shape: Shape, measured: Mapping[int, Choice]) -> Choice:
    """The choice for a place; `measured` are those for the plain values inside, by the id of their shape."""
    kind = shape.kind
    if kind is Kind.STRUCT:
        inside = tuple((key, spelt_out(part, measured)) for key, part in shape.keys.items())
        return Choice(ColumnType(kind, fields=tuple(_fields(inside))), inside=inside)
    if kind is Kind.LIST and shape.item is not None:
        inside = (("element", spelt_out(shape.item, measured)),)
        return Choice(ColumnType(kind, fields=tuple(_fields(inside))), inside=inside)
    if kind is Kind.STRING:
        return measured[id(shape)]
    return AS_JSON


def in_place_of(choice: Choice, spelt: Choice) -> Choice:
    """`spelt` with what is known of the whole column: its words for null, its bad values, and what was noted."""
    return replace(
        spelt, nulls=choice.nulls, bad=choice.bad, misfits=choice.misfits, notes=(*choice.notes, *spelt.notes)
    )


def said_of_json(choice: Choice) -> Choice:
    """The choice of a column of texts, with a word about it where the texts are JSON."""
    return replace(choice, notes=(*choice.notes, IN_TEXT)) if choice.type.kind is Kind.JSON else choice


def as_json(choice: Choice) -> Choice:
    """JSON text, for a column that turned out to be nothing else."""
    return in_place_of(replace(choice, notes=tuple(n for n in choice.notes if n == IN_TEXT)), AS_JSON)


def _fields(inside: Sequence[tuple[str, Choice]]) -> Iterator[Column]:
    names = [name for name, _ in inside]
    for name, physical, (_, choice) in zip(names, catalog_names(names), inside, strict=True):
        yield Column(name, physical or name, choice.type)


def of_type(column_type: ColumnType) -> Choice:
    """The choice of a type that the file itself states."""
    inside = tuple((f.name, of_type(f.type)) for f in column_type.fields)
    return Choice(column_type, physical="uuid" if column_type.uuid else "", inside=inside)


def marked(choice: Choice, texts: Iterable[str], name: str) -> Choice:
    """The choice with the kinds of personal data that the parts of it seem to hold. `texts` are staged values as JSON."""
    found: dict[int, list[str]] = {}
    for text in texts:
        _collect(choice, json.loads(text, parse_float=str, parse_int=str), found)
    return _marked(choice, found, name)


def _collect(choice: Choice, value: Any, found: dict[int, list[str]]) -> None:
    if isinstance(value, dict) and choice.type.kind is Kind.STRUCT:
        for field_, (_, part) in zip(choice.type.fields, choice.inside, strict=True):
            _collect(part, value.get(field_.field_name), found)
    elif isinstance(value, list) and choice.type.kind is Kind.LIST:
        for item in value:
            _collect(choice.inside[0][1], item, found)
    elif isinstance(value, str) and choice.type.kind in PERSONAL:
        found.setdefault(id(choice), []).append(value)


def _marked(choice: Choice, found: Mapping[int, list[str]], name: str) -> Choice:
    if choice.inside:
        of_list = choice.type.kind is Kind.LIST
        inside = tuple((n, _marked(part, found, name if of_list else n)) for n, part in choice.inside)
        return replace(choice, inside=inside)
    return replace(choice, personal=tuple(f.kind for f in find(sorted(set(found.get(id(choice), ()))), name=name)))


def is_name(key: str) -> bool:
    """Whether a key can be the name of a contract's property."""
    return not _NO_NAME.search(key)


def bad_inside(choice: Choice) -> int:
    """How many values inside are known not to fit."""
    return choice.bad + sum(bad_inside(part) for _, part in choice.inside)
