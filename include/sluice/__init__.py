"""Sluice: a data contract goes in, a governed table comes out."""

__version__ = "0.1.0"
