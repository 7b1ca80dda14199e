"""Which columns to try as keys and references, and which of the confirmed ones to propose. Pure: others count."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from math import prod

from sluice.contract.model import Column, Table
from sluice.contract.types import INTEGERS, Kind
from sluice.draft.evidence import ColumnFacts

MOST_TRIES = 40
"""Combinations of columns that are counted before a table is said to have no key."""

_KEYED = INTEGERS | {Kind.STRING, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
_MOST_COLUMNS = 12
_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
_LONG = 100
_MANY_ROWS = 1_000
_REFERABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTIFIER = re.compile(r"(?:^|_)(?:id|ids|key|code|no|nr|num|number|uuid|guid|iata|faa|isbn|sku|ean|pk)$")
_MEASURE = re.compile(r"(?:^|_)(?:amount|price|cost|total|count|sum|avg|mean|rate|score|weight|height|value|qty|quantity|lat|lon|latitude|longitude|population|description|comment|note|notes)(?:$|_)")  # fmt: skip


def could_be_unique(column: Column, facts: ColumnFacts) -> bool:
    """Whether it is worth counting the different values: `is_unique` of all others says nothing about keys."""
    return column.type.kind in _KEYED and not facts.nulls


def is_key_like(column: Column, facts: ColumnFacts) -> bool:
    """Whether a column could be (part of) a key: there in every row, and no measurement or long text."""
    name = _words(column.name)
    return (
        not facts.nulls
        and column.type.kind in _KEYED
        and (facts.longest or 0) <= _LONG
        and not _MEASURE.search(name)
    )  # fmt: skip


def is_unique(facts: ColumnFacts, rows: int) -> bool:
    """Whether no value stands twice, by an exact count; of so few rows it would say nothing."""
    return rows >= 2 and facts.distinct is not None and facts.distinct == rows - facts.nulls and not facts.nulls


def is_kept_unique(name: str, kind: Kind, facts: ColumnFacts, rows: int) -> bool:
    """Whether a column that is unique now looks meant to stay so: an identifier, or unique among very many."""
    if kind not in _KEYED or _MEASURE.search(_words(name)) or (facts.longest or 0) > _LONG:
        return False
    return rows >= _MANY_ROWS or (rows >= 10 and (kind is Kind.STRING or bool(_IDENTIFIER.search(_words(name)))))


def single_key(table: Table, facts: Sequence[ColumnFacts], rows: int) -> Column | None:
    """The unique column that looks most like the key: named like one, then first in the table."""
    found = [
        (c, i) for i, (c, f) in enumerate(zip(table.columns, facts, strict=True)) if is_unique(f, rows) and is_key_like(c, f)
    ]  # fmt: skip
    if not found:
        return None
    best, position = min(found, key=lambda item: (-_rank(item[0], table), item[1]))
    # In a small table many a column is unique by chance; then only its name or its place tells.
    return best if rows >= 10 or position == 0 or _rank(best, table) else None


def _rank(column: Column, table: Table) -> int:
    name = _words(column.name)
    singular = _singular(_words(table.name))
    if name in ("id", f"{singular}_id", f"{singular}_key", f"{singular}_code", f"{singular}_no", f"{singular}_number"):
        return 3
    if _IDENTIFIER.search(name):
        return 2
    return 1 if column.type.kind in (Kind.STRING, *INTEGERS) and name in (singular, f"{singular}s") else 0


def combined_keys(
    table: Table, facts: Sequence[ColumnFacts], rows: int, known: Collection[str]
) -> Iterator[tuple[Column, ...]]:
    """Combinations of two to four columns that could be the key together, the likelier first, not too many.

    `known` are the keys' names of other tables: what references them is often part of a key.
    """
    names = {_words(n) for n in known}
    found = [(c, f) for c, f in zip(table.columns, facts, strict=True) if is_key_like(c, f) and f.about > 1]

    def likely(column: Column) -> bool:
        return _words(column.name) in names or _rank(column, table) > 0 or column.type.kind in _MOMENTS

    found = sorted(found, key=lambda item: not likely(item[0]))[:_MOST_COLUMNS]
    tries = 0
    for size in (2, 3, 4):
        sets = [s for s in combinations(found, size) if 1.5 * prod(f.about for _, f in s) >= rows]
        sets.sort(key=lambda s: (-sum(likely(c) for c, _ in s), -prod(f.about for _, f in s)))
        for columns in sets[: MOST_TRIES - tries]:
            tries += 1
            position = {c.name: i for i, c in enumerate(table.columns)}
            yield tuple(sorted((c for c, _ in columns), key=lambda c: position[c.name]))


def references(
    tables: Sequence[Table], keys: Mapping[str, tuple[Column, ...]]
) -> Iterator[tuple[Table, tuple[Column, ...], Table, tuple[Column, ...]]]:
    """(child, its columns, parent, its key) that could be a foreign key, by type and name; data must confirm it."""
    for child in tables:
        own = keys.get(child.name, ())
        for parent in tables:
            key = keys.get(parent.name, ())
            if not key:
                continue
            if len(key) > 1:
                by_name = {_words(c.name): c for c in child.columns}
                same = tuple(by_name[n] for k in key if (n := _words(k.name)) in by_name)
                if child is not parent and len(same) == len(key) and own != same and all(map(_same_type, same, key)):
                    yield child, same, parent, key
                continue
            for column in child.columns:
                if (child is parent and column is key[0]) or not _same_type(column, key[0]):
                    continue
                if _points_at(column, parent, key[0]) and (child is not parent or column.name != key[0].name):
                    yield child, (column,), parent, key


def can_be_referred_to(columns: Sequence[Column], key: Sequence[Column]) -> bool:
    """Whether a contract can say that `columns` refer to `key`: ODCS v3.1.0, ShorthandReference. A single column says
    it at its own place, and has no need to be named."""
    return all(_REFERABLE.fullmatch(c.name) for c in (*key, *(columns if len(columns) > 1 else ())))


def _same_type(one: Column, other: Column) -> bool:
    if one.type.kind in INTEGERS:
        return other.type.kind in INTEGERS
    return one.type.kind in _KEYED and one.type.kind is other.type.kind


def _points_at(column: Column, parent: Table, key: Column) -> bool:
    """Whether the names agree: `carrier` and carrier, `customer_id` and customers.id, `ship_city_code` and city_code."""
    name, target, singular = _words(column.name), _words(key.name), _singular(_words(parent.name))
    if name == target and target not in ("id", "name", "year", "date", "month", "day", "row_name", "index"):
        return True
    if (
        name.endswith(f"_{target}")
        and _IDENTIFIER.search(target)
        and target not in ("id", "no", "nr", "code", "key", "number")
    ):
        return True
    about = {singular, _words(parent.name)}
    endings = {"", "_id", "_key", "_code", "_no", "_nr", "_number", f"_{target}"}
    return any(name == f"{a}{e}" or name.endswith(f"_{a}{e}") for a in about for e in endings)


def _words(name: str) -> str:
    """A name in one form: `customerID`, `Customer Id` and `CUSTOMER_ID` are all customer_id."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"\W+|_+", "_", spaced).strip("_").lower()


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name
