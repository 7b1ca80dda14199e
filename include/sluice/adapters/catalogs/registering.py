"""A TableRequest carried out: the database, the table, or an existing table of ours brought up to it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sluice.adapters.catalogs.failures import translated
from sluice.adapters.catalogs.shapes import (
    iceberg_schema,
    identifiers,
    partition_name,
    partition_spec,
    same_type,
    sort_order,
    transform,
)
from sluice.adapters.catalogs.sql import fitting
from sluice.catalog import SOURCE_PROPERTY, CatalogEntry, TableRequest
from sluice.crashing import crash_point
from sluice.errors import CommitConflictError, ConflictError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable

T = TypeVar("T")
ATTEMPTS = 6
"""How often registering looks again when others change the same database or table."""


class Registering:
    """One registering; safe to be repeated, and beside others of the same table."""

    def __init__(self, source: Catalog, wanted: TableRequest) -> None:
        self.source, self.wanted = source, wanted
        self.identifier = (wanted.database, wanted.table)

    def run(self) -> CatalogEntry:
        """Do it. Raises ConflictError (TABLE_NOT_OURS, SCHEMA_CHANGED)."""
        self._again(self._database)
        crash_point("register.database")
        return self._again(self._table)

    def _again(self, work: Callable[[], T]) -> T:
        from pyiceberg.exceptions import CommitFailedException
        from sqlalchemy.exc import IntegrityError

        for attempt in range(1, ATTEMPTS + 1):
            with translated(self.wanted.identifier):
                try:
                    return work()
                except (CommitFailedException, IntegrityError) as error:
                    # Somebody else did the same at the same time: look again at what is there now.
                    if attempt == ATTEMPTS:
                        raise CommitConflictError(
                            "COMMIT_CONFLICT", f"others changed the table {attempt} times", where=self.wanted.identifier
                        ) from error
            time.sleep(random.uniform(0.02, 0.05) * 2**attempt)  # noqa: S311 (jitter is no secret)
        raise AssertionError("unreachable")

    def _database(self) -> None:
        from pyiceberg.exceptions import NamespaceAlreadyExistsError

        wanted = self.wanted
        # "Description" is what the Glue console shows; the SQL catalog keeps it as any property.
        properties = {
            **wanted.database_parameters,
            "comment": wanted.database_comment,
            "Description": wanted.database_comment,
        }
        properties = fitting({k: v for k, v in properties.items() if v})
        try:
            self.source.create_namespace(wanted.database, properties)
        except NamespaceAlreadyExistsError:
            there = self.source.load_namespace_properties(wanted.database)
            # Somebody else's database may hold our table, and stays as it is.
            if there.get(SOURCE_PROPERTY) == wanted.source and any(there.get(k) != v for k, v in properties.items()):
                self.source.update_namespace_properties(wanted.database, updates=properties)

    def _table(self) -> CatalogEntry:
        from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

        wanted, schema = self.wanted, iceberg_schema(self.wanted)
        with suppress(NoSuchTableError):
            return self._adopt(self.source.load_table(self.identifier))
        try:
            made = self.source.create_table(
                self.identifier,
                schema,
                location=wanted.location,
                partition_spec=partition_spec(wanted, schema),
                sort_order=sort_order(wanted, schema),
                properties={**wanted.parameters, **self._mapping(schema)},
            )
        except TableAlreadyExistsError:
            # Another process was faster, or the answer to our own first try was lost.
            return self._adopt(self.source.load_table(self.identifier))
        crash_point("register.created")
        return CatalogEntry(wanted.identifier, made.location(), created=True, uuid=str(made.metadata.table_uuid))

    def _mapping(self, schema: Any) -> dict[str, str]:
        """Staged files have names and no field ids; readers find the columns by this."""
        from pyiceberg.table import TableProperties

        return {TableProperties.DEFAULT_NAME_MAPPING: schema.name_mapping.model_dump_json()}

    def _adopt(self, existing: IcebergTable) -> CatalogEntry:
        wanted = self.wanted
        owner = existing.properties.get(SOURCE_PROPERTY)
        if owner != wanted.source:
            raise ConflictError("TABLE_NOT_OURS", f"the table exists and belongs to {owner or 'somebody else'}",
                                where=wanted.identifier,
                                mend="Give the contract another id or the table another physicalName.")  # fmt: skip
        self._refuse_changes(existing)
        change = existing.transaction()
        self._evolve(existing, change)
        stale = [k for k in existing.properties if _ours(k) and k not in wanted.parameters]
        news = {k: v for k, v in wanted.parameters.items() if existing.properties.get(k) != v}
        if stale:
            change.remove_properties(*stale)
        if news:
            change.set_properties(news)
        if change._updates:
            self.source.commit_table(existing, (*change._requirements, _same(existing)), change._updates)
        return CatalogEntry(
            wanted.identifier, existing.location(), created=False, uuid=str(existing.metadata.table_uuid)
        )

    def _refuse_changes(self, existing: IcebergTable) -> None:
        kept = {f.name: f.field_type for f in iceberg_schema(self.wanted).fields}
        for field in existing.schema().fields:
            if not same_type(kept.get(field.name), field.field_type):
                now = f"becomes {kept[field.name]}" if field.name in kept else "is gone"
                raise ConflictError("SCHEMA_CHANGED", f"the published column {field.name!r} ({field.field_type}) {now}",
                                    where=self.wanted.identifier,
                                    mend="Keep the column, or publish under another table name.")  # fmt: skip

    def _evolve(self, existing: IcebergTable, change: Any) -> None:
        """Columns that came, comments that changed, the partition spec and the sort order."""
        wanted, present = iceberg_schema(self.wanted), existing.schema()
        known = {f.name: f for f in present.fields}
        comments = {f.name: f.doc for f in wanted.fields if f.name in known and known[f.name].doc != f.doc}
        came = [f for f in wanted.fields if f.name not in known]
        key = set(identifiers(self.wanted))
        # A column becomes required only in a table made anew: what older snapshots hold was never asked.
        key = (
            key
            if all(n in known and known[n].required for n in key)
            else {n for n in key if n in present.identifier_field_names()}
        )
        if came or comments or key != present.identifier_field_names():
            with change.update_schema() as update:
                for field in came:
                    update.add_column(field.name, field.field_type, doc=field.doc)
                for name, doc in comments.items():
                    update.update_column(name, doc=doc or "")
                if key != present.identifier_field_names():
                    update.set_identifier_fields(*sorted(key))
        self._rearrange(existing, change)

    def _rearrange(self, existing: IcebergTable, change: Any) -> None:
        schema = change.table_metadata.schema()
        asked = [(t.column, str(transform(t))) for t in self.wanted.partition]
        has = [(schema.find_column_name(f.source_id), str(f.transform)) for f in existing.spec().fields]
        if asked != has:
            from pyiceberg.table.update.spec import UpdateSpec

            with UpdateSpec(change) as update:
                for field in existing.spec().fields:
                    update.remove_field(field.name)
                for term in self.wanted.partition:
                    update.add_field(term.column, transform(term), partition_name(term))
        order = sort_order(self.wanted, schema)
        if [f.model_dump() for f in order.fields] != [f.model_dump() for f in existing.sort_order().fields]:
            with change.update_sort_order() as sorting:
                for by, to in zip(self.wanted.sort, order.fields, strict=True):
                    (sorting.desc if by.descending else sorting.asc)(by.column, to.transform, to.null_order)


def _ours(name: str) -> bool:
    """Whether a property is one that registering sets: what others set beside them stays."""
    return name.startswith(("sluice.", "classification."))


def _same(existing: IcebergTable) -> Any:
    from pyiceberg.table.update import AssertTableUUID

    return AssertTableUUID(uuid=existing.metadata.table_uuid)
