"""The measured columns' types as pyarrow has them."""

from __future__ import annotations

import pyarrow as pa

from bench.data import COLUMNS

_KINDS = {
    "BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.string(), "DECIMAL(12,2)": pa.decimal128(12, 2),
    "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"),
}  # fmt: skip


def arrow_types() -> dict[str, pa.DataType]:
    """By column."""
    return {name: _KINDS[kind] for name, kind in COLUMNS.items()}
