"""Writes plain data as YAML that people like to read: keys in their order, remarks as comments, no aliases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any


class Block(dict[str, Any]):
    """A mapping with remarks: comment lines before one of its keys, or (key "") before the whole of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.remarks: dict[str, list[str]] = {}

    def remark(self, key: str, *lines: str) -> None:
        """Put comment lines before a key."""
        self.remarks.setdefault(key, []).extend(lines)


class Inline(dict[str, Any]):
    """A mapping to be written on one line."""


_PLAIN = re.compile(r"[A-Za-z_À-ɏ/][\w À-ɏ./()%*+=@-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "none"}
_ESCAPED = re.compile("[\x7f-\x9f\u00ad\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def write(document: Block) -> str:
    """The document as YAML text."""
    return "\n".join(_mapping(document, 0)) + "\n"


def _comment(lines: Sequence[str], indent: int) -> Iterator[str]:
    for line in lines:
        clean = "".join(c if c.isprintable() else "�" for c in line)
        yield f"{' ' * indent}# {clean}".rstrip() if line else ""


def _mapping(mapping: dict[str, Any], indent: int) -> Iterator[str]:
    remarks = mapping.remarks if isinstance(mapping, Block) else {}
    for key, value in mapping.items():
        yield from _comment(remarks.get(key, ()), indent)
        label = f"{' ' * indent}{scalar(key)}:"
        if isinstance(value, dict) and not isinstance(value, Inline) and value:
            yield label
            yield from _mapping(value, indent + 2)
        elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
            yield label
            yield from _sequence(value, indent + 2)
        else:
            yield f"{label} {flow(value)}"


def _sequence(items: Sequence[Any], indent: int) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict) and not isinstance(item, Inline):
            if isinstance(item, Block):
                yield from _comment(item.remarks.get("", ()), indent)
            lines = list(_mapping(item, indent + 2))
            first = next(i for i, line in enumerate(lines) if not line.lstrip().startswith("#"))
            yield from (line[2:] for line in lines[:first])
            yield f"{' ' * indent}- {lines[first].lstrip()}"
            yield from lines[first + 1 :]
        else:
            yield f"{' ' * indent}- {flow(item)}"


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A text, number, truth value or null; texts that YAML could take for something else stand in quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.strip() == text and text.lower() not in _WORDS:
        return text
    if '"' in text and text.isprintable() and not set(text) & {"'", "\\"}:
        return f"'{text}'"
    return _ESCAPED.sub(lambda m: f"\\u{ord(m.group()):04x}", json.dumps(text, ensure_ascii=False))
