"""Which files are one table: those with the same columns, written alike, whose names differ only in numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from sluice.contract.types import ColumnType, Kind
from sluice.draft.look import Look
from sluice.draft.naming import distinct, identifier, stem
from sluice.patterns import matcher

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_PARTITION = re.compile(r"(?<==)[^/]+(?=/)")
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Entry:
    """A file of the source: `location` is its path below the server's folder, `archive.zip!member` for a member."""

    location: str
    look: Look


@dataclass(frozen=True)
class Group:
    """The files of one table; `locations` are the paths or patterns that name them and no others."""

    name: str
    locations: tuple[str, ...]
    entries: tuple[Entry, ...]

    @property
    def look(self) -> Look:
        """What the files have in common."""
        first = self.entries[0].look
        terms: Mapping[str, Any] = {
            k: v for k, v in first.terms.items() if all(e.look.terms.get(k) == v for e in self.entries)
        }
        return Look(first.format, first.names, terms, first.types, first.remarks)


def with_partitions(look: Look, display: str) -> Look:
    """The look with the columns that Hive-style folders of its path name: `year=2024/sales.csv` has a year."""
    pairs = [p.partition("=")[::2] for p in re.split(r"[/!]", display)[:-1] if "=" in p]
    known = {n.casefold() for n in look.names}
    found = {unquote(k): unquote(v) for k, v in pairs if k and unquote(k).casefold() not in known}
    if not found:
        return look
    types = look.types
    if types is not None:
        # Only texts can be told from others by one path; a number may be made of them by whoever knows it is one.
        types = (*types, *(ColumnType(Kind.STRING) for _ in found))
    return replace(look, names=(*look.names, *found), types=types)


def group(entries: Sequence[Entry], folder: str) -> list[Group]:
    """The tables of these files, in the order of their names. `folder` names what has no name of its own."""
    sets: dict[tuple[object, ...], list[Entry]] = {}
    for entry in sorted(entries, key=lambda e: e.location):
        sets.setdefault((_shape(entry.location), entry.look.signature), []).append(entry)
    everything = [e.location for e in entries]
    found = [(_name(members, folder), _locations(members, everything), tuple(members)) for members in sets.values()]
    found.sort(key=lambda f: (f[0], f[1]))
    names = distinct(name for name, _, _ in found)
    return [Group(name, locations, members) for name, (_, locations, members) in zip(names, found, strict=True)]


def _shape(location: str) -> str:
    return _NUMBER.sub("0", _UUID.sub("0", _PARTITION.sub("0", location)))


def _name(members: Sequence[Entry], folder: str) -> str:
    location = members[0].location.rsplit("!", 1)[-1]
    plain = str(members[0].look.terms.get("sheetName") or stem(location))
    if len(members) > 1:
        plain = _NUMBER.sub("", _UUID.sub("", plain)).strip("-_. ")
        if plain in ("", "part", "data", "file", "chunk"):
            above = [p for p in location.split("/")[:-1] if "=" not in p and not p.isdigit()]
            plain = above[-1] if above else folder
    return identifier(plain, "table")


def _locations(members: Sequence[Entry], everything: Sequence[str]) -> tuple[str, ...]:
    paths = tuple(m.location for m in members)
    if len(paths) == 1:
        return paths
    starred = re.sub(r"\*+", "*", _starred(paths[0]))
    closer = re.sub(r"\*+", "*", _common(paths)) if _even(paths) else ""
    for pattern in (starred, closer):
        if pattern and not re.search(r"[\[?!]", pattern):
            matches = matcher(pattern)
            if {p for p in everything if matches(p)} == set(paths):
                return (pattern,)
    return paths


def _common(paths: Sequence[str]) -> str:
    return "".join(c if all(p[i] == c for p in paths) else "*" for i, c in enumerate(paths[0]))


def _even(paths: Sequence[str]) -> bool:
    return len({len(p) for p in paths}) == 1


def _starred(path: str) -> str:
    return _NUMBER.sub("*", _UUID.sub("*", _PARTITION.sub("*", path)))
