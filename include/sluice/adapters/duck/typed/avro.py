"""Reads Avro object container files block by block: every block whole, counted, and followed by its mark.

Values are decoded without their logical types, and the logical type is applied to whole columns afterwards: so a
value that a date or decimal library cannot hold is still one that can be quarantined. Source: Avro 1.12
specification, Object Container Files and Logical Types.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from sluice.adapters.duck.packed.partitions import match_columns
from sluice.adapters.duck.readable import Field, Readable, corrupt
from sluice.adapters.duck.typed.avro_types import AvroColumn, AvroSchemaError, plain_schema, read_columns
from sluice.contract.model import Table
from sluice.errors import SourceError
from sluice.limits import Limits

_MAGIC = b"Obj\x01"
_HEADER = {
    "type": "record", "name": "header", "fields": [
        {"name": "meta", "type": {"type": "map", "values": "bytes"}},
        {"name": "sync", "type": {"type": "fixed", "name": "sync", "size": 16}},
    ],
}  # fmt: skip
_BLOCK_BYTES = 256 << 20
"""No block may unfold to more: writers make blocks of kilobytes, and a block is decoded at once."""
_FREE_RECORDS = 1 << 20
"""Records that need no bytes at all are believed up to this number in a block."""

_ERRORS = (
    EOFError, ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError, RecursionError, zlib.error,
    lzma.LZMAError, OSError, zstandard.ZstdError, pa.ArrowException, fastavro.schema.SchemaParseException,
    fastavro.schema.UnknownType, AvroSchemaError,
)  # fmt: skip


def open_avro(display: str, path: Path, table: Table, limits: Limits, target: Path, *, case_blind: bool) -> Readable:
    """The file as Parquet at `target`. Raises SourceError CORRUPT_AVRO, TOO_MANY_COLUMNS and those of `match_names`."""
    try:
        with path.open("rb") as file:
            schema, codec, sync = _read_header(file)
            columns = read_columns(schema)
            names = [c.name for c in columns]
            if len(names) > limits.columns:
                raise SourceError(
                    "TOO_MANY_COLUMNS", f"the file has {len(names):,} columns, {limits.columns:,} are allowed",
                    where=display, mend="Split the table, or raise SLUICE_MAX_COLUMNS.",
                )  # fmt: skip
            order, absent = match_columns(names, table, display, case_blind=case_blind)
            columns = [c.meant_as(table.columns[p].type) for c, p in zip(columns, order, strict=True)]
            blocks = _blocks(file, path.stat().st_size, codec, sync)
            rows = _write(blocks, plain_schema(schema), columns, order, target)
    except _ERRORS as e:
        if isinstance(e, OSError) and e.errno is not None:
            raise
        raise corrupt(display, "Avro", e if str(e) else type(e).__name__) from e
    fields = {p: (Field(f"c{p}", c.form),) for c, p in zip(columns, order, strict=True)}
    return Readable(display, target, rows, fields, absent)


def _read_header(file: IO[bytes]) -> tuple[Any, str, bytes]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it does not begin as Avro files do")
    header: Any = fastavro.schemaless_reader(file, _HEADER, None)
    meta = header["meta"]
    schema = fastavro.parse_schema(json.loads(meta["avro.schema"]))
    return schema, meta.get("avro.codec", b"null").decode(), header["sync"]


def _blocks(file: IO[bytes], size: int, codec: str, sync: bytes) -> Iterator[tuple[int, bytes]]:
    """(records, plain bytes) of every block."""
    if codec not in _CODECS:
        raise ValueError(f"its codec {codec!r} is not one of {', '.join(_CODECS)}")
    while file.tell() < size:
        count, length = _long(file), _long(file)
        if count < 0 or not 0 <= length <= size - file.tell():
            raise ValueError("a block is longer than the file")
        data = _CODECS[codec](file.read(length))
        if len(data) > _BLOCK_BYTES:
            raise ValueError(f"a block unfolds to more than {_BLOCK_BYTES} bytes")
        if count > max(len(data), _FREE_RECORDS):
            raise ValueError("a block says it has more records than it has bytes")
        if file.read(16) != sync:
            raise ValueError("a block does not end in the file's mark")
        yield count, data


def _write(
    blocks: Iterator[tuple[int, bytes]], schema: Any, columns: list[AvroColumn], order: list[int], target: Path
) -> int:
    rows = 0
    # A block is a list of records but for its count and end: decoded as a list, it is decoded in one call.
    everything = fastavro.parse_schema({"type": "array", "items": schema})
    arrow = pa.schema([(f"c{p}", c.type) for c, p in zip(columns, order, strict=True)])
    with pq.ParquetWriter(target, arrow, compression="lz4") as writer:
        for count, data in blocks:
            if not count:
                continue
            source = io.BytesIO(_long_bytes(count) + data + b"\0")
            records: Any = fastavro.schemaless_reader(source, everything, None)
            if len(records) != count or source.read(1):
                raise ValueError("a block does not hold the records it says")
            arrays = [pa.array([c.convert(r[c.name]) for r in records], c.type) for c in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=arrow))
            rows += count
    return rows


def _long(file: IO[bytes]) -> int:
    """A number in zig-zag varint form."""
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise EOFError("it ends in the middle of a block")
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            return (value >> 1) ^ -(value & 1)


def _long_bytes(value: int) -> bytes:
    value <<= 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _deflate(data: bytes) -> bytes:
    return _whole(zlib.decompressobj(-15), data)


def _whole(decoder: Any, data: bytes) -> bytes:
    plain: bytes = decoder.decompress(data, _BLOCK_BYTES + 1)
    if not decoder.eof and len(plain) <= _BLOCK_BYTES:
        raise EOFError("a block's compressed data is cut off")
    return plain


def _zstandard(data: bytes) -> bytes:
    with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data) as reader:
        plain: bytes = reader.read(_BLOCK_BYTES + 1)
    return plain


def _snappy(data: bytes) -> bytes:
    body, checksum = data[:-4], data[-4:]
    size = shift = 0
    for byte in body[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    if size > _BLOCK_BYTES:
        raise ValueError(f"a block unfolds to more than {_BLOCK_BYTES} bytes")
    plain: bytes = pa.decompress(body, decompressed_size=size, codec="snappy", asbytes=True)
    if zlib.crc32(plain) != int.from_bytes(checksum, "big"):
        raise ValueError("a block's checksum is wrong")
    return plain


_CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": _deflate,
    "snappy": _snappy,
    "zstandard": _zstandard,
    "bzip2": lambda data: _whole(bz2.BZ2Decompressor(), data),
    "xz": lambda data: _whole(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20), data),
}
