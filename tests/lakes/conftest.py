"""Both kinds of lake, for every test here."""

from rooms import contract, room

from services import lake, ledger_template, ledger_url, services

__all__ = ["contract", "lake", "ledger_template", "ledger_url", "room", "services"]
