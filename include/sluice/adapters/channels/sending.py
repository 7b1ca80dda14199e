"""Sending through Apprise: one letter, one recipient, and the reason when it did not go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import apprise

from sluice.adapters.channels.cloud_events import CLOUD_EVENTS, post_event
from sluice.errors import TerminalError, TransientError

MAIL = ("mailto", "mailtos")
CONNECT_SECONDS = 10
READ_SECONDS = 20
"""Both together stay well below the lease of a message."""


@dataclass(frozen=True)
class Parcel:
    """A letter with its address: `event` is what programs get (CloudEvents attributes and data)."""

    subject: str
    text: str
    html: str
    address: str | None
    event: Mapping[str, Any]


def send(url: str, parcel: Parcel) -> None:
    """Send to the channel at this Apprise URL, or at cloudevents(s)://[TOKEN@]HOST/PATH.

    Raises TransientError (CHANNEL_FAILED) with the channel's own reason, TerminalError (CHANNEL_URL) for a URL
    that Apprise does not understand. Neither holds a secret of the URL.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme in CLOUD_EVENTS:
        post_event(url, parcel.event, connect=CONNECT_SECONDS, read=READ_SECONDS)
        return
    channel = apprise.Apprise.instantiate(_addressed(url, parcel.address), suppress_exceptions=True)
    if channel is None:
        raise TerminalError("CHANNEL_URL", f"Apprise does not understand the channel's {scheme or 'empty'} URL",
                            mend="See Apprise's list of services for its form.")  # fmt: skip
    if scheme in MAIL:
        body, form = parcel.html, apprise.NotifyFormat.HTML
    else:
        body, form = f"{parcel.text}", apprise.NotifyFormat.TEXT
    # The channel itself, and so in this thread: a thread of Apprise's own says its reasons where nobody listens.
    with _heard() as said:
        sent = channel.notify(body=body, title=parcel.subject, body_format=form)
    if not sent:
        raise TransientError("CHANNEL_FAILED", _without_secrets(" ".join(said) or "the channel refused it", url))


def _addressed(url: str, address: str | None) -> str:
    """The URL with its recipient and time-outs. The address was checked to be one; it is quoted all the same."""
    more = [f"cto={CONNECT_SECONDS}", f"rto={READ_SECONDS}"]
    if address is not None:
        more.append(f"to={quote(address, safe='')}")
    return url + ("&" if "?" in url else "?") + "&".join(more)


class _Listener(logging.Handler):
    """What Apprise logs while a thread listens: the only place where it says why something did not go.

    It logs addresses too, so nothing of it reaches Airflow's logs.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard = threading.local()
        apprise.logger.addHandler(self)
        apprise.logger.setLevel(logging.DEBUG)
        apprise.logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        said: list[str] | None = getattr(self.heard, "said", None)
        text = record.getMessage()
        if said is not None and (record.levelno >= logging.WARNING or "xception" in text):
            said.append(text[:300])


_LISTENER = _Listener()


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise says in this thread meanwhile."""
    said: list[str] = []
    _LISTENER.heard.said = said
    try:
        yield said
    finally:
        _LISTENER.heard.said = None


def _without_secrets(text: str, url: str) -> str:
    """The text without any part of the URL that only its owner should know."""
    parts = urlsplit(url)
    secrets = {parts.password, parts.username, *parts.path.split("/"), parts.query}
    secrets |= {quote(s, safe="") for s in secrets if s}
    for secret in sorted((s for s in secrets if s and len(s) > 3), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
