"""What all tests share: real services for whoever asks, one set for the whole session (see tests/services.py)."""

from __future__ import annotations

from hypothesis import settings

from services import lake, ledger_template, ledger_url, services

__all__ = ["lake", "ledger_template", "ledger_url", "services"]

# How long an example takes says how busy the machine is. The gate says the same of the same tree every time; whoever
# looks for what nobody has seen yet runs `pytest --hypothesis-profile=search`.
settings.register_profile("search", deadline=None)
settings.register_profile("sluice", deadline=None, derandomize=True)
settings.load_profile("sluice")
