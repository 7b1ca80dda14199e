"""Telling people: facts of the outbox become letters, and letters go out through their channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sluice.forecast.reading import PROMISE
from sluice.notifications.planning import SENDING, plan, still_wanted
from sluice.outbox import Message, MessageState, Settled
from sluice.stream.delivery import Handler, deliver
from sluice.stream.lineage import LANE, send_lineage
from sluice.stream.tools import Tools

Secrets = Callable[[str], str | None]
"""Finds what a policy's `env:NAME` or `connection:ID` stands for; None when it is not set."""


@dataclass(frozen=True)
class Telling:
    """The handlers of the outbox's messages that are for people."""

    tools: Tools
    secrets: Secrets

    def plan(self, message: Message) -> Settled:
        """A fact becomes letters."""
        with self.tools.ledger.reading() as tx:
            return plan(tx, self.tools.policy(), message, self.tools.now(), self.tools.settings.public_url)

    def send(self, message: Message) -> Settled:
        """A letter goes out, unless it is not wanted any more."""
        from sluice.adapters.channels import Parcel, send

        letter = message.payload
        with self.tools.ledger.reading() as tx:
            if not still_wanted(tx, letter):
                return Settled(MessageState.DROPPED, "answered before it was sent")
        channel = self.tools.policy().notifications.channels.get(letter["channel"])
        if channel is None:
            return Settled(MessageState.DROPPED, f"the policy has no channel {letter['channel']!r} any more")
        url = self.secrets(channel.url)
        if not url:
            return Settled(
                MessageState.DROPPED, f"the channel {channel.name!r} is not set up: {channel.url} is not set"
            )
        send(url, Parcel(letter["subject"], letter["text"], letter["html"], letter["address"], letter["event"]))
        return Settled(MessageState.DELIVERED)


def handlers(tools: Tools, secrets: Secrets) -> dict[str, Handler]:
    """Who delivers which message, by the first word of its kind."""
    telling = Telling(tools, secrets)
    return {
        "notify": telling.plan,
        "incident": telling.plan,
        SENDING: telling.send,
        PROMISE: lambda _: Settled(MessageState.DELIVERED, "kept to compare later forecasts with"),
        LANE: lambda message: send_lineage(tools, message),
    }


def deliver_all(tools: Tools, secrets: Secrets, *, seconds: float = 40.0) -> Counter[MessageState]:
    """Deliver what is due, for at most about `seconds`."""
    return deliver(tools.ledger, handlers(tools, secrets), tools.now, seconds=seconds)
