"""Ports for services that tests start themselves."""

from __future__ import annotations

import os
import random
import socket

FIRST, EACH = 20_000, 1_000
"""Below the ports that systems give to clients, so that a service that is killed finds its own free again. Every test
worker has a thousand to itself.
"""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that are free now."""
    begin = FIRST + EACH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10)
    found: list[int] = []
    for port in random.sample(range(begin, begin + EACH), EACH):
        if len(found) < count and _is_free(port):
            found.append(port)
    assert len(found) == count, f"no {count} free ports from {begin} on"
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
