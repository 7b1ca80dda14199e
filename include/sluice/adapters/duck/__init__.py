"""DuckDB behind Sluice's own words: the only place in Sluice that imports duckdb.

`unpack` makes plain files of what was landed, `convert` makes typed Parquet of those, `profile` and `query`
read it. Names of public functions are stable; the modules they rest on are not meant for others.
"""

from sluice.adapters.duck.arranging import Arranged, arrange
from sluice.adapters.duck.connection import interrupt, share_done
from sluice.adapters.duck.convert import convert, rows_format
from sluice.adapters.duck.merging import Merged, compact, conform, merge
from sluice.adapters.duck.outcome import Converted
from sluice.adapters.duck.packed.partitions import partition_values
from sluice.adapters.duck.packed.unfolding import unfold
from sluice.adapters.duck.packed.unpack import looks_packed, unpack
from sluice.adapters.duck.profiling.profile import profile
from sluice.adapters.duck.profiling.statistics import column_statistics
from sluice.adapters.duck.published import query_arrow
from sluice.adapters.duck.quarantined import read_quarantine, without_values
from sluice.adapters.duck.query import Staged
from sluice.adapters.duck.rejections import RejectedRow, Rejection, rejections
from sluice.adapters.duck.segments.converting import Segments, WholeError

__all__ = [
    "Arranged",
    "Converted",
    "Merged",
    "RejectedRow",
    "Rejection",
    "Segments",
    "Staged",
    "WholeError",
    "arrange",
    "column_statistics",
    "compact",
    "conform",
    "convert",
    "interrupt",
    "looks_packed",
    "merge",
    "partition_values",
    "profile",
    "query_arrow",
    "read_quarantine",
    "rejections",
    "rows_format",
    "share_done",
    "unfold",
    "unpack",
    "without_values",
]
