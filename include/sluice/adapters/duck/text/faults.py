"""Finds what was not staged, and where it stands: from what the one scan told, or else by a second scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from sluice.adapters.duck.connection import text_sql
from sluice.adapters.duck.parts import Part
from sluice.adapters.duck.places import Places
from sluice.adapters.duck.text.capture import LIMIT, caught, rows_caught
from sluice.adapters.duck.text.locate import Keys, candidates, keys_of
from sluice.adapters.duck.text.reading import Reading
from sluice.adapters.duck.text.spans import IrregularError, find_spans
from sluice.adapters.duck.text.verdicts import Rejected, Verdicts, rejected_by

_REJECTS = "store_rejects=true, rejects_table='sluice_rejects', rejects_scan='sluice_scans'"
WITH_REJECTS = f"{_REJECTS}, rejects_limit={LIMIT}"
"""read_csv option: what is no record is passed by, and remembered."""

_SAMPLE = 500
_ROWS = 1 << 16

FEW, _SHARE = 5_000, 0.02
"""Where more rows than these are bad, and more than this share of all, scanning again is cheaper than finding each."""


def forget_rejects(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what the last scan remembered."""
    connection.execute("DROP TABLE IF EXISTS sluice_rejects; DROP TABLE IF EXISTS sluice_scans")


class Faults:
    """What is wrong with the rows of `parts` that a scan did not stage."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, reading: Reading, scratch: Path) -> None:
        self.connection = connection
        self.reading = reading
        self.scratch = scratch

    def find(self, parts: Sequence[Part], staged: int) -> list[Places]:
        """For every part its bad records.

        Raises IrregularError when DuckDB and the independent count do not tell the same story.
        """
        found = [p.rewritten.bad if p.rewritten is not None else Places() for p in parts]
        missing = sum(p.records for p in parts) - staged - sum(map(len, found))
        if not missing:
            return found
        if all(p.rewritten is None for p in parts) and (located := self._locate(parts, missing)) is not None:
            return located
        return [self._scan_again(part) for part in parts]

    def _locate(self, parts: Sequence[Part], missing: int) -> list[Places] | None:
        """Find the bad records by what the first scan told of them; None: not all of them were found, or too many."""
        rows, rejected = caught(self.connection), rejected_by(self.connection)
        if rows + sum(map(len, rejected.values())) != missing:
            return None
        if rows > max(FEW, sum(p.records for p in parts) * _SHARE):
            return None
        found = []
        keys: dict[object, Keys] = {}
        for part in parts:
            alike = part.spelling, part.order, part.trailing
            if alike not in keys:
                keys[alike] = keys_of(rows_caught(self.connection), part, self.reading.nulls)
            bad = self._among_candidates(part, keys[alike], rejected.get(str(part.text.utf8), Rejected()))
            if bad is None:
                return None
            found.append(bad)
        return found if sum(map(len, found)) == missing else None

    def _among_candidates(self, part: Part, keys: Keys, rejected: Rejected) -> Places | None:
        found, asked = Places(), Places()
        path = self.scratch / "candidates.csv"
        end = b"\r\n" if part.crlf else b"\n"
        with path.open("wb") as file:
            for some in candidates(part, keys, rejected.offsets):
                ends = some.begins + np.fromiter(map(len, some.raws), np.int64, len(some.raws))
                codes = rejected.at(some.begins)
                refused = codes > 0
                found.extend(some.begins[refused], ends[refused], None, codes[refused], some.lines[refused])
                asked.extend(some.begins[~refused], ends[~refused], lines=some.lines[~refused])
                file.writelines(raw + end for raw, code in zip(some.raws, codes.tolist(), strict=True) if not code)
                if len(asked) > 2 * LIMIT:
                    return None
        if len(found) != len(rejected):
            return None
        if len(asked):
            verdicts, again = self._codes(self.reading.ordinary([path], part, _REJECTS, header=False))
            path.unlink()
            if len(again) or verdicts.rows != len(asked):
                return None
            columns = verdicts.take(verdicts.rows).astype(np.int32)
            bad = columns > 0
            found.extend(asked.begins[bad], asked.ends[bad], columns[bad] - 1, None, asked.lines[bad])
        return found

    def _scan_again(self, part: Part) -> Places:
        if part.rewritten is not None:
            codes, _ = self._codes(self.reading.rewritten([part], _REJECTS))
            found = self._in_rewritten(part, codes)
        else:
            source = self.reading.ordinary([part.text.utf8], part, _REJECTS, header=part.header)
            found = self._in_ordinary(part, *self._codes(source))
        self._check_place(part, found)
        return found

    def _codes(self, source: str) -> tuple[Verdicts, Rejected]:
        """Verdicts on every row that DuckDB parses; and the records it rejects."""
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
        return Verdicts(flags), next(iter(rejected_by(self.connection).values()), Rejected())

    def _in_rewritten(self, part: Part, codes: Verdicts) -> Places:
        rewritten = part.rewritten
        if rewritten is None or codes.rows != len(rewritten.begins):
            raise IrregularError(f"{codes.rows} came out of {part.records} records of {part.text.display}")
        found = Places()
        found.add(rewritten.bad)
        begins, ends = np.frombuffer(rewritten.begins, np.int64), np.frombuffer(rewritten.ends, np.int64)
        for at in range(0, codes.rows, _ROWS):
            some = codes.take(min(_ROWS, codes.rows - at))
            bad = np.flatnonzero(some)
            found.extend(begins[at + bad], ends[at + bad], some[bad].astype(np.int32) - 1)
        return found

    def _in_ordinary(self, part: Part, codes: Verdicts, rejected: Rejected) -> Places:
        """Give DuckDB's rows their bytes. Raises IrregularError when the two do not tell the same story."""
        if codes.rows + len(rejected) != part.records:
            raise IrregularError("DuckDB counts other records")
        found = Places()
        seen = 0
        for begins, ends in find_spans(part.text.utf8, part.spelling, part.shape, part.start):
            refused = rejected.at(begins)
            columns = np.zeros(len(begins), np.int32)
            columns[refused == 0] = codes.take(int(np.count_nonzero(refused == 0)))
            bad = np.flatnonzero((refused > 0) | (columns > 0))
            found.extend(begins[bad], ends[bad], columns[bad] - 1, refused[bad])
            seen += int(np.count_nonzero(refused))
        if codes.left or seen != len(rejected):
            raise IrregularError("DuckDB's offsets are not where records begin")
        return found

    def _check_place(self, part: Part, found: Places) -> None:
        """Read a sample of the values at fault from where they are said to be, and ask again whether they are."""
        written = set() if part.rewritten is None else set(part.rewritten.bad.begins.tolist())
        values: dict[int, list[str]] = {}
        with part.text.utf8.open("rb") as file:
            for bad in found.in_order(1 + len(found) // _SAMPLE):
                if bad.column is not None and bad.begin not in written:
                    file.seek(bad.begin)
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
