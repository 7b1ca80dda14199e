"""Finds the rows in a JSON file: where the array begins that holds them, and what may stand around it."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import SourceError

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_SCALAR = re.compile(rb'[^\s,"{}\[\]:]+')
_MOST_BYTES = 0.8
"""An array that is less of its file is one value among others."""
_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)


@dataclass(frozen=True)
class Envelope:
    """The rows are the elements of the array whose inside begins at byte `start`, or without `array` what follows.

    `around` are the names of the objects' properties that lead there, from the outermost.
    """

    start: int
    array: bool = True
    around: tuple[str, ...] = ()

    def check_rest(self, path: Path, at: int, display: str) -> None:
        """Read what follows the array to the end of the file. Raises SourceError JSON_ARRAY, JSON_PROPERTY."""
        with _mapped(path) as data:
            reader = _Reader(data, display)
            for name in reversed(self.around):
                at = reader.rest_of_object(at, name)
            at = reader.skip_space(at)
            if at < len(data):
                raise reader.error(at, "there is something behind the end of the rows")


def find_rows(path: Path, start: int, name: str, display: str) -> Envelope:
    """The array under `name`, a property's name or several joined by dots. Raises SourceError JSON_PROPERTY."""
    with _mapped(path) as data:
        reader = _Reader(data, display)
        at = reader.skip_space(start)
        around: list[str] = []
        rest = name
        while rest:
            if data[at : at + 1] != b"{":
                where = f"in {'.'.join(around)!r}" if around else "in the file"
                raise _no_property(name, f"there is no object {where}", display)
            at, key = reader.find_property(at, rest, name)
            around.append(key)
            rest = rest[len(key) + 1 :]
        if data[at : at + 1] != b"[":
            raise _no_property(name, "it is no array", display)
        return Envelope(at + 1, around=tuple(around))


def array_of(path: Path, start: int) -> Envelope | None:
    """The file's one array; None when its first character begins something else."""
    with _mapped(path) as data:
        space = _SPACE.match(data, start)
        at = space.end() if space else start
        return Envelope(at + 1) if data[at : at + 1] == b"[" else None


def largest_array(path: Path, start: int, display: str) -> tuple[str, list[str]] | None:
    """Where the rows of a file that is one JSON object are: the array of objects that is most of the file, by its name
    (joined by dots where it lies deeper), and the names of what stands beside it. None when there is no such array."""
    with _mapped(path) as data:
        reader = _Reader(data, display)
        begin = reader.skip_space(start)
        if data[begin : begin + 1] != b"{":
            return None
        try:
            if reader.skip_space(reader.skip(begin)) < len(data):
                return None
            members = reader.members(begin)
            around: list[str] = []
            beside: list[str] = []
            while members:
                key, at, end = max(members, key=lambda m: m[2] - m[1])
                beside += [".".join([*around, name]) for name, _, _ in members if name != key]
                around.append(key)
                if end - at < _MOST_BYTES * (len(data) - begin) or "." in key:
                    return None
                if data[at : at + 1] == b"[":
                    return (".".join(around), beside) if reader.has_objects(at) else None
                members = reader.members(at) if data[at : at + 1] == b"{" else []
        except SourceError:
            return None
    return None


def _no_property(name: str, why: str, display: str) -> SourceError:
    return SourceError(
        "JSON_PROPERTY", f"the rows are not under {name!r}: {why}", where=display,
        mend="Correct `property` in the contract's server, or leave it out where the file is an array or JSON lines.",
    )  # fmt: skip


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    if not path.stat().st_size:
        yield b""
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


class _Reader:
    """Steps over JSON values without building them."""

    def __init__(self, data: mmap.mmap | bytes, display: str) -> None:
        self.data = data
        self.display = display

    def error(self, at: int, what: str) -> SourceError:
        line = self.data[:at].count(b"\n") + 1
        return SourceError(
            "JSON_ARRAY", f"{what} (line {line}, byte {at})", where=self.display, mend="Deliver the file again."
        )

    def skip_space(self, at: int) -> int:
        space = _SPACE.match(self.data, at)
        return space.end() if space else at

    def find_property(self, at: int, wanted: str, name: str) -> tuple[int, str]:
        """Where the value of the property begins that `wanted` starts with; and the property's name."""
        seen: list[str] = []
        at = self.skip_space(at + 1)
        while self.data[at : at + 1] != b"}":
            key, at = self._key(at)
            if wanted == key or wanted.startswith(f"{key}."):
                return at, key
            seen.append(key)
            at = self._next(self.skip(at))
        found = ", ".join(map(repr, seen[:20])) or "none"
        raise _no_property(name, f"there is no such property; there are {found}", self.display)

    def rest_of_object(self, at: int, name: str) -> int:
        """Step over what follows the property `name`, which must not come again; behind the object's end."""
        at = self._next(at)
        while self.data[at : at + 1] != b"}":
            key, begin = self._key(at)
            if key == name:
                raise self.error(at, f"the property {name!r} is there twice")
            at = self._next(self.skip(begin))
        return at + 1

    def members(self, at: int) -> list[tuple[str, int, int]]:
        """The properties of the object at `at`: name, and where the value begins and ends."""
        found = []
        at = self.skip_space(at + 1)
        while self.data[at : at + 1] != b"}":
            key, begin = self._key(at)
            end = self.skip(begin)
            found.append((key, begin, end))
            at = self._next(end)
        return found

    def has_objects(self, at: int) -> bool:
        """Whether the array at `at` begins with two objects."""
        first = self.skip_space(at + 1)
        if self.data[first : first + 1] != b"{":
            return False
        comma = self.skip_space(self.skip(first))
        second = self.skip_space(comma + 1)
        return self.data[comma : comma + 1] == b"," and self.data[second : second + 1] == b"{"

    def _next(self, at: int) -> int:
        at = self.skip_space(at)
        if self.data[at : at + 1] == b",":
            at = self.skip_space(at + 1)
            if self.data[at : at + 1] != b'"':
                raise self.error(at, "a comma without a property behind it")
        elif self.data[at : at + 1] != b"}":
            raise self.error(at, "an object does not end: the file is cut off, or a comma is missing")
        return at

    def _key(self, at: int) -> tuple[str, int]:
        string = _STRING.match(self.data, at)
        colon = self.skip_space(string.end()) if string else at
        if string is None or self.data[colon : colon + 1] != b":":
            raise self.error(at, "there should be the name of a property")
        return _unescaped(string.group()), self.skip_space(colon + 1)

    def skip(self, at: int) -> int:
        """Behind the value at `at`."""
        head = self.data[at : at + 1]
        if head not in (b"{", b"["):
            scalar = (_STRING if head == b'"' else _SCALAR).match(self.data, at)
            if scalar is None:
                raise self.error(at, "there should be a value")
            return scalar.end()
        depth = 0
        for mark in _MARK.finditer(self.data, at):
            depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(mark.group()[:1], 0)
            if not depth:
                return mark.end()
        raise self.error(at, "a value does not end: the file is cut off, or a bracket is missing")


def _unescaped(string: bytes) -> str:
    try:
        return str(json.loads(string))
    except ValueError:
        return string[1:-1].decode("utf-8", "replace")
