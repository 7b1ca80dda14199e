"""Patterns in SQL with the meaning that Python's `re` gives them, by RE2 where both mean the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sluice.adapters.gx.fields import BadArgumentError, NotCompiledError, text
from sluice.adapters.gx.patterns import translate
from sluice.adapters.gx.searching import Search
from sluice.checks.rules import PYTHONS, Rule

_COLUMN = r'"(?:[^"]|"")*"'
_SEARCH = re.compile(
    rf"regexp_matches\(({_COLUMN}|CAST\({_COLUMN} AS VARCHAR\)), '((?:[^']|'')*)' {re.escape(PYTHONS)}\)"
)


def search_sql(
    value: str,
    pattern: str,
    python: Callable[[Callable[[Sequence[str]], list[bool]]], str],
    seconds: float,
    *,
    ascii_only: bool = False,
) -> str:
    """Whether `re.search` finds the pattern in the text `value`. `python` makes a predicate callable in SQL.

    Raises BadArgumentError for what is no pattern.
    """
    try:
        re.compile(pattern)
        translated = translate(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadArgumentError(f"the pattern {pattern!r}: {error}") from error
    if translated:
        found = f"regexp_matches({value}, {text(translated.pattern)})"
        if translated.everywhere or ascii_only:
            return found
    searched = python(Search({"regex": pattern}, f"the pattern {pattern!r}", seconds))
    if translated:
        return f"(CASE WHEN strlen({value}) = length({value}) THEN {found} ELSE {searched}({value}) END)"
    return f"{searched}({value})"


def pythonic(rule: Rule, data: Any) -> Rule:
    """A rule of SQL with Python's meaning in the searches that are marked; any other rule itself.

    `data` are the staged tables (sluice.adapters.duck.Staged).
    """
    if rule.kind != "sql" or PYTHONS not in str(rule.kwargs.get("query")):
        return rule

    def meant(found: re.Match[str]) -> str:
        return search_sql(found[1], found[2].replace("''", "'"), data.python, data.seconds)

    try:
        changed = {k: _SEARCH.sub(meant, str(rule.kwargs[k])) for k in ("query", "broken") if rule.kwargs.get(k)}
    except (BadArgumentError, NotCompiledError):
        return rule  # DuckDB says what is wrong with it
    return replace(rule, kwargs={**rule.kwargs, **changed})
