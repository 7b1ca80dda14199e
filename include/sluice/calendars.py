"""Business time: when the people of a role are at work, and how much of that lies between two instants.

Instants are aware datetimes and answers are in UTC; opening hours are local to the calendar's zone, so a day on which
the clocks change counts the hours that really passed. Hours that begin in the skipped hour begin when it is skipped;
hours that touch the repeated hour hold it twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sluice.errors import TerminalError

Hours = tuple[tuple[time, time], ...]
"""Opening hours of a day, in order; an end of 00:00 is the midnight that ends the day."""
Interval = tuple[datetime, datetime]

_FAR = 60
"""Years in which a calendar must open again; one that does not is closed for good."""


@dataclass(frozen=True)
class Calendar:
    """Opening hours by weekday (Monday is 0) in a zone, without holidays.

    A later version holds from the local midnight of `valid_from`; until then `before` holds, so that a change of
    hours today never changes what last month's waits were.
    """

    name: str
    version: str
    zone: str
    hours: Mapping[int, Hours]
    holidays: frozenset[date] = frozenset()
    valid_from: date | None = None
    before: Calendar | None = None
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False, compare=False)

    def is_open(self, at: datetime) -> bool:
        """Whether the instant lies in opening hours; an opening's end is closed."""
        found = self._at(at.timestamp())
        return found is not None and found[0] <= at.timestamp()

    def next_open(self, at: datetime) -> datetime:
        """The instant itself when open, else when the next opening begins. TerminalError when there is none."""
        return self.after(at, 0.0, opened=True)

    def seconds_between(self, begin: datetime, end: datetime) -> float:
        """Seconds of opening hours from `begin` to `end`; 0 when `end` is not later."""
        if end <= begin:
            return 0.0
        first, last = begin.astimezone(UTC).year, end.astimezone(UTC).year
        total = self._year(last).until(end.timestamp()) - self._year(first).until(begin.timestamp())
        return total + sum(self._year(year).total for year in range(first, last))

    def after(self, at: datetime, seconds: float, *, opened: bool = False) -> datetime:
        """The first instant by which `seconds` of opening hours have passed since `at`.

        With `opened` an instant at which the calendar is open. Raises TerminalError (CALENDAR_CLOSED).
        """
        left, here = max(seconds, 0.0), at.timestamp()
        if not left and not opened:
            return at.astimezone(UTC)
        while (found := self._at(here)) is not None:
            begin = max(found[0], here)
            if begin + left < found[1] or (begin + left == found[1] and not opened):
                return datetime.fromtimestamp(begin + left, UTC)
            left -= found[1] - begin
            here = found[1]
        raise TerminalError("CALENDAR_CLOSED", f"the calendar {self.name!r} never opens after {at:%Y-%m-%d}",
                            mend="Give it opening hours in `calendars` of include/policy.yaml.")  # fmt: skip

    def at(self, at: datetime) -> Calendar:
        """The version that holds at this instant."""
        switch = self._switch()
        return self.before.at(at) if switch is not None and self.before is not None and at < switch else self

    def openings(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        """Opening hours between the instants, in order, cut to them."""
        here = begin.timestamp()
        while here < end.timestamp() and (found := self._at(here)) is not None and found[0] < end.timestamp():
            yield (
                datetime.fromtimestamp(max(found[0], here), UTC),
                datetime.fromtimestamp(min(found[1], end.timestamp()), UTC),
            )
            here = found[1]

    def _at(self, here: float) -> tuple[float, float] | None:
        """The opening that holds the instant or comes next."""
        first = datetime.fromtimestamp(here, UTC).year
        for year in range(first, first + _FAR):
            openings = self._year(year)
            place = bisect_right(openings.ends, here)
            if place < len(openings.ends):
                return openings.begins[place], openings.ends[place]
        return None

    def _year(self, year: int) -> _Year:
        if year not in self._years:
            self._years[year] = _Year(self, year)
        return self._years[year]

    def _switch(self) -> datetime | None:
        return None if self.valid_from is None else _instant(self.valid_from, time(), ZoneInfo(self.zone))

    def _within(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        """Openings cut to [begin, end), from the versions' local days."""
        switch = self._switch()
        if switch is not None and self.before is not None and begin < switch:
            yield from self.before._within(begin, min(end, switch))
            begin = switch
        zone = ZoneInfo(self.zone)
        day = begin.astimezone(zone).date()
        while begin < end and _instant(day, time(), zone) < end:
            for opens, closes in () if day in self.holidays else self.hours.get(day.weekday(), ()):
                start = _instant(day, opens, zone)
                stop = _instant(day if closes > time() else day + timedelta(days=1), closes, zone, last=True)
                if max(start, begin) < min(stop, end):
                    yield max(start, begin), min(stop, end)
            day += timedelta(days=1)


class _Year:
    """One UTC year's openings as sorted seconds since 1970, with running totals: a question costs a bisection."""

    def __init__(self, calendar: Calendar, year: int) -> None:
        whole = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        self.begins: list[float] = []
        self.ends: list[float] = []
        self.before: list[float] = []
        self.total = 0.0
        for opens, closes in calendar._within(*whole):
            begin, end = opens.timestamp(), closes.timestamp()
            if self.ends and begin <= self.ends[-1]:  # midnight to midnight, day after day, is one opening
                self.total += max(end - self.ends[-1], 0.0)
                self.ends[-1] = max(end, self.ends[-1])
                continue
            self.begins.append(begin)
            self.ends.append(end)
            self.before.append(self.total)
            self.total += end - begin

    def until(self, here: float) -> float:
        """Open seconds of this year before the instant."""
        place = bisect_right(self.begins, here) - 1
        return self.before[place] + min(here, self.ends[place]) - self.begins[place] if place >= 0 else 0.0


def _instant(day: date, clock: time, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """A local time in UTC: of a repeated one the first (or the `last`), of a skipped one the moment of the skip."""
    local = datetime.combine(day, clock, zone)
    early, late = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if late >= early:
        return late if last else early
    while early - late > timedelta(seconds=1):  # skipped: the change lies between the two readings
        middle = late + (early - late) / 2
        if middle.astimezone(zone).utcoffset() == late.astimezone(zone).utcoffset():
            late = middle
        else:
            early = middle
    return early.replace(microsecond=0)


ALWAYS: Hours = ((time(), time()),)
CONTINUOUS = Calendar("continuous", "1", "UTC", dict.fromkeys(range(7), ALWAYS))
"""Always open: business time is wall-clock time. What a role without a calendar has."""
