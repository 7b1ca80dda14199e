"""Python regular expressions in RE2, where both mean the same.

Great Expectations on pandas searches with Python's `re`; DuckDB has RE2. A pattern is rewritten from Python's own
parse tree, so nothing is passed on unread. `\\d`, `\\w` and `\\s` are written out as the characters that Python's own
Unicode tables have, as long as that is few enough to search fast. `\\b` and case folding mean more in Python beyond
ASCII: such a pattern is good in RE2 for ASCII texts only. What RE2 lacks is left to Python.
Sources: https://docs.python.org/3.11/library/re.html, https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_REPEAT = 1000
"""RE2 refuses more repetitions, nested ones counted by their product."""

MAX_RANGES = 4000
"""Ranges of characters, times their repetitions: with many more, RE2 no longer searches in linear time (measured)."""

_CATEGORIES = {codes.CATEGORY_DIGIT: r"\d+", codes.CATEGORY_SPACE: r"\s+", codes.CATEGORY_WORD: r"\w+"}
_LAST = {True: 127, False: 0x10FFFF}
_NEGATED = {
    codes.CATEGORY_NOT_DIGIT: codes.CATEGORY_DIGIT, codes.CATEGORY_NOT_SPACE: codes.CATEGORY_SPACE,
    codes.CATEGORY_NOT_WORD: codes.CATEGORY_WORD,
}  # fmt: skip
_FLAGS = re.IGNORECASE | re.DOTALL | re.VERBOSE | re.UNICODE


@dataclass(frozen=True)
class Translated:
    """A pattern for RE2. `everywhere`: also for texts beyond ASCII."""

    pattern: str
    everywhere: bool


class _UntranslatableError(Exception):
    pass


def translate(pattern: str) -> Translated | None:
    """The pattern for RE2, or None when RE2 cannot search as Python would. Raises re.error for no pattern at all."""
    tree = parser.parse(pattern)
    flags = tree.state.flags
    if flags & ~int(_FLAGS):
        return None
    try:
        writer = _Writer(flags, ascii_only=bool(flags & re.IGNORECASE))
        body = writer.sequence(tree, last=True)
        if writer.ascii_only or writer.ranges > MAX_RANGES:
            writer = _Writer(flags, ascii_only=True)
            body = writer.sequence(tree, last=True)
    except _UntranslatableError:
        return None
    return Translated(f"(?i:{body})" if writer.ignore_case else body, not writer.ascii_only)


class _Writer:
    def __init__(self, flags: int, *, ascii_only: bool) -> None:
        self.ignore_case = bool(flags & re.IGNORECASE)
        self.dot_all = bool(flags & re.DOTALL)
        self.ascii_only = ascii_only
        self.repeated = 1
        self.ranges = 0

    def sequence(self, items: Any, *, last: bool) -> str:
        listed = list(items)
        end = len(listed) - 1
        return "".join(self.item(*item, last=last and i == end) for i, item in enumerate(listed))

    def item(self, operation: Any, argument: Any, *, last: bool) -> str:  # noqa: PLR0911
        match operation:
            case codes.LITERAL:
                return self.literal(argument)
            case codes.NOT_LITERAL:
                return f"[^{self.literal(argument)}]"
            case codes.ANY:
                return "(?s:.)" if self.dot_all else r"[^\n]"
            case codes.IN:
                return self.one_of(argument)
            case codes.AT:
                return self.at(argument, last=last)
            case codes.BRANCH:
                return "(?:" + "|".join(self.sequence(branch, last=last) for branch in argument[1]) + ")"
            case codes.SUBPATTERN:
                _, added, removed, inner = argument
                if added or removed:
                    raise _UntranslatableError
                return f"(?:{self.sequence(inner, last=last)})"
            case codes.MAX_REPEAT | codes.MIN_REPEAT:
                return self.repeat(argument)
        raise _UntranslatableError

    def repeat(self, argument: Any) -> str:
        low, high, inner = argument
        endless = high is codes.MAXREPEAT
        outer, self.repeated = self.repeated, self.repeated * max(int(low), 1 if endless else int(high), 1)
        if self.repeated > MAX_REPEAT:
            raise _UntranslatableError
        body = self.sequence(inner, last=False)
        self.repeated = outer
        # Whether a search succeeds does not depend on greed.
        return f"(?:{body}){{{low},{'' if endless else high}}}"

    def one_of(self, items: Any) -> str:
        negated = items[0][0] is codes.NEGATE
        parts = []
        for operation, argument in items[1:] if negated else items:
            if operation is codes.LITERAL:
                parts.append(self.literal(argument))
            elif operation is codes.RANGE:
                parts.append(f"{self.literal(argument[0])}-{self.literal(argument[1])}")
            elif operation is codes.CATEGORY and argument in _CATEGORIES:
                parts.append(self.category(argument))
            elif operation is codes.CATEGORY and argument in _NEGATED and len(items) - negated == 1:
                return f"[{'' if negated else '^'}{self.category(_NEGATED[argument])}]"
            elif operation is codes.CATEGORY and argument in _NEGATED:
                parts.append(self.category(_NEGATED[argument], others=True))
            else:
                raise _UntranslatableError
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def category(self, category: Any, *, others: bool = False) -> str:
        """The category's characters, or all others, as they stand in a class."""
        ranges: Sequence[tuple[int, int]] = _ranges(category, ascii_only=self.ascii_only)
        self.ranges += len(ranges) * self.repeated
        return "".join(f"\\x{{{low:X}}}-\\x{{{high:X}}}" for low, high in (_others(ranges) if others else ranges))

    def at(self, place: Any, *, last: bool) -> str:
        match place:
            case codes.AT_BEGINNING | codes.AT_BEGINNING_STRING:
                return r"\A"
            case codes.AT_END_STRING:
                return r"\z"
            case codes.AT_END if last:
                # Python's $ also stands before a last newline; at the end of a pattern it may as well take it.
                return r"(?:\n?\z)"
            case codes.AT_BOUNDARY | codes.AT_NON_BOUNDARY:
                self.ascii_only = True
                return r"\b" if place is codes.AT_BOUNDARY else r"\B"
        raise _UntranslatableError

    def literal(self, code: int) -> str:
        if self.ignore_case and code > 127:
            raise _UntranslatableError
        return _literal(code)


@cache
def _ranges(category: Any, *, ascii_only: bool) -> tuple[tuple[int, int], ...]:
    """The characters of a category, from Python's own tables."""
    found = re.finditer(_CATEGORIES[category], _characters(_LAST[ascii_only]))
    return tuple((ord(run[0][0]), ord(run[0][-1])) for run in found)


@cache
def _characters(last: int) -> str:
    # Written as UTF-32 and read: 10 times as fast as chr(). Surrogates, which no text holds, come out as U+FFFD.
    return array("I", range(last + 1)).tobytes().decode(f"utf-32-{sys.byteorder[0]}e", "replace")


def _others(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """All characters that are in none of the ranges."""
    edges = [-1, *(edge for pair in ranges for edge in pair), _LAST[False] + 1]
    return [(low + 1, high - 1) for low, high in zip(edges[::2], edges[1::2], strict=True) if high - low > 1]


def _literal(code: int) -> str:
    if code == 0 or 0xD800 <= code <= 0xDFFF:
        raise _UntranslatableError
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code:X}}}"
