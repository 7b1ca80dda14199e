"""Credentials never stand in a contract; this finds those that do, and never repeats them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sluice.contract.document import Document, Path
from sluice.errors import Finding

_VALUES = {
    "a user name and password in a URL": re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@", re.I),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|xox[abpr]-[A-Za-z0-9-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.)"),
    "a password in a connection string": re.compile(r"\b(?:password|passwd|pwd|accountkey|secret)\s*=\s*[^\s;,]{3,}", re.I),
}  # fmt: skip
_NAMES = re.compile(
    r"(?:^|[_.\-])(?:password|passwd|pwd|secret|token|api_?key|access_?key|private_?key|credentials?)$", re.I
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MEND = "Remove it, change it where it is valid, and name an Airflow connection in the server's `connection` instead."


def find_secrets(document: Document) -> list[Finding]:
    """A finding (SECRET) for each value that looks like a credential."""
    return list(_walk(document, document.data, ()))


def _walk(document: Document, value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(value, dict):
        named = value.get("property")
        if isinstance(named, str) and _is_secret_name(named) and isinstance(value.get("value"), (str, int)):
            yield document.finding("SECRET", (*path, "value"), f"the property {named!r} holds a credential", _MEND)
            return
        for key, item in value.items():
            if _is_secret_name(key) and isinstance(item, (str, int)) and item != "":
                yield document.finding("SECRET", (*path, key), f"the key {key!r} holds a credential", _MEND)
            else:
                yield from _walk(document, item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _walk(document, item, (*path, i))
    elif isinstance(value, str):
        for what, pattern in _VALUES.items():
            if pattern.search(value):
                yield document.finding("SECRET", path, f"the value looks like {what}", _MEND)
                return


def _is_secret_name(name: str) -> bool:
    return bool(_NAMES.search(_CAMEL.sub("_", name)))
