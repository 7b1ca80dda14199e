"""Which requests a page is about: by use case, tier, period, and whether they are simulated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

import numpy as np

from sluice.insight.columns import Columns

PERIODS = {30: "last 30 days", 90: "last 90 days", 180: "last half year", 365: "last year", 0: "all time"}
"""Days back from now → words; 0 is no limit."""
ANY = ""


@dataclass(frozen=True)
class Choice:
    """What the filters say. Empty words mean any; `data` is "live", "simulated" or empty for what there is."""

    use_case: str = ANY
    tier: str = ANY
    days: int = 90
    data: str = ANY

    @property
    def question(self) -> str:
        """The same choice as the end of an address, "" for the usual one."""
        asked = {"use_case": self.use_case, "tier": self.tier, "days": self.days, "data": self.data}
        given = {k: v for k, v in asked.items() if v != getattr(Choice(), k)}
        return f"?{urlencode(given)}" if given else ""


@dataclass(frozen=True)
class Chosen:
    """The requests of a choice. `all` of them whenever they were, `recent` those open or ended in the period."""

    choice: Choice
    all: Columns
    recent: Columns
    simulated: bool
    """Whether any of them is simulated."""
    use_cases: tuple[str, ...]
    tiers: tuple[str, ...]
    both: bool
    """Whether there are live and simulated requests to choose from."""

    @cached_property
    def published(self) -> Columns:
        """Published in the period."""
        return self.recent.take(self.recent.published)

    @cached_property
    def open(self) -> Columns:
        return self.recent.take(self.recent.open)


def choose(columns: Columns, choice: Choice, now: datetime) -> Chosen:
    """The requests of the choice. Live and simulated ones are never mixed: live ones go first where there are any."""
    simulated = columns.simulated
    both = bool(simulated.any() and not simulated.all())
    show_simulated = choice.data == "simulated" if both else bool(simulated.any())
    of_kind = columns.take(simulated == show_simulated) if both else columns
    which = np.ones(len(of_kind), dtype=np.bool_)
    if choice.use_case:
        which &= of_kind.named("use_case", choice.use_case)
    if choice.tier:
        which &= of_kind.named("tier", choice.tier)
    found = of_kind if which.all() else of_kind.take(which)
    recent = found
    if choice.days:
        since = now.timestamp() - choice.days * 86400
        recent = found.take(found.open | (found.ended >= since))
    return Chosen(
        choice, found, recent, show_simulated and len(found) > 0,
        tuple(of_kind.distinct("use_case")), tuple(of_kind.distinct("tier")), both,
    )  # fmt: skip
