"""The chain of last-finishing predecessors: which stages the lead time is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sluice.flow.timeline import Attempt
from sluice.stages import PREDECESSORS, Stage


def delays(begin: datetime, passes: Mapping[Stage, tuple[Attempt, ...]], until: datetime) -> dict[Stage, float]:
    """Seconds that each stage adds to the chain; stages beside it are absent. The delays sum to `until` − `begin`.

    From the stage that finished last (or is still open) back to the first: a stage adds the time from the finish of
    its last-finishing predecessor to its own. Of a stage done again the last finish counts.
    """
    order = list(Stage)
    finish = {stage: until if (p := attempts[-1]).ended is None else p.ended for stage, attempts in passes.items()}
    here = max(finish, key=lambda s: (finish[s], order.index(s)), default=None)
    found: dict[Stage, float] = {}
    reached = until
    while here is not None:
        before = [s for s in PREDECESSORS[here] if s in finish] or [
            s for s in finish if order.index(s) < order.index(here)
        ][-1:]
        last = max(before, key=lambda s: finish[s], default=None)
        since = begin if last is None else min(finish[last], reached)
        found[here] = (reached - since).total_seconds()
        reached, here = since, last
    return found
