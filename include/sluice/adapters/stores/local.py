"""ObjectStore on a local folder, addressed by file:// URIs: what `sluice try` uses, and a lake on one machine.

An object appears whole or not at all: it is written beside its place, made durable, and given its name in one step,
which fails when the name is taken.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from sluice.errors import ConflictError, SourceError, TerminalError
from sluice.lake import ObjectInfo, Upload

_PART = re.compile(r"\..*\.[0-9a-f]{8}\.part", re.DOTALL)
"""What a file is called while it is being written; one that is left over after a crash is an unfinished upload."""
_TRIES = 5


def local_path(uri: str) -> Path:
    """The path of a file:// URI. Raises TerminalError (BAD_URI) for another, or one that climbs with `..`."""
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or ".." in path.parts:
        raise TerminalError(
            "BAD_URI", f"{uri!r} is not a file:// URI" if parts.scheme != "file" else f"{uri!r} climbs out"
        )
    return path


class FileStore:
    """Files below a folder. See sluice.lake.ObjectStore for every method.

    With `root`, nothing outside of that folder is read or written, also not through links in it, and every write is
    durable before it is told: it outlives a power cut.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root.resolve() if root is not None else None

    def head(self, uri: str) -> ObjectInfo | None:
        path = self._path(uri)
        try:
            stat = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not path.is_file():
            return None
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        return ObjectInfo(uri, stat.st_size, f"{stat.st_mtime_ns:x}-{stat.st_ctime_ns:x}-{stat.st_size:x}", modified)

    def get(self, uri: str, path: Path) -> None:
        source = self._existing(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    def put(self, path: Path, uri: str, *, sha256: str | None = None, final: bool = False) -> bool:
        def fill(part: Path) -> None:
            if not (final and _linked(path, part)):
                _copy(path, part, sha256)

        return self._new(uri, fill)

    def copy(self, source: ObjectInfo, uri: str, *, sha256: str) -> bool:
        if self.head(source.uri) != source:
            raise SourceError("SOURCE_CHANGED", "the file changed while it was read", where=source.uri,
                              mend="Deliver under another name, then ask again.")  # fmt: skip
        return self.put(self._path(source.uri), uri, sha256=sha256)

    def open(self, source: ObjectInfo) -> BinaryIO:
        if self.head(source.uri) != source:
            raise SourceError("SOURCE_CHANGED", "the file changed before it was read", where=source.uri,
                              mend="Deliver under another name, then ask again.")  # fmt: skip
        return self._path(source.uri).open("rb")

    def read(self, uri: str) -> bytes:
        return self._existing(uri).read_bytes()

    def write(self, uri: str, content: bytes, *, content_type: str, only_if_absent: bool = False) -> bool:
        target = self._path(uri)
        with self._beside(target, lambda part: part.write_bytes(content)) as part:
            if not only_if_absent:
                part.replace(target)
            elif not _named(part, target):
                return False
            self._settle(target.parent)
        return True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for path in self._below(prefix):
            if not _PART.fullmatch(path.name) and (info := self.head(path.as_uri())) is not None:
                yield info

    def delete(self, uri: str) -> None:
        path = self._path(uri)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # a folder is there as long as something lies in it
            path.parent.rmdir()

    def uploads(self, prefix: str) -> Iterator[Upload]:
        for path in self._below(prefix):
            if _PART.fullmatch(path.name):
                with suppress(FileNotFoundError):  # finished meanwhile
                    begun = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                    name = path.name[1:].removesuffix(".part")[: -len(".00000000")]
                    yield Upload(path.with_name(name).as_uri(), path.name, begun)

    def abort(self, upload: Upload) -> None:
        if _PART.fullmatch(upload.id):
            self._path(upload.uri).with_name(upload.id).unlink(missing_ok=True)

    def _new(self, uri: str, fill: Callable[[Path], object]) -> bool:
        target = self._path(uri)
        with self._beside(target, fill) as part:
            if _named(part, target):
                self._settle(target.parent)
                return True
            if not filecmp.cmp(part, target, shallow=False):
                raise ConflictError("OBJECT_DIFFERS", "another file lies where this one belongs", where=uri,
                                    mend="Find out who writes there: what is landed is never replaced.")  # fmt: skip
        return False

    @contextmanager
    def _beside(self, target: Path, fill: Callable[[Path], object]) -> Iterator[Path]:
        """A filled, durable file beside the target, gone after the block."""
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            _with_folder(target.parent, lambda: fill(part))
            if self._root is not None:
                _sync(part)
            yield part
        finally:
            part.unlink(missing_ok=True)

    def _settle(self, folder: Path) -> None:
        """The name itself must outlive a power cut too, and the names of the folders above it."""
        if self._root is not None:
            for place in (folder, *folder.parents):
                _sync(place)
                if place == self._root:
                    return

    def _below(self, prefix: str) -> Iterator[Path]:
        start = self._path(prefix)
        text = f"{start}/" if prefix.endswith("/") else str(start)
        folder = start if prefix.endswith("/") else start.parent
        for path in sorted(folder.rglob("*")):
            if path.is_file() and str(path).startswith(text):
                yield path

    def _path(self, uri: str) -> Path:
        path = local_path(uri)
        if self._root is not None and not path.resolve().is_relative_to(self._root):
            raise TerminalError("OUTSIDE_LAKE", "the place is outside of the lake's folder", where=uri,
                                mend=f"What belongs to the lake lies below {self._root.as_uri()}.")  # fmt: skip
        return path

    def _existing(self, uri: str) -> Path:
        path = self._path(uri)
        if not path.is_file():
            raise SourceError("NO_OBJECT", "there is no such file", where=uri)
        return path


def ensure_folder(lake: str) -> bool:
    """Make the lake's folder when it is not there; True when it was made. Raises TerminalError (LAKE_FOLDER)."""
    folder = local_path(lake)
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{secrets.token_hex(4)}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise TerminalError("LAKE_FOLDER", f"the lake's folder cannot be written: {error.strerror}", where=lake,
                            mend="Give a folder that you may write to: `sluice up --lake DIR`.") from error  # fmt: skip
    return made


def folder_is_usable(lake: str) -> bool:
    """Whether the lake's folder is there and can be written."""
    folder = local_path(lake)
    return folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _named(part: Path, target: Path) -> bool:
    """Give the file its name, once: False when the name is taken."""
    try:
        _with_folder(target.parent, lambda: os.link(part, target))
    except FileExistsError:
        return False
    return True


def _with_folder(folder: Path, work: Callable[[], object]) -> None:
    """Work in a folder that is made first; somebody else may take it away again as long as it is empty."""
    for attempt in range(1, _TRIES + 1):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            work()
        except FileNotFoundError:
            if attempt == _TRIES or folder.is_dir():
                raise
        except OSError as error:
            if error.errno in _FULL:
                raise TerminalError("LAKE_FULL", f"the lake's disk takes no more: {error.strerror}",
                                           where=str(folder), mend="Free space there.") from error  # fmt: skip
            raise
        else:
            return


_FULL = {28, 122}
"""ENOSPC, EDQUOT."""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(path: Path, target: Path, sha256: str | None) -> None:
    shutil.copyfile(path, target)
    with target.open("rb") as copied:
        if sha256 is not None and hashlib.file_digest(copied, "sha256").hexdigest() != sha256:
            raise SourceError("SOURCE_CHANGED", "the file changed while it was read", where=str(path),
                              mend="Deliver under another name, then ask again.")  # fmt: skip


def _linked(path: Path, target: Path) -> bool:
    """Whether the file could be given a second name: not on another disk, nor where links are unknown."""
    try:
        os.link(path, target)
    except OSError:
        return False
    return True
