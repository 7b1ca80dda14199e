"""The cells of an .xls workbook that hold an error.

Sources: [MS-CFB] (the file is a small file system), [MS-XLS] 2.4.24 BoolErr, 2.4.28 BoundSheet8, 2.4.127 Formula.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

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
    """The stream of the workbook."""
    if data[:8] != MAGIC:
        raise ValueError("it is no compound file")
    size = 1 << struct.unpack_from("<H", data, 0x1E)[0]
    numbers = f"<{size // 4}I"

    def sector(number: int) -> bytes:
        return data[(number + 1) * size : (number + 2) * size]

    tables = list(struct.unpack_from("<109I", data, 0x4C))
    more = struct.unpack_from("<I", data, 0x44)[0]
    seen: set[int] = set()
    while more < _END and more not in seen:
        seen.add(more)
        found = struct.unpack(numbers, sector(more).ljust(size, b"\xff"))
        tables += found[:-1]
        more = found[-1]
    following: list[int] = []
    for table in tables:
        if table < _END:
            following += struct.unpack(numbers, sector(table).ljust(size, b"\xff"))

    def chain(number: int) -> bytes:
        parts, visited = [], set()
        while number < _END:
            if number in visited or number >= len(following):
                raise ValueError("its sectors lead nowhere")
            visited.add(number)
            parts.append(sector(number))
            number = following[number]
        return b"".join(parts)

    folder = chain(struct.unpack_from("<I", data, 0x30)[0])
    smallest = struct.unpack_from("<I", data, 0x38)[0]
    for at in range(0, len(folder) - 127, 128):
        length = struct.unpack_from("<H", folder, at + 0x40)[0]
        name = folder[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
        start, bytes_in_it = struct.unpack_from("<II", folder, at + 0x74)
        if name in ("Workbook", "Book") and bytes_in_it >= smallest:
            return chain(start)[:bytes_in_it]
    raise ValueError("it holds no workbook")
