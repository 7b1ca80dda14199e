"""What people write into the cells of a text file, told by form."""

from __future__ import annotations

import re
from collections.abc import Sequence

EMPTY = re.compile(rb"\s*(?:NA|N/A|NULL|NaN|nan|null|None|\\N|-|\?|\.)?\s*")
NUMBER = re.compile(
    rb"\s*[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+|[0-9]{1,3}(?:[ .,'][0-9]{3})+(?:[.,][0-9]+)?)(?:[eE][+-]?[0-9]+)?\s*%?"
)
MOMENT = re.compile(
    rb"\s*(?:[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?:[T ].{4,20})?|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?.{0,8})\s*"
)
YEAR = re.compile(rb"\s*(?:1[89]|20)[0-9]{2}\s*")


def kind(cell: bytes) -> str:
    if not cell.strip():
        return ""
    if NUMBER.fullmatch(cell):
        return "number"
    if MOMENT.fullmatch(cell):
        return "moment"
    return "null" if EMPTY.fullmatch(cell) else "word"


def filled(fields: Sequence[bytes]) -> int:
    return sum(bool(f.strip()) for f in fields)
