"""ObjectStore on a local folder, addressed by file:// URIs; what `sluice try` uses."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sluice.errors import SourceError, TerminalError
from sluice.lake import ObjectInfo


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
        return ObjectInfo(uri, stat.st_size, f"{stat.st_mtime_ns:x}-{stat.st_size:x}")

    def get(self, uri: str, path: Path) -> None:
        source = self._existing(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    def put(self, path: Path, uri: str) -> None:
        target = local_path(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
            try:
                with path.open("rb") as source:
                    shutil.copyfileobj(source, part, 1 << 20)
                part.flush()
                Path(part.name).replace(target)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise

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
        folder = start if start.is_dir() else start.parent
        for path in sorted(folder.rglob("*")):
            if path.is_file() and str(path).startswith(str(start)):
                info = self.head(path.as_uri())
                if info is not None:
                    yield info

    def _existing(self, uri: str) -> Path:
        path = local_path(uri)
        if not path.is_file():
            raise SourceError("NO_OBJECT", "there is no such file", where=uri)
        return path
