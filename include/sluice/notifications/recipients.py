"""Who is reached through what: people and roles become addresses on channels, each told once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sluice.policy import Policy
from sluice.policy.notifications import Channel

ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)*[A-Za-z0-9-]{1,63}\Z")
ROOM = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9_-]{0,79}\Z")


@dataclass(frozen=True)
class Recipient:
    """A person or a room on a channel. `address` is None for a channel that is one room; `roles` are those for
    which the person is told; `business` whether to wait for business hours.
    """

    channel: str
    address: str | None
    person: str | None = None
    roles: tuple[str, ...] = ()
    business: bool = True

    @property
    def key(self) -> str:
        """What makes two recipients one."""
        return f"{self.channel}:{self.address or 'room'}"


def of_role(policy: Policy, role: str, people: Iterable[str]) -> list[Recipient]:
    """A role's people, each on the role's channels, and the role's rooms."""
    told = policy.notifications
    found = []
    for name in told.roles.get(role, told.default):
        channel = told.channels[name]
        if channel.to is None:
            found.append(Recipient(name, None, roles=(role,)))
        else:
            found += [r for p in people if (r := _personal(policy, channel, p, (role,)))]
    return found


def of_person(policy: Policy, person: str) -> list[Recipient]:
    """A person who is told as themselves: a requester, an owner."""
    told = policy.notifications
    channels = dict.fromkeys([*told.default, *told.people.get(person, {})])
    personal = [told.channels[name] for name in channels if told.channels[name].to is not None]
    return [r for channel in personal if (r := _personal(policy, channel, person, ()))]


def of_support(policy: Policy, support: Iterable[Mapping[str, Any]]) -> list[Recipient]:
    """The support channels that a contract names, as far as the policy maps their tools.

    The contract gives a room's name or an address, never a URL that is called: those are the policy's.
    """
    found = []
    for entry in support:
        name = policy.notifications.support.get(str(entry.get("tool", "")).lower())
        if name is None:
            continue
        channel = policy.notifications.channels[name]
        wanted = str(entry.get("channel") or "")
        url = str(entry.get("url") or "")
        if channel.to is None:
            found.append(Recipient(name, wanted if ROOM.match(wanted) and "://" not in wanted else None))
            continue
        address = url.removeprefix("mailto:") if url.startswith("mailto:") else wanted
        if _allowed(channel, address):
            found.append(Recipient(name, address))
    return found


def subscribed(policy: Policy, kind: str) -> list[Recipient]:
    """Rooms and systems that are told of everything of this kind, at any hour."""
    subscribers = policy.notifications.subscribers
    return [Recipient(name, None, business=False) for name, kinds in subscribers.items() if kind in kinds]


def merged(recipients: Iterable[Recipient]) -> list[Recipient]:
    """Everybody once; who is told for several roles is told so in one message."""
    found: dict[str, Recipient] = {}
    for one in recipients:
        known = found.get(one.key)
        roles = tuple(dict.fromkeys([*(known.roles if known else ()), *one.roles]))
        found[one.key] = replace(known or one, roles=roles)
    return list(found.values())


def _personal(policy: Policy, channel: Channel, person: str, roles: tuple[str, ...]) -> Recipient | None:
    own = policy.notifications.people.get(person, {}).get(channel.name)
    address = own or (person if "@" in person else (channel.to or "{user}").replace("{user}", person))
    if "@" in (channel.to or "") and not _allowed(channel, address):
        return None
    return Recipient(channel.name, address, person, roles)


def _allowed(channel: Channel, address: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return bool(ADDRESS.match(address)) and (not channel.domains or domain in channel.domains)
