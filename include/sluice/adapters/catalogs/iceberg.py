"""The Catalog port on Iceberg, through pyiceberg, whichever catalog keeps the tables' pointers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sluice.adapters.catalogs.commits import (
    as_publication,
    of_request,
    prepare_snapshot,
    properties_of,
    published,
)
from sluice.adapters.catalogs.failures import translated
from sluice.adapters.catalogs.registering import Registering
from sluice.catalog import (
    REPLACE,
    REQUEST_PROPERTY,
    CatalogEntry,
    Marks,
    Prepared,
    Publication,
    SnapshotInfo,
    TableRequest,
)
from sluice.errors import CommitConflictError, LakeUnavailableError, SluiceError, TerminalError
from sluice.lake import StagedFile

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable


class IcebergCatalog:
    """See sluice.catalog.Catalog for every method. `load` opens pyiceberg's catalog, on first use."""

    def __init__(self, kind: str, load: Callable[[], Catalog]) -> None:
        self.kind = kind
        self._load = load

    @cached_property
    def source(self) -> Catalog:
        """pyiceberg's catalog."""
        with translated(self.kind):
            return self._load()

    def uri(self, identifier: str) -> str:
        database, _, table = identifier.partition(".")
        return f"{'glue' if self.kind == 'glue' else 'iceberg'}://{database}/{table}"

    def register(self, wanted: TableRequest) -> CatalogEntry:
        return Registering(self.source, wanted).run()

    def entry(self, identifier: str) -> CatalogEntry | None:
        table = self._table_or_none(identifier)
        if table is None:
            return None
        return CatalogEntry(identifier, table.location(), created=False, uuid=str(table.metadata.table_uuid))

    def prepare(
        self, identifier: str, files: Sequence[StagedFile], marks: Marks, *, mode: str = REPLACE
    ) -> Prepared | Publication:
        with translated(identifier):
            table = self.source.load_table(identifier)
            if done := published(table, marks):
                return as_publication(identifier, done, repeated=True)
            return prepare_snapshot(identifier, table, files, marks, mode)

    def commit(self, prepared: Prepared) -> Publication:
        from pyiceberg.exceptions import CommitFailedException

        identifier = prepared.identifier
        try:
            self._swap(prepared.handle.table, prepared.handle.requirements, prepared.handle.updates)
        except CommitFailedException as error:
            # Refused, and yet it may be done: the first of two tries was, and its answer was lost.
            if (done := self._landed(prepared)) is not None:
                return done
            raise CommitConflictError("COMMIT_CONFLICT", "another commit came first", where=identifier) from error
        except SluiceError:
            # Also a plain refusal may be the answer to a second try, after a first one that was done.
            if (done := self._landed(prepared)) is not None:
                return done
            raise
        done = self._landed(prepared)
        if done is None:
            raise LakeUnavailableError(
                "COMMIT_UNKNOWN", "the catalog took the commit and does not show it", where=identifier
            )
        return done

    def _swap(self, table: IcebergTable, requirements: tuple[Any, ...], updates: tuple[Any, ...]) -> None:
        with translated(".".join(table.name())):
            self.source.commit_table(table, requirements, updates)

    def _landed(self, prepared: Prepared) -> Publication | None:
        """The publication, when the table shows the snapshot or something that was built on it."""
        try:
            with translated(prepared.identifier):
                table = self.source.load_table(prepared.identifier)
        except LakeUnavailableError as error:
            raise LakeUnavailableError(
                "COMMIT_UNKNOWN", "the catalog did not say whether the commit happened", where=prepared.identifier
            ) from error
        snapshot = table.snapshot_by_id(prepared.snapshot_id)
        return as_publication(prepared.identifier, snapshot, repeated=False) if snapshot is not None else None

    def publication(self, identifier: str, request_id: str) -> Publication | None:
        table = self._table_or_none(identifier)
        snapshot = of_request(table, request_id) if table is not None else None
        return as_publication(identifier, snapshot, repeated=True) if snapshot is not None else None

    def snapshots(self, identifier: str) -> list[SnapshotInfo]:
        with translated(identifier):
            table = self.source.load_table(identifier)
        current = table.current_snapshot()
        shown = current.snapshot_id if current else None
        return [
            SnapshotInfo(
                id=s.snapshot_id,
                parent=s.parent_snapshot_id,
                at=datetime.fromtimestamp(s.timestamp_ms / 1000, UTC),
                operation=s.summary.operation.value if s.summary else "",
                rows=int(properties_of(s).get("total-records", 0)),
                files=int(properties_of(s).get("total-data-files", 0)),
                size=int(properties_of(s).get("total-files-size", 0)),
                current=s.snapshot_id == shown,
                properties=dict(properties_of(s)),
            )
            for s in sorted(table.snapshots(), key=lambda s: (s.sequence_number or 0, s.timestamp_ms))
        ]

    def put_back(self, identifier: str, snapshot_id: int | None, *, expected: int | None) -> None:
        from pyiceberg.exceptions import CommitFailedException
        from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
        from pyiceberg.table.update import AssertRefSnapshotId, RemoveSnapshotRefUpdate, SetSnapshotRefUpdate

        with translated(identifier):
            table = self.source.load_table(identifier)
        if _shown(table) == snapshot_id:
            return
        if snapshot_id is not None and table.snapshot_by_id(snapshot_id) is None:
            raise TerminalError("NO_SNAPSHOT", f"the table no longer has the snapshot {snapshot_id}", where=identifier,
                                mend="Choose one that `snapshots` still lists.")  # fmt: skip
        update: Any = RemoveSnapshotRefUpdate.model_validate({"ref-name": MAIN_BRANCH})
        if snapshot_id is not None:
            update = SetSnapshotRefUpdate.model_validate(
                {"ref-name": MAIN_BRANCH, "type": SnapshotRefType.BRANCH, "snapshot-id": snapshot_id}
            )
        requirement = AssertRefSnapshotId.model_validate({"ref": MAIN_BRANCH, "snapshot-id": expected})
        try:
            self._swap(table, (requirement,), (update,))
        except (CommitFailedException, LakeUnavailableError) as error:
            with translated(identifier):
                table = self.source.load_table(identifier)
            if _shown(table) == snapshot_id:
                return
            if isinstance(error, CommitFailedException):
                raise CommitConflictError("COMMIT_CONFLICT", "another commit came first", where=identifier) from error
            raise

    def readable(self, identifier: str, request_id: str, uuid: str = "") -> str | None:
        try:
            table = self._table_or_none(identifier)
        except FileNotFoundError:
            return "its metadata file is gone"
        if table is None:
            return "the catalog has no such table"
        same = uuid == str(table.metadata.table_uuid)
        theirs = any(properties_of(s).get(REQUEST_PROPERTY) == request_id for s in table.snapshots())
        if not theirs and not same:
            return "it has no snapshot of this request"
        with translated(identifier):
            for task in table.scan().plan_files():
                if not table.io.new_input(task.file.file_path).exists():
                    return f"its file {task.file.file_path} is gone"
        return None

    def referenced_files(self, identifier: str) -> set[str]:
        table = self._table_or_none(identifier)
        if table is None:
            return set()
        with translated(identifier):
            # A manifest is shared by many snapshots: each is read once.
            manifests = {m.manifest_path: m for s in table.snapshots() for m in s.manifests(table.io)}
            return {
                entry.data_file.file_path
                for manifest in manifests.values()
                for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)
            }

    def scan(self, identifier: str, columns: Sequence[str] = ("*",)) -> pa.Table:
        with translated(identifier):
            return self.source.load_table(identifier).scan(selected_fields=tuple(columns)).to_arrow()

    def drop(self, identifier: str) -> bool:
        try:
            with translated(identifier):
                self.source.drop_table(identifier)
        except SluiceError as error:
            if error.code == "NOT_REGISTERED":
                return False
            raise
        return True

    def count(self) -> int:
        """How many tables the catalog has."""
        with translated(self.kind):
            return sum(len(self.source.list_tables(n)) for n in self.source.list_namespaces())

    def load(self, identifier: str) -> IcebergTable:
        """pyiceberg's table, for the modules beside this one. Raises TerminalError (NOT_REGISTERED)."""
        with translated(identifier):
            return self.source.load_table(identifier)

    def _table_or_none(self, identifier: str) -> IcebergTable | None:
        try:
            return self.load(identifier)
        except TerminalError as error:
            if error.code == "NOT_REGISTERED":
                return None
            raise


def _shown(table: IcebergTable) -> int | None:
    current = table.current_snapshot()
    return current.snapshot_id if current else None
