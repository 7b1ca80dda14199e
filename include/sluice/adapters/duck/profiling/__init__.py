"""Measures staged files."""
