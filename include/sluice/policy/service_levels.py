"""The section `service_levels:` of include/policy.yaml: how soon a request, and each of its stages, should be done.

service_levels:
  calendar: office               # in whose business hours "business" lengths count
  warn_at: 0.8                   # tell people when so much of the time is used up
  request: {expedite: 2 business days, standard: 5 business days, intangible: 20 business days}
  stages: {admission: 3 business days, land: 4 hours}
  tell: [owners]                 # of what was missed, beside the requester and those who are waited for

A request of the class fixed_date should be done by its due date, whatever is said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sluice.calendars import CONTINUOUS
from sluice.policy.parts import is_one
from sluice.policy.spans import Span, read_span
from sluice.pull.classes import ServiceClass
from sluice.stages import Stage

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

_KEYS = ("calendar", "warn_at", "request", "stages", "tell")
OWNERS = "owners"


@dataclass(frozen=True)
class ServiceLevels:
    """What is promised; what is not is missing."""

    calendar: str = CONTINUOUS.name
    warn_at: float = 0.8
    request: Mapping[ServiceClass, Span] = field(default_factory=dict)
    stages: Mapping[Stage, Span] = field(default_factory=dict)
    tell: tuple[str, ...] = ()


NONE = ServiceLevels()


def read_service_levels(read: Reader, roles: Mapping[str, object], calendars: Mapping[str, object]) -> ServiceLevels:
    """The section, checked. Raises BadInputError (POLICY_INVALID) with file and line."""
    section = read.document.data.get("service_levels")
    if section is None:
        return NONE
    if not isinstance(section, dict):
        raise read.bad("`service_levels` must be a mapping", "service_levels")
    read.keys(section, _KEYS, "service_levels")
    calendar = section.get("calendar", CONTINUOUS.name)
    if not is_one(calendar, calendars):
        raise read.bad(
            f"unknown calendar {calendar!r}", "service_levels", "calendar", mend=f"Known: {', '.join(calendars)}."
        )
    warn_at = section.get("warn_at", 0.8)
    if not isinstance(warn_at, int | float) or isinstance(warn_at, bool) or not 0 < warn_at < 1:
        raise read.bad("`warn_at` is a share between 0 and 1", "service_levels", "warn_at", mend="Such as 0.8.")
    tell = section.get("tell") or []
    if not isinstance(tell, list) or (strangers := [t for t in tell if not is_one(t, (*roles, OWNERS))]):
        who = f": unknown {strangers[0]!r}" if isinstance(tell, list) else ""
        raise read.bad(f"`tell` needs a list of roles, or `owners`{who}", "service_levels", "tell")
    return ServiceLevels(
        str(calendar),
        float(warn_at),
        {ServiceClass(k): s for k, s in _spans(read, section, "request", tuple(ServiceClass)).items()},
        {Stage(k): s for k, s in _spans(read, section, "stages", tuple(Stage)).items()},
        tuple(tell),
    )


def _spans(read: Reader, section: Mapping[str, Any], name: str, known: tuple[str, ...]) -> dict[str, Span]:
    value = section.get(name) or {}
    if not isinstance(value, dict):
        raise read.bad(f"`service_levels.{name}` must be a mapping", "service_levels", name)
    found = {}
    for key, text in value.items():
        if key not in known:
            raise read.bad(f"unknown {key!r}", "service_levels", name, key, mend=f"Known: {', '.join(known)}.")
        if span := read_span(read, text, "service_levels", name, key):
            found[key] = span
    return found
