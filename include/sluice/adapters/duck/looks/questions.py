"""The questions about a column of texts, as SQL: how many of them each guess fits, and what is asked only where it tells.

Layer upon layer: a text `t`, the values that the guesses make of it, whether they are good, and then the counts, so that
nothing is computed or planned twice. In a second round stand what few columns need: which words for null there are,
which texts do not fit, and how the digits of numbers are spread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sluice.adapters.duck.casting.values import Rule, rule
from sluice.adapters.duck.connection import list_sql, text_sql
from sluice.contract.model import Column
from sluice.contract.types import ColumnType, Kind
from sluice.draft.evidence import TextColumn, Tried
from sluice.draft.guess import NULL_WORDS, Guess

_NONE = list_sql(["", *NULL_WORDS])
_LONGEST_WORD = max(map(len, NULL_WORDS))
_MOST = 0.9
_DIGITS = text_sql(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)")
_PLAIN = text_sql(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)\s*")
_MARKED = re.compile(r"\s*[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)\s*")
_SHORT = 17
"""Numbers of so few characters have no more digits than a double keeps; only of longer ones they are counted."""


@dataclass
class Question:
    """What is asked about the column with the text `source` (SQL), of whose values `sample` are some.

    In JSON (`is_json`) an empty text is one that somebody wrote.
    """

    number: int
    name: str
    source: str
    sample: Sequence[str]
    guesses: Sequence[Guess]
    is_json: bool
    _rows: int = 0
    _present: int = 0
    _texts: int = 0
    _empties: int = 0
    _tested: list[Tried] = field(default_factory=list)
    _integer: tuple[int, int, int] = (0, 0, 0)
    _words: dict[str, int] = field(default_factory=dict)
    _digits: list[int] = field(default_factory=lambda: [0] * 7)

    @cached_property
    def _numeric(self) -> bool:
        return any(g.numeric for g in self.guesses)

    @cached_property
    def _asked(self) -> list[Guess]:
        """The 32-bit width is told from the values of 64 bits; decimals from the digits. With a mark nothing is whole."""
        left_out = {Kind.INT32, Kind.DECIMAL} | ({Kind.INT64} if self._is_marked else set())
        return [g for g in self.guesses if g.type.kind not in left_out]

    @cached_property
    def _is_marked(self) -> bool:
        return self._numeric and any(_MARKED.fullmatch(self._unmarked(v)) for v in self.sample)

    def _unmarked(self, value: str) -> str:
        options = self._marks
        value = value.replace(str(options.get("groupChar") or "\0"), "")
        return value.replace(str(options.get("decimalChar") or "."), ".")

    @property
    def _marks(self) -> Any:
        return next(g for g in self.guesses if g.numeric).options

    # The layers ---------------------------------------------------------------------------------------------

    def text(self) -> Iterator[str]:
        """SQL for the text: null where it is empty or a word for null. What begins with a digit is none, nor what is long."""
        i = self.number
        yield f"{self.source} AS c{i}"
        yield (
            f"CASE WHEN {self.source} >= '0' AND {self.source} < ':' THEN {self.source} WHEN strlen({self.source}) > {_LONGEST_WORD}"
            f" THEN {self.source} WHEN NOT list_contains({_NONE}, {self.source}) THEN {self.source} END AS t{i}"
        )

    def values(self) -> Iterator[str]:
        """SQL for what the guesses make of the text."""
        for n, guess in enumerate(self._asked):
            yield f"{self._rule(guess, n).value} AS v{self.number}_{n}"

    def goods(self) -> Iterator[str]:
        """SQL for whether that is right."""
        i = self.number
        for n, guess in enumerate(self._asked):
            yield f"t{i} IS NOT NULL AND ({self._rule(guess, n).good}) IS TRUE AS g{i}_{n}"

    def _rule(self, guess: Guess, n: int) -> Rule:
        i = self.number
        options = {k: v for k, v in guess.options.items() if k != "nullSequence"}
        return rule(Column(self.name, f"v{i}_{n}", guess.type, options=options), f"t{i}", f"v{i}_{n}", ())

    # The first round ----------------------------------------------------------------------------------------

    def counts(self) -> Iterator[str]:
        """SQL for what is asked of every column."""
        i = self.number
        yield f"count(c{i})"
        yield f"count(t{i})"
        yield f"count_if(c{i} = '')"
        for n, guess in enumerate(self._asked):
            yield f"count_if(g{i}_{n})"
            if guess.type.kind is Kind.INT64:
                yield f"count_if(g{i}_{n} AND v{i}_{n} BETWEEN -2147483648 AND 2147483647)"
                yield f"count_if(CAST(v{i}_{n} AS VARCHAR) = t{i})"
                yield f"min(v{i}_{n})"
                yield f"max(v{i}_{n})"

    def hear(self, rows: int, answers: Iterator[Any]) -> None:
        """Take the answers to `counts`; `rows` is how many there are."""
        self._rows, self._present, self._texts, self._empties = rows, *(int(next(answers) or 0) for _ in range(3))
        self._present -= self._empties
        self._empties = self._empties if self.is_json else 0
        for guess in self._asked:
            self._tested.append(Tried(guess, int(next(answers) or 0)))
            if guess.type.kind is Kind.INT64:
                self._tested.append(Tried(Guess(ColumnType(Kind.INT32), guess.options), int(next(answers) or 0)))
                canonical, least, most = (int(next(answers) or 0) for _ in range(3))
                self._integer = canonical, least, most

    # The second round ---------------------------------------------------------------------------------------

    @property
    def _asks_words(self) -> bool:
        return self._present > self._texts

    @property
    def _asks_digits(self) -> bool:
        """Of numbers that are all written as a 64-bit integer is, the least and the greatest tell everything."""
        return self._numeric and self._integer[0] < self._texts

    def _asks_misfits(self, n: int) -> bool:
        fits = next(t.fits for t in self._tested if t.guess is self._asked[n])
        return _MOST * self._texts <= fits < self._texts

    def details(self) -> Iterator[str]:
        """SQL for the second round, often nothing."""
        i = self.number
        if self._asks_words:
            yield f"histogram(c{i}) FILTER (t{i} IS NULL AND c{i} <> '')"
        for n in range(len(self._asked)):
            if self._asks_misfits(n):
                yield f"min(t{i}) FILTER (NOT g{i}_{n})"
                yield f"max(t{i}) FILTER (NOT g{i}_{n})"
        if self._asks_digits:
            digits, dot, minus = f"p{i}", f"d{i}", f"CAST(p{i} < '.' AS INTEGER)"
            yield f"count({digits})"
            yield f"max(CASE WHEN {dot} = 0 THEN strlen({digits}) ELSE {dot} - 1 END - {minus})"
            yield f"max(strlen({digits}) - {dot}) FILTER ({dot} > 0)"
            yield f"min(strlen({digits}) - {dot}) FILTER ({dot} > 0)"
            yield f"count_if({dot} > 0)"
            yield f"count_if(CASE WHEN {digits} < '1' THEN regexp_full_match({digits}, '-?0[0-9].*') ELSE false END)"
            long = f"length(ltrim(replace({digits}, '.', ''), '-0'))"
            yield f"max(CASE WHEN strlen({digits}) > {_SHORT} THEN {long} ELSE 0 END)"

    def plain(self) -> Iterator[str]:
        """SQL for numbers in digits alone, without plus and blanks."""
        if self._asks_digits:
            text = self._digits_sql()
            yield (
                f"CASE WHEN regexp_full_match({text}, {_DIGITS}) THEN {text} WHEN regexp_full_match({text}, {_PLAIN})"
                f" THEN ltrim(trim({text}), '+') END AS p{self.number}"
            )

    def dots(self) -> Iterator[str]:
        """SQL for where the decimal mark stands in them."""
        if self._asks_digits:
            yield f"strpos(p{self.number}, '.') AS d{self.number}"

    def _digits_sql(self) -> str:
        text = f"t{self.number}"
        if group := self._marks.get("groupChar"):
            text = f"replace({text}, {text_sql(group)}, '')"
        if decimal := self._marks.get("decimalChar"):
            text = f"replace({text}, {text_sql(decimal)}, '.')"
        return text

    def hear_details(self, answers: Iterator[Any]) -> None:
        """Take the answers to `details`."""
        if self._asks_words:
            self._words = {str(k): int(v) for k, v in (next(answers) or {}).items()}
        for n, guess in enumerate(self._asked):
            if self._asks_misfits(n):
                misfits = tuple(dict.fromkeys(m for m in (next(answers), next(answers)) if m is not None))
                self._tested = [
                    Tried(t.guess, t.fits, misfits)
                    if t.guess.options == guess.options and _alike(t.guess, guess)
                    else t
                    for t in self._tested
                ]
        if self._asks_digits:
            self._digits = [int(next(answers) or 0) for _ in range(7)]

    def answer(self) -> TextColumn:
        """All that was heard."""
        digits = self._digits
        if self._numeric and not self._asks_digits:
            longest = max(len(str(abs(n))) for n in self._integer[1:])
            digits = [self._texts, longest if self._texts else 0, 0, 0, 0, 0, longest if longest > _SHORT else 0]
        return TextColumn(
            self.name, self._rows, self._present, tuple(self.sample), self._words, tuple(self._tested),
            *[*digits, self._empties],
        )  # fmt: skip


def _alike(one: Guess, other: Guess) -> bool:
    """Whether what does not fit the one does not fit the other: integers of 32 bits are told from those of 64."""
    kinds = {one.type.kind, other.type.kind}
    return len(kinds) == 1 or kinds == {Kind.INT32, Kind.INT64}
