"""What a profile says of a table: statistics for who decides, and for the comparison with the next delivery."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sluice.pii import Finding

Scalar = str | int | float | None

STEPS = 20
QUANTILES = tuple(i / STEPS for i in range(STEPS + 1))
"""The probabilities of a column's `quantiles`: 0, 0.05 ... 1."""

BINS = 20

_CLASSES = re.compile(r"([A-Z]+)|([a-z]+)|([0-9]+)|([^\W\d_]+)|(\s+)|(.)", re.DOTALL)
_NAMES = ("[A-Z]", "[a-z]", "[0-9]", r"\p{L}", r"\s")
_LONG = 12
_PLAIN = frozenset("-_/:,@#%&=;'\"<>!~`")


@dataclass(frozen=True)
class TopValue:
    """A frequent value and how many rows have it."""

    value: Scalar
    count: int


@dataclass(frozen=True)
class Pattern:
    """A form of texts, as a regular expression, and the share (0-1) of the distinct values looked at that have it."""

    pattern: str
    share: float


@dataclass(frozen=True)
class Histogram:
    """Rows in BINS intervals of equal width from `low` to `high`, each without its lower end but for the first; days and times are written in ISO 8601."""

    low: Scalar
    high: Scalar
    counts: tuple[int, ...]


@dataclass(frozen=True)
class ColumnProfile:
    """One column. `distinct` leaves nulls out and is exact where `distinct_exact` says so; `not_finite` counts NaN and
    infinities, which no other number here includes. `quantiles` are those of QUANTILES (days and times in ISO 8601), exact
    unless `quantiles_exact` is False: then those of a sample of rows, the share of rows below each within about 0.3%. `min`, `max`, `mean`, `stddev`, `quantiles`, `histogram`, `top` and
    `patterns` are withheld (None, empty) where values are sensitive: the contract says confidential or restricted, or
    personal data was found. `pii` tells what of it, examples masked.
    """

    name: str
    field_name: str
    type: str
    classification: str
    nulls: int
    distinct: int
    distinct_exact: bool = True
    min: Scalar = None
    max: Scalar = None
    mean: float | None = None
    stddev: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    mean_length: float | None = None
    not_finite: int = 0
    quantiles: tuple[Scalar, ...] = ()
    quantiles_exact: bool = True
    histogram: Histogram | None = None
    top: tuple[TopValue, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    pii: tuple[Finding, ...] = ()
    withheld: bool = False


@dataclass(frozen=True)
class TableProfile:
    """A table: its rows, how many of them repeat another one entirely, and its columns in the contract's order."""

    name: str
    rows: int
    duplicate_rows: int
    columns: tuple[ColumnProfile, ...]

    @property
    def pii(self) -> dict[str, tuple[str, ...]]:
        """The kinds of personal data found, by column name; columns without any are left out."""
        return {c.name: tuple(f.kind for f in c.pii) for c in self.columns if c.pii}

    def to_dict(self) -> dict[str, Any]:
        """Plain, strict JSON data."""
        return asdict(self)


def patterns_of(values: Sequence[str], *, least: float = 0.05, most: int = 3) -> tuple[Pattern, ...]:
    """The commonest forms of `values`, each of two and of at least the share `least` (0-1) of them, together of half.

    Where exact lengths do not tell so many, forms of any length may: `[A-Z][a-z]+/[A-Z][a-z]+`. Prose has neither.
    """
    for lengths in (True, False):
        forms = Counter(_form(value, lengths=lengths) for value in values)
        common = [(form, n) for form, n in forms.items() if form and n >= max(2, least * len(values))]
        common = sorted(common, key=lambda of: (-of[1], of[0]))[:most]
        if 2 * sum(n for _, n in common) >= len(values) > 0:
            return tuple(Pattern(form, round(n / len(values), 4)) for form, n in common)
    return ()


def _form(value: str, *, lengths: bool) -> str:
    """`AB-123` as `[A-Z]{2}-[0-9]{3}`, without lengths `[A-Z]+-[0-9]+`; empty when it is too long to be a form."""
    parts = []
    for found in _CLASSES.finditer(value):
        kind, text = found.lastindex or 0, found.group()
        if kind == len(_NAMES) + 1:
            parts.append(text if text in _PLAIN else re.escape(text))
        else:
            times = "" if len(text) == 1 else f"{{{len(text)}}}" if lengths else "+"
            parts.append(_NAMES[kind - 1] + times)
        if len(parts) > _LONG:
            return ""
    return "".join(parts)
