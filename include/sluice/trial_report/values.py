"""Values of a profile as a reader sees them; the same on the trial's page and on the evidence page."""

from __future__ import annotations

from typing import Any

from sluice import words

_MINUTE = len("2013-01-01T10:00")


def number(value: Any) -> str:
    """A value as it may be read: numbers with thousands marks, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def texts(column: dict[str, Any]) -> str:
    """What texts are like: their forms, or what most of them are, or the first and the last of them."""
    if column["patterns"] and not column["top"]:
        return "like " + ", ".join(f"{p['pattern']} ({p['share']:.0%})" for p in column["patterns"])
    if column["top"]:
        shown = [f"{short(t['value'], 24)} ({t['count']:,})" for t in column["top"][:4]]
        return ", ".join([*shown, f"and {column['distinct'] - 4:,} more"] if column["distinct"] > 4 else shown)
    return f"{short(column['min'], 30)} to {short(column['max'], 30)}" if column["min"] is not None else ""


def point(value: Any) -> str:
    """A number, or a day and time to the minute, for a narrow column."""
    if isinstance(value, str) and len(value) > _MINUTE and value[10] == "T":
        return value[:_MINUTE].replace("T", " ")
    return short(value, 26)


def share(part: int, whole: int) -> str:
    """A share of rows in per cent; nothing for none."""
    return words.share(part, whole) if part else ""


def short(value: Any, length: int = 60) -> str:
    """A value cut to a length."""
    text = number(value)
    return text if len(text) <= length else text[: length - 1] + "…"
