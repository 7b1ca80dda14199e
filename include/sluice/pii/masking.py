"""Shows the form of a value and none of its content."""

from __future__ import annotations

_SHOWN = 40


def mask(value: str) -> str:
    """Letters become x, digits 9; punctuation and length stay: `xxxx.xxx@xxxxxx.xx`, `+99 9 99 99 99 99`."""
    form = "".join(
        "x" if c.isalpha() else "9" if c.isdigit() else c if c.isascii() and c.isprintable() else "?" for c in value
    )
    return form if len(form) <= _SHOWN else form[: _SHOWN - 1] + "…"
