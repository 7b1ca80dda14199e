"""Business time for thousands of trials at once: a calendar's openings as columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sluice.calendars import CONTINUOUS, Calendar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

BACK = timedelta(days=1)
AHEAD = timedelta(days=800)


class BusinessClock:
    """A calendar between `BACK` before now and `AHEAD` of it; later than that the wall clock goes on."""

    def __init__(self, calendar: Calendar, now: datetime) -> None:
        import numpy as np

        self.always = calendar is CONTINUOUS
        spans = [] if self.always else list(calendar.openings(now - BACK, now + AHEAD))
        end = (now + AHEAD).timestamp()
        self.begins = np.array([b.timestamp() for b, _ in spans] + [end])
        lengths = np.array([(e - b).total_seconds() for b, e in spans] + [float("inf")])
        self.before = np.concatenate([[0.0], np.cumsum(lengths[:-1])])
        self.lengths = lengths

    def after(self, starts: Floats, seconds: Floats) -> Floats:
        """The instants (seconds since 1970) by which so many business seconds have passed since `starts`."""
        import numpy as np

        if self.always:
            return starts + seconds
        place = np.maximum(np.searchsorted(self.begins, starts, side="right") - 1, 0)
        inside = np.clip(starts - self.begins[place], 0.0, self.lengths[place])
        target = self.before[place] + inside + seconds
        found = np.maximum(np.searchsorted(self.before, target, side="left") - 1, 0)
        ends: Floats = np.where(seconds > 0, self.begins[found] + (target - self.before[found]), starts)
        return ends


class Clocks:
    """The clocks of one time: a calendar's openings are worked out once for all that is forecast then."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._made: dict[int, tuple[Calendar, BusinessClock]] = {}

    def of(self, calendar: Calendar) -> BusinessClock:
        """The calendar's clock."""
        if id(calendar) not in self._made:
            self._made[id(calendar)] = (
                calendar,
                BusinessClock(calendar, self.now),
            )  # it is kept, so its id stays its own
        return self._made[id(calendar)][1]


def instant(seconds: float) -> datetime:
    """Seconds since 1970 as UTC."""
    return datetime.fromtimestamp(float(seconds), UTC)
