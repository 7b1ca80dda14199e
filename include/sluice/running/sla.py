"""What a contract promises about time: its ODCS `slaProperties`, read as durations and times of day.

Source: ODCS v3.1.0, service-level agreement. Units are those of the standard (`d`, `day`, `days`, `y`, `yr`,
`years` …) and the usual ones beside them; an ISO 8601 duration may stand as the value alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sluice.contract.cron import is_cron
from sluice.contract.model import Contract

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600,
    "d": 86_400, "day": 86_400, "w": 604_800, "wk": 604_800, "week": 604_800,
    "mo": 2_592_000, "month": 2_592_000, "y": 31_536_000, "yr": 31_536_000, "year": 31_536_000,
}  # fmt: skip
"""Seconds of a unit; a month is 30 days, a year 365. A plural's `s` is dropped."""
_WORDS = {
    "hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "quarterly": 7_776_000,
    "yearly": 31_536_000, "annually": 31_536_000,
}  # fmt: skip
SHORTEST = 60
"""Seconds: nobody is refreshed more often."""
_ISO = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_ISO_SECONDS = (31_536_000, 2_592_000, 604_800, 86_400, 3600, 60, 1)
_CLOCK = re.compile(r"T?(\d{1,2}):(\d{2})(?::\d{2})?\s*(Z|UTC|[+-]\d{1,2}:?\d{2})?\s*([A-Za-z_]+/[A-Za-z_/]+)?")


@dataclass(frozen=True)
class Availability:
    """The time of day by which new data is there: `at` in the zone `zone`, an IANA name or an offset in ISO 8601."""

    at: time
    zone: str

    def due(self, day: datetime) -> datetime:
        """That time on the day of `day` (aware), as seen in the zone."""
        zone = _zone(self.zone)
        there = day.astimezone(zone)
        return there.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)


def promise(contract: Contract, name: str) -> Mapping[str, Any] | None:
    """The contract's SLA property of this name; letter case does not count. None: nothing is promised."""
    for item in contract.document.get("slaProperties") or ():
        if str(item.get("property", "")).lower() == name.lower():
            return dict(item)
    return None


def promised(contract: Contract, name: str) -> timedelta | None:
    """A promised duration, such as `timeToRepair`; None where there is none or it is no duration."""
    found = promise(contract, name)
    return None if found is None else duration(found.get("value"), found.get("unit"))


def duration(value: Any, unit: Any = None) -> timedelta | None:
    """`(4, "h")`, `("2d", None)`, `("PT30M", None)`, `("daily", None)` as a duration; None for anything else."""
    text = str(value).strip()
    if not unit and (word := _WORDS.get(text.lower())):
        return timedelta(seconds=word)
    if not unit and text.startswith("P") and (iso := _ISO.fullmatch(text)) and any(iso.groups()):
        counts = [int(g or 0) for g in iso.groups()]
        return timedelta(seconds=sum(n * s for n, s in zip(counts, _ISO_SECONDS, strict=True)))
    shape = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text)
    if shape is None:
        return None
    word_ = str(unit or shape[2] or "d").strip().lower()
    seconds = _UNITS.get(word_) or _UNITS.get(word_.removesuffix("s"))
    if seconds is None or not float(shape[1]):
        return None
    try:
        return timedelta(seconds=float(shape[1]) * seconds)
    except OverflowError:  # longer than there is time
        return None


def availability(contract: Contract) -> Availability | None:
    """The contract's `timeOfAvailability`: `09:00-08:00`, `06:30Z`, `07:00 Europe/Berlin`; UTC without a zone."""
    found = promise(contract, "timeOfAvailability")
    shape = _CLOCK.fullmatch(str(found.get("value")).strip()) if found else None
    if shape is None or int(shape[1]) > 23 or int(shape[2]) > 59:
        return None
    return Availability(time(int(shape[1]), int(shape[2])), _zone_name(shape[4] or shape[3] or "UTC"))


@dataclass(frozen=True)
class Schedule:
    """When to refresh: a cron expression as clocks show it in `zone` (an IANA name), or `every N s`."""

    text: str
    zone: str = "UTC"


def schedule(contract: Contract) -> Schedule | None:
    """When to refresh; None: the contract promises no frequency.

    An SLA property may say it outright, in UTC (`scheduler: cron`, `schedule: "0 6 * * *"`). Else `frequency` decides,
    and where data is promised by a time of day, daily and slower refreshes begin then, summer and winter.
    """
    for item in contract.document.get("slaProperties") or ():
        cron = str(item.get("schedule") or "").strip()
        if str(item.get("scheduler", "")).lower() == "cron" and is_cron(cron):
            return Schedule(cron)
    found = promise(contract, "frequency")
    every = duration(found.get("value"), found.get("unit")) if found else None
    if every is None:
        return None
    clock = availability(contract)
    text = _refreshes(every, *_clock(clock))
    return Schedule(text, clock.zone if clock and _is_named(clock.zone) else "UTC")


def _clock(clock: Availability | None) -> tuple[int, int]:
    """Minute and hour as clocks show them in the zone; in UTC where the zone is an offset, which schedulers do not take."""
    if clock is None:
        return 0, 0
    if _is_named(clock.zone):
        return clock.at.minute, clock.at.hour
    at = clock.due(datetime(2026, 1, 15, 12, tzinfo=ZoneInfo("UTC"))).astimezone(ZoneInfo("UTC"))
    return at.minute, at.hour


def _refreshes(every: timedelta, minute: int, hour: int) -> str:
    seconds = max(int(every.total_seconds()), SHORTEST)
    crons = {3600: "0 * * * *", 86_400: f"{minute} {hour} * * *", 604_800: f"{minute} {hour} * * 1"}
    if 28 <= every.days <= 31:
        return f"{minute} {hour} 1 * *"
    return crons.get(seconds, f"every {seconds} s")


def _is_named(zone: str) -> bool:
    """Whether it is a zone that schedulers know by its name."""
    try:
        return bool(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return False


def _zone_name(text: str) -> str:
    return "UTC" if text in ("Z", "UTC") else text


def _zone(name: str) -> Any:
    offset = re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})", name)
    if offset:
        from datetime import timezone

        away = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(away if offset[1] == "+" else -away)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
