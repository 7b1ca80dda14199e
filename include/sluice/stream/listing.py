"""Which files a table's location names: one file, a folder, a pattern; in a folder of this machine or in S3.

- `flights.csv.gz` is that file; a folder is every file below it that by its suffix is of the table's format
  (or has none), what Hive and Spark hide (names that begin with `.` or `_`) left out.
- `*`, `?` and `[a-z]` match within a folder, `**` goes through folders.
- behind a `!` stands a pattern of the same kind for the members of archives: `delivery.zip!flights/*.csv`.

Files come in the order of their paths, each once, and are known by their path below the server's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sluice.contract.model import Contract, Table
from sluice.contract.server import SUFFIXES
from sluice.errors import SourceError
from sluice.lake import ObjectInfo, ObjectStore
from sluice.patterns import MAGIC, hidden, matcher
from sluice.settings import Settings

_PACKED = (".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd")
_ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tzst")


@dataclass(frozen=True)
class Found:
    """A file: `name` is its path below the server's folder, `members` a pattern for what is wanted of an archive.

    `info` is what the store said of an object; None for local files.
    """

    name: str
    uri: str
    members: str = ""
    info: ObjectInfo | None = None


def find(contract: Contract, table: Table, base: str, settings: Settings, store: ObjectStore) -> list[Found]:
    """The table's files. Raises SourceError (FILE_NOT_FOUND, OUTSIDE_ROOTS, TOO_MANY_FILES, ACCESS_DENIED)."""
    format_name = contract.format_of(table)
    place = _Prefix(contract.server.base, store) if contract.server.type == "s3" else _Folder(
        settings.sources / base / contract.server.base, settings  # an absolute path stands for itself
    )  # fmt: skip
    found: dict[str, Found] = {}
    for location in contract.locations(table):
        for file in _at(place, location, format_name, guess=not table.location):
            found.setdefault(file.uri, file)
            if len(found) > settings.limits.files:
                raise SourceError("TOO_MANY_FILES", f"there are more than {settings.limits.files:,} files", where=place.show(location),
                                  mend="Deliver fewer, larger files, or raise SLUICE_MAX_FILES.")  # fmt: skip
    return sorted(found.values(), key=lambda f: f.name)


def _at(place: _Folder | _Prefix, location: str, format_name: str, *, guess: bool) -> Iterator[Found]:
    location = expected = location.removeprefix("./")
    if (one := place.one(location)) is not None:
        yield one
        return
    location, _, members = location.partition("!")
    if members and (one := place.one(location)) is not None:
        yield Found(one.name, one.uri, members, one.info)
        return
    if guess:  # `orders` of format excel may be orders.xls
        name = location.removesuffix(f".{format_name}")
        for suffix in SUFFIXES[format_name]:
            if (one := place.one(f"{name}.{suffix}")) is not None:
                yield one
                return
        if not place.is_folder(location):
            location = name
    steps = location.rstrip("/").split("/")
    static = next((i for i, step in enumerate(steps) if MAGIC.search(step)), len(steps))
    folder, pattern = "/".join(steps[:static]), "/".join(steps[static:])
    matches = matcher(pattern) if pattern else None
    begin = len(folder) + 1 if folder and folder != "." else 0
    any_found = False
    for file in place.below("" if folder == "." else folder):
        inner = file.name[begin:]
        if matches(inner) if matches else _is_data(inner, format_name):
            any_found = True
            yield Found(file.name, file.uri, members, file.info)
    if not any_found:
        raise missing(place.show(expected))


def _is_data(name: str, format_name: str) -> bool:
    """Whether a file in a folder is one of the table's, by its path below that folder."""
    if any(hidden(part) for part in name.split("/")):
        return False
    file = Path(name.rsplit("/", 1)[-1].lower())
    if file.suffix in _ARCHIVES:
        return True
    if file.suffix in _PACKED:
        file = file.with_suffix("")
    return file.suffix in ("", ".tar") or file.suffix[1:] in SUFFIXES[format_name]


class _Folder:
    """A folder of this machine."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings

    def show(self, location: str) -> str:
        return str(self.root / location)

    def is_folder(self, location: str) -> bool:
        return (self.root / location).is_dir()

    def one(self, location: str) -> Found | None:
        path = self.root / location
        return self._found(path, Path(location).as_posix()) if path.is_file() else None

    def below(self, folder: str) -> Iterator[Found]:
        start = self.root / folder
        seen = {os.path.realpath(start)}
        # Links to folders are followed, each folder once: a link to a parent has no end.
        for name, folders, files in os.walk(start, followlinks=True):
            here = Path(name)
            folders[:] = sorted(f for f in folders if self._is_new(here / f, seen))
            for file in sorted(files):
                path = here / file
                if path.is_file():
                    yield self._found(path, (Path(folder) / path.relative_to(start)).as_posix())

    @staticmethod
    def _is_new(folder: Path, seen: set[str]) -> bool:
        real = os.path.realpath(folder)
        new = real not in seen
        seen.add(real)
        return new

    def _found(self, path: Path, name: str) -> Found:
        real = path.resolve()  # so that no link and no `..` leads out
        settings = self.settings
        inside = any(real.is_relative_to(root) for root in settings.source_roots)
        anywhere = not settings.source_roots and settings.profile == "development"
        if not (inside or anywhere):
            raise SourceError("OUTSIDE_ROOTS", "the file lies outside the folders sources may come from", where=str(path),
                              mend="Move it, or let the platform owner extend SLUICE_SOURCE_ROOTS.")  # fmt: skip
        return Found(name, str(path))


class _Prefix:
    """Objects below an s3:// prefix."""

    def __init__(self, root: str, store: ObjectStore) -> None:
        self.root = root.rstrip("/")
        self.store = store

    def show(self, location: str) -> str:
        return f"{self.root}/{location}"

    def is_folder(self, location: str) -> bool:
        return next(iter(self.store.list(f"{self.root}/{location}/")), None) is not None

    def one(self, location: str) -> Found | None:
        if not location or location.endswith(("/", ".")):
            return None
        info = self.store.head(self.show(location))
        return None if info is None else Found(location, info.uri, info=info)

    def below(self, folder: str) -> Iterator[Found]:
        for info in self.store.list(f"{self.root}/{folder}/" if folder else f"{self.root}/"):
            if not info.uri.endswith("/"):  # what consoles make of a folder
                yield Found(info.uri[len(self.root) + 1 :], info.uri, info=info)


def missing(where: str, why: str = "") -> SourceError:
    """The error for a file that is not there."""
    return SourceError("FILE_NOT_FOUND", f"the source file cannot be read{f': {why}' if why else ''}", where=where,
                       mend="Check the server's `path` and the table's `location` in the contract.")  # fmt: skip
