"""Names that are no words: a first row of years, days or numbers that count, above a table of other values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, pairwise

from sluice.adapters.duck.looks.cells import YEAR, kind

_FEWEST_COUNTED = 6
"""So many numbers that count up from 0 or 1 are names; fewer may be the values of a row."""
_FEWEST_RISING = 8
_RISING_ROWS = 0.05
"""So many numbers that rise are names, where hardly a row below rises as well."""

Column = Sequence[bytes]


def is_series(names: Sequence[bytes], columns: Sequence[Column]) -> bool:
    """Whether a first record names columns by a series: years or days above other values, numbers above words alone, or
    such as rise or count up, as programs name columns without names. Its other cells are words. `columns` are the cells
    beneath each."""
    places = [i for i, name in enumerate(names) if kind(name) not in ("word", "")]
    series = [names[i].strip() for i in places]
    if len(series) < 2 or len(set(series)) < len(series):
        return False
    below = [columns[i] for i in places]
    cells = [kind(cell) for cell in chain.from_iterable(below) if cell.strip()]
    if "word" in cells and not {"number", "moment"} & set(cells):
        return True
    counted = [str(n).encode() for n in range(len(series) + 1)]
    if all(map(YEAR.fullmatch, series)):
        return places[0] > 0 and _years(list(map(int, series)), below)
    if all(kind(name) == "moment" for name in series):
        return not any(_mostly([column], lambda cell: kind(cell) == "moment") for column in below)
    if places == list(range(1, len(names))) and not names[0].strip() and series == counted[:-1]:
        return all(cell.strip() for cell in columns[0])  # row numbers, whose column has no name
    if len(series) < _FEWEST_COUNTED:
        return False
    rows = list(zip(*below, strict=False))
    hardly = sum(map(_rises, rows)) < _RISING_ROWS * len(rows)
    rising = places[0] > 0 and len(series) >= _FEWEST_RISING and _rises(series) and hardly
    return rising or series in (counted[:-1], counted[1:])


def _rises(cells: Sequence[bytes]) -> bool:
    try:
        return all(b > a for a, b in pairwise(map(float, cells)))
    except ValueError:
        return False


def _years(years: Sequence[int], below: Sequence[Column]) -> bool:
    steps = [b - a for a, b in pairwise(years)]
    if len(set(steps)) == 1 and len(steps) > 1:
        return True
    ordered = len(set(steps)) == 1 or min(steps) > 0 or max(steps) < 0
    return ordered and not _mostly(below, lambda cell: bool(YEAR.fullmatch(cell)))


def _mostly(columns: Sequence[Column], test: Callable[[bytes], bool]) -> bool:
    cells = [cell for cell in chain.from_iterable(columns) if kind(cell) not in ("", "null")]
    return bool(cells) and 2 * sum(map(test, cells)) >= len(cells)
