"""The catalog: Iceberg tables in AWS Glue, through pyiceberg.

The table requests are built by pure functions; the network calls stand apart. A commit whose outcome is not
known is looked up by the request id in the snapshots' properties, and no file is ever deleted here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sluice.contract.model import Contract, Table
from sluice.contract.types import ColumnType, Kind
from sluice.errors import ConflictError, LakeUnavailableError, TerminalError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

REQUEST_PROPERTY = "sluice.request-id"
DIGEST_PROPERTY = "sluice.evidence-digest"
SOURCE_PROPERTY = "sluice.source"
COMMIT_ATTEMPTS = 4


@dataclass(frozen=True)
class CatalogEntry:
    """A registered table: `identifier` is `database.table`."""

    identifier: str
    location: str
    created: bool


@dataclass(frozen=True)
class Publication:
    """The snapshot in which a request's files became visible. `repeated`: it was there already."""

    identifier: str
    snapshot_id: int
    rows: int
    files: int
    repeated: bool


def catalog() -> Catalog:
    """The Glue catalog, where the AWS SDK's own environment points."""
    from pyiceberg.catalog import load_catalog

    properties = {"type": "glue", "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"}
    # boto3 reads these variables itself; pyarrow's S3 client has to be told.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        properties["s3.endpoint"] = endpoint
    if region := os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION"):
        properties |= {"s3.region": region, "glue.region": region}
    with _translated("glue"):
        return load_catalog("sluice", **properties)


def iceberg_schema(table: Table) -> Schema:
    """The table's Iceberg schema: names, types and comments from the contract.

    Every field is optional: a required field could not take a file whose Parquet schema is nullable, which is
    all that engines write; nulls are the checks' business.
    """
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    fields = [
        NestedField(i, c.field_name, _iceberg_type(c.type), required=False, doc=c.description or None)
        for i, c in enumerate(table.columns, start=1)
    ]
    return Schema(*fields)


def table_properties(contract: Contract, table: Table) -> dict[str, str]:
    """What the catalog says about the table beside its schema."""
    properties = {
        SOURCE_PROPERTY: contract.id,
        "sluice.contract-version": contract.version,
        "sluice.contract-digest": contract.digest,
        "sluice.primary-key": ",".join(c.field_name for c in table.key),
        "comment": table.description,
        "owner": contract.owner,
        "domain": contract.domain,
        "classification.level": table.classification,
        "write.parquet.compression-codec": "zstd",
    }
    properties |= {f"classification.column.{c.field_name}": c.classification for c in table.columns}
    return {k: v for k, v in properties.items() if v}


def register(source: Catalog, contract: Contract, table: Table, location: str) -> CatalogEntry:
    """Create the table, without a snapshot, or adopt it when it is this source's.

    Raises ConflictError (TABLE_NOT_OURS, SCHEMA_CHANGED) rather than touch what somebody else made.
    """
    from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError

    identifier = (contract.id, table.table_name)
    with _translated(".".join(identifier)):
        with suppress(NamespaceAlreadyExistsError):
            source.create_namespace(
                contract.id, {"comment": contract.description, "owner": contract.owner, SOURCE_PROPERTY: contract.id}
            )
        try:
            made = source.create_table(
                identifier, iceberg_schema(table), location=location, properties=table_properties(contract, table)
            )
            return CatalogEntry(".".join(identifier), made.location(), created=True)
        except TableAlreadyExistsError:
            return _adopt(source.load_table(identifier), contract, table)


def _adopt(existing: IcebergTable, contract: Contract, table: Table) -> CatalogEntry:
    identifier = ".".join(existing.name())
    owner = existing.properties.get(SOURCE_PROPERTY)
    if owner != contract.id:
        raise ConflictError("TABLE_NOT_OURS", f"the table exists and belongs to {owner or 'somebody else'}", where=identifier,
                            mend="Give the contract another id or the table another physicalName.")  # fmt: skip
    wanted, present = iceberg_schema(table), existing.schema()
    kept = {f.name: f.field_type for f in wanted.fields}
    for field in present.fields:
        if kept.get(field.name) != field.field_type:
            now = f"becomes {kept[field.name]}" if field.name in kept else "is gone"
            raise ConflictError("SCHEMA_CHANGED", f"the published column {field.name!r} ({field.field_type}) {now}", where=identifier,
                                mend="Keep the column, or publish under another table name.")  # fmt: skip
    with existing.transaction() as change:
        with change.update_schema() as update:
            update.union_by_name(wanted)
        change.set_properties(table_properties(contract, table))
    return CatalogEntry(identifier, existing.location(), created=False)


def require_table(source: Catalog, identifier: str) -> None:
    """Raises TerminalError (NOT_REGISTERED) when the catalog has no such table."""
    with _translated(identifier):
        source.load_table(identifier)


def publish(
    source: Catalog, identifier: str, files: Sequence[str], request_id: str, evidence_digest: str
) -> Publication:
    """Make exactly these files the table's content, in one atomic commit; doing it again changes nothing.

    Raises LakeUnavailableError when the catalog's answer is unknown: the next try looks before it writes.
    """
    from pyiceberg.exceptions import CommitFailedException
    from pyiceberg.expressions import AlwaysTrue

    properties = {REQUEST_PROPERTY: request_id, DIGEST_PROPERTY: evidence_digest}
    for attempt in range(1, COMMIT_ATTEMPTS + 1):
        with _translated(identifier):
            table = source.load_table(identifier)
            if done := _published(table, request_id):
                return _publication(identifier, done, repeated=True)
            try:
                with table.transaction() as change:
                    if table.current_snapshot() is not None:
                        change.delete(
                            AlwaysTrue(), snapshot_properties=properties | {REQUEST_PROPERTY: f"{request_id}/replace"}
                        )
                    if files:
                        change.add_files(list(files), snapshot_properties=properties)
            except CommitFailedException as error:
                # Somebody else's commit came first: nothing of ours is visible, so reload and try on top of it.
                if attempt == COMMIT_ATTEMPTS:
                    raise LakeUnavailableError(
                        "COMMIT_CONFLICT", f"{attempt} commits were overtaken by others", where=identifier
                    ) from error
                continue
            done = _published(source.load_table(identifier), request_id)
            if done is None:
                raise TerminalError("NOTHING_TO_PUBLISH", "the table has no files to publish", where=identifier)
            return _publication(identifier, done, repeated=False)
    raise AssertionError("unreachable")


def _published(table: IcebergTable, request_id: str) -> Snapshot | None:
    for snapshot in reversed(table.snapshots()):
        if snapshot.summary is not None and snapshot.summary.additional_properties.get(REQUEST_PROPERTY) == request_id:
            return snapshot
    return None


def _publication(identifier: str, snapshot: Snapshot, *, repeated: bool) -> Publication:
    summary = snapshot.summary.additional_properties if snapshot.summary else {}
    return Publication(
        identifier,
        snapshot.snapshot_id,
        int(summary.get("total-records", 0)),
        int(summary.get("total-data-files", 0)),
        repeated,
    )


def readable(source: Catalog, identifier: str, request_id: str) -> str | None:
    """None when the request's snapshot is there and every file of the table can be read; else what is missing."""
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

    with _translated(identifier):
        try:
            table = source.load_table(identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
            return "the catalog has no such table"
        except FileNotFoundError:
            return "its metadata file is gone"
        if _published(table, request_id) is None:
            return "it has no snapshot of this request"
        for task in table.scan().plan_files():
            if not table.io.new_input(task.file.file_path).exists():
                return f"its file {task.file.file_path} is gone"
    return None


def referenced_files(source: Catalog, identifier: str) -> set[str]:
    """Every data file that any snapshot of the table refers to; none when there is no such table."""
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

    with _translated(identifier):
        try:
            table = source.load_table(identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
            return set()
        # A manifest is shared by many snapshots: each is read once.
        manifests = {m.manifest_path: m for s in table.snapshots() for m in s.manifests(table.io)}
        return {
            entry.data_file.file_path
            for manifest in manifests.values()
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)
        }


def scan(source: Catalog, identifier: str, columns: Sequence[str] = ("*",)) -> pa.Table:
    """The published table's current content as Arrow."""
    with _translated(identifier):
        return source.load_table(identifier).scan(selected_fields=tuple(columns)).to_arrow()


@contextmanager
def _translated(where: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError
    from pyiceberg.exceptions import CommitStateUnknownException, NoSuchTableError

    try:
        yield
    except NoSuchTableError as error:
        raise TerminalError("NOT_REGISTERED", "the catalog has no such table", where=where,
                            mend="Somebody removed it after it was registered; ask again.") from error  # fmt: skip
    except CommitStateUnknownException as error:
        raise LakeUnavailableError(
            "COMMIT_UNKNOWN", "the catalog did not say whether the commit happened", where=where
        ) from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("AccessDeniedException", "AccessDenied", "UnrecognizedClientException"):
            raise TerminalError(
                "ACCESS_DENIED", f"AWS refused: {code}", where=where, mend="Grant the worker's role Glue access."
            ) from error
        raise LakeUnavailableError("CATALOG_UNAVAILABLE", f"the catalog answered {code}", where=where) from error
    except (BotoCoreError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise LakeUnavailableError(
            "CATALOG_UNAVAILABLE", f"the catalog could not be reached: {error}", where=where
        ) from error


def _iceberg_type(column: ColumnType) -> Any:
    from pyiceberg import types as ice

    if column.kind is Kind.DECIMAL:
        return ice.DecimalType(column.precision, column.scale)
    simple = {
        Kind.STRING: ice.StringType, Kind.BOOLEAN: ice.BooleanType, Kind.INT32: ice.IntegerType, Kind.INT64: ice.LongType,
        Kind.FLOAT32: ice.FloatType, Kind.FLOAT64: ice.DoubleType, Kind.DATE: ice.DateType, Kind.TIME: ice.TimeType,
        Kind.TIMESTAMP: ice.TimestampType, Kind.TIMESTAMPTZ: ice.TimestamptzType, Kind.BINARY: ice.BinaryType,
        Kind.JSON: ice.StringType,
    }  # fmt: skip
    return simple[column.kind]()
