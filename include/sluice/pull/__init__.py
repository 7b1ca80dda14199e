"""Pull, not push: classes of service, limits on work in progress, and the visible queue of what is ready."""

from sluice.pull.classes import ServiceClass

__all__ = ["ServiceClass"]
