"""What a published table holds: which source files its rows came from, and what a new look at the source changes.

A `Unit` is what one landing attempt brought in. Files of one unit share data files, so when one of them changes
the whole unit is landed again and takes the old one's place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sluice.errors import SourceError
from sluice.lake import DELIVERY, Manifest, Mark

_DATES = (
    re.compile(r"year=(\d{4})/month=(\d{1,2})/day=(\d{1,2})"),
    re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(\d{4})/(\d{2})/(\d{2})(?!\d)"),
)


@dataclass(frozen=True)
class Loaded:
    """A source file whose rows are in the table. `sha256` is of its bytes."""

    name: str
    mark: Mark
    sha256: str
    unit: str


@dataclass(frozen=True)
class Holding:
    """The source files in a table by name, and the data files of each unit."""

    files: Mapping[str, Loaded]
    units: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; `from_dict` reads it back."""
        return {
            "files": {
                n: [f.mark.size, f.mark.modified, f.mark.version, f.sha256, f.unit] for n, f in self.files.items()
            },
            "units": {u: list(files) for u, files in self.units.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Holding:
        """The holding that `to_dict` wrote."""
        return cls(
            {n: Loaded(n, Mark(*mark), sha, unit) for n, (*mark, sha, unit) in data["files"].items()},
            {u: tuple(files) for u, files in data["units"].items()},
        )

    @property
    def newest(self) -> str:
        """When the newest of the files was written (ISO 8601), "" when there is none."""
        return max((f.mark.modified for f in self.files.values()), default="")

    def without(self, units: Iterable[str]) -> Holding:
        """What is left when units are gone."""
        gone = set(units)
        return Holding(
            {n: f for n, f in self.files.items() if f.unit not in gone},
            {u: files for u, files in self.units.items() if u not in gone},
        )

    def joined(self, other: Holding) -> Holding:
        """Both; of a file that both know, the other's."""
        return Holding({**self.files, **other.files}, {**self.units, **other.units})

    def seen(self, marks: Mapping[str, Mark]) -> Holding:
        """The same content with the marks that its files have now."""
        return replace(self, files={n: replace(f, mark=marks.get(n, f.mark)) for n, f in self.files.items()})


EMPTY = Holding({}, {})


def holding_of(manifests: Iterable[Manifest]) -> Holding:
    """What landing attempts brought in, each a unit."""
    held = EMPTY
    for m in manifests:
        files = {s.name: Loaded(s.name, s.after, s.sha256, m.attempt) for s in m.sources if s.role == DELIVERY}
        held = held.joined(Holding(files, {m.attempt: tuple(f.uri for f in m.staged)}))
    return held


@dataclass(frozen=True)
class Window:
    """Dates from `since` to `until`, both included; None: open. A backfill loads their files again."""

    since: date | None = None
    until: date | None = None

    def has(self, name: str, mark: Mark) -> bool:
        """Whether the file is of these dates: by the date in its path, else by when it was written."""
        if self.since is None and self.until is None:
            return False
        day = date_of(name, mark)
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


NO_WINDOW = Window()


@dataclass(frozen=True)
class Plan:
    """What to land (`take`, names of files) and which units go (`drop`). `whole`: what is landed replaces everything;
    `replays`: repaired rows are waiting to join."""

    take: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    whole: bool = False
    replays: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.take or self.drop or self.whole or self.replays)


def plan(
    mode: str, held: Holding, found: Mapping[str, Mark], window: Window, *, everything: bool = False, loose: frozenset[str] = frozenset()
) -> Plan:  # fmt: skip
    """What a look at the source asks for. `found` are the files that are there now.

    `loose` are units whose data files are not in the table as they were (compacted): their rows cannot be told apart
    any more, so a change of one of their files loads everything again. Raises SourceError (COMPANION_GONE).
    """
    new = [n for n, m in found.items() if n not in held.files or not same(held.files[n].mark, m) or window.has(n, m)]
    if mode == "full":
        gone = [n for n in held.files if n not in found]
        return Plan(tuple(found), tuple(held.units), whole=True) if new or gone or everything else Plan()
    if mode == "merge":
        return Plan(tuple(found if everything else new))
    units = {held.files[n].unit for n in new if n in held.files}
    if everything or units & loose:
        absent = sorted(n for n in held.files if n not in found)
        if absent and not everything:
            raise _companion_gone(absent, sorted(new))
        return Plan(tuple(found), tuple(held.units), whole=True)
    companions = [n for n, f in held.files.items() if f.unit in units]
    if absent := sorted(n for n in companions if n not in found):
        raise _companion_gone(absent, sorted(n for n in new if n in held.files))
    take = dict.fromkeys([*new, *companions])
    return Plan(tuple(n for n in found if n in take), tuple(sorted(units)))


def same(one: Mark, other: Mark) -> bool:
    """Whether a file is as it was: its size and the store's version mark; times are written differently by stores."""
    return (one.size, one.version) == (other.size, other.version)


def date_of(name: str, mark: Mark) -> date:
    """The day a file is of: the last date in its path, else the day it was written (UTC)."""
    for shape in _DATES:
        for found in reversed(list(shape.finditer(name))):
            try:
                return date(*map(int, found.groups()))
            except ValueError:
                continue
    return date.fromisoformat(mark.modified[:10])


def _companion_gone(absent: list[str], changed: list[str]) -> SourceError:
    return SourceError(
        "COMPANION_GONE", f"{changed[0]!r} changed, and {absent[0]!r}, which was loaded with it, is no longer delivered",
        where=absent[0], mend="Deliver it again, or refresh everything (`everything` in the form) to load what is there.",
    )  # fmt: skip
