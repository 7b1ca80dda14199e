"""A publication as one Iceberg snapshot: written whole first, made visible by one swap of the metadata pointer.

pyiceberg's own `commit_transaction` is not used. It tries a refused commit again without asking anybody, and when
it gives up it deletes the snapshot's manifests, taking "refused" for "not done": but when a first answer was lost,
botocore's second try is refused because the first one was done, and the manifests belong to what readers see.
Here nothing is deleted, and after every answer but "done" the table itself is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sluice.adapters.catalogs.partitions import partition_of, unfit
from sluice.catalog import APPEND, CONTENT_PROPERTY, DIGEST_PROPERTY, REQUEST_PROPERTY, Marks, Prepared, Publication
from sluice.lake import StagedFile

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


@dataclass(frozen=True)
class Change:
    """What commits a prepared snapshot: the `updates`, as long as the `requirements` hold."""

    table: Table
    updates: tuple[Any, ...]
    requirements: tuple[Any, ...]


def prepare_snapshot(identifier: str, table: Table, files: Sequence[StagedFile], marks: Marks, mode: str) -> Prepared:
    """Write the manifests of a snapshot of these files. Raises TerminalError (FILE_UNFIT)."""
    from pyiceberg.table.update import AssertCurrentSchemaId, AssertDefaultSpecId, AssertTableUUID

    added = _data_files(identifier, table, [f for f in files if f.rows])
    producer = _producer(table, marks, mode)
    for data_file in added:
        producer.append_data_file(data_file)
    updates, requirements = producer._commit()
    current, metadata = table.current_snapshot(), table.metadata
    still = (
        AssertTableUUID(uuid=metadata.table_uuid),
        AssertCurrentSchemaId.model_validate({"current-schema-id": metadata.current_schema_id}),
        AssertDefaultSpecId.model_validate({"default-spec-id": metadata.default_spec_id}),
    )
    change = Change(table, tuple(updates), (*requirements, *still))
    return Prepared(identifier, current.snapshot_id if current else None, producer.snapshot_id, change)


def _producer(table: Table, marks: Marks, mode: str) -> Any:
    from pyiceberg.table.snapshots import Operation
    from pyiceberg.table.update.snapshot import _FastAppendFiles

    change, properties = table.transaction(), marks.properties()
    if mode == APPEND or table.current_snapshot() is None:
        return _FastAppendFiles(Operation.APPEND, change, table.io, snapshot_properties=properties)
    return _replacing()(Operation.OVERWRITE, change, table.io, snapshot_properties=properties)


def _replacing() -> Any:
    from pyiceberg.manifest import DataFileContent, ManifestEntry, ManifestEntryStatus
    from pyiceberg.table.update.snapshot import _OverwriteFiles

    class Replacing(_OverwriteFiles):
        """Everything that was there goes, in the snapshot that brings what comes: pyiceberg's own way takes two.

        It looks at every entry once, where `_OverwriteFiles` builds a predicate of every partition, which neither
        a thousand partitions nor a transform's values survive.
        """

        def _deleted_entries(self) -> list[ManifestEntry]:
            parent = self._parent_snapshot_id
            before = self._transaction.table_metadata.snapshot_by_id(parent) if parent is not None else None
            there = [
                entry
                for manifest in (before.manifests(self._io) if before else ())
                for entry in manifest.fetch_manifest_entry(self._io, discard_deleted=True)
                if entry.data_file.content == DataFileContent.DATA
            ]
            self._deleted_data_files = {entry.data_file for entry in there}
            return [
                ManifestEntry.from_args(
                    status=ManifestEntryStatus.DELETED,
                    snapshot_id=self.snapshot_id,
                    sequence_number=entry.sequence_number,
                    file_sequence_number=entry.file_sequence_number,
                    data_file=entry.data_file,
                )
                for entry in there
            ]

        def _existing_manifests(self) -> list[Any]:
            return []

        def _build_delete_files_partition_predicate(self) -> None:
            """No predicate chooses: all goes."""

    return Replacing


def _data_files(identifier: str, table: Table, files: Sequence[StagedFile]) -> list[DataFile]:
    """The files as Iceberg describes them: from their footers, read side by side."""
    from pyiceberg.utils.concurrent import ExecutorFactory

    def describe(staged: StagedFile) -> DataFile:
        found = data_file(identifier, table, staged.uri, staged.partition)
        if found.record_count != staged.rows:
            raise unfit(
                identifier,
                staged.uri,
                f"it holds {found.record_count:,} rows, not the {staged.rows:,} that were checked",
            )
        return found

    return list(ExecutorFactory.get_or_create().map(describe, files))


def data_file(identifier: str, table: Table, uri: str, partition: Mapping[str, Any] | None = None) -> DataFile:
    """A Parquet file as a data file of the table; `partition` as a landing recorded it, None to tell it from the file.

    Raises TerminalError (FILE_UNFIT) for other columns, nulls in the key, or rows of more than one partition.
    """
    import pyarrow.parquet as pq
    from pyiceberg.io.pyarrow import (
        _check_pyarrow_schema_compatible,
        compute_statistics_plan,
        data_file_statistics_from_parquet_metadata,
        parquet_path_to_id_mapping,
    )
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat

    metadata, source = table.metadata, table.io.new_input(uri)
    schema = metadata.schema()
    with source.open() as stream:
        footer = pq.read_metadata(stream)
    try:
        _check_pyarrow_schema_compatible(_nullable(schema), footer.schema.to_arrow_schema())
    except ValueError as error:
        raise unfit(identifier, uri, "its columns are not the table's") from error
    found = data_file_statistics_from_parquet_metadata(
        parquet_metadata=footer,
        stats_columns=compute_statistics_plan(schema, metadata.properties),
        parquet_column_mapping=parquet_path_to_id_mapping(schema),
    )
    for field in schema.fields:
        if field.required and found.null_value_counts.get(field.field_id):
            raise unfit(identifier, uri, f"its key column {field.name!r} holds nulls")
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=uri,
        file_format=FileFormat.PARQUET,
        partition=partition_of(identifier, table, uri, found, partition),
        file_size_in_bytes=len(source),
        sort_order_id=metadata.default_sort_order_id or None,
        spec_id=metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **found.to_serialized_dict(),
    )


def _nullable(schema: Any) -> Any:
    from pyiceberg.schema import Schema

    return Schema(*(f.model_copy(update={"required": False}) for f in schema.fields))


def published(table: Table, marks: Marks) -> Snapshot | None:
    """The snapshot, among those that led to what readers see, of this request or else of this very content.

    A snapshot that was put back is no longer in that line. The newest one also counts when another request made it
    on the same evidence: nobody publishes the same thing twice.
    """
    current = table.current_snapshot()
    if (
        current is not None
        and marks.content_digest
        and properties_of(current).get(CONTENT_PROPERTY) == marks.content_digest
        and properties_of(current).get(DIGEST_PROPERTY) == marks.evidence_digest
    ):
        return current
    return of_request(table, marks.request_id)


def of_request(table: Table, request_id: str) -> Snapshot | None:
    """The request's snapshot in the line of ancestors of what readers see."""
    from pyiceberg.table.snapshots import ancestors_of

    for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
        if properties_of(snapshot).get(REQUEST_PROPERTY) == request_id:
            return snapshot
    return None


def properties_of(snapshot: Snapshot) -> Mapping[str, str]:
    """What the snapshot's summary says."""
    return snapshot.summary.additional_properties if snapshot.summary else {}


def as_publication(identifier: str, snapshot: Snapshot, *, repeated: bool) -> Publication:
    """The snapshot as a Publication."""
    said = properties_of(snapshot)
    return Publication(
        identifier,
        snapshot.snapshot_id,
        int(said.get("total-records", 0)),
        int(said.get("total-data-files", 0)),
        repeated,
        snapshot.parent_snapshot_id,
    )
