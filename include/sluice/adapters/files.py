"""ObjectStore on a local folder, addressed by file:// URIs; what `sluice try` uses."""

from __future__ import annotations

import filecmp
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from sluice.errors import ConflictError, SourceError, TerminalError
from sluice.lake import ObjectInfo, Upload


def local_path(uri: str) -> Path:
    """The path of a file:// URI."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise TerminalError("BAD_URI", f"{uri!r} is not a file:// URI")
    return Path(unquote(parts.path))


class FileStore:
    """Files below a folder. See sluice.lake.ObjectStore for every method."""

    def head(self, uri: str) -> ObjectInfo | None:
        path = local_path(uri)
        if not path.is_file():
            return None
        stat = path.stat()
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        return ObjectInfo(uri, stat.st_size, f"{stat.st_mtime_ns:x}-{stat.st_ctime_ns:x}-{stat.st_size:x}", modified)

    def get(self, uri: str, path: Path) -> None:
        source = self._existing(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    def put(self, path: Path, uri: str, *, sha256: str | None = None, final: bool = False) -> bool:
        target = local_path(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            if not (final and _linked(path, part)):
                _copy(path, part, sha256)
            os.link(part, target)
        except FileExistsError:
            if not filecmp.cmp(part, target, shallow=False):
                raise ConflictError("OBJECT_DIFFERS", "another file lies where this one belongs", where=uri,
                                    mend="Find out who writes there: what is landed is never replaced.") from None  # fmt: skip
            return False
        finally:
            part.unlink(missing_ok=True)
        return True

    def copy(self, source: ObjectInfo, uri: str, *, sha256: str) -> bool:
        if self.head(source.uri) != source:
            raise SourceError("SOURCE_CHANGED", "the file changed while it was read", where=source.uri,
                              mend="Deliver under another name, then ask again.")  # fmt: skip
        return self.put(local_path(source.uri), uri, sha256=sha256)

    def open(self, source: ObjectInfo) -> BinaryIO:
        if self.head(source.uri) != source:
            raise SourceError("SOURCE_CHANGED", "the file changed before it was read", where=source.uri,
                              mend="Deliver under another name, then ask again.")  # fmt: skip
        return local_path(source.uri).open("rb")

    def read(self, uri: str) -> bytes:
        return self._existing(uri).read_bytes()

    def write(self, uri: str, content: bytes, *, content_type: str, only_if_absent: bool = False) -> bool:
        target = local_path(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
            part.write(content)
        try:
            if only_if_absent:
                os.link(part.name, target)
            else:
                Path(part.name).replace(target)
        except FileExistsError:
            return False
        finally:
            Path(part.name).unlink(missing_ok=True)
        return True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        start = local_path(prefix)
        text = f"{start}/" if prefix.endswith("/") else str(start)
        folder = start if prefix.endswith("/") else start.parent
        for path in sorted(folder.rglob("*")):
            if path.is_file() and str(path).startswith(text):
                info = self.head(path.as_uri())
                if info is not None:
                    yield info

    def delete(self, uri: str) -> None:
        path = local_path(uri)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # a folder is there as long as something lies in it
            path.parent.rmdir()

    def uploads(self, prefix: str) -> Iterator[Upload]:
        return iter(())

    def abort(self, upload: Upload) -> None:
        """There are none."""

    def _existing(self, uri: str) -> Path:
        path = local_path(uri)
        if not path.is_file():
            raise SourceError("NO_OBJECT", "there is no such file", where=uri)
        return path


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
