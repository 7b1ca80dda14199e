"""A running server of Sluice's pages, as the page tests use it."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.ledger import Ledger
from sluice.stream.tools import Tools


@dataclass
class Site:
    """A running server: `url` ends with /sluice; `tools` are the ones its routes use."""

    url: str
    tools: Tools

    @property
    def ledger(self) -> Ledger:
        return self.tools.ledger
