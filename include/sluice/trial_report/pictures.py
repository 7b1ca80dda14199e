"""Small pictures of a column as inline SVG: how its values are spread, how many are missing. Each says in words what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

_WIDTH, _HEIGHT = 120, 28
_BARS = 12
_LEAST = 1.0
"""Height of a bar that stands for hardly anything, so that it is not taken for nothing."""


def picture(column: Mapping[str, Any]) -> Markup:
    """The histogram of numbers, days and times, or the bars of few values; empty where neither says anything."""
    if column["withheld"]:
        return Markup()
    histogram, top = column.get("histogram"), column.get("top") or ()
    listed = bool(top) and len(top) == column["distinct"]
    if listed and histogram:  # numbers stand in their order
        top = sorted(top, key=lambda t: (isinstance(t["value"], str), t["value"]))
    if histogram and not (listed and len(top) <= _BARS):
        counts = histogram["counts"]
        return _bars(
            counts, f"Histogram from {histogram['low']} to {histogram['high']}: {_numbers(counts)} rows", gap=0.5
        )
    if listed and max(t["count"] for t in top) > 1:
        shown = top[:_BARS]
        more = f" and {len(top) - len(shown)} more" if len(top) > len(shown) else ""
        said = ", ".join(f"{t['value']} {t['count']:,}" for t in shown)
        return _bars([t["count"] for t in shown], f"Rows by value: {said}{more}", gap=2)
    return Markup()


def missing(nulls: int, rows: int) -> Markup:
    """A bar that is as long as the share of nulls; empty without any."""
    if not nulls or not rows:
        return Markup()
    share = nulls / rows
    return Markup(
        '<svg class="share" viewBox="0 0 60 8" role="img" aria-label="{}"><title>{}</title>'
        '<rect class="rail" width="60" height="8"/><rect class="part" width="{}" height="8"/></svg>'
    ).format(*[f"{nulls:,} of {rows:,} are null"] * 2, _short(max(60 * share, _LEAST)))


def _bars(counts: Sequence[int], said: str, *, gap: float) -> Markup:
    highest, step = max(counts) or 1, _WIDTH / len(counts)
    bars = Markup("").join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
            _short(i * step), _short(_HEIGHT - height), _short(min(step - gap, 3 * _WIDTH / _BARS)), _short(height)
        )
        for i, n in enumerate(counts)
        if (height := max(_HEIGHT * n / highest, _LEAST) if n else 0)
    )
    return Markup(
        '<svg class="spread" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}'
        '<path d="M0 {}H{}"/></svg>'
    ).format(_WIDTH, _HEIGHT + 1, said, said, bars, _HEIGHT + 0.5, _WIDTH)


def _numbers(counts: Sequence[int]) -> str:
    return ", ".join(f"{n:,}" for n in counts)


def _short(number: float) -> str:
    return f"{number:.4g}"
