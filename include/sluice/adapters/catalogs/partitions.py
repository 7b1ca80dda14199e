"""The partition of a file: the one value of every partition field that all of its rows have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from datetime import time as dt_time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sluice.adapters.catalogs.shapes import iceberg_type, partition_name, transform
from sluice.contract.model import Table as ContractTable
from sluice.errors import TerminalError

if TYPE_CHECKING:
    import pyarrow as pa
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
        raise unfit(identifier, uri, f"it was staged for the partitions {sorted(said)}, the table has {names}")
    values = []
    for field in fields:
        if field.transform.preserves_order:
            try:
                value = found._partition_value(field, schema)
            except ValueError as error:
                raise unfit(identifier, uri, f"its rows lie in several partitions of {field.name!r}") from error
        elif said is not None:
            value = said[field.name]
        else:
            value = _of_first_row(table, uri, field)
        if said is not None and _kept(said[field.name]) != _kept(value):
            raise unfit(
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


def unfit(identifier: str, uri: str, why: str) -> TerminalError:
    """FILE_UNFIT: the table or the contract is not what the file was staged for."""
    return TerminalError("FILE_UNFIT", f"a staged file does not fit the table {identifier}: {why}", where=uri,
                         mend="The table or the contract changed since it was landed: land it again.")  # fmt: skip


class Keys:
    """The partition values of rows, as Iceberg's own transforms give them, for a table of a contract."""

    def __init__(self, table: ContractTable) -> None:
        kinds = {c.field_name: iceberg_type(c.type) for c in table.columns}
        self._names = [partition_name(term) for term in table.partition]
        self._work = [(term.column, transform(term).pyarrow_transform(kinds[term.column])) for term in table.partition]

    def __call__(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """A column of values for every partition field, in the order of the spec."""
        return [work(batch.column(name)) for name, work in self._work]

    def said(self, key: Sequence[Any]) -> dict[str, Any]:
        """Partition field → value, as a landing's manifest (JSON) keeps it."""
        return {name: _plain(value) for name, value in zip(self._names, key, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        since = value - (_EPOCH if value.tzinfo else _EPOCH.replace(tzinfo=None))
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if isinstance(value, date):
        return (value - _EPOCH.date()).days
    if isinstance(value, dt_time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return str(value) if isinstance(value, Decimal) else value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
