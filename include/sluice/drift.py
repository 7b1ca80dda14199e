"""Drift: a delivery's profile against the one before, measure by measure, by the table's thresholds.

Measures of a table: `volume`. Of a column: `nulls`, `distinct`, `psi`, `ks`, `range`, and what became of it: `new`,
`lost`, `type`. Profiles are the JSON data that sluice.profiles writes; what either withholds is not compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sluice.contract.model import DriftTerms, Table, digest_of
from sluice.distances import Cdf, ks, ks_by_chance, psi, psi_by_chance, shares_of_categories, shares_of_deciles

_STRUCTURE = "warning"
"""Columns come, go and change their type by the contract, which people have signed: shown, and no reason to stop."""

_DIGITS = 6
_MOST = 1e9
"""No score is larger: what is a billion times too far is too far."""

Profile = Mapping[str, Any]


@dataclass(frozen=True)
class DriftFinding:
    """What one measure says of a column (None: of the table). It is `exceeded` when `score` is above `threshold`.

    `before` and `after` are what is compared, for people: counts, shares, types, or the bounds of a range; None for
    psi and ks, whose score says all.
    """

    table: str
    column: str | None
    measure: str
    before: Any
    after: Any
    score: float
    threshold: float
    exceeded: bool
    severity: str


def drift_of(table: Table, profile: Profile, previous: Profile | None, since: str) -> dict[str, Any] | None:
    """`table`'s drift as strict JSON data: `since` (what names the previous profile), its digest, and the findings.

    None where there is nothing to compare with, or the contract asks for no comparison.
    """
    if previous is None or table.drift is None:
        return None
    findings = compare(profile, previous, table.drift, keys=_keys(table))
    return {
        "since": since,
        "previous_digest": digest_of({k: v for k, v in previous.items() if k != "drift"}),
        "measures": len(findings),
        "exceeded": sum(f.exceeded for f in findings),
        "stops": any(f.exceeded and f.severity == "error" for f in findings),
        "findings": [asdict(f) for f in findings],
    }


def compare(
    after: Profile, before: Profile, terms: DriftTerms, *, keys: Set[str] = frozenset()
) -> tuple[DriftFinding, ...]:
    """Every measure that the profiles allow, of the table first and then column by column.

    Of `keys` (column names) the values are not compared: those of an identifier are other ones every time.
    """
    return tuple(_Comparison(after, before, terms, keys).findings())


def exceeded(drifts: Iterable[Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    """The findings above their thresholds in the drift of some tables (as of `drift_of`), those that stop first."""
    found = [f for drift in drifts if drift for f in drift["findings"] if f["exceeded"]]
    return sorted(found, key=lambda f: f["severity"] != "error")


def in_words(finding: Mapping[str, Any]) -> str:
    """A finding as words without the column: `share of nulls 0.01 → 0.2 (more by 0.19, at most 0.05)`."""
    return _WORDS[finding["measure"]].format(
        change=f"{_said(finding['before'])} → {_said(finding['after'])}", **{k: _said(v) for k, v in finding.items()}
    )


_WORDS = {
    "volume": "rows {change} (changed by {score} of what they were, at most {threshold})",
    "nulls": "share of missing values {change} (more by {score}, at most {threshold})",
    "distinct": "distinct values {change} (changed by {score} of what they were, at most {threshold})",
    "psi": "values are spread differently (population stability index {score}, at most {threshold})",
    "ks": "values are spread differently (Kolmogorov-Smirnov {score}, at most {threshold})",
    "range": "values from {before}, now {after} (outside by {score} of the width, at most {threshold})",
    "new": "a new column, {after}",
    "lost": "the column is gone, it was {before}",
    "type": "type {change}",
}


class _Comparison:
    def __init__(self, after: Profile, before: Profile, terms: DriftTerms, keys: Set[str]) -> None:
        self.after, self.before, self.terms, self.keys = after, before, terms, keys
        self.rows = int(before["rows"]), int(after["rows"])

    def findings(self) -> Iterator[DriftFinding]:
        yield from self._measure(None, "volume", _change(*self.rows), *self.rows)
        before, after = (
            {c["name"]: c for c in profile["columns"] if c["name"] not in self.terms.ignore}
            for profile in (self.before, self.after)
        )
        for name, column in after.items():
            if name in before:
                yield from self._column(name, before[name], column)
            else:
                yield self._structure(name, "new", None, column["type"])
        for name, column in before.items():
            if name not in after:
                yield self._structure(name, "lost", column["type"], None)

    def _column(self, name: str, before: Profile, after: Profile) -> Iterator[DriftFinding]:
        if before["type"] != after["type"]:
            yield self._structure(name, "type", before["type"], after["type"])
        if all(self.rows):
            was, now = _missing(before) / self.rows[0], _missing(after) / self.rows[1]
            yield from self._measure(name, "nulls", now - was, round(was, _DIGITS), round(now, _DIGITS))
        present = self.rows[0] - _missing(before), self.rows[1] - _missing(after)
        distinct = before["distinct"], after["distinct"]
        yield from self._measure(name, "distinct", _change_of_distinct(distinct, present), *distinct)
        comparable = _family(before["type"]) == _family(after["type"]) and name not in self.keys
        if comparable and not before.get("withheld") and not after.get("withheld") and min(present) > 0:
            yield from self._values(name, before, after, present)

    def _values(self, name: str, before: Profile, after: Profile, counts: tuple[int, ...]) -> Iterator[DriftFinding]:
        was, now = _cdf(before), _cdf(after)
        bins = None
        # Of few values every count is known; of many, the quantiles.
        if before["type"] == after["type"] and (listed := _listed(before)) and (also := _listed(after)):
            bins = shares_of_categories(listed, also)
        elif was and now:
            bins = shares_of_deciles(was, now)
        if bins:
            yield from self._measure(name, "psi", psi(*bins), chance=psi_by_chance(len(bins[0]), *counts))
        if was and now:
            yield from self._measure(name, "ks", ks(was, now), chance=ks_by_chance(*counts))
        if (bounds := _bounds(before)) and (also_bounds := _bounds(after)):
            seen, sees = (f"{c['min']} to {c['max']}" for c in (before, after))
            yield from self._measure(name, "range", _outside(bounds, also_bounds), seen, sees)

    def _measure(
        self, column: str | None, measure: str, score: float, before: Any = None, after: Any = None, chance: float = 0.0
    ) -> Iterator[DriftFinding]:
        threshold: float | None = getattr(self.terms, measure)
        if threshold is not None:
            score, threshold = round(score, _DIGITS), round(max(threshold, chance), _DIGITS)
            yield DriftFinding(self.after["name"], column, measure, before, after, score, threshold,
                               score > threshold, self.terms.severity)  # fmt: skip

    def _structure(self, column: str, measure: str, before: str | None, after: str | None) -> DriftFinding:
        return DriftFinding(self.after["name"], column, measure, before, after, 1.0, 0.0, True, _STRUCTURE)


def _missing(column: Profile) -> int:
    """Values that are not there: nulls, and what is no number among numbers."""
    return int(column["nulls"]) + int(column.get("not_finite") or 0)


def _change(before: int, after: int) -> float:
    """By how much of what it was a count changed; from none, by itself."""
    return abs(after - before) / max(before, 1)


def _change_of_distinct(distinct: tuple[int, int], present: tuple[int, int]) -> float:
    """The smaller of how much the count of distinct values changed and how much their share of the values did.

    Ten times the rows have ten times the order numbers and as many countries as ever: neither has drifted.
    """
    count = _change(*distinct)
    if not all(present) or not distinct[0]:
        return count
    was, now = distinct[0] / present[0], distinct[1] / present[1]
    return min(count, abs(now - was) / was)


def _outside(before: tuple[float, float], after: tuple[float, float]) -> float:
    """How far the range goes beyond the former one, in widths of that; a single value counts as itself wide, or 1."""
    beyond = max(before[0] - after[0], after[1] - before[1], 0.0)
    width = (before[1] - before[0]) or abs(before[0]) or 1.0
    return min(beyond / width, _MOST) if math.isfinite(width) else 0.0


def _listed(column: Profile) -> dict[Any, int]:
    """Every value and its count, where the profile lists them all."""
    top = column.get("top") or ()
    if len(top) != column["distinct"] or not column.get("distinct_exact", True):
        return {}
    counts: dict[Any, int] = {}
    for item in top:  # long texts are shortened, and may be alike then
        counts[item["value"]] = counts.get(item["value"], 0) + int(item["count"])
    return counts


def _cdf(column: Profile) -> Cdf | None:
    numbers = [_number(q) for q in column.get("quantiles") or ()]
    return Cdf([n for n in numbers if n is not None]) if len(numbers) > 1 and None not in numbers else None


def _bounds(column: Profile) -> tuple[float, float] | None:
    if not column.get("quantiles"):  # texts have an order, and no width
        return None
    low, high = _number(column.get("min")), _number(column.get("max"))
    return None if low is None or high is None else (low, high)


def _number(value: Any) -> float | None:
    """A number, or a day or time as seconds; numbers that JSON cannot hold are texts."""
    if isinstance(value, (int, float)):
        return float(value)
    for read in (float, _seconds):
        try:
            return read(str(value))
        except ValueError:
            continue
    return None


def _seconds(text: str) -> float:
    if ":" in text and "T" not in text:
        text = f"1970-01-01T{text}"
    moment = datetime.fromisoformat(text)
    return (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _family(type_: str) -> str:
    """`number` for types whose values compare as numbers, else the type itself."""
    return "number" if type_.startswith(("int", "float", "decimal")) else type_


def _keys(table: Table) -> frozenset[str]:
    """Columns that the contract says never repeat a value."""
    return frozenset(c.name for c in table.columns if c.unique or (c.key_position and len(table.key) == 1))


def _said(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
