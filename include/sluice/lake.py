"""The lake's object storage as the stages see it, and the manifest a landing leaves there.

`ObjectStore` is a port: sluice.adapters.stores.s3 speaks to S3, sluice.adapters.stores.local to a local folder,
and sluice.adapters.stores chooses by the URI.
URIs are `s3://bucket/key` or `file:///folder/key`; keys are built here, from ids, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

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

        `sha256` is what the content must have: raises SourceError (SOURCE_CHANGED) when it turns out otherwise.
        `final` says that nobody writes to the file any more, so that a store on the same disk may keep the file
        itself. Objects written so are never replaced: raises ConflictError (OBJECT_DIFFERS) when something else
        lies there.
        """

    def copy(self, source: ObjectInfo, uri: str, *, sha256: str) -> bool:
        """`put`, from another object of the same kind of store, inside the store.

        Raises SourceError (SOURCE_CHANGED) when the source no longer is what `source` says.
        """

    def open(self, source: ObjectInfo) -> BinaryIO:
        """The object as a file that can be read from anywhere, without a copy of it.

        Reading raises SourceError (SOURCE_CHANGED, NO_OBJECT) when it no longer is what `source` says.
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
class Mark:
    """How a source file looked at one moment: another mark means that it changed.

    `modified` is ISO 8601 in UTC; `version` an ETag, or a local file's times and inode.
    """

    size: int
    modified: str
    version: str


@dataclass(frozen=True)
class SourceFile:
    """A source file as it was landed. `sha256` is of its bytes, before any decompression.

    `landing_uri` is None where nothing is kept (a trial); `role` is DELIVERY or REPLAY; `before` and `after` are
    its marks before the first and after the last byte was read.
    """

    name: str
    size: int
    sha256: str
    landing_uri: str | None
    role: str
    before: Mark
    after: Mark


DELIVERY, REPLAY = "delivery", "replay"


@dataclass(frozen=True)
class StagedFile:
    """A typed Parquet file that no snapshot refers to yet.

    `columns`: lake name → `nulls`, `min`, `max` as the file's footer tells them; `withheld` instead of the bounds
    for confidential and restricted columns. `partition`: partition field → the one value that every row has, as
    Iceberg holds it (days and microseconds since 1970 as numbers, decimals as text); empty in a table without.
    """

    uri: str
    rows: int
    size: int
    sha256: str
    columns: dict[str, dict[str, Any]]
    partition: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class QuarantineFile:
    """Rows that were not staged, in a Parquet file of the quarantine's columns."""

    uri: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What one attempt of landing made of one table; written last, so what it names is whole.

    Invariant: rows_read = rows_staged + rows_quarantined + rows_dropped. `load` is who asked (a request's id);
    `columns` maps source names to lake names and types; `reasons` counts bad rows, quarantined or dropped, by
    reason code; `dialect` says how the deliveries were read.
    """

    source: str
    table: str
    contract_digest: str
    load: str
    attempt: str
    started_at: str
    finished_at: str
    sources: tuple[SourceFile, ...]
    columns: tuple[dict[str, str], ...]
    staged: tuple[StagedFile, ...]
    quarantine: tuple[QuarantineFile, ...]
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
                "sources": tuple(
                    SourceFile(**{**s, "before": Mark(**s["before"]), "after": Mark(**s["after"])})
                    for s in data["sources"]
                ),
                "columns": tuple(data["columns"]),
                "staged": tuple(StagedFile(**s) for s in data["staged"]),
                "quarantine": tuple(QuarantineFile(**q) for q in data["quarantine"]),
            }
        )


@dataclass(frozen=True)
class Layout:
    """Where things lie under the lake's root. Staged files lie where the table will have them."""

    root: str

    def landing(self, source: str, table: str, sha256: str, name: str) -> str | None:
        """Immutable copy of a source file, addressed by content; None: none is kept."""
        return f"{self.root}/landing/{source}/{table}/{sha256}/{name}"

    def table(self, source: str, table: str) -> str:
        """The Iceberg table's location."""
        return f"{self.root}/warehouse/{source}/{table}"

    def staged(self, source: str, table: str, attempt: str, name: str) -> str:
        """A staged data file of one landing attempt."""
        return f"{self.table(source, table)}/data/{attempt}/{name}"

    def quarantine(self, source: str, table: str, attempt: str, name: str) -> str:
        """A file of rows that one landing attempt did not stage."""
        return f"{self.root}/quarantine/{source}/{table}/{attempt}/{name}"

    def failed_rows(self, source: str, table: str, attempt: str, name: str) -> str:
        """The rows that break a rule, of one check."""
        return f"{self.root}/failed_rows/{source}/{table}/{attempt}/{name}"

    def manifest(self, source: str, table: str, attempt: str) -> str:
        """The manifest of one landing attempt, written last."""
        return f"{self.root}/manifests/{source}/{table}/{attempt}.json"

    def replay(self, source: str, table: str, digest: str, name: str) -> str:
        """A file of a replay: its rows, its offer, who took it."""
        return f"{self.root}/replay/{source}/{table}/{digest}/{name}"

    def anchor(self, name: str) -> str:
        """A record of where the ledger's chains ended."""
        return f"{self.root}/ledger/anchors/{name}"

    def evidence(self, source: str, digest: str, name: str) -> str:
        """A document of an evidence pack."""
        return f"{self.root}/evidence/{source}/{digest}/{name}"
