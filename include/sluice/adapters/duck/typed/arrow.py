"""Reads Parquet, ORC and Arrow (IPC file and stream, Feather 1 and 2) as what they are, batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from pyarrow import ipc, orc

from sluice.adapters.duck.readable import corrupt
from sluice.adapters.duck.typed.plain import BATCH, small
from sluice.errors import SourceError

_ERRORS = (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError, RecursionError)
_BEYOND_NANOS = "out of range for nanosecond"
"""What pyarrow says of an ORC file with such a timestamp."""
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


@dataclass(frozen=True)
class Source:
    """An open file: its columns, its rows where it says how many, and the rows themselves in batches."""

    schema: pa.Schema
    rows: int | None
    batches: Callable[[], Iterator[pa.RecordBatch]]


@contextmanager
def open_source(display: str, path: Path, what: str) -> Iterator[Source]:
    """The file as a source, `what` being parquet, orc or arrow.

    Raises SourceError CORRUPT_PARQUET, CORRUPT_ORC ..., TIMESTAMP_RANGE, also while its batches are read inside the block.
    """
    try:
        with {"parquet": _parquet, "orc": _orc, "arrow": _arrow}[what](path) as source:
            yield source
    except _ERRORS as e:
        if isinstance(e, OSError) and e.errno is not None:
            raise
        if _BEYOND_NANOS in str(e):
            raise SourceError(
                "TIMESTAMP_RANGE", "it has timestamps beyond the years 1677 to 2262: ORC is read in nanoseconds, and so are "
                "Parquet's old INT96 where one is finer than a microsecond", where=display,
                mend="Deliver it as Parquet with timestamps in microseconds, or these columns as dates or texts.",
            ) from e  # fmt: skip
        raise corrupt(display, what, e) from e


@contextmanager
def _parquet(path: Path) -> Iterator[Source]:
    unit = _int96_unit(path)
    with pq.ParquetFile(path, coerce_int96_timestamp_unit=unit) as file:
        yield Source(file.schema_arrow, file.metadata.num_rows, lambda: file.iter_batches(batch_size=BATCH))


def has_int96(file: pq.ParquetFile) -> list[str]:
    """The top columns with the old INT96 moments, which Spark and Impala used to write."""
    schema = file.metadata.schema
    return [schema.column(i).path for i in range(len(schema)) if schema.column(i).physical_type == "INT96"]


def _int96_unit(path: Path) -> str | None:
    """How INT96 can be read without loss: as nanoseconds, or where those overflow as microseconds."""
    with pq.ParquetFile(path) as file:
        names = has_int96(file)
    if not names:
        return None
    with (
        pq.ParquetFile(path, coerce_int96_timestamp_unit="ns") as fine,
        pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as wide,
    ):
        finer = wider = False
        pairs = zip(fine.iter_batches(BATCH, columns=names), wide.iter_batches(BATCH, columns=names), strict=True)
        for ours, theirs in pairs:
            for a, b in zip(ours.columns, theirs.columns, strict=True):
                nanos, micros = (c.cast(pa.int64()).drop_null().to_numpy(zero_copy_only=False) for c in (a, b))
                finer = finer or bool((nanos % 1000 != 0).any())
                wider = wider or bool((nanos // 1000 != micros).any())
    if finer and wider:
        raise pa.ArrowInvalid(f"INT96 {_BEYOND_NANOS}")
    return "us" if wider else "ns"


@contextmanager
def _orc(path: Path) -> Iterator[Source]:
    file = orc.ORCFile(path)

    def batches() -> Iterator[pa.RecordBatch]:
        for stripe in range(file.nstripes):
            yield from small([file.read_stripe(stripe)])

    yield Source(file.schema, file.nrows, batches)


@contextmanager
def _arrow(path: Path) -> Iterator[Source]:
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:4] == b"FEA1":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the format is old, and still delivered
            table = pyarrow.feather.read_table(path, memory_map=False)
        yield Source(table.schema, table.num_rows, lambda: _checked(table.to_batches(BATCH)))
        return
    with pa.memory_map(str(path)) as mapped:
        if magic == b"ARROW1":
            reader = ipc.open_file(mapped)
            yield Source(reader.schema, None, lambda: _checked(map(reader.get_batch, range(reader.num_record_batches))))
        else:
            _check_end(path)
            stream = ipc.open_stream(mapped)
            yield Source(stream.schema, None, lambda: _checked(iter(stream)))


def _check_end(path: Path) -> None:
    """A stream may end anywhere and still look whole, but for its end mark."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - len(_END), 0))
        if file.read() != _END:
            raise pa.ArrowInvalid("the stream has no end mark")


def _checked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Offsets and indices from outside must stay inside: nothing else looks at them before they are followed."""
    for batch in batches:
        for column in batch.columns:
            _as_stored(column).validate(full=True)
        yield from small([batch])


def _as_stored(array: pa.Array) -> pa.Array:
    """The array without what is for every row to prove: that text is UTF-8, that a time is within a day."""
    kind = array.type
    if pa.types.is_string(kind):
        return array.view(pa.binary())
    if pa.types.is_large_string(kind):
        return array.view(pa.large_binary())
    if pa.types.is_time(kind):
        return array.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    return array
