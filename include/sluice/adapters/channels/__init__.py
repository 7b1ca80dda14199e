"""Channels to people and systems: everything Apprise speaks, and CloudEvents over HTTP."""

from sluice.adapters.channels.sending import Parcel, send

__all__ = ["Parcel", "send"]
