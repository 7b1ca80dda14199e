"""The catalog as the domain sees it: what a table is asked to be, what it became, and which snapshots it shows.

`Catalog` is a port: sluice.adapters.catalogs implements it with Iceberg, on AWS Glue (`s3://` lakes) and on
Iceberg's SQL catalog in PostgreSQL (`file://` lakes). What is asked of a catalog is plain data (`TableRequest`),
built by sluice.registration without a catalog, so that it can be shown before anything is created.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sluice.contract.model import PartitionTerm, SortTerm
from sluice.contract.types import ColumnType

if TYPE_CHECKING:
    from sluice.lake import StagedFile

REQUEST_PROPERTY = "sluice.request-id"
DIGEST_PROPERTY = "sluice.evidence-digest"
SOURCE_PROPERTY = "sluice.source"
CONTENT_PROPERTY = "sluice.content-digest"
RESTORED_PROPERTY = "sluice.restored-by"

REPLACE, APPEND = "replace", "append"


@dataclass(frozen=True)
class ColumnRequest:
    """A column as the catalog will show it. `type` is the contract's; `classification` one of CLASSIFICATIONS."""

    name: str
    type: ColumnType
    comment: str
    classification: str


@dataclass(frozen=True)
class TableRequest:
    """Everything that registering asks of the catalog for one table; nothing in it depends on which catalog it is.

    `key` are the identifier fields; `parameters` the table's properties (owner, domain, classification, contract,
    links); `database_parameters` those of the database (namespace). `tags` says what is tagged with which
    classification: `database` and `table` a value, `columns` only those that differ from what they inherit.
    """

    source: str
    database: str
    table: str
    location: str
    comment: str
    columns: tuple[ColumnRequest, ...]
    key: tuple[str, ...]
    partition: tuple[PartitionTerm, ...]
    sort: tuple[SortTerm, ...]
    parameters: Mapping[str, str]
    database_comment: str
    database_parameters: Mapping[str, str]
    tags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identifier(self) -> str:
        """`database.table`."""
        return f"{self.database}.{self.table}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, for evidence and for people."""
        columns = [
            {
                "name": c.name,
                "type": str(c.type),
                "comment": c.comment,
                "classification": c.classification,
                "key": c.name in self.key,
            }
            for c in self.columns
        ]
        return {
            "identifier": self.identifier,
            "location": self.location,
            "comment": self.comment,
            "columns": columns,
            "key": list(self.key),
            "partition": [str(p) for p in self.partition],
            "sort": [str(s) for s in self.sort],
            "parameters": dict(self.parameters),
            "database": {
                "name": self.database,
                "comment": self.database_comment,
                "parameters": dict(self.database_parameters),
            },
            "tags": dict(self.tags),
        }


@dataclass(frozen=True)
class CatalogEntry:
    """A registered table: `identifier` is `database.table`, `uuid` the table's own, which a table made anew changes."""

    identifier: str
    location: str
    created: bool
    uuid: str = ""


@dataclass(frozen=True)
class Marks:
    """What a snapshot says of itself: who asked for it, on which evidence, with which content."""

    request_id: str
    evidence_digest: str
    content_digest: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    def properties(self) -> dict[str, str]:
        """As snapshot properties."""
        known = {
            REQUEST_PROPERTY: self.request_id,
            DIGEST_PROPERTY: self.evidence_digest,
            CONTENT_PROPERTY: self.content_digest,
        }
        return {k: v for k, v in {**known, **self.more}.items() if v}


@dataclass(frozen=True)
class Publication:
    """The snapshot in which a request's files became visible. `repeated`: it was there already.

    `previous` is the snapshot that readers saw before it, None when there was none.
    """

    identifier: str
    snapshot_id: int
    rows: int
    files: int
    repeated: bool
    previous: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data for the ledger; whether it was there already is nobody's business later."""
        return {k: v for k, v in asdict(self).items() if k != "repeated"}


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot of a table. `current`: it is what readers see; `properties` are its summary."""

    id: int
    parent: int | None
    at: datetime
    operation: str
    rows: int
    files: int
    size: int
    current: bool
    properties: Mapping[str, str]


@dataclass(frozen=True)
class Prepared:
    """A snapshot that is written whole and that nobody sees yet; `base` is what the table showed when it was made.

    `handle` is the catalog's own business.
    """

    identifier: str
    base: int | None
    snapshot_id: int
    handle: Any = field(repr=False)


class Catalog(Protocol):
    """Tables with snapshots. Every method raises LakeUnavailableError when the catalog does not answer."""

    kind: str
    """`glue` or `sql`."""

    @property
    def source(self) -> Any:
        """The SDK's own catalog, for the adapters beside this one; nobody else looks into it."""

    def uri(self, identifier: str) -> str:
        """The table's address, as assets and lineage name it: `glue://database/table`, `iceberg://…`."""

    def register(self, wanted: TableRequest) -> CatalogEntry:
        """Create the table without a snapshot, or adopt it when it is this source's; safe beside others doing the same.

        Raises ConflictError (TABLE_NOT_OURS, SCHEMA_CHANGED) rather than touch what somebody else made.
        """

    def entry(self, identifier: str) -> CatalogEntry | None:
        """The table as registered, or None when there is none."""

    def prepare(
        self, identifier: str, files: Sequence[StagedFile], marks: Marks, *, mode: str = REPLACE
    ) -> Prepared | Publication:
        """Write the snapshot that shows exactly these files (REPLACE) or these beside what is there (APPEND).

        Gives the Publication instead when this request's snapshot is there already. Raises TerminalError
        (NOT_REGISTERED, FILE_UNFIT).
        """

    def commit(self, prepared: Prepared) -> Publication:
        """Make it visible: one atomic commit, or none. An unknown outcome is looked up; nothing is ever deleted.

        Raises CommitConflictError when the table moved on since (nothing of this is visible), and
        LakeUnavailableError (COMMIT_UNKNOWN) when it could not be found out: the next try looks before it writes.
        """

    def publication(self, identifier: str, request_id: str) -> Publication | None:
        """The snapshot of this request, wherever it stands in the table's history."""

    def snapshots(self, identifier: str) -> list[SnapshotInfo]:
        """Every snapshot the table still has, oldest first. Raises TerminalError (NOT_REGISTERED)."""

    def put_back(self, identifier: str, snapshot_id: int | None, *, expected: int | None) -> None:
        """Show an earlier snapshot again (None: none at all), if `expected` is what the table shows now.

        One commit that writes no data. Raises CommitConflictError when the table shows something else, TerminalError
        (NO_SNAPSHOT) when it no longer has that snapshot. Nothing happens when it is shown already.
        """

    def readable(self, identifier: str, request_id: str, uuid: str = "") -> str | None:
        """None when what readers see can be read and this request's publication is accounted for; else what is wrong.

        A snapshot that expired is accounted for by the table being the same (`uuid`).
        """

    def referenced_files(self, identifier: str) -> set[str]:
        """Every data file that any snapshot of the table refers to; none when there is no such table."""

    def scan(self, identifier: str, columns: Sequence[str] = ("*",)) -> Any:
        """The published table's current content as an Arrow table."""

    def drop(self, identifier: str) -> bool:
        """Take the table out of the catalog; its files stay. False when there is none."""
