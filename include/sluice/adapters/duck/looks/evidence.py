"""Measures a draft's evidence: one scan for the types of many columns, exact counts for keys and relationships.

Types are tried with the very rules that landing uses (sluice.adapters.duck.casting.values), so that what fits here lands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from sluice.adapters.duck.casting.values import register, rule
from sluice.adapters.duck.connection import connect, list_sql, name_sql, text_sql
from sluice.contract.model import Column, Table
from sluice.contract.types import INTEGERS, MOMENTS, NESTED, ColumnType, Kind
from sluice.draft.evidence import ColumnFacts, TextColumn, Tried
from sluice.draft.guess import NULL_WORDS, Guess, guesses
from sluice.draft.nested import PERSONAL
from sluice.pii import find
from sluice.pii.inside import find_inside

_BATCH = 8
_SAMPLE_CELLS = 400_000
_SAMPLE_ROWS = 2_000
_ROW_GROUPS = 8
_MANY = 0.9
_PII_SAMPLE = 2_000
_GUESSED_JSON = Column("json", "json", ColumnType(Kind.JSON))
_KEY_KINDS = INTEGERS | {Kind.STRING, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.TIME, Kind.DECIMAL}
MOST_WORDS = 25
"""A string column with more distinct values is no list of words."""

_PLAIN = text_sql(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)\s*")


class Measure:
    """An open DuckDB on the Parquet files of a draft's tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[Path]]) -> None:
        self.connection = connection
        self.files = files

    def texts(self, name: str, names: Sequence[str], *, is_json: bool = False) -> list[TextColumn]:
        """What the texts in the columns c0, c1 ... of table `name` could be; `names` are the columns' own.

        With `is_json` the texts are JSON values, which say themselves what is a number and what is not.
        """
        files = self.files[name]
        samples = _sample(files, len(names))
        guessed = [guesses(s) for s in samples]
        if any(g.options.get("decimalChar") == "," for found in guessed for g in found):
            guessed = [guesses(s, decimal_comma=True) for s in samples]
        source = _scan(files)
        if is_json:
            kinds = self._json_kinds(source, len(names))
            plain = ", ".join(f"json_extract_string(c{i}, '$') AS c{i}" for i in range(len(names)))
            source = f"(SELECT {plain} FROM {source})"
            samples = [[_unquoted(v) for v in s] for s in samples]
            guessed = [_json_guesses(k, s) for k, s in zip(kinds, samples, strict=True)]
        columns: list[TextColumn] = []
        for start in range(0, len(names), _BATCH):
            batch = range(start, min(start + _BATCH, len(names)))
            asked = [_Question(i, names[i], guessed[i], is_json) for i in batch]
            inner = ", ".join(e for q in asked for e in q.texts())
            values = ", ".join(e for q in asked for e in q.values())
            counts = ", ".join(e for q in asked for e in q.counts())
            goods = ", ".join(e for q in asked for e in q.goods())
            # Layer upon layer, so that nothing is computed or planned twice.
            (row,) = self.connection.execute(
                f"SELECT count(*), {counts} FROM (SELECT *{goods and ', '}{goods} FROM (SELECT *{values and ', '}{values}"
                f" FROM (SELECT {inner} FROM {source})))"
            ).fetchall()
            answers = iter(row[1:])
            columns += [q.answer(int(row[0]), samples[q.number], answers) for q in asked]
        return columns

    def _json_kinds(self, source: str, columns: int) -> list[set[str]]:
        found: list[set[str]] = []
        for start in range(0, columns, _BATCH):
            batch = range(start, min(start + _BATCH, columns))
            measures = ", ".join(f"histogram(json_type(c{i}))" for i in batch)
            (row,) = self.connection.execute(f"SELECT {measures} FROM {source}").fetchall()
            found += [set(h or ()) - {"NULL"} for h in row]
        return found

    def facts(self, table: Table) -> list[ColumnFacts]:
        """Exact facts about the staged columns of a table."""
        found: list[ColumnFacts] = []
        for start in range(0, len(table.columns), _BATCH):
            found += self._facts(table, table.columns[start : start + _BATCH])
        return found

    def _facts(self, table: Table, columns: Sequence[Column]) -> list[ColumnFacts]:
        source = _scan(self.files[table.name])
        measures = ["count(*)"]
        for c in columns:
            field = name_sql(c.field_name)
            longest = f"max(length({field}))" if c.type.kind is Kind.STRING else "NULL"
            # NaN is no value to those who require one.
            there = f" FILTER (NOT isnan({field}))" if c.type.kind in (Kind.FLOAT32, Kind.FLOAT64) else ""
            measures += [f"count({field}){there}", f"approx_count_distinct({field})", longest]
        (row,) = self.connection.execute(f"SELECT {', '.join(measures)} FROM {source}").fetchall()
        rows, found = int(row[0]), []
        for i, column in enumerate(columns):
            present, about, longest = row[1 + 3 * i : 4 + 3 * i]
            # The approximate count only spares hopeless candidates the exact one.
            candidate = column.type.kind in _KEY_KINDS and present > 1 and about >= _MANY * present
            distinct = self.distinct(table, [column]) if candidate else None
            words: tuple[str, ...] = ()
            if column.type.kind is Kind.STRING and present and about <= 1.2 * MOST_WORDS:
                words = self._words(table, column)
            found.append(
                ColumnFacts(rows - present, about, distinct, longest, words, self._personal(table, column, about))
            )
        return found

    def distinct(self, table: Table, columns: Sequence[Column]) -> int:
        """How many different combinations the columns have, rows with a null among them left out."""
        fields = ", ".join(name_sql(c.field_name) for c in columns)
        present = " AND ".join(f"{name_sql(c.field_name)} IS NOT NULL" for c in columns)
        (row,) = self.connection.execute(
            f"SELECT count(*) FROM (SELECT DISTINCT {fields} FROM {_scan(self.files[table.name])} WHERE {present})"
        ).fetchall()
        return int(row[0])

    def strays(self, child: Table, columns: Sequence[Column], parent: Table, key: Sequence[Column]) -> tuple[int, int]:
        """(rows whose columns are all there, those of them that exist in no row of the parent's key)."""
        pairs = list(zip(columns, key, strict=True))
        present = " AND ".join(f"c.{name_sql(a.field_name)} IS NOT NULL" for a, _ in pairs)
        same = " AND ".join(f"p.{name_sql(b.field_name)} = c.{name_sql(a.field_name)}" for a, b in pairs)
        (row,) = self.connection.execute(
            f"SELECT count(*), count(*) FILTER (NOT EXISTS (SELECT 1 FROM {_scan(self.files[parent.name])} AS p"
            f" WHERE {same})) FROM {_scan(self.files[child.name])} AS c WHERE {present}"
        ).fetchall()
        return int(row[0]), int(row[1])

    def _words(self, table: Table, column: Column) -> tuple[str, ...]:
        field = name_sql(column.field_name)
        rows = self.connection.execute(
            f"SELECT {field} FROM {_scan(self.files[table.name])} WHERE {field} IS NOT NULL"
            f" GROUP BY {field} ORDER BY {field} LIMIT {MOST_WORDS + 1}"
        ).fetchall()
        return tuple(v for (v,) in rows) if len(rows) <= MOST_WORDS else ()

    def _personal(self, table: Table, column: Column, about: int) -> tuple[str, ...]:
        if column.type.kind is Kind.JSON:
            return tuple(f.kind for f in find_inside(self.some(table, column, about), name=column.name))
        if column.type.kind not in PERSONAL:
            return ()
        return tuple(f.kind for f in find(self.some(table, column, about), name=column.name))

    def some(self, table: Table, column: Column, about: int) -> list[str]:
        """Different values of a staged column as text, of objects and arrays as JSON; the same rows give the same.

        `about` says how many different ones there are, more or less.
        """
        field = name_sql(column.field_name)
        text = f"to_json({field})" if column.type.kind in NESTED else field
        # By hash, and twice as many as are wanted because `about` is a guess: they need not all be made different.
        share = min(1.0, 2 * _PII_SAMPLE / max(about, 1))
        few = f" AND hash({field}) <= {int(share * (2**64 - 1))}" if share < 1 else ""
        rows = self.connection.execute(
            f"SELECT CAST({text} AS VARCHAR) AS v FROM {_scan(self.files[table.name])} WHERE {field} IS NOT NULL{few}"
            f" GROUP BY {field} ORDER BY hash({field}), v LIMIT {_PII_SAMPLE}"
        ).fetchall()
        return [v for (v,) in rows]


@contextmanager
def measuring(
    files: Mapping[str, Sequence[Path]], *, memory_limit: str, threads: int, scratch: Path
) -> Iterator[Measure]:
    """Measures on Parquet `files`, by table name."""
    with connect(memory_limit, threads, scratch, paths=[p for ps in files.values() for p in ps]) as connection:
        register(connection, [_GUESSED_JSON])
        yield Measure(connection, files)


def _scan(files: Sequence[Path]) -> str:
    return f"read_parquet({list_sql(map(str, files))})"


def _sample(files: Sequence[Path], columns: int) -> list[list[str]]:
    """Different texts of every column, from rows all over the files; the same files give the same sample."""
    rows = max(50, min(_SAMPLE_ROWS, _SAMPLE_CELLS // max(columns, 1)))
    groups = [(path, g) for path in files for g in range(pq.ParquetFile(path).num_row_groups)]
    step = max(1, len(groups) // _ROW_GROUPS)
    chosen = groups[::step]
    found: list[dict[str, None]] = [{} for _ in range(columns)]
    for path, group in chosen:
        with pq.ParquetFile(path) as file:
            batch = file.read_row_group(group)
        wanted = max(1, rows // len(chosen))
        batch = (
            batch.take(list(range(0, batch.num_rows, max(1, batch.num_rows // wanted)))) if batch.num_rows else batch
        )
        for i in range(columns):
            found[i].update(dict.fromkeys(v for v in batch.column(i).to_pylist() if v))
    return [list(f) for f in found]


_JSON_NUMBERS = {"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "DOUBLE"}


def _unquoted(value: str) -> str:
    found = json.loads(value) if value.startswith('"') else value
    return str(found)


def _json_guesses(kinds: set[str], sample: Sequence[str]) -> list[Guess]:
    """JSON says what is a number, a truth value or a document; a text may still be a moment."""
    if kinds and kinds <= {"OBJECT", "ARRAY"}:
        return [Guess(ColumnType(Kind.JSON))]
    if kinds == {"BOOLEAN"}:
        return [Guess(ColumnType(Kind.BOOLEAN))]
    found = guesses(sample)
    if kinds and kinds <= _JSON_NUMBERS:
        return [g for g in found if g.numeric]
    return [g for g in found if g.type.kind in MOMENTS] if kinds == {"VARCHAR"} else []


@dataclass(frozen=True)
class _Question:
    """The SQL about one column of texts: its text `t`, its values as each guess has them, and what is counted."""

    number: int
    name: str
    guesses: Sequence[Guess]
    is_json: bool

    @property
    def _numeric(self) -> bool:
        return any(g.numeric for g in self.guesses)

    @property
    def _asked(self) -> list[Guess]:
        """The 32-bit width is told from the values of 64 bits; decimals from the digits."""
        return [g for g in self.guesses if g.type.kind not in (Kind.INT32, Kind.DECIMAL)]

    def texts(self) -> Iterator[str]:
        i = self.number
        yield f"nullif(c{i}, '') AS s{i}"
        empty = f"c{i} = ''" if self.is_json else "false"
        yield f"{empty} AS e{i}"
        yield f"CASE WHEN NOT list_contains({list_sql(['', *NULL_WORDS])}, c{i}) THEN c{i} END AS t{i}"

    def values(self) -> Iterator[str]:
        i = self.number
        for n, guess in enumerate(self._asked):
            yield f"{self._rule(guess, n).value} AS v{i}_{n}"
        if self._numeric:
            yield f"CASE WHEN regexp_full_match({self._digits()}, {_PLAIN}) THEN ltrim(trim({self._digits()}), '+') END AS p{i}"

    def goods(self) -> Iterator[str]:
        i = self.number
        for n, guess in enumerate(self._asked):
            yield f"CASE WHEN t{i} IS NOT NULL THEN ({self._rule(guess, n).good}) IS TRUE END AS g{i}_{n}"

    def _rule(self, guess: Guess, n: int) -> Any:
        i = self.number
        options = {k: v for k, v in guess.options.items() if k != "nullSequence"}
        return rule(Column(self.name, f"v{i}_{n}", guess.type, options=options), f"t{i}", f"v{i}_{n}", ())

    def _digits(self) -> str:
        options = next(g for g in self.guesses if g.numeric).options
        text = f"t{self.number}"
        if group := options.get("groupChar"):
            text = f"replace({text}, {text_sql(group)}, '')"
        if decimal := options.get("decimalChar"):
            text = f"replace({text}, {text_sql(decimal)}, '.')"
        return text

    def counts(self) -> Iterator[str]:
        i = self.number
        yield f"count(s{i})"
        yield f"count_if(e{i})"
        yield f"histogram(s{i}) FILTER (t{i} IS NULL AND s{i} IS NOT NULL)"
        for n, guess in enumerate(self._asked):
            yield f"count(*) FILTER (g{i}_{n})"
            yield f"min(t{i}) FILTER (NOT g{i}_{n})"
            yield f"max(t{i}) FILTER (NOT g{i}_{n})"
            if guess.type.kind is Kind.INT64:
                yield f"count(*) FILTER (g{i}_{n} AND v{i}_{n} BETWEEN -2147483648 AND 2147483647)"
        if self._numeric:
            dot = f"strpos(p{i}, '.')"
            yield f"count(p{i})"
            yield f"max(CASE WHEN {dot} = 0 THEN length(ltrim(p{i}, '-')) ELSE strpos(ltrim(p{i}, '-'), '.') - 1 END)"
            yield f"max(length(p{i}) - {dot}) FILTER ({dot} > 0)"
            yield f"min(length(p{i}) - {dot}) FILTER ({dot} > 0)"
            yield f"count(*) FILTER ({dot} > 0)"
            yield f"count(*) FILTER (p{i} SIMILAR TO '-?0[0-9].*')"
            yield f"max(length(ltrim(replace(p{i}, '.', ''), '-0')))"

    def answer(self, rows: int, sample: Sequence[str], answers: Iterator[Any]) -> TextColumn:
        present, empties, words = int(next(answers)), int(next(answers) or 0), next(answers) or {}
        tested: list[Tried] = []
        for guess in self._asked:
            fits, least, most = int(next(answers)), next(answers), next(answers)
            misfits = tuple(dict.fromkeys(m for m in (least, most) if m is not None))
            tested.append(Tried(guess, fits, misfits))
            if guess.type.kind is Kind.INT64:
                tested.append(Tried(Guess(ColumnType(Kind.INT32), guess.options), int(next(answers)), misfits))
        digits = [int(next(answers) or 0) for _ in range(7)] if self._numeric else [0] * 7
        digits.append(empties)
        return TextColumn(self.name, rows, present, tuple(sample), dict(words), tuple(tested), *digits)
