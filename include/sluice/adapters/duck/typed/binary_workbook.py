"""The cells of an .xls workbook that hold an error.

Sources: [MS-CFB] (the file is a small file system), [MS-XLS] 2.4.24 BoolErr, 2.4.28 BoundSheet8, 2.4.127 Formula.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_END = 0xFFFFFFFA
"""Sector numbers from here on are none."""
_BOF, _EOF, _BOUND_SHEET, _BOOL_ERR, _FORMULA = 0x0809, 0x000A, 0x0085, 0x0205, 0x0006


def xls_errors(data: bytes) -> list[set[tuple[int, int]]]:
    """For every sheet in its order the cells with errors: row from 1, column from 0.

    Raises ValueError or struct.error when the file is broken.
    """
    book = _workbook(data)
    offsets = [struct.unpack_from("<I", book, at)[0] for kind, at, _ in _records(book, 0) if kind == _BOUND_SHEET]
    return [set(_errors(book, offset)) for offset in offsets]


def _errors(book: bytes, offset: int) -> Iterator[tuple[int, int]]:
    for kind, at, length in _records(book, offset):
        wrong = (kind == _BOOL_ERR and length >= 8 and book[at + 7] == 1) or (
            kind == _FORMULA and length >= 14 and book[at + 12 : at + 14] == b"\xff\xff" and book[at + 6] == 2
        )
        if wrong:
            row, column = struct.unpack_from("<HH", book, at)
            yield row + 1, column


def _records(book: bytes, offset: int) -> Iterator[tuple[int, int, int]]:
    """Type, place and length of every record of a substream; charts within it included."""
    depth = 0
    while offset + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, offset)
        yield kind, offset + 4, length
        depth += (kind == _BOF) - (kind == _EOF)
        if depth <= 0:
            return
        offset += 4 + length


def _workbook(data: bytes) -> bytes:
    """The stream of the workbook. One below the cutoff lies in the mini stream, which is the root entry's own."""
    if data[:8] != MAGIC:
        raise ValueError("it is no compound file")
    size, small = (1 << shift for shift in struct.unpack_from("<HH", data, 0x1E))
    first, cutoff, first_small = (struct.unpack_from("<I", data, at)[0] for at in (0x30, 0x38, 0x3C))
    sectors = data[size:]
    following = _following(data, sectors, size)
    folder = _chain(first, following, sectors, size)
    entries = [folder[at : at + 128] for at in range(0, len(folder) - 127, 128)]
    for entry in entries:
        length = struct.unpack_from("<H", entry, 0x40)[0]
        if entry[: max(length - 2, 0)].decode("utf-16-le", "replace") not in ("Workbook", "Book"):
            continue
        start, bytes_in_it = struct.unpack_from("<II", entry, 0x74)
        if bytes_in_it >= cutoff:
            return _chain(start, following, sectors, size)[:bytes_in_it]
        root = struct.unpack_from("<I", entries[0], 0x74)[0]
        mini = _chain(root, following, sectors, size)
        following_small = _numbers(_chain(first_small, following, sectors, size))
        return _chain(start, following_small, mini, small)[:bytes_in_it]
    raise ValueError("it holds no workbook")


def _following(data: bytes, sectors: bytes, size: int) -> list[int]:
    """The sector after each: the file allocation table, whose own sectors the header names, and a list of others."""

    def numbers_in(number: int) -> list[int]:
        return _numbers(sectors[number * size : (number + 1) * size].ljust(size, b"\xff"))

    tables = list(struct.unpack_from("<109I", data, 0x4C))
    more = struct.unpack_from("<I", data, 0x44)[0]
    seen: set[int] = set()
    while more < _END and more not in seen:
        seen.add(more)
        *found, more = numbers_in(more)
        tables += found
    return [number for table in tables if table < _END for number in numbers_in(table)]


def _chain(number: int, following: Sequence[int], sectors: bytes, size: int) -> bytes:
    """The sectors from `number` on, one after the other."""
    parts, visited = [], set()
    while number < _END:
        if number in visited or number >= len(following):
            raise ValueError("its sectors lead nowhere")
        visited.add(number)
        parts.append(sectors[number * size : (number + 1) * size])
        number = following[number]
    return b"".join(parts)


def _numbers(table: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4]))
