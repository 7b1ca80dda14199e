"""How values are written: numbers such as `1.234.567,89`, `1 234,5`, `1'234.50`, words for true and false.

In SQL for DuckDB, in Python for reasons.

Which marks a column uses is declared; nothing is guessed, because 1,234 means two things. A group has three digits
(with commas also two, as in 12,34,567, but the last): 1,5 is never taken for 15.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sluice.adapters.duck.connection import text_sql
from sluice.contract.model import Column

_SAME = {mark: marks for marks in (" \u00a0\u202f\u2009", "'\u2019\u02bc") for mark in marks}
"""Spaces and apostrophes come in several characters that look the same: one declared means any of them."""

TRUE_WORDS = ("true", "t", "1", "yes", "y")
FALSE_WORDS = ("false", "f", "0", "no", "n")

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
INTEGER = r"[+-]?[0-9]+(\.0*)?"
_NOT_FINITE = r"[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"


@dataclass(frozen=True)
class Marks:
    """The decimal mark, and the marks (any of them, none: "") between groups of digits."""

    decimal: str
    groups: str

    @property
    def pattern(self) -> str:
        """What a number with these marks looks like, as both RE2 and Python read it."""
        point = re.escape(self.decimal)
        whole = "[0-9]+"
        if self.groups:
            group = "[" + "".join(map(re.escape, self.groups)) + "]"
            inner = "2,3" if "," in self.groups else "3"
            whole = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{{inner}}})*{group}[0-9]{{3}})"
        return rf"[+-]?(?:(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?|{_NOT_FINITE})"

    def sql(self, text: str) -> str:
        """SQL for the text with these marks turned into the usual ones."""
        for group in self.groups:
            text = f"replace({text}, {text_sql(group)}, '')"
        return text if self.decimal == "." else f"replace({text}, {text_sql(self.decimal)}, '.')"

    def plain(self, text: str) -> str | None:
        """The text with the usual marks; None when it is not written with these."""
        if not re.fullmatch(rf"\s*(?:{self.pattern})\s*", text):
            return None
        return text.translate(dict.fromkeys(map(ord, self.groups))).replace(self.decimal, ".")


def marks_of(column: Column) -> Marks | None:
    """The marks that a column declares; None for those that every program writes.

    A declared group mark "." means that the decimal mark is "," unless that is declared too.
    """
    group = str(column.options.get("groupChar") or "")
    decimal = str(column.options.get("decimalChar") or ("," if group == "." else "."))
    if not group and decimal == ".":
        return None
    return Marks(decimal, _SAME.get(group, group))


def decimal_pattern(scale: int) -> str:
    """What a decimal of so many digits after the point looks like; zeros beyond them do not count."""
    some = rf"|\.[0-9]{{1,{scale}}}0*" if scale else r"|\.0+"
    return rf"[+-]?([0-9]+(\.[0-9]{{0,{scale}}}0*)?{some})"


def words_of(column: Column, option: str, default: Sequence[str] = ()) -> tuple[str, ...]:
    """A column's option that is a text or a list of texts."""
    words = column.options.get(option)
    return tuple(default) if words is None else (words,) if isinstance(words, str) else tuple(map(str, words))


def boolean_words(column: Column) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words for true and for false, in lower case; declared ones take the place of the usual ones."""
    true = tuple(w.strip().lower() for w in words_of(column, "trueValues", TRUE_WORDS))
    false = tuple(w.strip().lower() for w in words_of(column, "falseValues", FALSE_WORDS))
    if "trueValues" not in column.options:
        true = tuple(w for w in true if w not in false)
    if "falseValues" not in column.options:
        false = tuple(w for w in false if w not in true)
    return true, false
