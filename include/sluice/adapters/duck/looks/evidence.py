"""Measures a draft's evidence: one scan for the types of many columns, exact counts for keys and relationships.

Types are tried with the very rules that landing uses (sluice.adapters.duck.casting.values), so that what fits here lands.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from sluice.adapters.duck.casting.values import register
from sluice.adapters.duck.connection import connect, in_batches, name_sql, parquet_sql
from sluice.adapters.duck.looks.questions import Question
from sluice.adapters.duck.looks.texts import Texts
from sluice.adapters.duck.text.lists import TOGETHER, has_lists, in_lists, item_sql
from sluice.contract.model import Column, Table
from sluice.contract.types import MOMENTS, NESTED, ColumnType, Kind
from sluice.draft.evidence import ColumnFacts, TextColumn
from sluice.draft.guess import Guess, guesses, surely_points
from sluice.draft.keys import could_be_unique
from sluice.draft.nested import PERSONAL
from sluice.pii import find
from sluice.pii.inside import find_inside

_BATCH = 8
_MANY = 0.9
_PII_SAMPLE = 2_000
_WIDE = 300
_FEW_ROWS = 100_000
_GUESSED_JSON = Column("json", "json", ColumnType(Kind.JSON))
MOST_WORDS = 25
"""A string column with more distinct values is no list of words."""


class Measure:
    """An open DuckDB on the Parquet files of a draft's tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[Path]]) -> None:
        self.connection = connection
        self.files = files
        self._listed: dict[str, list[str]] = {}
        """By table, the names of its columns that are staged in lists."""

    def texts(self, name: str, names: Sequence[str], *, is_json: bool = False) -> list[TextColumn]:
        """What the texts in the columns c0, c1 ... of table `name` could be; `names` are the columns' own.

        With `is_json` the texts are JSON values, which say themselves what is a number and what is not.
        """
        staged = Texts(self.files[name], len(names))
        samples = staged.sample()
        guessed = [guesses(s) for s in samples]
        commas = any(g.options.get("decimalChar") == "," for found in guessed for g in found)
        points = any(f and f[0].numeric and not f[0].options and surely_points(s) for f, s in zip(guessed, samples, strict=True))  # fmt: skip
        if commas and not points:
            guessed = [guesses(s, decimal_comma=True) for s in samples]
        source, texts = staged.scan, [staged.sql(i) for i in range(len(names))]
        if is_json:
            kinds = self._json_kinds(source, len(names))
            plain = ", ".join(f"json_extract_string(c{i}, '$') AS c{i}" for i in range(len(names)))
            source = f"(SELECT {plain} FROM {source})"
            samples = [[_unquoted(v) for v in s] for s in samples]
            guessed = [_json_guesses(k, s) for k, s in zip(kinds, samples, strict=True)]
        asked = [
            Question(i, name, texts[i], samples[i], guessed[i], is_json) for i, name in enumerate(names)
        ]  # fmt: skip
        for batch in in_batches(asked, TOGETHER // 2 if staged.listed else _BATCH):
            self._ask(batch, source)
        return [q.answer() for q in asked]

    def _ask(self, batch: Sequence[Question], source: str) -> None:
        texts = f"(SELECT {_all(q.text() for q in batch)} FROM {source})"
        judged = f"(SELECT *{_more(q.goods() for q in batch)} FROM (SELECT *{_more(q.values() for q in batch)} FROM {texts}))"
        (row,) = self.connection.execute(f"SELECT count(*), {_all(q.counts() for q in batch)} FROM {judged}").fetchall()
        answers = iter(row[1:])
        for question in batch:
            question.hear(int(row[0]), answers)
        if not (details := _all(q.details() for q in batch)):
            return
        plain = (
            f"(SELECT *{_more(q.dots() for q in batch)} FROM (SELECT *{_more(q.plain() for q in batch)} FROM {judged}))"
        )
        answers = iter(self.connection.execute(f"SELECT {details} FROM {plain}").fetchall()[0])
        for question in batch:
            question.hear_details(answers)

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
        if len(table.columns) <= _WIDE:
            for batch in in_batches(table.columns, _BATCH):
                found += self._facts(parquet_sql(self.files[table.name]), batch)
            return found
        # Every query on a file is planned with all of its columns: of thousands that costs more than narrow copies.
        for batch in in_batches(table.columns, TOGETHER):
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE narrow AS FROM {self._with(table, batch)}")
            found += self._facts("narrow", batch)
        self.connection.execute("DROP TABLE narrow")
        return found

    def _facts(self, source: str, columns: Sequence[Column]) -> list[ColumnFacts]:
        measures = ["count(*)"]
        for c in columns:
            field = name_sql(c.field_name)
            longest = f"max(length({field}))" if c.type.kind is Kind.STRING else "NULL"
            # NaN is no value to those who require one.
            there = f" FILTER (NOT isnan({field}))" if c.type.kind in (Kind.FLOAT32, Kind.FLOAT64) else ""
            measures += [f"count({field}){there}", f"approx_count_distinct({field})", longest]
        row = self._row(measures, source)
        rows, counts = int(row[0]), [row[at : at + 3] for at in range(1, len(row), 3)]
        basic = [ColumnFacts(rows - present, about, None, longest) for present, about, longest in counts]
        distinct = self._distinct(source, columns, basic, rows)
        words, samples = self._values(source, columns, basic, rows)
        return [
            replace(f, distinct=distinct.get(i), words=words.get(i, ()), personal=_personal(c, samples.get(i, ())))
            for i, (c, f) in enumerate(zip(columns, basic, strict=True))
        ]

    def _distinct(
        self, source: str, columns: Sequence[Column], basic: Sequence[ColumnFacts], rows: int
    ) -> dict[int, int]:
        """How many different values those columns have that could be keys, by their position."""
        # The approximate count only spares hopeless candidates the exact one.
        asked = [
            i for i, (c, f) in enumerate(zip(columns, basic, strict=True))
            if rows > 1 and could_be_unique(c, f) and f.about >= _MANY * rows
        ]  # fmt: skip
        found: dict[int, int] = {}
        for some in in_batches(asked, TOGETHER if rows <= _FEW_ROWS else 1):
            row = self._row([f"count(DISTINCT {name_sql(columns[i].field_name)})" for i in some], source)
            found |= dict(zip(some, row, strict=True))
        return found

    def _values(
        self, source: str, columns: Sequence[Column], basic: Sequence[ColumnFacts], rows: int
    ) -> tuple[dict[int, tuple[str, ...]], dict[int, list[str]]]:
        """The words of columns that have few, and some values, as text, of those in which somebody may be told of."""
        few = [
            i for i, (c, f) in enumerate(zip(columns, basic, strict=True))
            if c.type.kind is Kind.STRING and f.nulls < rows and f.about <= 1.2 * MOST_WORDS
        ]  # fmt: skip
        told = [i for i, c in enumerate(columns) if c.type.kind in (*PERSONAL, Kind.JSON) and i not in few]
        asked = [f"map_keys(histogram({name_sql(columns[i].field_name)}))" for i in few]
        all_words = {i: tuple(sorted(v or ())) for i, v in zip(few, self._row(asked, source), strict=True)}
        samples = {i: list(words) for i, words in all_words.items()}
        if rows > _FEW_ROWS:
            samples |= {i: self._some(source, columns[i], basic[i].about) for i in told}
        else:
            lists = [f"list(DISTINCT {v}) FILTER ({c})" for v, c in (_few(columns[i], basic[i].about) for i in told)]
            samples |= {i: _mixed(v or ()) for i, v in zip(told, self._row(lists, source), strict=True)}
        return {i: words for i, words in all_words.items() if len(words) <= MOST_WORDS}, samples

    def _row(self, expressions: Sequence[str], source: str) -> tuple[Any, ...]:
        if not expressions:
            return ()
        (row,) = self.connection.execute(f"SELECT {', '.join(expressions)} FROM {source}").fetchall()
        return tuple(row)

    def distinct(self, table: Table, columns: Sequence[Column]) -> int:
        """How many different combinations the columns have, rows with a null among them left out."""
        fields = ", ".join(name_sql(c.field_name) for c in columns)
        present = " AND ".join(f"{name_sql(c.field_name)} IS NOT NULL" for c in columns)
        (row,) = self.connection.execute(
            f"SELECT count(*) FROM (SELECT DISTINCT {fields} FROM {self._with(table, columns)} WHERE {present})"
        ).fetchall()
        return int(row[0])

    def strays(self, child: Table, columns: Sequence[Column], parent: Table, key: Sequence[Column]) -> tuple[int, int]:
        """(rows whose columns are all there, those of them that exist in no row of the parent's key)."""
        pairs = list(zip(columns, key, strict=True))
        present = " AND ".join(f"c.{name_sql(a.field_name)} IS NOT NULL" for a, _ in pairs)
        same = " AND ".join(f"p.{name_sql(b.field_name)} = c.{name_sql(a.field_name)}" for a, b in pairs)
        (row,) = self.connection.execute(
            f"SELECT count(*), count(*) FILTER (NOT EXISTS (SELECT 1 FROM {self._with(parent, key)} AS p"
            f" WHERE {same})) FROM {self._with(child, columns)} AS c WHERE {present}"
        ).fetchall()
        return int(row[0]), int(row[1])

    def some(self, table: Table, column: Column, about: int) -> list[str]:
        """Different values of a staged column as text, of objects and arrays as JSON; the same rows give the same.

        `about` says how many different ones there are, more or less.
        """
        return self._some(self._with(table, [column]), column, about)

    def _with(self, table: Table, columns: Sequence[Column]) -> str:
        """SQL for the rows of a table, with these columns at least."""
        files = self.files[table.name]
        if table.name not in self._listed:
            names = pq.read_schema(files[0]).names if files else []
            self._listed[table.name] = (
                [table.columns[i].name for i in in_lists(table.columns)] if has_lists(names) else []
            )
        if not (listed := self._listed[table.name]):
            return parquet_sql(files)
        numbers = {name: n for n, name in enumerate(listed)}
        found = []
        for name, field in ((c.name, name_sql(c.field_name)) for c in columns):
            found.append(f"{item_sql(numbers[name])} AS {field}" if name in numbers else field)
        return f"(SELECT {', '.join(found)} FROM {parquet_sql(files)})"

    def _some(self, source: str, column: Column, about: int) -> list[str]:
        value, condition = _few(column, about)
        rows = self.connection.execute(f"SELECT DISTINCT {value} FROM {source} WHERE {condition}").fetchall()
        return _mixed(v for (v,) in rows)


def _few(column: Column, about: int) -> tuple[str, str]:
    """SQL for a value as text, and for which are taken: not all, where there are many."""
    field = name_sql(column.field_name)
    text = f"to_json({field})" if column.type.kind in NESTED else field
    # By hash, and half as many again as are wanted because `about` is a guess: not all need to be made different.
    share = min(1.0, 1.5 * _PII_SAMPLE / max(about, 1))
    few = f" AND hash({field}) <= {int(share * (2**64 - 1))}" if share < 1 else ""
    return f"CAST({text} AS VARCHAR)", f"{field} IS NOT NULL{few}"


def _mixed(values: Iterable[str]) -> list[str]:
    """Up to _PII_SAMPLE of the values, in an order that means nothing."""
    found = sorted(values)
    random.Random(0).shuffle(found)  # noqa: S311 - the same order every time is what is wanted
    return found[:_PII_SAMPLE]


def _personal(column: Column, values: Sequence[str]) -> tuple[str, ...]:
    look = find_inside if column.type.kind is Kind.JSON else find
    return tuple(f.kind for f in look(values, name=column.name)) if values else ()


@contextmanager
def measuring(
    files: Mapping[str, Sequence[Path]], *, memory_limit: str, threads: int, scratch: Path
) -> Iterator[Measure]:
    """Measures on Parquet `files`, by table name."""
    with connect(memory_limit, threads, scratch, paths=[p for ps in files.values() for p in ps]) as connection:
        register(connection, [_GUESSED_JSON])
        yield Measure(connection, files)


def _all(expressions: Iterable[Iterable[str]]) -> str:
    return ", ".join(e for some in expressions for e in some)


def _more(expressions: Iterable[Iterable[str]]) -> str:
    found = _all(expressions)
    return f", {found}" if found else ""


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
