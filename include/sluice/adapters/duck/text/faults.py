"""Finds what was not staged, and where it stands: from what the one scan told, or else by a second scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from sluice.adapters.duck.connection import text_sql
from sluice.adapters.duck.parts import Bad, Part
from sluice.adapters.duck.text.capture import LIMIT, caught
from sluice.adapters.duck.text.locate import Found, Keys, candidates, keys_of
from sluice.adapters.duck.text.reading import Reading
from sluice.adapters.duck.text.spans import IrregularError, find_spans

Codes = npt.NDArray[np.uint16]

_REJECTS = "store_rejects=true, rejects_table='sluice_rejects', rejects_scan='sluice_scans'"
WITH_REJECTS = f"{_REJECTS}, rejects_limit={LIMIT}"
"""read_csv option: what is no record is passed by, and remembered."""

_SAMPLE = 500
_REJECT_CODES = {
    "MISSING COLUMNS": "MISSING_COLUMNS",
    "TOO MANY COLUMNS": "TOO_MANY_COLUMNS",
    "UNQUOTED VALUE": "UNQUOTED_VALUE",
    "LINE SIZE OVER MAXIMUM": "LINE_TOO_LONG",
    "INVALID ENCODING": "INVALID_ENCODING",
}


def forget_rejects(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what the last scan remembered."""
    connection.execute("DROP TABLE IF EXISTS sluice_rejects; DROP TABLE IF EXISTS sluice_scans")


class Faults:
    """What is wrong with the rows of `parts` that a scan did not stage."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, reading: Reading, scratch: Path) -> None:
        self.connection = connection
        self.reading = reading
        self.scratch = scratch

    def find(self, parts: Sequence[Part], staged: int) -> list[list[Bad]]:
        """For every part its bad records, in the order of their bytes.

        Raises IrregularError when DuckDB and the independent count do not tell the same story.
        """
        found = [p.rewritten.bad if p.rewritten is not None else [] for p in parts]
        missing = sum(p.records for p in parts) - staged - sum(map(len, found))
        if not missing:
            return found
        if all(p.rewritten is None for p in parts) and (located := self._locate(parts, missing)) is not None:
            return located
        return [self._scan_again(part) for part in parts]

    def _locate(self, parts: Sequence[Part], missing: int) -> list[list[Bad]] | None:
        """Find the bad records by what the first scan told of them; None: not all of them were found."""
        rows = caught(self.connection)
        rejected = self._rejected()
        if len(rows) + sum(map(len, rejected.values())) != missing:
            return None
        found = []
        keys: dict[object, Keys] = {}
        for part in parts:
            alike = part.spelling, part.order, part.trailing
            if alike not in keys:
                keys[alike] = keys_of(rows, part, self.reading.nulls)
            bad = self._among_candidates(part, keys[alike], rejected.get(str(part.text.utf8), {}))
            if bad is None:
                return None
            found.append(bad)
        return found if sum(map(len, found)) == missing else None

    def _among_candidates(self, part: Part, keys: Keys, rejected: dict[int, str]) -> list[Bad] | None:
        offsets = np.fromiter(rejected, np.int64, len(rejected))
        found: list[Bad] = []
        asked: list[Found] = []
        for record in candidates(part, keys, offsets):
            # In files with CRLF, DuckDB 2.0 sometimes points at the LF before the record.
            code = rejected.get(record.begin) or rejected.get(record.begin - 1)
            if code:
                found.append(Bad(record.begin, record.begin + len(record.raw), None, code))
            else:
                asked.append(record)
            if len(asked) > 2 * LIMIT:
                return None
        if len(found) != len(rejected):
            return None
        if asked:
            path = self.scratch / "candidates.csv"
            with path.open("wb") as file:
                file.writelines(record.raw + (b"\r\n" if part.crlf else b"\n") for record in asked)
            codes, refused = self._codes(self.reading.ordinary([path], part, _REJECTS, header=False))
            path.unlink()
            if refused or len(codes) != len(asked):
                return None
            for n in np.flatnonzero(codes).tolist():
                begin, raw = asked[n]
                found.append(Bad(begin, begin + len(raw), int(codes[n]) - 1))
        return sorted(found, key=lambda b: b.begin)

    def _scan_again(self, part: Part) -> list[Bad]:
        if part.rewritten is not None:
            codes, _ = self._codes(self.reading.rewritten([part], _REJECTS))
            found = self._in_rewritten(part, codes)
        else:
            source = self.reading.ordinary([part.text.utf8], part, _REJECTS, header=part.header)
            found = self._in_ordinary(part, *self._codes(source))
        self._check_place(part, found)
        return found

    def _codes(self, source: str) -> tuple[Codes, dict[int, str]]:
        """0 or 1 + the first column at fault, for every row that DuckDB parses; and the records it rejects, by offset."""
        faults = " ".join(
            f"WHEN ({r.good}) IS NOT TRUE THEN {i + 1}" if r.good is not None else f"WHEN c{i} < '' THEN 65535"
            # No text is below '': without a use DuckDB would not parse the column, nor reject its bad encoding.
            for i, r in enumerate(self.reading.rules)
        )
        flags = self.scratch / "flags.parquet"
        forget_rejects(self.connection)
        try:
            self.connection.execute(
                f"COPY (SELECT CAST(CASE {faults} ELSE 0 END AS USMALLINT) AS code FROM {self.reading.typed(source)})"
                f" TO {text_sql(str(flags))} (FORMAT parquet)"
            )
        except duckdb.InvalidInputException as e:
            raise IrregularError("DuckDB cannot tell what it rejects") from e
        # Not by pyarrow: its `to_numpy` imports pandas, which takes longer than all the rest.
        codes = self.connection.execute(f"FROM read_parquet({text_sql(str(flags))})").fetchnumpy()["code"]
        return codes, next(iter(self._rejected().values()), {})

    def _rejected(self) -> dict[str, dict[int, str]]:
        """Codes of the records that the last scan rejected, by file and offset."""
        rows = self.connection.execute(
            "SELECT file_path, line_byte_position - 1, CAST(error_type AS VARCHAR)"
            " FROM sluice_rejects JOIN sluice_scans USING (scan_id, file_id)"
            " ORDER BY file_path, line_byte_position, byte_position, error_type"
        ).fetchall()
        rejected: dict[str, dict[int, str]] = {}
        for path, offset, error in rows:
            rejected.setdefault(path, {}).setdefault(int(offset), _REJECT_CODES.get(str(error), "UNQUOTED_VALUE"))
        return rejected

    def _in_rewritten(self, part: Part, codes: Codes) -> list[Bad]:
        rewritten = part.rewritten
        if rewritten is None or len(codes) != len(rewritten.begins):
            raise IrregularError(f"{len(codes)} came out of {part.records} records of {part.text.display}")
        found = [Bad(rewritten.begins[n], rewritten.ends[n], int(codes[n]) - 1) for n in np.flatnonzero(codes).tolist()]
        return sorted([*rewritten.bad, *found], key=lambda b: b.begin)

    def _in_ordinary(self, part: Part, codes: Codes, rejected: dict[int, str]) -> list[Bad]:
        """Give DuckDB's rows their bytes. Raises IrregularError when the two do not tell the same story."""
        if len(codes) + len(rejected) != part.records:
            raise IrregularError("DuckDB counts other records")
        offsets = np.fromiter(rejected, np.int64, len(rejected))
        found: list[Bad] = []
        row = 0
        for begins, ends in find_spans(part.text.utf8, part.spelling, part.shape, part.start):
            is_rejected = np.isin(begins, offsets) | np.isin(begins - 1, offsets)
            parsed = np.flatnonzero(~is_rejected)
            faulty = np.flatnonzero(codes[row : row + len(parsed)])
            column = dict(zip(parsed[faulty].tolist(), codes[row + faulty].tolist(), strict=True))
            row += len(parsed)
            for n in np.union1d(parsed[faulty], np.flatnonzero(is_rejected)).tolist():
                begin = int(begins[n])
                found.append(
                    Bad(begin, int(ends[n]), column[n] - 1)
                    if n in column
                    else Bad(begin, int(ends[n]), None, rejected.get(begin) or rejected[begin - 1])
                )
        if row != len(codes) or sum(b.column is None for b in found) != len(rejected):
            raise IrregularError("DuckDB's offsets are not where records begin")
        return found

    def _check_place(self, part: Part, found: list[Bad]) -> None:
        """Read a sample of the values at fault from where they are said to be, and ask again whether they are."""
        written = set() if part.rewritten is None else {b.begin for b in part.rewritten.bad}
        suspects = [b for b in found if b.column is not None and b.begin not in written]
        values: dict[int, list[str]] = {}
        with part.text.utf8.open("rb") as file:
            for bad in suspects[:: 1 + len(suspects) // _SAMPLE]:
                file.seek(bad.begin)
                if bad.column is not None:
                    record = file.read(bad.end - bad.begin)
                    values.setdefault(bad.column, []).append(part.value_in(record, bad.column))
        for column, texts in values.items():
            asked = self.reading.rules[column]
            (row,) = self.connection.execute(
                f"SELECT count(*) FROM (SELECT *, {asked.value} AS v{column} FROM"
                f" (SELECT unnest($1::VARCHAR[]) AS c{column})) WHERE {asked.good}",
                [texts],
            ).fetchall()
            if row[0]:
                raise IrregularError(f"{row[0]} values at fault are not where DuckDB's order puts them")
