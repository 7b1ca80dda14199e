"""Snapshots of published tables: looked at, put back, replaced file by file, expired. Iceberg through pyiceberg.

Every change is one commit on the snapshot that was looked at: when another commit came first, nothing of ours is
visible, and whoever asked must look again. pyiceberg's own retries are off here, for they would put a change on top
of data that it was not made for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sluice.adapters.catalogs.commits import data_file
from sluice.adapters.catalogs.failures import translated
from sluice.catalog import REQUEST_PROPERTY, SOURCE_PROPERTY
from sluice.contract.types import ColumnType
from sluice.errors import LakeUnavailableError, TerminalError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table import Transaction

ATTEMPTS = 5


@dataclass(frozen=True)
class FileInTable:
    """A data file of a snapshot; `size` in bytes. Files of one `partition` (and spec) may be put together."""

    uri: str
    rows: int
    size: int
    partition: str = ""


@dataclass(frozen=True)
class TableState:
    """A table as it was found: its current snapshot (None: it has none) and that snapshot's data files."""

    identifier: str
    snapshot_id: int | None
    files: tuple[FileInTable, ...]
    columns: tuple[str, ...]

    @property
    def rows(self) -> int:
        return sum(f.rows for f in self.files)

    @property
    def size(self) -> int:
        return sum(f.size for f in self.files)


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot that the table still has. `request` is who made it: a request's or a refresh's id, "" for others."""

    snapshot_id: int
    at: datetime
    request: str
    operation: str
    rows: int
    size: int


@dataclass(frozen=True)
class Moved:
    """A table's current snapshot before and after."""

    identifier: str
    before: int | None
    after: int


class OvertakenError(LakeUnavailableError):
    """The table is not what it was when the change was made for it: look again."""


def state(source: Catalog, identifier: str) -> TableState:
    """The table as it is now. Raises TerminalError (NOT_REGISTERED)."""
    with translated(identifier):
        table = source.load_table(identifier)
        current = table.current_snapshot()
        files = [
            FileInTable(f.file_path, f.record_count, f.file_size_in_bytes, f"{f.spec_id}/{f.partition}")
            for f in _files(table)
        ]
        columns = tuple(f.name for f in table.schema().fields)
    files.sort(key=lambda f: f.uri)
    return TableState(identifier, current.snapshot_id if current else None, tuple(files), columns)


def snapshots(source: Catalog, identifier: str) -> list[SnapshotInfo]:
    """Every snapshot that the table has, oldest first."""
    with translated(identifier):
        found = source.load_table(identifier).snapshots()
    infos = []
    for snapshot in found:
        summary = snapshot.summary.additional_properties if snapshot.summary else {}
        infos.append(
            SnapshotInfo(
                snapshot.snapshot_id, datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
                summary.get(REQUEST_PROPERTY, ""), str(snapshot.summary.operation.value) if snapshot.summary else "",
                int(summary.get("total-records", 0)), int(summary.get("total-files-size", 0)),
            )
        )  # fmt: skip
    return sorted(infos, key=lambda s: s.at)


def put_back(source: Catalog, identifier: str, snapshot_id: int, properties: Mapping[str, str]) -> Moved:
    """Make a snapshot that the table still has the current one, in one commit; nothing happens when it is.

    Raises TerminalError (NO_SNAPSHOT) when it was expired, LakeUnavailableError when the outcome is unknown.
    """
    from pyiceberg.exceptions import CommitFailedException

    for attempt in range(1, ATTEMPTS + 1):
        with translated(identifier):
            table = _loaded(source, identifier)
            current = table.current_snapshot()
            before = current.snapshot_id if current else None
            if before == snapshot_id:
                return Moved(identifier, before, snapshot_id)
            _require(table, identifier, snapshot_id)
            try:
                with table.transaction() as change:
                    from pyiceberg.table.update.snapshot import ManageSnapshots

                    change.set_properties(dict(properties))
                    ManageSnapshots(change).set_current_snapshot(snapshot_id=snapshot_id)
                    _as_it_was(change, snapshot_id)
            except CommitFailedException as error:
                if attempt == ATTEMPTS:
                    raise LakeUnavailableError(
                        "COMMIT_CONFLICT", f"{attempt} commits were overtaken by others", where=identifier
                    ) from error
                continue
            return Moved(identifier, before, snapshot_id)
    raise AssertionError("unreachable")


def _as_it_was(change: Transaction, snapshot_id: int) -> None:
    """The snapshot's own columns come back with it: what a change dropped or made another type is readable again."""
    from pyiceberg.table import TableProperties
    from pyiceberg.table.update import SetCurrentSchemaUpdate

    metadata = change.table_metadata
    snapshot = metadata.snapshot_by_id(snapshot_id)
    if snapshot is None or snapshot.schema_id in (None, metadata.current_schema_id):
        return
    schema = next((s for s in metadata.schemas if s.schema_id == snapshot.schema_id), None)
    if schema is None:
        return
    change._stage((SetCurrentSchemaUpdate.model_validate({"schema-id": schema.schema_id}),))
    # Files have names and no field ids: the mapping must lead to the ids of this schema.
    change.set_properties({TableProperties.DEFAULT_NAME_MAPPING: schema.name_mapping.model_dump_json()})


def replace_files(
    source: Catalog,
    identifier: str,
    base: int | None,
    *,
    remove: Collection[str],
    add: Sequence[str],
    properties: Mapping[str, str],
    columns: Sequence[tuple[str, ColumnType, str]] = (),
) -> int:
    """Take files out of the table and put others in, in one commit on the snapshot `base`; returns the new snapshot.

    With `columns` (name, type, comment) the same commit makes the table's schema exactly these: what is not named goes,
    what is new comes, types widen where Iceberg can, and a column of another type takes the old one's place.
    A snapshot with this request's property that the table already shows is returned as it is. Raises OvertakenError
    when `base` is not current any more, LakeUnavailableError when the outcome is unknown: the next try looks first.
    """
    from pyiceberg.exceptions import CommitFailedException
    from pyiceberg.table import TableProperties

    request = properties[REQUEST_PROPERTY]
    with translated(identifier):
        table = _loaded(source, identifier)
        if (done := shown(table, request)) is not None:
            return done
        current = table.current_snapshot()
        if (current.snapshot_id if current else None) != base:
            raise OvertakenError("OVERTAKEN", "the table has another snapshot than before", where=identifier)
        gone = [f for f in _files(table) if f.file_path in remove] if remove else []
        if len(gone) != len(set(remove)):
            raise OvertakenError("OVERTAKEN", "files that were to be replaced are not in the table", where=identifier)
        change = table.transaction()
        if change.table_metadata.name_mapping() is None:
            names = change.table_metadata.schema().name_mapping.model_dump_json()
            change.set_properties({TableProperties.DEFAULT_NAME_MAPPING: names})
        if columns:
            _reshape(change, columns)
        shape: Any = SimpleNamespace(metadata=change.table_metadata, io=table.io)
        with change.update_snapshot(snapshot_properties=dict(properties)).overwrite() as files:
            for file in gone:
                files.delete_data_file(file)
            for uri in add:
                files.append_data_file(data_file(identifier, shape, uri))
        refused: CommitFailedException | None = None
        try:
            # Not `commit_transaction`, which deletes manifests after a refusal: the first of two tries may be done,
            # its answer lost, and the second refused for that very reason (see sluice.adapters.catalogs.commits).
            source.commit_table(table, change._requirements, change._updates)
        except CommitFailedException as error:
            refused = error
        found = shown(source.load_table(identifier), request)
    if found is None and refused is not None:
        raise OvertakenError("OVERTAKEN", "another commit came first", where=identifier) from refused
    if found is None:
        raise LakeUnavailableError("COMMIT_UNKNOWN", "the commit cannot be found in the table", where=identifier)
    return found


def _reshape(change: Transaction, columns: Sequence[tuple[str, ColumnType, str]]) -> None:
    from sluice.adapters.catalogs.shapes import iceberg_type, same_type

    wanted = {name: (iceberg_type(kind), comment) for name, kind, comment in columns}
    present = {f.name: f for f in change.table_metadata.schema().fields}
    if set(present) == set(wanted) and all(same_type(f.field_type, wanted[n][0]) for n, f in present.items()):
        return
    replaced = [n for n, f in present.items() if n in wanted and not _widens(f.field_type, wanted[n][0])]
    going = [n for n in present if n not in wanted] + replaced
    if going:
        keys = change.table_metadata.schema().identifier_field_names()
        with change.update_schema(allow_incompatible_changes=True) as update:
            if keys & set(going):
                update.set_identifier_fields(*(keys - set(going)))
            for name in going:
                update.delete_column(name)
    with change.update_schema() as update:
        for name, (kind, comment) in wanted.items():
            if name not in present or name in replaced:
                update.add_column(name, kind, doc=comment or None)
            elif not same_type(present[name].field_type, kind):
                update.update_column(name, kind)


def _widens(before: Any, after: Any) -> bool:
    from pyiceberg.exceptions import ResolveError
    from pyiceberg.schema import promote

    from sluice.adapters.catalogs.shapes import same_type

    if same_type(before, after):
        return True
    try:
        return bool(promote(before, after) == after)
    except ResolveError:
        return False


def shown(table: IcebergTable, request: str) -> int | None:
    """The snapshot that a request made, if it is the current one or the current one was built on it."""
    from pyiceberg.table.snapshots import ancestors_of

    for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
        if snapshot.summary is not None and snapshot.summary.additional_properties.get(REQUEST_PROPERTY) == request:
            return int(snapshot.snapshot_id)
    return None


def shows(source: Catalog, identifier: str, request: str) -> bool:
    """Whether what readers see was made by a request, or built on what it made."""
    with translated(identifier):
        return shown(source.load_table(identifier), request) is not None


def require_snapshot(source: Catalog, identifier: str, snapshot_id: int) -> None:
    """Raises TerminalError (NO_SNAPSHOT, NOT_REGISTERED) when the table cannot show this snapshot any more."""
    with translated(identifier):
        _require(source.load_table(identifier), identifier, snapshot_id)


def _require(table: IcebergTable, identifier: str, snapshot_id: int) -> None:
    if table.metadata.snapshot_by_id(snapshot_id) is None:
        raise TerminalError("NO_SNAPSHOT", f"the table has no snapshot {snapshot_id} any more", where=identifier,
                            mend="Name another: `sluice restore SOURCE --list` shows them.")  # fmt: skip


def set_properties(source: Catalog, identifier: str, properties: Mapping[str, str]) -> None:
    """Say something about the table in its properties."""
    with translated(identifier), _loaded(source, identifier).transaction() as change:
        change.set_properties(dict(properties))


def expire(source: Catalog, identifier: str, snapshot_ids: Sequence[int]) -> int:
    """Forget snapshots, the current one never; how many went. No file is deleted here."""
    if not snapshot_ids:
        return 0
    with translated(identifier):
        table = _loaded(source, identifier)
        protected = {ref.snapshot_id for ref in table.metadata.refs.values()}
        going = [s.snapshot_id for s in table.snapshots() if s.snapshot_id in set(snapshot_ids) - protected]
        if going:
            table.maintenance.expire_snapshots().by_ids(going).commit()
    return len(going)


def all_files(source: Catalog, identifier: str) -> set[str]:
    """Every file that the table needs: metadata, manifest lists, manifests and data files of all its snapshots."""
    with translated(identifier):
        table = source.load_table(identifier)
        needed = {table.metadata_location, *(m.metadata_file for m in table.metadata.metadata_log)}
        manifests: dict[str, Any] = {}
        for snapshot in table.snapshots():
            needed.add(snapshot.manifest_list)
            manifests |= {m.manifest_path: m for m in snapshot.manifests(table.io)}
        for manifest in manifests.values():
            needed.add(manifest.manifest_path)
            # What a manifest only says is gone, no reader of any snapshot needs.
            needed |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(table.io, discard_deleted=True)}
    return needed


@dataclass(frozen=True)
class Registered:
    """A table that the catalog has: where its metadata lies, and the source whose table it says it is ("": nobody's)."""

    metadata: str
    owner: str


def registered(source: Catalog, identifier: str) -> Registered | None:
    """The table, whosever it is; None when it is not in the catalog."""
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

    with translated(identifier):
        try:
            table = source.load_table(identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
            return None
    return Registered(str(table.metadata_location), table.properties.get(SOURCE_PROPERTY, ""))


def unregister(source: Catalog, identifier: str) -> None:
    """Take the table out of the catalog; nothing happens when it is not there. No file is deleted here."""
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

    with translated(identifier), suppress(NoSuchTableError, NoSuchNamespaceError):
        source.drop_table(identifier)


def unregister_database(source: Catalog, database: str, owner: str) -> None:
    """Take a source's database out of the catalog when nothing is left in it; somebody else's stays."""
    from pyiceberg.exceptions import NamespaceNotEmptyError, NoSuchNamespaceError

    with translated(database), suppress(NamespaceNotEmptyError, NoSuchNamespaceError):
        if source.load_namespace_properties(database).get(SOURCE_PROPERTY) == owner:
            source.drop_namespace(database)


def _loaded(source: Catalog, identifier: str) -> IcebergTable:
    """The table, with commits that are tried once."""
    from pyiceberg.table import TableProperties

    table = source.load_table(identifier)
    table.metadata.properties[TableProperties.COMMIT_NUM_RETRIES] = "0"
    return table


def _files(table: IcebergTable) -> list[DataFile]:
    return [task.file for task in table.scan().plan_files()]
