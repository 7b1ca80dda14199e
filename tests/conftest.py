"""Real services for whoever asks, one set for the whole session: see tests/services.py."""

from services import lake, ledger_template, ledger_url, services

__all__ = ["lake", "ledger_template", "ledger_url", "services"]
