"""What all tests share: real services for whoever asks (see tests/services.py), and how workers divide the tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from services import lake, ledger_template, ledger_url, services

__all__ = ["lake", "ledger_template", "ledger_url", "services"]

STACK = ("stack", "dags", "e2e")
"""They share a running stack, or start one of their own: one worker does them all."""

# How long an example takes says how busy the machine is.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several workers one has the stack, and the others take the remaining files one by one.

    A scheduler of our own: pytest-xdist's marks for groups have no effect under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByService(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "stack" if path.split("/")[1] in STACK else path

    return ByService(config, log)
