"""What all tests share: real services for whoever asks (see tests/services.py), and how workers divide the tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from services import lake, ledger_template, ledger_url, services

__all__ = ["lake", "ledger_template", "ledger_url", "services"]

HERE = Path(__file__).parent
STACK = ("stack", "dags", "e2e")
"""They share a running stack, or start one of their own: one worker does them all."""

# How long an example takes says how busy the machine is.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under `--dist loadgroup` one worker has the stack, and the others take the remaining files one by one."""
    for item in items:
        path = item.path.relative_to(HERE)
        item.add_marker(pytest.mark.xdist_group("stack" if path.parts[0] in STACK else path.as_posix()))
