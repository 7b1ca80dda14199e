"""Parquet columns as pandas holds them so that Great Expectations' verdicts stay right.

GX's pandas engine compares whatever dtype it gets. A null turns integers into floats ("1.0" to a regular
expression, rounding above 2**53); nullable integers answer NA where GX negates a mask; a Decimal costs GX's
statistics a stack inspection per value (5 ms); Arrow casts many decimals to a double an ulp off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

EXACT_INTEGER = 2**53
EXACT_DIGITS = 15

# The years that nanoseconds since 1970 reach in 64 bits, less a margin.
_NANO_FROM, _NANO_TO = datetime(1678, 1, 1), datetime(2262, 1, 1)  # noqa: DTZ001


class View(Enum):
    """What a column is read for: single values, statistics, the written form, rows across columns."""

    VALUES = auto()
    STATISTICS = auto()
    WRITTEN = auto()
    ROWS = auto()


def schema_of(files: Sequence[Path]) -> pa.Schema:
    """The schema that the files share."""
    return _dataset(files).schema


def frame(
    files: Sequence[Path], columns: Iterable[str], view: View, looked_at: Collection[str] | None = None
) -> pd.DataFrame:
    """The columns of all files, with every row even when no column is asked for.

    Only the columns `looked_at` are for `view`; others, such as a row condition's, are read for their values.
    """
    import pandas as pd

    table = _dataset(files).to_table(columns=list(columns))

    def seen(name: str) -> View:
        return view if looked_at is None or name in looked_at else View.VALUES

    held = {name: series(table.column(name).combine_chunks(), seen(name)) for name in table.column_names}
    return pd.DataFrame(held, index=pd.RangeIndex(table.num_rows))


def wide_decimal(files: Sequence[Path], column: str) -> bool:
    """Whether a decimal column holds values that doubles cannot tell apart."""
    array = _dataset(files).to_table(columns=[column]).column(column).combine_chunks()
    return _as_double(array) is None


def _dataset(files: Sequence[Path]) -> Any:
    import pyarrow.dataset as ds

    # A dataset takes column names as they are; read_table would split "a.b" at the dot.
    return ds.dataset([str(file) for file in files], format="parquet")


def series(array: pa.Array, view: View) -> Any:
    """The column as pandas should hold it for that view."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_integer(kind):
        return _integers(array, view)
    if pa.types.is_decimal(kind):
        return _decimals(array, view)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _moments(array, kind.tz if pa.types.is_timestamp(kind) else None)
    if pa.types.is_time(kind):
        return _times(array)
    return array.cast(pa.float64()).to_pandas() if pa.types.is_floating(kind) else array.to_pandas()


def _integers(array: pa.Array, view: View) -> Any:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    wide = array.cast(pa.int64())
    if not wide.null_count:
        return wide.to_pandas()
    ends = pc.min_max(wide).as_py()
    exact = all(end is None or abs(end) <= EXACT_INTEGER for end in ends.values())
    if exact and view is not View.WRITTEN:
        return wide.to_pandas()
    nullable = wide.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return nullable.astype(object).where(nullable.notna(), float("nan")) if view is View.ROWS else nullable


def _decimals(array: pa.Array, view: View) -> Any:
    import pyarrow as pa

    doubles = _as_double(array)
    if doubles is None and view is View.STATISTICS:
        return array.cast(pa.float64()).to_pandas()
    return array.to_pandas() if doubles is None else doubles


def _as_double(array: pa.Array) -> Any:
    """A decimal column as the doubles nearest to its values, or None when two values could become one."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    narrow = array.cast(pa.decimal128(38, array.type.scale))
    words = np.frombuffer(narrow.buffers()[1] or b"", dtype=np.int64).reshape(-1, 2)
    low, high = (words[narrow.offset : narrow.offset + len(narrow), i].copy() for i in (0, 1))
    null = narrow.is_null().to_numpy(zero_copy_only=False)
    low[null] = high[null] = 0
    if (high != low >> 63).any() or (np.abs(low) >= 10**EXACT_DIGITS).any():
        return None
    # One correctly rounded division of two exact doubles; Arrow's cast multiplies by an inexact power of ten.
    doubles = low / 10.0**array.type.scale if array.type.scale <= 22 else None
    if doubles is None:
        return None
    doubles[null] = np.nan
    return pd.Series(doubles)


def _moments(array: pa.Array, zone: str | None) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = array.cast(pa.timestamp("us", zone), safe=False)
    ends = pc.min_max(moments.cast(pa.timestamp("us"))).as_py()
    # Nanoseconds where they reach: GX compares only those without a Python call per value.
    fits = all(end is None or _NANO_FROM <= end < _NANO_TO for end in ends.values())
    return moments.cast(pa.timestamp("ns" if fits else "us", zone)).to_pandas()


def _times(array: pa.Array) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    micros = array.cast(pa.time64("us"), safe=False).cast(pa.int64()).cast(pa.timestamp("us"))
    return pc.strftime(micros, "%H:%M:%S").to_pandas()
