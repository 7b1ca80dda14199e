"""The SQL that reads JSON records, and proves for each that DuckDB read what stands there.

DuckDB parses JSON at memory speed and forgives much (see sluice.adapters.duck.json.exact). A record is taken from
it only if nothing was forgiven: it has the contract's keys, each once; every value has the JSON type that its
column needs; every number that must be exact is written in so few digits that a double keeps them all; and no
comma stands before a closing bracket. Whatever cannot be proven so is left to the exact reader, value by value
the same.
"""

from __future__ import annotations

import json
import re

from sluice.adapters.duck.casting.values import Rule, duck_type, rule, within
from sluice.adapters.duck.connection import list_sql, text_sql
from sluice.adapters.duck.json.plain import DECIMAL_DIGITS, TEXTS, can_be_plain
from sluice.adapters.duck.json.records import DOUBT, PLAIN
from sluice.contract.model import Column, Table
from sluice.contract.types import FLOATS, FROM_JSON, INTEGERS, MOMENTS, Kind

_KEEPS_JSON = INTEGERS | FLOATS | FROM_JSON | {Kind.DECIMAL, Kind.BOOLEAN}
"""Kinds whose values DuckDB hands on as JSON text, which tells a number from a text in quotes."""

_DIGITS = 16
"""A double keeps 15 decimal digits; with the point that is 16 characters."""

_WORDS = ("true", "false", "NaN", "nan", "Infinity", "infinity", "Inf", "inf")
_WRITTEN_OTHERWISE = (
    r",\s*[\]}]|[:\[,]\s*(?:[NIni][aAnN][fFN]|-[NIni]|-0\s*[,\]}]"
    r"|-?[0-9.]{17}|-?[0-9]+(?:\.[0-9]+)?[eE]|-?[0-9]+\.(?:[0-9]*[1-9])?0+\s*[,\]}])"
)
"""What JSON text can hold that DuckDB would write back in another way, or should have refused."""

_ESCAPED_KEY = r'\\(?:[^"\\]|\\.)*"\s*:'


class Proof:
    """The expressions for one table. `record` and `hint` are columns of sluice.adapters.duck.json.records.SCHEMA."""

    def __init__(self, table: Table, *, others: bool) -> None:
        """With `others`, records may have keys that are no columns."""
        self.columns = table.columns
        self.others = others
        self.nested = any(c.type.kind in FROM_JSON for c in self.columns)
        self.plain = not others and can_be_plain(self.columns)
        """Whether there can be plain records, whose values come from DuckDB with their types."""

    @staticmethod
    def possible(table: Table) -> bool:
        """Whether the names can be put to DuckDB: no two are alike, none is empty or needs care in a path."""
        names = [c.name for c in table.columns]
        plain = all(n and n != "*" and not re.search(r'["\\\x00-\x1f]', n) for n in names)
        return plain and len({n.lower() for n in names}) == len(names)

    @property
    def parsed(self) -> str:
        """The record as a struct: JSON text or plain text for every column. NULL when it is no JSON."""
        shape = json.dumps(
            {c.name: "JSON" if c.type.kind in _KEEPS_JSON else "VARCHAR" for c in self.columns}, ensure_ascii=False
        )
        # Asked first, because a transform that fails is dear. No text of an exact record is handed on: it is not valid.
        return f"CASE WHEN json_valid(record) THEN json_transform(record, {text_sql(shape)}) END"

    def rules(self) -> list[Rule]:
        """How the texts c0, c1 ... become the values v0, v1 ..."""
        return [
            Rule(f"(c{i} = 'true')", None) if c.type.kind is Kind.BOOLEAN else rule(c, f"c{i}", f"v{i}", ())
            for i, c in enumerate(self.columns)
        ]

    @property
    def plain_parsed(self) -> str:
        """A plain record as a struct: p0, p1 ... are its values, in the types of `_plain_type`. NULL when it is no JSON."""
        shape = json.dumps({c.name: _plain_type(c) for c in self.columns}, ensure_ascii=False)
        return f"TRY(json_transform(CASE WHEN hint = {PLAIN} THEN record END, {text_sql(shape)}))"

    def plain_value(self, position: int) -> str | None:
        """The value of a plain record's field; None when the field is the text that the column's rule is to read."""
        column = self.columns[position]
        if column.type.kind in TEXTS:
            return None
        return f"TRY_CAST(p{position} AS {duck_type(column.type)})"

    def plain_proven(self) -> str:
        """Whether a plain record has come through: p, p0 ... as it was parsed, q0 ... its values.

        A decimal comes from a double; it is the one that was written if it is that double's only decimal of so many
        digits.
        """
        checks = ["p IS NOT NULL"]
        for i, column in enumerate(self.columns):
            if column.type.kind is Kind.DECIMAL:
                limit = f"1e{DECIMAL_DIGITS - column.type.scale}"
                checks.append(f"(p{i} IS NULL OR (abs(p{i}) < {limit} AND CAST(q{i} AS DOUBLE) = p{i}))")
        return f"({' AND '.join(checks)}) IS TRUE"

    def plain_good(self, position: int) -> str:
        """Whether a typed value of a plain record is one of the column's."""
        inside = within(self.columns[position], f"v{position}")
        return f"v{position} IS NULL OR ({inside})" if inside else "true"

    def text(self, position: int, raw: str) -> str:
        """What a column's rule is to read, of what came out of the parsed record."""
        return f"trim({raw}, '\"')" if self.columns[position].type.kind is Kind.DECIMAL else raw

    def proven(self, texts: list[str]) -> str:
        """Whether the struct `s` is what the record says; `texts` are its columns as they came, named.

        One condition after the other, so that what is dear, or fails on what is no JSON, is asked last.
        """
        no_comma = r"NOT regexp_matches(record, ',\s*\}\s*$')"
        checks = [f"CASE WHEN hint = {DOUBT} THEN {no_comma} ELSE true END", self._keys(texts)]
        checks += [check for c, t in zip(self.columns, texts, strict=True) if (check := self._type(c, t))]
        checks += self._strings(texts)
        if self.nested:
            nested = [t for c, t in zip(self.columns, texts, strict=True) if c.type.kind in FROM_JSON]
            heads = " OR ".join(f"({_number(t)}) OR {_in_brackets(t)}" for t in nested)
            same = f"NOT regexp_matches(record, {text_sql(_WRITTEN_OTHERWISE)})"
            checks.append(f"CASE WHEN {heads} THEN {same} ELSE true END")
        return f"CASE WHEN s IS NULL THEN false {' '.join(f'WHEN ({c}) IS NOT TRUE THEN false' for c in checks)} ELSE true END"

    def _keys(self, texts: list[str]) -> str:
        """Every key is a column's, and there once."""
        keys = "json_keys(record)"
        names = list_sql(c.name for c in self.columns)
        once = f"len(list_distinct({keys})) = len({keys})"
        known = "" if self.others else f" AND list_has_all({names}, {keys})"
        all_there = " AND ".join(f"{t} IS NOT NULL" for t in texts)
        # In the order of the contract is how most machines write; the rest costs a little more.
        return (
            f"CASE WHEN hint = {len(texts)} AND {all_there} THEN true"
            f" WHEN json_type(record) <> 'OBJECT' THEN false"
            f" WHEN {keys} = {names} THEN true ELSE {once}{known} END"
        )

    def _type(self, column: Column, text: str) -> str:
        """A value has the JSON type that its column needs, and came through unchanged.

        What is in quotes, or a word, where a number belongs, the column's rule refuses; so it is not asked here.
        """
        kind = column.type.kind
        if kind is Kind.BOOLEAN:
            return f"{text} IS NULL OR {text} = 'true' OR {text} = 'false'"
        if kind in FLOATS:
            # DuckDB forgets the sign of -0, and takes 1e-400 for zero.
            zero = " OR ".join(f"{text} = '{z}'" for z in ("0", "0.0", "-0", "-0.0"))
            # It rounds to a double first; of more digits than that keeps, it would then round a second time to a float.
            number = f"WHEN {_number(text)} THEN {self._few_digits(column) if kind is Kind.FLOAT32 else 'true'}"
            return f"CASE WHEN {text} IS NULL THEN true WHEN {zero} THEN {self._really_zero(column)} {number} ELSE false END"
        if kind in INTEGERS:
            return f"CASE WHEN contains({text}, '.') THEN {self._few_digits(column)} ELSE true END"
        if kind is Kind.DECIMAL:
            return (
                f"CASE WHEN {text} < '#' THEN NOT contains({text}, '\\')"
                f" WHEN contains({text}, '.') THEN {self._few_digits(column)} ELSE NOT coalesce(contains({text}, 'e'), false) END"
            )
        return ""

    def _really_zero(self, column: Column) -> str:
        """Neither an exponent nor its many digits made it zero, and it is not -0."""
        name = re.escape(json.dumps(column.name, ensure_ascii=False))
        odd = text_sql(rf"{name}\s*:\s*(?:-?[0-9.]+[eE]|-0\s*[,}}]|-?[0-9.]{{{_DIGITS + 1}}})")
        return f"NOT regexp_matches(record, {odd}) AND NOT regexp_matches(record, {text_sql(_ESCAPED_KEY)})"

    def _few_digits(self, column: Column) -> str:
        """A number was written in so few digits that the double DuckDB made of it has them all."""
        name = re.escape(json.dumps(column.name, ensure_ascii=False))
        if not self.nested:
            short = text_sql(rf"{name}\s*:\s*-?[0-9.]{{1,{_DIGITS}}}\s*[,}}]")
            return f"regexp_matches(record, {short})"
        # The name may stand deeper down as well, and a key may be written with escapes.
        long = text_sql(rf"{name}\s*:\s*-?[0-9.]{{{_DIGITS + 1}}}")
        return f"NOT regexp_matches(record, {long}) AND NOT regexp_matches(record, {text_sql(_ESCAPED_KEY)})"

    def _strings(self, texts: list[str]) -> list[str]:
        """Texts that might have been something else in JSON were texts."""
        checks = []
        for kinds, allowed in ((_as_text, ("VARCHAR", "NULL", "UBIGINT", "BIGINT")), (_only_text, ("VARCHAR", "NULL"))):
            chosen = [(c, t) for c, t in zip(self.columns, texts, strict=True) if kinds(c)]
            if not chosen:
                continue
            doubtful = " OR ".join(_could_be_other(t) for _, t in chosen)
            types = f"json_type(record, {list_sql(_path(c.name) for c, _ in chosen)})"
            zero = " OR ".join(f"{t} = '0'" for _, t in chosen)
            fine = f"list_has_all({list_sql(allowed)}, {types})"
            if len(allowed) > 2:
                # -0 would come out as 0.
                fine = f"CASE WHEN {zero} THEN list_has_all({list_sql(allowed[:2])}, {types}) ELSE {fine} END"
            checks.append(f"CASE WHEN {doubtful} THEN {fine} ELSE true END")
        return checks


def _plain_type(column: Column) -> str:
    kind = column.type.kind
    return "VARCHAR" if kind in TEXTS else "DOUBLE" if kind is Kind.DECIMAL else duck_type(column.type)


def _as_text(column: Column) -> bool:
    return column.type.kind is Kind.STRING


def _only_text(column: Column) -> bool:
    """A moment in its usual form cannot be mistaken for a number; in a form of its own it can."""
    return column.type.kind is Kind.BINARY or (column.type.kind in MOMENTS and bool(column.options.get("format")))


def _path(name: str) -> str:
    return f'$."{name}"'


def _could_be_other(text: str) -> str:
    """Whether a text reads like a JSON number, word, object or array; never NULL."""
    words = " OR ".join(f"{text} = {text_sql(w)}" for w in _WORDS)
    other = f"({text} >= '0' AND {text} < ':') OR ({text} >= '-' AND {text} < '.') OR {_in_brackets(text)} OR {words}"
    return f"({text} IS NOT NULL AND ({other}))"


def _number(text: str) -> str:
    return f"({text} >= '0' AND {text} < ':') OR ({text} >= '-0' AND {text} < '-:')"


def _in_brackets(text: str) -> str:
    return f"({text} >= '[' AND {text} < '\\') OR ({text} >= '{{' AND {text} < '|')"
