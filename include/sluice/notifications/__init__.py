"""Telling people and systems what happened: what is told, to whom, when, and in which words."""
