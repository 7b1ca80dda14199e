"""CloudEvents 1.0 over HTTP in structured mode: what a ticket tool or a bus receives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from sluice.errors import TerminalError, TransientError

CLOUD_EVENTS = {"cloudevents": "http", "cloudeventss": "https"}
SOURCE = "/sluice"
BUSY = (408, 425, 429)


def post_event(url: str, event: Mapping[str, Any], *, connect: float, read: float) -> None:
    """POST one event. A 2xx answer is delivery; the receiver tells repeats by `id`.

    Raises TransientError when nobody answers or the receiver is busy or broken, TerminalError when it says that it
    will never take this (another 4xx). Redirects are not followed: the address is the one that was configured.
    """
    parts = urlsplit(url)
    target = parts._replace(scheme=CLOUD_EVENTS[parts.scheme.lower()], netloc=parts.netloc.rpartition("@")[2]).geturl()
    headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    if parts.username:
        headers["Authorization"] = f"Bearer {unquote(parts.username)}"
    body = {
        "specversion": "1.0", "id": event["id"], "source": SOURCE, "type": event["type"], "subject": event["subject"],
        "time": event["time"], "datacontenttype": "application/json", "data": event["data"],
    }  # fmt: skip
    if "sequence" in event:
        body["sequence"] = event["sequence"]  # the CloudEvents extension of that name
    content = json.dumps(body, ensure_ascii=False, allow_nan=False, default=str).encode("utf-8", "replace")
    try:
        with httpx.Client(timeout=httpx.Timeout(read, connect=connect), follow_redirects=False) as http:
            answer = http.post(target, content=content, headers=headers)
    except httpx.HTTPError as error:
        raise TransientError(
            "CHANNEL_FAILED", f"{parts.hostname} did not take the event: {type(error).__name__}"
        ) from error
    if answer.is_success:
        return
    said = f"{parts.hostname} answered {answer.status_code}"
    if 400 <= answer.status_code < 500 and answer.status_code not in BUSY:
        raise TerminalError(
            "CHANNEL_REFUSED", said, mend="See the channel's URL and token, then `sluice outbox retry`."
        )
    raise TransientError("CHANNEL_FAILED", said)
