"""The lake's object storage as the stages see it, and the manifest a landing leaves there.

`ObjectStore` is a port: sluice.adapters.s3 speaks to S3, sluice.adapters.files to a local folder.
URIs are `s3://bucket/key` or `file:///folder/key`; keys are built here, from ids, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sluice.contract.model import digest_of


@dataclass(frozen=True)
class ObjectInfo:
    """What a store tells of an object without reading it.

    `size` is in bytes, `etag` the store's own version mark, `modified` when it was written. `sha256` is what the
    writer said of the content; None where a listing does not tell, or somebody else wrote it.
    """

    uri: str
    size: int
    etag: str
    modified: datetime
    sha256: str | None = None


@dataclass(frozen=True)
class Upload:
    """A multipart upload that was begun and neither completed nor aborted."""

    uri: str
    id: str
    started: datetime


class ObjectStore(Protocol):
    """Object storage. Every method raises LakeUnavailableError when the store does not answer."""

    def head(self, uri: str) -> ObjectInfo | None:
        """What is known of the object, or None when there is no such object."""

    def get(self, uri: str, path: Path) -> None:
        """Copy the object to a local file. Raises SourceError (NO_OBJECT) when there is none."""

    def put(self, path: Path, uri: str, *, sha256: str | None = None, final: bool = False) -> bool:
        """Copy a local file to the object, once: False (and nothing written) when the very same content lies there.

        `sha256` saves reading the file once more; `final` says that nobody will write to it, so that a store on the
        same disk may keep the file itself. Objects written so are never replaced: raises ConflictError
        (OBJECT_DIFFERS) when something else lies there.
        """

    def copy(self, source: ObjectInfo, uri: str, *, sha256: str) -> bool:
        """`put`, from another object of the same kind of store, inside the store.

        Raises SourceError (SOURCE_CHANGED) when the source no longer is what `source` says.
        """

    def read(self, uri: str) -> bytes:
        """The object's content. Raises SourceError (NO_OBJECT) when there is none."""

    def write(self, uri: str, content: bytes, *, content_type: str, only_if_absent: bool = False) -> bool:
        """Write the object; with `only_if_absent`, False (and nothing written) when it exists."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose URI starts with `prefix`."""

    def delete(self, uri: str) -> None:
        """Remove the object; nothing happens when there is none."""

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Every unfinished multipart upload to a URI that starts with `prefix`."""

    def abort(self, upload: Upload) -> None:
        """End an unfinished upload and free its parts; nothing happens when it has ended."""


@dataclass(frozen=True)
class SourceFile:
    """A source file as it was landed. `sha256` is of its bytes, before any decompression."""

    name: str
    size: int
    sha256: str
    landing_uri: str


@dataclass(frozen=True)
class StagedFile:
    """A typed Parquet file that no snapshot refers to yet."""

    uri: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What landing made of one table. Invariant: rows_read = rows_staged + rows_quarantined + rows_dropped.

    `reasons` counts quarantined rows by reason code.
    """

    source: str
    table: str
    contract_digest: str
    sources: tuple[SourceFile, ...]
    staged: tuple[StagedFile, ...]
    quarantine_uri: str | None
    rows_read: int
    rows_staged: int
    rows_quarantined: int
    rows_dropped: int
    reasons: dict[str, int]
    dialect: dict[str, Any]

    @property
    def content_digest(self) -> str:
        """Digest of what was landed, whatever the attempt: it binds approvals to content, not to paths.

        Sources, contract and counts determine the staged rows; how they are spread over files does not count.
        """
        return digest_of(
            {
                "contract": self.contract_digest,
                "table": self.table,
                "sources": sorted((s.name, s.size, s.sha256) for s in self.sources),
                "rows": [self.rows_read, self.rows_staged, self.rows_quarantined, self.rows_dropped],
                "reasons": self.reasons,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Manifest:
        """The manifest that `to_dict` wrote."""
        return cls(
            **{
                **data,
                "sources": tuple(SourceFile(**s) for s in data["sources"]),
                "staged": tuple(StagedFile(**s) for s in data["staged"]),
            }
        )


@dataclass(frozen=True)
class Layout:
    """Where things lie under the lake's root. Staged files lie where the table will have them."""

    root: str

    def landing(self, source: str, table: str, sha256: str, name: str) -> str:
        """Immutable copy of a source file, addressed by content."""
        return f"{self.root}/landing/{source}/{table}/{sha256}/{name}"

    def table(self, source: str, table: str) -> str:
        """The Iceberg table's location."""
        return f"{self.root}/warehouse/{source}/{table}"

    def staged(self, source: str, table: str, attempt: str, name: str) -> str:
        """A staged data file of one landing attempt."""
        return f"{self.table(source, table)}/data/{attempt}/{name}"

    def quarantine(self, source: str, table: str, attempt: str) -> str:
        """The quarantined rows of one landing attempt."""
        return f"{self.root}/quarantine/{source}/{table}/{attempt}.parquet"

    def manifest(self, source: str, table: str, attempt: str) -> str:
        """The manifest of one landing attempt, written last."""
        return f"{self.root}/manifests/{source}/{table}/{attempt}.json"

    def evidence(self, source: str, digest: str, name: str) -> str:
        """A document of an evidence pack."""
        return f"{self.root}/evidence/{source}/{digest}/{name}"
