"""The partition of a file: the one value of every partition field that all of its rows have."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sluice.errors import TerminalError

if TYPE_CHECKING:
    from pyiceberg.io.pyarrow import DataFileStatistics
    from pyiceberg.partitioning import PartitionField
    from pyiceberg.table import Table
    from pyiceberg.typedef import Record


def partition_of(
    identifier: str, table: Table, uri: str, found: DataFileStatistics, said: Mapping[str, Any] | None
) -> Record:
    """The file's partition in the table's spec: what the landing `said`, checked by the file, or told from the file.

    Raises TerminalError (FILE_UNFIT) when it was staged for other partitions, or holds rows of several.
    """
    from pyiceberg.typedef import Record

    fields, schema = table.metadata.spec().fields, table.metadata.schema()
    names = [f.name for f in fields]
    if said is not None and set(said) != set(names):
        raise _unfit(identifier, uri, f"it was staged for the partitions {sorted(said)}, the table has {names}")
    values = []
    for field in fields:
        if field.transform.preserves_order:
            try:
                value = found._partition_value(field, schema)
            except ValueError as error:
                raise _unfit(identifier, uri, f"its rows lie in several partitions of {field.name!r}") from error
        elif said is not None:
            value = said[field.name]
        else:
            value = _of_first_row(table, uri, field)
        if said is not None and _kept(said[field.name]) != _kept(value):
            raise _unfit(
                identifier, uri, f"its rows lie in the partition {value!r} of {field.name!r}, not {said[field.name]!r}"
            )
        values.append(value)
    return Record(*values)


def _of_first_row(table: Table, uri: str, field: PartitionField) -> Any:
    """A bucket cannot be told from bounds; all rows of a file lie in that of its first."""
    import pyarrow.parquet as pq

    name = table.metadata.schema().find_column_name(field.source_id)
    kind = table.metadata.schema().find_type(field.source_id)
    with table.io.new_input(uri).open() as stream:
        batch = next(pq.ParquetFile(stream).iter_batches(1, columns=[str(name)]), None)
    if batch is None:
        return None
    return field.transform.pyarrow_transform(kind)(batch.column(0))[0].as_py()


def _kept(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _unfit(identifier: str, uri: str, why: str) -> TerminalError:
    return TerminalError("FILE_UNFIT", f"a staged file does not fit the table {identifier}: {why}", where=uri,
                         mend="The table or the contract changed since it was landed: land it again.")  # fmt: skip
