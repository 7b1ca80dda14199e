"""What open requests' lines gain after their newest event: the time since, by what it is spent on.

What waits for people is parted into the hours in which at least one of them is on duty and those in which nobody is,
as `sluice.flow.timeline` parts what has happened. So a weekend counts as off hours while it lasts, not only when
somebody has answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sluice.calendars import CONTINUOUS
from sluice.flow import Kind
from sluice.flow.timeline import REQUESTER, CalendarOf, merged
from sluice.insight.packing import STAGE_NUMBERS, STAGES, WHOLE_NUMBERS, Counts, Floats
from sluice.insight.pools import MOMENTS, Objects, Pool, Store
from sluice.insight.summary import Ticking, off_hours

_TICKS = {
    Kind.WORK: Ticking.WORK, Kind.APPROVER: Ticking.APPROVER, Kind.REQUESTER: Ticking.REQUESTER,
    Kind.SYSTEM: Ticking.SYSTEM, Kind.QUEUE: Ticking.QUEUE,
}  # fmt: skip
"""In the order of strength: of two stages side by side, what the request's time counts as."""
_PEOPLE = (Ticking.APPROVER, Ticking.REQUESTER)


class Ticks:
    """What is added to the `rows` of open requests since their newest event."""

    def __init__(self, store: Store, key: Counts, rows: Counts, now: datetime, calendar_of: CalendarOf) -> None:
        self.rows = rows
        self._now = now
        self._calendar_of = calendar_of
        mine = key[rows]
        self._places: Objects = store.things.of(1, mine)
        self.ticking = stages_block(store.staged, "ticking", mine)
        self.between: Floats = store.whole.of(WHOLE_NUMBERS.index("between"), mine)
        self._as_of: Floats = store.moments.of(MOMENTS.index("as_of"), mine)
        self._seconds: Floats = np.maximum(now.timestamp() - self._as_of, 0.0)
        self.extra: Floats = self._seconds * (self.ticking > 0)
        alive = (self.ticking > 0).any(axis=0) | (self.between > 0)
        self.since: Floats = np.where(alive, self._seconds, 0.0)
        # The chain of last-finishing stages grows at its end: at the last stage that is open, or ended last.
        ended = np.nan_to_num(stages_block(store.staged, "ended", mine), nan=-np.inf)
        reached = np.where(self.ticking > 0, np.inf, ended)
        self.last: Counts = len(STAGES) - 1 - np.argmax(reached[::-1], axis=0)

    def here(self, kind: Kind) -> Floats:
        """By stage and request."""
        waits = np.isin(self.ticking, _PEOPLE)
        if kind is Kind.OFF_HOURS:
            return np.where(waits, self._off[:-1], 0.0)
        return np.where(self.ticking == _TICKS[kind], self.extra - np.where(waits, self._off[:-1], 0.0), 0.0)

    def whole(self, kind: Kind) -> Floats:
        """By request; what ticks side by side counts once, as what is strongest."""
        off = np.where(np.isin(self._strongest, _PEOPLE), self._off_whole, 0.0)
        if kind is Kind.OFF_HOURS:
            return off
        found: Floats = np.where(self._strongest == _TICKS[kind], self.since - off, 0.0)
        return found

    def causes(self) -> Iterator[tuple[int, str, float]]:
        """What each open request has waited for since: its row, the cause, seconds. Several roles share them."""
        for i, places in enumerate(self._places):
            first = places[0] if places else {}
            named, off = first.get("causes") or (), float(self._off_whole[i])
            for cause in named:
                yield int(self.rows[i]), cause, (float(self.since[i]) - off) / len(named)
            roles = [r for r in first.get("hours") or () if r != REQUESTER] if off and named else []
            for cause in off_hours(roles) if off and named else ():
                yield int(self.rows[i]), cause, off / max(len(roles), 1)

    @cached_property
    def _strongest(self) -> npt.NDArray[Any]:
        ticking = [*self.ticking, self.between]
        found = np.zeros(len(self.rows))
        for tick in reversed(_TICKS.values()):
            found = np.where(np.any([own == tick for own in ticking], axis=0), float(tick), found)
        return found

    @cached_property
    def _off(self) -> Floats:
        """Seconds since the newest event in which nobody who is waited on was on duty: by stage, then between stages."""
        waiting: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for i, places in enumerate(self._places):
            for place in places or ():
                if hours := tuple(place.get("hours") or ()):
                    at = len(STAGES) if self.between[i] else _ORDER[place["stage"]]
                    waiting.setdefault(hours, []).append((at, i))
        off = np.zeros((len(STAGES) + 1, len(self.rows)))
        for roles, cells in waiting.items():
            stages, rows = np.array(cells).T
            off[stages, rows] = self._seconds[rows] - self._on_duty(roles, self._as_of[rows])
        return off

    @cached_property
    def _off_whole(self) -> Floats:
        found: Floats = self._off.max(axis=0, initial=0.0)
        return found

    def _on_duty(self, roles: tuple[str, ...], since: Floats) -> Floats:
        """Seconds from each instant to now in which at least one of the roles is on duty."""
        now = self._now.timestamp()
        calendars = [self._calendar_of(role) for role in roles]
        if any(c is CONTINUOUS for c in calendars):
            return np.maximum(now - since, 0.0)
        begin = datetime.fromtimestamp(min(float(since.min()), now), UTC)
        spans = merged(o for c in calendars for o in c.openings(begin, self._now))
        begins, ends = (np.array([s[i].timestamp() for s in spans]) for i in (0, 1))
        left = np.append(np.cumsum((ends - begins)[::-1])[::-1], 0.0)
        place = np.searchsorted(ends, since, side="right")
        cut = np.where(place < len(begins), since - np.append(begins, np.inf)[place], 0.0)
        found: Floats = left[place] - np.maximum(cut, 0.0)
        return found


_ORDER: Mapping[str, int] = {stage.value: i for i, stage in enumerate(STAGES)}


def stages_block(pool: Pool, name: str, keys: Counts) -> Floats:
    """One of STAGE_NUMBERS of every stage: (stages, keys)."""
    found: Floats = pool.block(STAGE_NUMBERS.index(name) * len(STAGES), len(STAGES), keys)
    return found
