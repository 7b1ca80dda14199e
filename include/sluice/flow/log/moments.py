"""Points in time as other systems write them. A time without a zone is refused unless the zone is given."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sluice.errors import BadInputError

KNOWN = (
    "%d/%b/%y %I:%M %p",
    "%d/%b/%Y %I:%M %p",
    "%d/%b/%y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d %b %Y %H:%M",
)
"""Beside ISO 8601: Jira's default (03/Mar/26 9:05 AM) and forms in which day and month cannot be confused."""

_OFFSET = re.compile(r"(?<=\d)\s+(?:([+-]\d\d:?\d\d)|UTC|GMT)$")
"""What many exports write behind a blank: "2026-03-02 09:00:00 UTC", "… +0100"."""


def zone_of(name: str | None) -> ZoneInfo | None:
    """A time zone by its IANA name. Raises BadInputError (FLOW_ZONE)."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadInputError(
            "FLOW_ZONE", f"{name!r} is not a time zone", mend="Use an IANA name such as Europe/Brussels."
        ) from error


def moment(
    text: str, *, zone: ZoneInfo | None, dates: str | None, where: str, after: datetime | None = None
) -> datetime:
    """The instant in UTC. `dates` is a strptime form for everything that is written differently. A local time in the
    hour that clocks repeat is its first instant, or the second if the first lies before `after`.

    Raises BadInputError (FLOW_TIME, FLOW_NO_ZONE) naming the place.
    """
    found = _read(text.strip(), dates)
    if found is None:
        raise BadInputError("FLOW_TIME", f"{text!r} is not a point in time that can be read for certain", where=where,
                            mend='Export ISO 8601, or say how times are written: --dates "%d/%m/%Y %H:%M".')  # fmt: skip
    if found.tzinfo is None:
        if zone is None:
            raise BadInputError("FLOW_NO_ZONE", f"{text!r} does not say its time zone", where=where,
                                mend="Say in which zone the times are: --zone Europe/Brussels.")  # fmt: skip
        found = found.replace(tzinfo=zone)
    try:
        if after is not None and found.astimezone(UTC) < after:
            found = found.replace(fold=1)
        return found.astimezone(UTC)
    except OverflowError as error:
        raise BadInputError("FLOW_TIME", f"{text!r} lies outside of time", where=where) from error


def _read(text: str, dates: str | None) -> datetime | None:
    if dates is not None:
        return _strptime(text, dates)
    try:
        return datetime.fromisoformat(_OFFSET.sub(lambda m: m[1] or "+00:00", text))
    except ValueError:
        return next((found for form in KNOWN if (found := _strptime(text, form)) is not None), None)


def _strptime(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is added by the caller
    except ValueError:
        return None
