"""Finds out from the bytes alone how a delimited file is written, when there is no contract yet to compare with.

A spelling is good when it cuts the records into equally many fields, and the fields into things people write:
numbers, dates, words (after van den Burg, Nazabal and Sutton, "Wrangling messy CSV files by detecting row and type
patterns", 2019). Then lines before the table, header rows and lines after it are told apart by their form.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sluice.adapters.duck.text.records import Record, RecordParser
from sluice.adapters.duck.text.spelling import Spelling, escapes_with_backslash

SAMPLE = 1 << 18
_RECORDS = 400
_MOST_FOOTER = 20

_DELIMITERS = (b",", b";", b"\t", b"|", b":", b"^", b"~", b"\x01", b"\x1f", b" ")
_UNUSUAL = {b":": 0.6, b" ": 0.6, b"^": 0.9, b"~": 0.9}
_COMMENTS = (b"#", b"%", b"//", b"--")

_EMPTY = re.compile(rb"\s*(?:NA|N/A|NULL|NaN|nan|null|None|\\N|-|\?|\.)?\s*")
_NUMBER = re.compile(
    rb"\s*[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+|[0-9]{1,3}(?:[ .,'][0-9]{3})+(?:[.,][0-9]+)?)(?:[eE][+-]?[0-9]+)?\s*%?"
)
_MOMENT = re.compile(
    rb"\s*(?:[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?:[T ].{4,20})?|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?.{0,8})\s*"
)
_WORD = re.compile(rb"[^\"'`\s][^\"`;|\t]*", re.DOTALL)
_SUM = re.compile(rb"\s*(?:grand |sub)?(?:total|sum|summe|gesamt|source|quelle|note|notes|\(c\)|\xc2\xa9|end of|generated|exported|records?|rows?)\b", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True)
class Sniffed:
    """How a file is written. `skipped` lines stand before the header, `header_rows` records hold names (0: none),
    `footer` records stand at the end; `names` are the columns', made up or mended where `by_position` is true: then
    the file's own names cannot be used, and the contract's columns stand for its fields from left to right.
    `certainty` (0-1) is how well the spelling explains the sample.
    """

    spelling: Spelling
    names: tuple[str, ...]
    skipped: int
    header_rows: int
    footer: int
    by_position: bool
    trailing: bool
    certainty: float


def sniff(head: bytes, tail: bytes, *, delimiter: bytes = b"", whole: bool = False) -> Sniffed | None:
    """How the text is written whose beginning and end these are (UTF-8). None when it has no records.

    `delimiter` is one that is known already; `whole` says that `head` is all there is.
    """
    best: tuple[float, Spelling, list[Record]] | None = None
    for spelling in _spellings(head, delimiter):
        records = _records(head, spelling, whole=whole)
        score = _score(records, spelling)
        if best is None or score > best[0]:
            best = (score, spelling, records)
    if best is None or not any(_fields(r) for r in best[2]):
        return None
    score, spelling, records = best
    comment = _comment(records, spelling)
    if comment:
        spelling = replace(spelling, comment=comment)
        records = _records(head, spelling, whole=whole)
    return _layout(records, spelling, head, tail, score)


def _spellings(head: bytes, delimiter: bytes) -> list[Spelling]:
    found = []
    for d in (delimiter,) if delimiter else tuple(d for d in _DELIMITERS if d in head or d == b","):
        for quote in (b'"', b"'"):
            if quote not in head and quote == b"'":
                continue
            if quote == b"'" and not re.search(rb"(?:^|[\r\n]|" + re.escape(d) + rb")'", head):
                continue
            q = re.escape(quote)
            backslash = escapes_with_backslash(head, quote)
            plain = Spelling(delimiter=d, quote=quote)
            found.append(replace(plain, escape=b"\\", doubled=False) if backslash else plain)
            spaced = re.search(re.escape(d) + rb" +" + q, head) if d != b" " else None
            if spaced:
                found.append(replace(found[-1], skip_initial_space=True))
    return found


def _records(head: bytes, spelling: Spelling, *, whole: bool) -> list[Record]:
    """The first records; the last one is left out where the sample may have cut it."""
    parser = RecordParser(spelling)
    at = 0
    records: list[Record] = []
    while at < len(head) and len(records) < _RECORDS:
        found = parser.parse(head, at, last=whole)
        if found is None:
            if not records:
                found = parser.parse(head, at, last=True)
            if found is None or records:
                break
        record, at = found
        if record is not None:
            records.append(record)
    return records


def _fields(record: Record) -> list[bytes]:
    return record.fields if record.raw.strip() else []


def _score(records: Sequence[Record], spelling: Spelling) -> float:
    """0 to 1: how much alike the records are in their fields, and how much the fields are like values."""
    rows = [r for r in records if r.raw.strip() and not r.raw.startswith(b"#")]
    if not rows:
        return 0.0
    counts = Counter(len(r.fields) for r in rows)
    usual, share = max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    alike = share / len(rows)
    cells = [f for r in rows if len(r.fields) == usual for f in r.fields]
    if not cells:
        return 0.0
    clean = sum(map(_cleanness, cells)) / len(cells)
    broken = sum(bool(r.error) for r in rows) / len(rows)
    width = 0.12 if usual == 1 else (usual - 1) / usual
    usable = 1.0 if usual > 1 else 0.9
    if spelling.delimiter == b" ":
        # Columns set out with blanks are no fields, nor are the words of a text.
        ragged = alike < 0.99 or any(not f for r in rows for f in r.fields)
        numbers = sum(bool(_NUMBER.fullmatch(c)) for c in cells) / len(cells)
        usable = 0.2 if ragged or numbers < 0.4 else 0.9
    unused = 1.0
    if spelling.quote == b"'":
        unused = 1.02 if sum(sum(r.quoted or ()) for r in rows) >= 2 else 0.9
    return alike**2 * clean * width * usable * unused * _UNUSUAL.get(spelling.delimiter, 1.0) * (1 - broken)


def _cleanness(cell: bytes) -> float:
    if _NUMBER.fullmatch(cell) or _MOMENT.fullmatch(cell) or _EMPTY.fullmatch(cell):
        return 1.0
    if len(cell) <= 200 and _WORD.fullmatch(cell.strip()):
        return 0.9
    return 0.5


def _comment(records: Sequence[Record], spelling: Spelling) -> bytes:
    rows = [r for r in records if r.raw.strip()]
    if not rows:
        return b""
    usual = Counter(len(r.fields) for r in rows).most_common(1)[0][0]
    for mark in _COMMENTS:
        marked = [r for r in rows if r.raw.startswith(mark)]
        others = [r for r in rows if not r.raw.startswith(mark)]
        if not marked or not others:
            continue
        if mark == b"--" and any(_NUMBER.fullmatch(r.fields[0]) for r in marked):
            continue
        # One marked line with as many fields as all others is a header (#id,name), not a remark.
        if len(marked) == 1 and len(marked[0].fields) == usual and usual > 1 and marked[0] is rows[0]:
            continue
        if len(marked) <= 0.5 * len(rows) and (usual > 1 or mark == b"#"):
            return mark
    return b""


def _layout(records: Sequence[Record], spelling: Spelling, head: bytes, tail: bytes, score: float) -> Sniffed | None:
    rows = [r for r in records if _fields(r)]
    if not rows:
        return None
    width = _width(rows)
    start = _table_start(rows, width)
    body = rows[start:]
    header = _header_rows(body, width)
    footer = _footer(tail, spelling, width)
    names_of = [body[i].fields for i in range(header)]
    data = [r.fields for r in body[header:] if len(r.fields) == width] or [r.fields for r in body[header:]]
    trailing = _has_trailing(names_of, data, width)
    names, by_position = _names(names_of, width, trailing=trailing)
    skipped = 0
    if start or by_position:
        first = body[0].offset if not by_position or not header else None
        if first is None:
            first = body[header].offset if header < len(body) else len(head)
        skipped = len(re.findall(rb"\r\n|\n|\r", head[:first]))
    return Sniffed(
        spelling, names, skipped, 0 if by_position else header, footer, by_position and header > 0, trailing, score
    )


def _width(rows: Sequence[Record]) -> int:
    counts = Counter(len(r.fields) for r in rows)
    return max(counts, key=lambda n: (counts[n] * (2 if n > 1 else 1), n))


def _filled(fields: Sequence[bytes]) -> int:
    return sum(bool(f.strip()) for f in fields)


def _table_start(rows: Sequence[Record], width: int) -> int:
    """The first record of the table: before it stand titles and remarks, of fewer fields or with all but one empty."""
    if width == 1:
        return 0
    for i, row in enumerate(rows[:60]):
        near = rows[i : i + 4]
        alike = sum(abs(len(r.fields) - width) <= (1 if r is row else 0) for r in near)
        enough = _filled(row.fields) >= (2 if width < 5 else max(2, width // 4))
        if alike >= max(1, (len(near) + 1) // 2) and enough and len(row.fields) >= width - 1:
            return i
    return 0


def _kind(cell: bytes) -> str:
    if not cell.strip():
        return ""
    if _NUMBER.fullmatch(cell):
        return "number"
    if _MOMENT.fullmatch(cell):
        return "moment"
    return "null" if _EMPTY.fullmatch(cell) else "word"


def _header_rows(body: Sequence[Record], width: int) -> int:
    """How many records hold names: each is words where the column below holds numbers or dates."""
    if len(body) == 1:
        return 1 if all(_kind(f) in ("word", "") for f in body[0].fields) else 0
    rows = 0
    for i in range(min(3, len(body) - 1)):
        below = [r.fields for r in body[i + 1 :] if len(r.fields) == width][:200]
        if not below or (i and len(body[i].fields) != width):
            break
        if not _is_header(body[i].fields, below, first=i == 0) and not (i == 0 and _is_group_row(body, width)):
            break
        rows = i + 1
    return rows


def _is_group_row(body: Sequence[Record], width: int) -> bool:
    """Whether the first record names groups of columns: cells are left out, and names of columns follow."""
    below = [r.fields for r in body[2:] if len(r.fields) == width][:200]
    names = body[1].fields
    gaps = any(not f.strip() for f in body[0].fields[1:])
    return bool(below) and gaps and len(names) == width and _is_header(names, below, first=False)


def _is_header(names: Sequence[bytes], below: Sequence[Sequence[bytes]], *, first: bool) -> bool:
    offset = len(below[0]) - len(names)  # names may leave out the row number's
    votes = typed = 0
    for i, name in enumerate(names):
        column = [r[i + offset] for r in below if 0 <= i + offset < len(r) and r[i + offset].strip()]
        kinds = Counter(_kind(c) for c in column)
        kinds.pop("null", None)
        if not kinds:
            continue
        usual, count = kinds.most_common(1)[0]
        if usual in ("number", "moment") and count >= 0.8 * kinds.total():
            typed += bool(name.strip()) or first
            votes += 1 if _kind(name) == "word" else -1 if _kind(name) == usual else 0
    years = [int(n) for n in names if re.fullmatch(rb"\s*(?:1[89]|20)[0-9]{2}\s*", n)]
    if first and len(years) >= 2 and _consecutive(years) and _kind(names[0]) in ("word", ""):
        return True
    if typed and (votes or not first):
        # A further row of names must be words all along: 2013, 5, "m" is data with a missing number.
        return votes > 0 if first else votes >= 0.9 * typed
    return first and _words_only(names, below)


def _consecutive(years: Sequence[int]) -> bool:
    steps = {b - a for a, b in pairwise(years)}
    return len(steps) == 1 and 0 not in steps


def _words_only(names: Sequence[bytes], below: Sequence[Sequence[bytes]]) -> bool:
    """Whether the first of several rows of words holds names: short, different, and not among the values."""
    cleaned = [n.strip().lower() for n in names]
    if not all(_kind(n) in ("word", "") for n in names) or len({n for n in cleaned if n}) < len(
        [n for n in cleaned if n]
    ):
        return False
    values = {(i, v.strip().lower()) for row in below for i, v in enumerate(row)}
    if any((i, n) in values for i, n in enumerate(cleaned) if n):
        return False
    identifiers = sum(bool(re.fullmatch(rb"[A-Za-z_\x80-\xff][\w .\x80-\xff()/%#-]{0,60}", n)) for n in names)
    return identifiers >= 0.8 * max(1, _filled(names))


def _has_trailing(header: Sequence[Sequence[bytes]], data: Sequence[Sequence[bytes]], width: int) -> bool:
    """Whether every record, the names included, ends in a delimiter that means nothing."""
    if width < 3 or not header or header[-1][-1].strip():
        return False
    return all(not r[-1].strip() for r in data if len(r) == width) and len(header[-1]) == width


def _names(header: Sequence[Sequence[bytes]], width: int, *, trailing: bool) -> tuple[tuple[str, ...], bool]:
    """The columns' names, and whether they differ from those in the file."""
    if not header:
        return tuple(f"column_{i + 1}" for i in range(width)), True
    wanted = width - trailing
    rows = [[f.decode("utf-8", "replace") for f in fields] for fields in header]
    short = max(map(len, rows)) == width - 1
    if short:
        rows = [["", *fields] for fields in rows]
    rows = [[cell.strip() for cell in fields] for fields in rows]
    # Merged cells of groups are written once, and hold for the cells to their right.
    spread = [*map(_spread, rows[:-1]), rows[-1]]
    for way in (spread, rows):
        joined = [" ".join(t for fields in way if i < len(fields) and (t := fields[i])) for i in range(wanted)]
        usable = all(joined) and len(set(joined)) == len(joined) and max(map(len, rows)) == width
        if usable and all(n.isprintable() for n in joined):
            return tuple(joined), False
    # Read by position a last, always empty field is a column like the others.
    joined = [" ".join(t for fields in rows if i < len(fields) and (t := fields[i])) for i in range(width)]
    found: dict[str, None] = {}
    for i, name in enumerate(joined):
        plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())
        if not plain:
            plain = "row_name" if i == 0 else f"column_{i + 1}"
        candidate, n = plain, 2
        while candidate in found:
            candidate, n = f"{plain}_{n}", n + 1
        found[candidate] = None
    return tuple(found), True


def _spread(cells: Sequence[str]) -> list[str]:
    found: list[str] = []
    for cell in cells:
        found.append(cell or (found[-1] if found else ""))
    return found


def _footer(tail: bytes, spelling: Spelling, width: int) -> int:
    """How many records at the end are no rows: fewer fields than all the rows before them, or a word like Total."""
    if width == 1:
        return 0
    parser, at = RecordParser(spelling), 0
    records: list[Record] = []
    while at < len(tail):
        found = parser.parse(tail, at, last=True)
        if found is None:
            break
        record, at = found
        if record is not None:
            records.append(record)
    count = trailing_blank = 0
    for record in reversed(records[1:]):  # the first may be cut
        if not record.raw.strip():
            trailing_blank += 1
            continue
        odd = len(record.fields) != width and (len(record.fields) == 1 or _filled(record.fields) <= 2)
        remark = len(record.fields) == width and (
            (width > 2 and _filled(record.fields) == 1 and bool(record.fields[0].strip()))
            or bool(_SUM.match(record.fields[0]) and _filled(record.fields) < width)
        )
        if not (odd or remark) or count >= _MOST_FOOTER:
            break
        count = count + 1 + trailing_blank
        trailing_blank = 0
    before = [r for r in records[: len(records) - count] if r.raw.strip()][-20:]
    regular = sum(len(r.fields) == width and _filled(r.fields) > 1 for r in before)
    return count if before and regular >= 0.9 * len(before) else 0
