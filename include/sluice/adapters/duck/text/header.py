"""Matches the names that a file has against the names that its contract expects."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

from sluice.contract.model import Table
from sluice.errors import SourceError

_GUESSES = 10
"""For how many missing columns a similar name is looked for: every one is compared with all that were found."""

_NO_NAMES = (
    "Where the first row is data, declare `header: false`; where names stand further down, `headerRows` or `skipRows`;"
    " where this is not how the file reads, its `delimiter`, `quoteChar` or `encoding`. Else correct the names."
)


def find_names(found: Sequence[str], table: Table, *, case_blind: bool = False) -> list[int] | None:
    """For every name found, the position of its column in the contract; None unless it is exactly those names.

    Spaces around a name do not count, nor an empty name at the end.
    """
    names = [*found[:-1]] if len(found) > 1 and not found[-1] else [*found]
    position = {c.name: i for i, c in enumerate(table.columns)}
    order = [position.get(n, -1) for n in _expected_spelling(names, table, case_blind)]
    return order if sorted(order) == list(range(len(position))) else None


def _expected_spelling(found: Sequence[str], table: Table, case_blind: bool) -> list[str]:
    """Each name as the contract writes it, where that is the only name it can be meant to be."""

    def plain(name: str) -> str:
        return name.strip().casefold() if case_blind else name.strip()

    meant: dict[str, list[str]] = {}
    for column in table.columns:
        meant.setdefault(plain(column.name), []).append(column.name)
    same = Counter(map(plain, found))
    exact = {c.name for c in table.columns}
    return [
        name
        if name in exact or same[plain(name)] > 1 or len(meant.get(plain(name), ())) != 1
        else meant[plain(name)][0]
        for name in found
    ]


def match_names(found: Sequence[str], table: Table, where: str, *, case_blind: bool = False) -> list[int]:
    """For every name found, the position of its column in the contract.

    Raises SourceError DUPLICATE_COLUMN, MISSING_COLUMN or UNKNOWN_COLUMN, each saying expected and found.
    """
    expected = [c.name for c in table.columns]
    found = _expected_spelling(found, table, case_blind)
    counts = Counter(found)
    repeated = {n: [i + 1 for i, other in enumerate(found) if other == n] for n in counts if counts[n] > 1}
    if repeated:
        places = "; ".join(f"{_short(n)} at positions {', '.join(map(str, at))}" for n, at in repeated.items())
        raise SourceError(
            "DUPLICATE_COLUMN", f"column names are repeated: {places}", where=where, mend="Ask for unique names."
        )
    missing = [n for n in expected if n not in counts]
    position = {n: i for i, n in enumerate(expected)}
    unknown = [n for n in found if n not in position]
    difference = f"expected {_listed(expected)}; found {_listed(found)}"
    if missing:
        guesses = [
            f"did you mean {_short(close[0])} for {_short(n)}?"
            for n in missing[:_GUESSES]
            if (close := difflib.get_close_matches(n, unknown, 1)
                or [u for u in unknown if u.strip().casefold() == n.strip().casefold()])
        ]  # fmt: skip
        raise SourceError(
            "MISSING_COLUMN",
            f"columns of {table.name!r} are missing: {_listed(missing)} ({difference})",
            where=where,
            mend=_NO_NAMES
            if len(missing) == len(expected) and not guesses
            else " ".join([*guesses, "Correct the file's header, or the contract's names."]),
        )
    if unknown:
        raise unknown_columns(unknown, table, where, difference)
    return [position[n] for n in found]


def unknown_columns(unknown: Sequence[str], table: Table, where: str, difference: str) -> SourceError:
    """The error for columns that no contract speaks of."""
    return SourceError(
        "UNKNOWN_COLUMN",
        f"columns are not in the contract of {table.name!r}: {_listed(unknown)} ({difference})",
        where=where,
        mend="Add them to the contract, or leave them out of the file.",
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(_short, names[:50]))
    return shown + (f" and {len(names) - 50} more" if len(names) > 50 else "")


def _short(name: str) -> str:
    return repr(name if len(name) <= 100 else name[:99] + "\u2026")
