"""Keeps text from outside from ever being markup.

GX's renderers escape some of what they are given and put the rest into the page as it is: column names, sampled
values, descriptions. So the characters that mean something in HTML and in string templates go in as others that mean
nothing, and come out as character references when the page is made.
"""

from __future__ import annotations

from typing import Any

_MEANING = "<>&\"'$"
_FIRST = 0x10F000  # the end of the last private plane, where no text has characters
_MASK = {ord(character): chr(_FIRST + i) for i, character in enumerate(_MEANING)}
_MASK |= {_FIRST + i: "\N{REPLACEMENT CHARACTER}" for i in range(len(_MEANING))}
_UNMASK = {_FIRST + i: f"&#{ord(character)};" for i, character in enumerate(_MEANING)}


def masked(value: Any) -> Any:
    """JSON data with every text, also those of keys, made harmless."""
    match value:
        case str():
            return value.translate(_MASK)
        case dict():
            return {masked(key): masked(item) for key, item in value.items()}
        case list():
            return [masked(item) for item in value]
    return value


def unmasked(html: str) -> str:
    """The page with what was masked as character references."""
    return html.translate(_UNMASK)
