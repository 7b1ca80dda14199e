"""Times and numbers as people say them; the same words in the terminal, on pages and in messages."""

from __future__ import annotations

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 3 min 20 s, 4 h 05 min, 3 d 2 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def moment(at: datetime | str) -> str:
    """A moment in UTC: Sun 22 Nov 2026, 13:05 UTC. A string is read as ISO 8601."""
    return f"{_utc(at):%a %d %b %Y, %H:%M} UTC"


def minute(at: datetime | str) -> str:
    """A moment in UTC, to the minute, as it sorts in a table: 2026-11-22 13:05."""
    return f"{_utc(at):%Y-%m-%d %H:%M}"


def day(at: datetime | str) -> str:
    """The day of a moment in UTC: Sun 22 Nov 2026."""
    return f"{_utc(at):%a %d %b %Y}"


def day_short(at: datetime | str) -> str:
    """The day of a moment in UTC, without its year: Sun 22 Nov."""
    return f"{_utc(at):%a %d %b}"


def number(value: float) -> str:
    """A number with thousands marks; fractions keep two digits: 12,345 or 0.25."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _utc(at: datetime | str) -> datetime:
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return found.astimezone(UTC)


def share(part: int, whole: int) -> str:
    """A share in per cent with three digits: 1.48 %; never 0 % for something."""
    return f"{100 * part / whole:.3g} %" if whole else "0 %"
