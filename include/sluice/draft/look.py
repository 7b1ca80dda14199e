"""What a first look at a file tells: its format, how it is written, and its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.contract.types import ColumnType


@dataclass(frozen=True)
class Look:
    """A file that holds a table. `terms` are its dialect in Frictionless terms; `types` are given by formats that
    know them, and then nothing has to be guessed. `remarks` are for the person who finishes the draft.
    """

    format: str
    names: tuple[str, ...]
    terms: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[ColumnType, ...] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for files that can be one table: same format, same spelling, same columns."""
        terms = tuple(sorted((k, repr(v)) for k, v in self.terms.items() if k not in ("encoding", "quoteChar")))
        return self.format, self.names, terms, repr(self.types)
