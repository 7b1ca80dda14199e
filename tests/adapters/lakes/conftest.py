"""Both kinds of lake, for every test here."""

from adapters.lakes.rooms import contract, room

__all__ = ["contract", "room"]
