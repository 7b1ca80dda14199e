"""A TableRequest in Iceberg's words: schema, partition spec, sort order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from sluice.catalog import TableRequest
from sluice.contract.model import PartitionTerm
from sluice.contract.types import FLOATS, NESTED, ColumnType, Kind

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder

_PROVISIONAL = 1_000_000
"""From here on fields inside others are numbered, until a schema as a whole is."""

_NO_KEY = FLOATS | NESTED
"""Iceberg takes no floating-point number as an identifier field (NaN and -0 have no identity), and nothing nested."""


def iceberg_schema(wanted: TableRequest) -> Schema:
    """Names, types and comments; the key's columns are Iceberg's identifier fields.

    Only the key's fields are required, as Iceberg demands of identifiers. What else must not be null is the
    checks' business: engines write nullable Parquet columns, which a required field would not take.
    """
    from pyiceberg.schema import Schema, assign_fresh_schema_ids
    from pyiceberg.types import NestedField

    key, ids = identifiers(wanted), count(_PROVISIONAL)
    fields = [
        NestedField(i, c.name, iceberg_type(c.type, ids), required=c.name in key, doc=c.comment or None)
        for i, c in enumerate(wanted.columns, start=1)
    ]
    # Numbered as a catalog will number them: the name mapping, which is made of this, must say the same.
    return assign_fresh_schema_ids(Schema(*fields, identifier_field_ids=[f.field_id for f in fields if f.name in key]))


def identifiers(wanted: TableRequest) -> tuple[str, ...]:
    """The columns that identify a row, when Iceberg can take every one of them; else none."""
    kinds = {c.name: c.type.kind for c in wanted.columns}
    return () if any(kinds[name] in _NO_KEY for name in wanted.key) else wanted.key


def partition_spec(wanted: TableRequest, schema: Schema) -> PartitionSpec:
    """The partition spec, its fields named as Iceberg's own engines name them."""
    from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec

    return PartitionSpec(
        *(
            PartitionField(
                source_id=schema.find_field(term.column).field_id,
                field_id=PARTITION_FIELD_ID_START + i,
                transform=transform(term),
                name=partition_name(term),
            )
            for i, term in enumerate(wanted.partition)
        )
    )


def partition_name(term: PartitionTerm) -> str:
    """`at_day`, `id_bucket`; the column's own name for identity."""
    return term.column if term.transform == "identity" else f"{term.column}_{term.transform}"


def transform(term: PartitionTerm) -> Any:
    """Iceberg's transform."""
    from pyiceberg.transforms import parse_transform

    return parse_transform(f"{term.transform}[{term.argument}]" if term.argument else term.transform)


def sort_order(wanted: TableRequest, schema: Schema) -> SortOrder:
    """The sort order; UNSORTED when the contract names none."""
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, NullOrder, SortDirection, SortField, SortOrder
    from pyiceberg.transforms import IdentityTransform

    if not wanted.sort:
        return UNSORTED_SORT_ORDER
    return SortOrder(
        *(
            SortField(
                source_id=schema.find_field(term.column).field_id,
                transform=IdentityTransform(),
                direction=SortDirection.DESC if term.descending else SortDirection.ASC,
                null_order=NullOrder.NULLS_FIRST if term.nulls_first else NullOrder.NULLS_LAST,
            )
            for term in wanted.sort
        )
    )


def same_type(one: Any, other: Any) -> bool:
    """Whether two Iceberg types are alike but for the ids of what is inside them."""
    return bool(_without_ids(one) == _without_ids(other))


def _without_ids(found: Any) -> Any:
    from pyiceberg.types import ListType, StructType

    if isinstance(found, StructType):
        return [(f.name, _without_ids(f.field_type)) for f in found.fields]
    return [_without_ids(found.element_type)] if isinstance(found, ListType) else found


def iceberg_type(column: ColumnType, ids: Iterator[int] | None = None) -> Any:
    """Iceberg's type for a contract's. `ids` number what is inside it; no id of a whole schema is meant."""
    from pyiceberg import types as ice

    ids = ids or count(_PROVISIONAL)
    if column.kind is Kind.LIST:
        return ice.ListType(next(ids), iceberg_type(column.item.type, ids), element_required=False)
    if column.kind is Kind.STRUCT:
        return ice.StructType(
            *(
                ice.NestedField(
                    next(ids), f.field_name, iceberg_type(f.type, ids), required=False, doc=f.description or None
                )
                for f in column.fields
            )
        )

    if column.kind is Kind.DECIMAL:
        return ice.DecimalType(column.precision, column.scale)
    simple = {
        Kind.STRING: ice.StringType, Kind.BOOLEAN: ice.BooleanType, Kind.INT32: ice.IntegerType, Kind.INT64: ice.LongType,
        Kind.FLOAT32: ice.FloatType, Kind.FLOAT64: ice.DoubleType, Kind.DATE: ice.DateType, Kind.TIME: ice.TimeType,
        Kind.TIMESTAMP: ice.TimestampType, Kind.TIMESTAMPTZ: ice.TimestamptzType, Kind.BINARY: ice.BinaryType,
        Kind.JSON: ice.StringType,
    }  # fmt: skip
    return simple[column.kind]()
