"""What was measured on a source's files: the input of every decision that a draft takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluice.draft.guess import Guess


@dataclass(frozen=True)
class Tried:
    """A guess held against every text: how many fit, and up to two that do not (the least and the greatest)."""

    guess: Guess
    fits: int
    misfits: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextColumn:
    """A column of texts. `present` counts the texts that are there, null words included.

    `null_words` counts each word of sluice.draft.guess.NULL_WORDS seen; `tested` leaves them out. For numbers:
    `plain` counts those written in digits alone (no exponent), `integer_digits` and `scale` are the most digits
    before and after the decimal mark, `least_scale` the fewest after one, `dotted` counts those with a mark,
    `leading_zeros` counts texts such as 007, and `digits` is the most significant digits of one text. `empties` counts
    texts of JSON that are there, and empty.
    """

    name: str
    rows: int
    present: int
    sample: tuple[str, ...] = ()
    null_words: Mapping[str, int] = field(default_factory=dict)
    tested: tuple[Tried, ...] = ()
    plain: int = 0
    integer_digits: int = 0
    scale: int = 0
    least_scale: int = 0
    dotted: int = 0
    leading_zeros: int = 0
    digits: int = 0
    empties: int = 0


@dataclass(frozen=True)
class ColumnFacts:
    """A staged column, measured exactly: nulls, and for what could be a key or a list of words, distinct values.

    `distinct` is None where it was not counted; `about` is approximate, and good for an order of candidates only.
    `words` holds all the values of a string column that has few; `personal` names kinds of personal data.
    """

    nulls: int
    about: int = 0
    distinct: int | None = None
    longest: int | None = None
    words: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()


@dataclass(frozen=True)
class Link:
    """Values of `columns` that exist in the key `to_columns` of `to_table`; `strays` rows lead nowhere."""

    table: str
    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    rows: int
    strays: int
