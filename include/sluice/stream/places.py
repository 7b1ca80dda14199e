"""The files that a draft is made of: named one by one or found in folders, on this machine or in S3."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sluice.errors import BadInputError, SourceError
from sluice.lake import ObjectStore
from sluice.patterns import hidden
from sluice.settings import Settings


@dataclass(frozen=True)
class SourceFile:
    """A file: `location` is its path below the place's base; `named` says that the user asked for this very file.

    `fetch` gives a local file to read, putting one into the folder it is given where there is none.
    """

    location: str
    named: bool
    fetch: Callable[[Path], Path]


@dataclass(frozen=True)
class Place:
    """Files below one `base`, a folder or an s3:// prefix; `name` is what people would call them."""

    base: str
    name: str
    files: tuple[SourceFile, ...]

    @property
    def shown(self) -> str:
        """Where it is, for messages."""
        return self.base


def find_place(given: Sequence[str], settings: Settings, store: Callable[[], ObjectStore]) -> Place:
    """The files at the paths or s3:// URIs. Raises BadInputError (BAD_URI, MIXED_PLACES), SourceError FILE_NOT_FOUND."""
    for text in given:
        scheme = text.partition("://")[0] if "://" in text else ""
        if scheme not in ("", "s3", "file"):
            raise BadInputError(
                "BAD_URI", f"cannot read from {scheme}://", where=text, mend="Give a path, a folder or an s3:// URI."
            )
    remote = [t for t in given if t.startswith("s3://")]
    if remote and len(remote) != len(given):
        raise BadInputError(
            "MIXED_PLACES", "files of this machine and of S3 cannot be in one contract",
            mend="Draft one contract for each.",
        )  # fmt: skip
    if remote:
        return _in_s3(given, settings, store())
    return _on_disk([Path(t.removeprefix("file://")) for t in given], settings)


def _on_disk(paths: Sequence[Path], settings: Settings) -> Place:
    found: list[tuple[Path, bool]] = []
    for path in paths:
        if path.is_dir():
            found += [(p, False) for p in _below(path)]
        elif path.is_file():
            found.append((path, True))
        else:
            raise SourceError(
                "FILE_NOT_FOUND", "there is no such file or folder", where=str(path), mend="Check the path."
            )
    absolute = {Path(os.path.abspath(p)): named for p, named in found}  # noqa: PTH100 - links stay as they are named
    for path in absolute:
        real = path.resolve()
        if settings.source_roots and not any(real.is_relative_to(r) for r in settings.source_roots):
            raise SourceError(
                "OUTSIDE_ROOTS", "the file lies outside the folders sources may come from", where=str(path),
                mend="Move it, or let the platform owner extend SLUICE_SOURCE_ROOTS.",
            )  # fmt: skip
    folders = [Path(os.path.abspath(p if p.is_dir() else p.parent)) for p in paths]  # noqa: PTH100
    base = Path(os.path.commonpath(folders))
    only = paths[0]
    name = only.resolve().name if len(paths) == 1 else base.name

    def file(path: Path, named: bool) -> SourceFile:
        return SourceFile(path.relative_to(base).as_posix(), named, lambda _: path)

    _limit(len(absolute), settings, str(base))
    return Place(str(base), name, tuple(file(p, n) for p, n in sorted(absolute.items())))


def _below(folder: Path) -> list[Path]:
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not hidden(f))
        # A link that leads nowhere, a pipe or a device is nobody's table.
        found += [p for f in sorted(files) if not hidden(f) and (p := Path(here) / f).is_file()]
    return found


def _in_s3(uris: Sequence[str], settings: Settings, store: ObjectStore) -> Place:
    found: dict[str, bool] = {}
    for uri in uris:
        if not uri.endswith("/") and len(uri.split("/")) > 3 and store.head(uri) is not None:
            found[uri] = True
            continue
        prefix = uri.rstrip("/") + "/"
        inside = [i.uri for i in store.list(prefix) if not i.uri.endswith("/")]
        visible = [u for u in inside if not any(hidden(part) for part in u[len(prefix) :].split("/"))]
        if not visible:
            raise SourceError("FILE_NOT_FOUND", "there is no such object or prefix", where=uri, mend="Check the URI.")
        found |= dict.fromkeys(visible, False)
    _limit(len(found), settings, uris[0])
    whole = [u.rstrip("/") if not found.get(u) else u.rsplit("/", 1)[0] for u in uris]
    base = os.path.commonpath([u.removeprefix("s3://") for u in whole])

    def file(uri: str, named: bool) -> SourceFile:
        location = uri.removeprefix(f"s3://{base}/")

        def fetch(folder: Path) -> Path:
            target = folder / PurePosixPath(location).name
            target.parent.mkdir(parents=True, exist_ok=True)
            store.get(uri, target)
            return target

        return SourceFile(location, named, fetch)

    return Place(
        f"s3://{base}", PurePosixPath(uris[0].rstrip("/")).name, tuple(file(u, n) for u, n in sorted(found.items()))
    )


def _limit(count: int, settings: Settings, where: str) -> None:
    if count > settings.limits.files:
        raise SourceError(
            "TOO_MANY_FILES", f"there are more than {settings.limits.files:,} files", where=where,
            mend="Draft from fewer, larger files, or raise SLUICE_MAX_FILES.",
        )  # fmt: skip
