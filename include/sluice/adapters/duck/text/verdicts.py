"""What a scan says of every row, and which records it rejects: read by and by, or kept in few bytes each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from sluice.adapters.duck.places import CODES, Codes, Offsets

_ERRORS = {
    "MISSING COLUMNS": "MISSING_COLUMNS",
    "TOO MANY COLUMNS": "TOO_MANY_COLUMNS",
    "UNQUOTED VALUE": "UNQUOTED_VALUE",
    "LINE SIZE OVER MAXIMUM": "LINE_TOO_LONG",
    "INVALID ENCODING": "INVALID_ENCODING",
}

Faults = npt.NDArray[np.uint16]


class Verdicts:
    """Of every row 0, or 1 + the first column at fault; from a Parquet file's only column, in its order."""

    def __init__(self, path: Path) -> None:
        file = pq.ParquetFile(path)
        self.rows = self.left = file.metadata.num_rows
        self._batches = file.iter_batches()
        self._batch: Faults = np.empty(0, np.uint16)

    def take(self, rows: int) -> Faults:
        """The next so many, or as many as there are."""
        taken: list[Faults] = [np.empty(0, np.uint16)]
        while rows and self.left:
            if not len(self._batch):
                # Not by `to_numpy`, which imports pandas: that takes longer than all the rest.
                codes = next(self._batches).column(0)
                self._batch = np.frombuffer(codes.buffers()[1], np.uint16, len(codes), 2 * codes.offset)
            taken.append(self._batch[:rows])
            self._batch = self._batch[rows:]
            rows -= len(taken[-1])
            self.left -= len(taken[-1])
        return np.concatenate(taken)


@dataclass(frozen=True)
class Rejected:
    """The records of a file that a scan rejected: where they begin, ascending, and the numbers of their codes."""

    offsets: Offsets = field(default_factory=lambda: np.empty(0, np.int64))
    codes: Codes = field(default_factory=lambda: np.empty(0, np.uint8))

    def __len__(self) -> int:
        return len(self.offsets)

    def at(self, begins: Offsets) -> Codes:
        """For records that begin here the numbers of their codes; 0 for those that were not rejected."""
        codes = np.zeros(len(begins), np.uint8)
        if len(self):
            # In files with CRLF, DuckDB 2.0 sometimes points at the LF before the record.
            for place in (begins - 1, begins):
                near = np.minimum(np.searchsorted(self.offsets, place), len(self) - 1)
                hit = self.offsets[near] == place
                codes[hit] = self.codes[near[hit]]
        return codes


def rejected_by(connection: duckdb.DuckDBPyConnection) -> dict[str, Rejected]:
    """The records that the last scan rejected, by file, each with the first error that DuckDB found in it."""
    counts = connection.execute(
        "SELECT file_path, count(DISTINCT line_byte_position)"
        " FROM sluice_rejects JOIN sluice_scans USING (scan_id, file_id) GROUP BY file_path ORDER BY file_path"
    ).fetchall()
    if not counts:
        return {}
    known = " ".join(f"WHEN '{error}' THEN {CODES.index(code)}" for error, code in _ERRORS.items())
    found = connection.execute(
        "SELECT DISTINCT ON (file_path, line_byte_position) line_byte_position - 1 AS place,"
        f" CASE CAST(error_type AS VARCHAR) {known} ELSE {CODES.index('UNQUOTED_VALUE')} END AS code"
        " FROM sluice_rejects JOIN sluice_scans USING (scan_id, file_id)"
        " ORDER BY file_path, line_byte_position, byte_position, error_type"
    ).fetchnumpy()
    places, codes = found["place"].astype(np.int64), found["code"].astype(np.uint8)
    rejected, at = {}, 0
    for path, count in counts:
        rejected[path] = Rejected(places[at : at + count], codes[at : at + count])
        at += count
    return rejected
