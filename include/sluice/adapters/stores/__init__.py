"""Object stores by the scheme of a URI: a lake in one kind of store can land sources that lie in another."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from sluice.adapters.stores.local import FileStore, local_path
from sluice.lake import ObjectInfo, ObjectStore, Upload


def open_store(lake: str) -> ObjectStore:
    """The store of a lake, which also reaches objects of the other kind; a folder's own files never leave it."""
    return AnyStore(lake)


class AnyStore:
    """See sluice.lake.ObjectStore for every method: each URI goes to the store of its scheme."""

    def __init__(self, lake: str) -> None:
        self._root = local_path(lake) if lake.startswith("file://") else None

    @cached_property
    def _files(self) -> ObjectStore:
        return FileStore(self._root)

    @cached_property
    def _s3(self) -> ObjectStore:
        from sluice.adapters.stores.s3 import S3Store

        return S3Store()

    def _of(self, uri: str) -> ObjectStore:
        return self._s3 if uri.startswith("s3://") else self._files

    def head(self, uri: str) -> ObjectInfo | None:
        return self._of(uri).head(uri)

    def get(self, uri: str, path: Path) -> None:
        self._of(uri).get(uri, path)

    def put(self, path: Path, uri: str, *, sha256: str | None = None, final: bool = False) -> bool:
        return self._of(uri).put(path, uri, sha256=sha256, final=final)

    def copy(self, source: ObjectInfo, uri: str, *, sha256: str) -> bool:
        here, there = self._of(source.uri), self._of(uri)
        if here is there:
            return here.copy(source, uri, sha256=sha256)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "object"
            here.get(source.uri, path)
            return there.put(path, uri, sha256=sha256)

    def open(self, source: ObjectInfo) -> BinaryIO:
        return self._of(source.uri).open(source)

    def read(self, uri: str) -> bytes:
        return self._of(uri).read(uri)

    def write(self, uri: str, content: bytes, *, content_type: str, only_if_absent: bool = False) -> bool:
        return self._of(uri).write(uri, content, content_type=content_type, only_if_absent=only_if_absent)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._of(prefix).list(prefix)

    def delete(self, uri: str) -> None:
        self._of(uri).delete(uri)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        return self._of(prefix).uploads(prefix)

    def abort(self, upload: Upload) -> None:
        self._of(upload.uri).abort(upload)


__all__ = ["AnyStore", "FileStore", "open_store"]
