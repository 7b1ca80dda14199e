"""What all tests share: real services for whoever asks, one set for the whole session (see tests/services.py)."""

from __future__ import annotations

from hypothesis import settings

from services import lake, ledger_template, ledger_url, services

__all__ = ["lake", "ledger_template", "ledger_url", "services"]

# How long an example takes says how busy the machine is.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")
