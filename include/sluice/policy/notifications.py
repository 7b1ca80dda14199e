"""The section `notifications:` of include/policy.yaml: who is told of what, through which channels.

notifications:
  calendar: office               # when requesters and owners are told; a role's people keep to the role's calendar
  channels:
    mail:
      url: env:SLUICE_NOTIFY_MAIL          # an Apprise URL, in the environment ...
      to: "{user}@example.org"             # a channel with `to` reaches one person; without it, a room
      domains: [example.org]               # addresses elsewhere are never written to
    chat: {url: connection:sluice_chat}    # ... or in an Airflow connection; never in this file
  default: [mail]                # how a person is told
  roles: {security: [mail, chat]}          # how a role is told instead
  people: {bea: {mail: b.ea@example.org}}  # a person's own address on a channel
  support: {email: mail, slack: chat}      # the tools of a contract's `support` section
  subscribers: {events: all, chat: [failed, incident]}   # rooms and systems that are told besides
  event_log: [events]            # systems that get every event of the stage clock, in order
  digest: {at: "08:00", tell: [owners]}    # every working day of the calendar: what moved, is stuck, is due
  report: {at: "08:00", day: mon, tell: [owners, governance]}   # the week, to forward
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import TYPE_CHECKING, Any

from sluice.calendars import CONTINUOUS
from sluice.policy.parts import is_one

if TYPE_CHECKING:
    from sluice.policy.reading import Reader

TOLD = (
    "asked", "reminder", "escalated", "decided", "returned", "published", "failed", "expired", "incident", "late",
    "slipped", "ready", "digest", "report",
)  # fmt: skip
"""What people can be told; the first word of a notice's kind after `notify.`."""
ALL = "all"
_SOURCES = re.compile(r"(env:SLUICE_NOTIFY_[A-Z0-9_]{1,60}|connection:[A-Za-z0-9_.-]{1,200})\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_KEYS = (
    "calendar",
    "channels",
    "default",
    "roles",
    "people",
    "support",
    "subscribers",
    "digest",
    "report",
    "event_log",
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Channel:
    """A way to reach people. `url` names where its Apprise URL is kept; `to` makes a user name an address."""

    name: str
    url: str
    to: str | None = None
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class LetterTerms:
    """When a regular letter is written, in the zone of the notifications' calendar, and who gets it."""

    at: time
    tell: tuple[str, ...]
    weekday: int = 0


@dataclass(frozen=True)
class Notifications:
    """Who is told through what."""

    calendar: str = CONTINUOUS.name
    channels: Mapping[str, Channel] = field(default_factory=dict)
    default: tuple[str, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    people: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    support: Mapping[str, str] = field(default_factory=dict)
    subscribers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    digest: LetterTerms | None = None
    report: LetterTerms | None = None
    event_log: tuple[str, ...] = ()


SILENT = Notifications()
"""A policy without the section tells nobody."""


def read_notifications(read: Reader, roles: Mapping[str, object], calendars: Mapping[str, object]) -> Notifications:
    """The section, checked. Raises BadInputError (POLICY_INVALID) with file and line."""
    section = read.document.data.get("notifications")
    if section is None:
        return SILENT
    if not isinstance(section, dict):
        raise read.bad("`notifications` must be a mapping", "notifications")
    read.keys(section, _KEYS, "notifications")
    calendar = section.get("calendar", CONTINUOUS.name)
    if not is_one(calendar, calendars):
        raise read.bad(f"unknown calendar {calendar!r}", "notifications", "calendar",
                       mend=f"Known: {', '.join(calendars)}.")  # fmt: skip
    channels = {name: _channel(read, name, value) for name, value in _mapping(read, section, "channels").items()}
    known = tuple(channels)
    by_role = {
        role: _names(read, names, known, "channel", "roles", role)
        for role, names in _mapping(read, section, "roles").items()
    }
    if strangers := [r for r in by_role if r not in roles]:
        raise read.bad(f"unknown role {strangers[0]!r}", "notifications", "roles", strangers[0])
    return Notifications(
        str(calendar),
        channels,
        _names(read, section.get("default") or [], known, "channel", "default"),
        by_role,
        _people(read, _mapping(read, section, "people"), channels),
        {
            str(tool): _names(read, [name], known, "channel", "support", tool)[0]
            for tool, name in _mapping(read, section, "support").items()
        },
        _subscribers(read, _mapping(read, section, "subscribers"), channels),
        _letter(read, section, "digest", roles),
        _letter(read, section, "report", roles),
        _names(
            read,
            section.get("event_log") or [],
            tuple(n for n, c in channels.items() if c.to is None),
            "channel",
            "event_log",
        ),
    )


def _mapping(read: Reader, section: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = section.get(name)
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise read.bad(f"`notifications.{name}` must be a mapping", "notifications", name)
    return value


def _letter(read: Reader, section: Mapping[str, Any], name: str, roles: Mapping[str, object]) -> LetterTerms | None:
    value, where = section.get(name), ("notifications", name)
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) - {"at", "tell", "day"} or ("day" in value and name == "digest"):
        raise read.bad("needs `at` and `tell`" + (", and may have `day`" if name == "report" else ""), *where)
    shape = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", str(value.get("at", "08:00")))
    if shape is None:
        raise read.bad(f"{value['at']!r} is no time of day", *where, "at", mend='Such as "08:00", in quotes.')
    if not is_one(value.get("day", "mon"), DAYS):
        raise read.bad(f"{value['day']!r} is no day of the week", *where, "day", mend=f"One of {', '.join(DAYS)}.")
    tell = _names(read, value.get("tell") or [], ("owners", *roles), "role", name, "tell")
    return LetterTerms(time(int(shape[1]), int(shape[2])), tell, DAYS.index(value.get("day", "mon")))


def _channel(read: Reader, name: str, value: Any) -> Channel:
    where = ("notifications", "channels", name)
    if not _NAME.match(name):
        raise read.bad(f"{name!r} cannot name a channel", *where, mend="Small letters, digits and _.")
    if not isinstance(value, dict) or set(value) - {"url", "to", "domains"}:
        raise read.bad("a channel needs `url`, and may have `to` and `domains`", *where)
    if not isinstance(value.get("url"), str) or not _SOURCES.match(value["url"]):
        raise read.bad(
            "`url` must say where the channel's Apprise URL is kept", *where, "url",
            mend="Write env:SLUICE_NOTIFY_<NAME> or connection:<Airflow connection id>; URLs hold secrets, this file does not.",
        )  # fmt: skip
    to = value.get("to")
    if to is not None and (not isinstance(to, str) or to.count("{user}") != 1 or re.search(r"[\s,;<>\"]", to)):
        raise read.bad("`to` must be an address with {user} in it", *where, "to", mend='Such as "{user}@example.org".')
    domains = value.get("domains") or []
    if not isinstance(domains, list) or not all(isinstance(d, str) and d for d in domains):
        raise read.bad("`domains` must be a list such as [example.org]", *where, "domains")
    return Channel(name, value["url"], to, tuple(d.lower() for d in domains))


def _names(
    read: Reader, value: Any, known: tuple[str, ...], what: str, *where: str
) -> tuple[str, ...]:  # fmt: skip
    if not isinstance(value, list) or len(set(map(str, value))) != len(value):
        raise read.bad(f"needs a list of distinct {what}s", "notifications", *where)
    if strangers := [n for n in value if not is_one(n, known)]:
        raise read.bad(f"unknown {what} {strangers[0]!r}", "notifications", *where,
                       mend=f"Known: {', '.join(known) or 'none yet; add it to `channels`'}.")  # fmt: skip
    return tuple(value)


def _people(read: Reader, value: Mapping[str, Any], channels: Mapping[str, Channel]) -> dict[str, dict[str, str]]:
    for person, addresses in value.items():
        if not isinstance(addresses, dict) or not all(isinstance(a, str) for a in addresses.values()):
            raise read.bad(
                "needs addresses by channel, such as {mail: b.ea@example.org}", "notifications", "people", person
            )
        _names(read, list(addresses), tuple(channels), "channel", "people", person)
    return {str(person): dict(addresses) for person, addresses in value.items()}


def _subscribers(read: Reader, value: Mapping[str, Any], channels: Mapping[str, Channel]) -> dict[str, tuple[str, ...]]:
    _names(read, list(value), tuple(channels), "channel", "subscribers")
    for name in value:
        if channels[name].to is not None:
            raise read.bad(f"{name!r} reaches single people and cannot subscribe", "notifications", "subscribers", name,
                           mend="Use a channel without `to`.")  # fmt: skip
    return {
        name: TOLD if kinds == ALL else _names(read, kinds, TOLD, "kind of notice", "subscribers", name)
        for name, kinds in value.items()
    }
