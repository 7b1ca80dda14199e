"""Being away, in days as people say them: from the first day to the last, both in the person's own time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sluice.approval import in_force
from sluice.errors import BadInputError
from sluice.governance import Delegation
from sluice.policy import Policy


@dataclass(frozen=True)
class Away:
    """A delegation that holds or will hold. `running`: it holds now."""

    entry: Delegation
    running: bool


def zone_of(policy: Policy, roles: Iterable[str]) -> ZoneInfo:
    """The zone of the first of these roles; UTC without any."""
    return ZoneInfo(next((policy.calendar_of(role).zone for role in roles), "UTC"))


def days(first: date, last: date, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """From the beginning of the first day, or now if that is later, to the end of the last. BadInputError (DATES)."""
    try:
        ends = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    except OverflowError as error:
        raise BadInputError("DATES", f"{last} is too far away", mend="Give a last day that comes.") from error
    return now if first <= now.astimezone(zone).date() else datetime.combine(first, time(), zone), ends


def coming(delegations: Iterable[Delegation], name: str | None, now: datetime) -> list[Away]:
    """Those in which this person (None: anybody) is away or stands in, that hold now or will, the earliest first."""
    entries = list(delegations)
    ended = {d.ended for d in entries if d.ended is not None}
    now_in_force = {d.seq for d in in_force(entries, now)}
    mine = [
        d for d in entries
        if d.ended is None and name in (None, d.principal, d.delegate) and now < d.ends and d.seq not in ended
    ]  # fmt: skip
    return [Away(d, d.seq in now_in_force) for d in sorted(mine, key=lambda d: (d.begins, d.seq))]
