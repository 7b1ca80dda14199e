"""Iceberg's SQL catalog, in a database of its own: for a lake of files on one machine."""

from __future__ import annotations

import os
import secrets
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

NAME = "sluice"
_LIMIT = 1_000
"""Characters that the SQL catalog keeps of a namespace's property."""


@cache
def load_sql(url: str) -> Catalog:
    """The catalog at this SQLAlchemy URL; its two tables are made when they are not there. One per process.

    Two processes that begin at once both try to make the tables: the one that comes second looks again.
    """
    from pyiceberg.catalog import load_catalog
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    properties = {
        "type": "sql",
        "uri": url,
        "pool_pre_ping": "true",
        "py-io-impl": f"{__name__}.LocalFileIO",
    }
    for attempt in range(5):
        try:
            return load_catalog(NAME, **properties)
        except (IntegrityError, ProgrammingError):
            if attempt == 4:
                raise
            time.sleep(0.1)
    raise AssertionError("unreachable")


def __getattr__(name: str) -> Any:
    # pyiceberg finds the class by its name; made on use, as pyiceberg takes a second to import.
    if name != "LocalFileIO":
        raise AttributeError(name)
    globals()[name] = _local_file_io()
    return globals()[name]


def _local_file_io() -> type:
    from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

    class LocalFile(PyArrowFile):
        """What is written is durable before the catalog points at it, and there whole or not at all."""

        def create(self, overwrite: bool = False) -> Any:
            if not overwrite and self.exists():
                raise FileExistsError(f"Cannot create file, already exists: {self.location}")
            return _Durable(Path(self._path))

    class LocalFileIO(PyArrowFileIO):
        """Files on this machine; their URIs are quoted, as URIs are, where pyiceberg takes them for plain paths."""

        @staticmethod
        def parse_location(location: str, properties: Any = None) -> tuple[str, str, str]:
            if location.startswith("file://"):
                return "file", "", unquote(urlsplit(location).path)
            return PyArrowFileIO.parse_location(location, properties or {})

        def new_output(self, location: str) -> Any:
            scheme, netloc, path = self.parse_location(location, self.properties)
            return LocalFile(fs=self.fs_by_scheme(scheme, netloc), location=location, path=path)

    return LocalFileIO


class _Durable:
    """A file that is being written beside its place, and takes it when it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._file = self._part.open("xb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if self._file.closed:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def __enter__(self) -> _Durable:
        return self

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._part.unlink(missing_ok=True)


def fitting(properties: dict[str, str]) -> dict[str, str]:
    """Namespace properties as long as the catalog can keep them."""
    return {k: v if len(v) <= _LIMIT else f"{v[: _LIMIT - 1]}…" for k, v in properties.items()}
