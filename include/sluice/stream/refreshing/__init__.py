"""Refresh: land → check → publish for a published source, without people unless something breaking changed.

`look` compares the source with what the table holds, `land` brings in what is new, `check` evaluates the contract's
rules on what readers would see, `publish` makes it visible; `run` does them one after the other.
"""
