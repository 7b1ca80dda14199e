"""Secrets of the local stack: made once at random, kept in files that only their owner can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

_CONSONANTS = "bdfgjklmnprstvz"
_VOWELS = "aeiou"


def random_key() -> str:
    """A secret for machines: 256 bits, URL-safe, and in the form of a Fernet key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def readable_password() -> str:
    """A secret for people: eight syllables in four groups, about 50 bits, nothing to confuse when typing."""
    syllables = [secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(8)]
    return "-".join("".join(syllables[i : i + 2]) for i in range(0, 8, 2))


def keep(path: Path, make: Callable[[], str] = random_key) -> str:
    """The secret kept in `path`; made on first use."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        write_private(path, make() + "\n")
        return path.read_text().strip()


def keep_log_ins(path: Path, users: Iterable[str]) -> dict[str, str]:
    """The password of every user, kept as JSON in `path`.

    A user who is new gets a password; one who is gone keeps theirs, so that it is the same when they return.
    """
    try:
        passwords: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        passwords = {}
    if new := [user for user in users if user not in passwords]:
        passwords |= {user: readable_password() for user in new}
        write_private(path, json.dumps(passwords, indent=2) + "\n")
    return passwords


def write_private(path: Path, text: str) -> None:
    """Write `path` whole or not at all, readable by its owner alone from the first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
