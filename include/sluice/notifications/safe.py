"""Texts that others wrote, made harmless for letters and chats: a contract's words are data, never a command.

Escaping for HTML is the templates' business; this is what escaping does not cover: header lines, mentions that
wake a whole room, links that a mail or chat program makes out of plain words, and signs that turn the reading
direction around.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

JOINER = "\u2060"
"""The word joiner: invisible, and it breaks what a program would otherwise recognise."""
LONGEST = 1000
_LINKS = re.compile(r"(?i)\b(https?|ftp|mailto|javascript|data|file)(:)|\b(www)(\.)")
_NAMES = re.compile(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z]{2,})")


def line(text: object, longest: int = LONGEST) -> str:
    """One line of plain text: no control, invisible or direction-turning characters, spaces collapsed, cut with …"""
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in str(text))
    shown = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    plain = " ".join(shown.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def harmless(text: object, longest: int = LONGEST) -> str:
    """One line in which no program finds a mention, a link or markup."""
    plain = line(text, longest).replace("<", "‹").replace(">", "›").replace("`", "ˋ")
    plain = _LINKS.sub(lambda m: f"{m[1] or m[3]}{JOINER}{m[2] or m[4]}", plain)
    plain = _NAMES.sub(f"{JOINER}.", plain)
    return re.sub(r"([@!*_~|\[\]\\])", rf"\1{JOINER}", plain)


def all_harmless(value: Any) -> Any:
    """The same structure with every text in it harmless."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dict):
        return {key: all_harmless(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [all_harmless(inner) for inner in value]
    return value


def subject(text: object) -> str:
    """A subject line: one line, whatever was put into it, and short enough for every program."""
    return line(text, 150)
