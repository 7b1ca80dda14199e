"""Delimited text: its spelling, its header, its records, and how they are staged."""
