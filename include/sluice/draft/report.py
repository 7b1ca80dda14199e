"""What a draft rests on: told on the terminal, and to machines."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class TableReport:
    """What became of one table: its files, rows read (of the sample, if there is one) and quarantined, its key."""

    name: str
    files: list[str]
    rows: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    columns: int = 0
    key: list[str] = field(default_factory=list)
    sampled: str = ""
    personal: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Drafted:
    """A draft: the contract's text, what it rests on, and the files that are no tables, each with the reason."""

    id: str
    text: str
    tables: list[TableReport]
    skipped: list[tuple[str, str]]
