"""Terms that a contract's customProperties say, and what somebody may have meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sluice.contract.document import Path

_MOST = 20


def custom(data: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[str, Any, Path]]:
    """Name, value and place of every custom property of a part of a contract that lies at `path`."""
    for i, item in enumerate(data.get("customProperties") or ()):
        yield str(item.get("property")), item.get("value"), (*path, "customProperties", i)


def said(data: Mapping[str, Any], name: str) -> Any:
    """The value of a custom property, the first of this name; None where there is none."""
    return next((value for known, value, _ in custom(data) if known == name), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(names)[:_MOST])}."


def near_miss(name: str, known: Iterable[str], cutoff: float = 0.8) -> str:
    """A hint where the name is nearly a known one, "" where it may be somebody else's business."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"Did you mean {close[0]!r}?" if close else ""
