"""The embedded AWS: moto server on the loopback interface. It forgets everything when it stops."""

from __future__ import annotations

import sys
import time

import httpx

from sluice.settings import Settings
from sluice.stack import ports, processes
from sluice.stack.environment import inherited

PART = "aws"
_PATIENCE = 60.0


def start(settings: Settings) -> None:
    """Start moto server; `wait` tells when it answers."""
    processes.start(
        settings.home,
        PART,
        [sys.executable, "-m", "sluice.stack.moto_server", "-H", ports.HOST, "-p", str(settings.aws_port)],
        inherited(settings),
        port=settings.aws_port,
    )


def answers(settings: Settings, timeout: float = 5) -> bool:
    """Whether moto server answers; something else on its port does not count."""
    try:
        with httpx.Client(trust_env=False, timeout=timeout) as client:
            return client.get(f"{settings.aws_endpoint}/moto-api/").is_success
    except httpx.HTTPError:
        return False


def wait(settings: Settings) -> None:
    """Return when moto server answers.

    Raises StackError when it ended or took too long.
    """
    deadline = time.monotonic() + _PATIENCE
    while not answers(settings, timeout=1):
        if processes.running(settings.home, PART) is None:
            raise processes.failure(settings.home, PART, "ended while it started")
        if time.monotonic() > deadline:
            raise processes.failure(settings.home, PART, f"did not answer within {_PATIENCE:.0f} s")
        time.sleep(0.1)
