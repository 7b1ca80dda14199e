"""Names for a drafted contract: its id, its tables, and catalog names for columns that would clash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from sluice.contract.model import SOURCE_ID
from sluice.contract.names import field_name

_PACKED = re.compile(r"\.(?:gz|gzip|bz2|zst|zstd|xz|zip|tgz|tar)$", re.IGNORECASE)
_MOST = 63


def stem(path: str) -> str:
    """A file's name without its folder, compression and format: `in/flights.csv.zip` is `flights`."""
    name = PurePosixPath(path).name
    while _PACKED.search(name):
        name = _PACKED.sub("", name)
    return PurePosixPath(name).stem or name


def identifier(text: str, prefix: str) -> str:
    """`text` as an id or a table's name: a-z, 0-9, _, starting with a letter; `prefix` helps where it must."""
    safe = re.sub(r"_+", "_", field_name(text)).strip("_")
    if not safe or not safe[0].isalpha():
        safe = f"{prefix}_{safe}".strip("_")
    safe = safe[:_MOST].rstrip("_")
    return safe if SOURCE_ID.fullmatch(safe) else prefix


def distinct(names: Iterable[str]) -> list[str]:
    """The names, the repeated ones numbered."""
    found: list[str] = []
    for name in names:
        candidate, n = name, 2
        while candidate in found:
            candidate, n = f"{name[: _MOST - 4]}_{n}", n + 1
        found.append(candidate)
    return found


def catalog_names(names: Sequence[str]) -> list[str]:
    """For every column "" where its own name will do in the catalog, else the physicalName it needs."""
    taken: set[str] = set()
    found = []
    for i, name in enumerate(names):
        own = field_name(name)
        usable = bool(re.search("[a-z0-9]", own))
        candidate, n = own if usable else f"column_{i + 1}", 2
        base = candidate
        while candidate in taken:
            candidate, n = f"{base[:240]}_{n}", n + 1
        taken.add(candidate)
        found.append("" if candidate == own else candidate)
    return found
