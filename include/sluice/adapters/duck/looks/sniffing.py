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
from operator import itemgetter

from sluice.adapters.duck.looks.cells import EMPTY, MOMENT, NUMBER
from sluice.adapters.duck.looks.layout import Layout, fields_of, layout
from sluice.adapters.duck.text.records import Record, RecordParser
from sluice.adapters.duck.text.spelling import Spelling, escapes_with_backslash

SAMPLE = 1 << 18
_RECORDS = 400

_DELIMITERS = (b",", b";", b"\t", b"|", b":", b"^", b"~", b"\x01", b"\x02", b"\x1e", b"\x1f", b" ")
_DOUBTFUL = 0.3
"""With a lower score, other marks are tried than delimiters usually are."""
_UNUSUAL = {b":": 0.6, b" ": 0.6, b"^": 0.9, b"~": 0.9}
_COMMENTS = (b"#", b"%", b"//", b"--")

_WORD = re.compile(rb"[^\"'`\s][^\"`;|\t]*", re.DOTALL)


@dataclass(frozen=True)
class Sniffed(Layout):
    """How a file is written. `certainty` (0-1) is how well the spelling explains the sample."""

    spelling: Spelling
    certainty: float


def sniff(head: bytes, tail: bytes, *, delimiter: bytes = b"", whole: bool = False) -> Sniffed | None:
    """How the text is written whose beginning and end these are (UTF-8). None when it has no records.

    `delimiter` is one that is known already; `whole` says that `head` is all there is.
    """
    score, spelling, records = _best(_spellings(head, _DELIMITERS, delimiter), head, whole=whole)
    if score < _DOUBTFUL and not delimiter and (gap := _gap_in_header(head)):
        score, spelling, records = max(
            (score, spelling, records), _best(_spellings(head, (gap,), gap), head, whole=whole), key=itemgetter(0)
        )
    if _is_doubled(records, spelling):
        spelling = replace(spelling, delimiter=spelling.delimiter * 2)
        records = _records(head, spelling, whole=whole)
    comment = _comment(records, spelling)
    if comment:
        spelling = replace(spelling, comment=comment)
        records = _records(head, spelling, whole=whole)
    found = layout(records, spelling, head, tail)
    return None if found is None else Sniffed(**vars(found), spelling=spelling, certainty=score)


_Read = tuple[float, Spelling, list[Record]]


def _best(spellings: Sequence[Spelling], head: bytes, *, whole: bool) -> _Read:
    """The spelling that explains the beginning of the text best; its score and the records it gives."""
    found: list[_Read] = []
    for spelling in spellings:
        records = _records(head, spelling, whole=whole)
        found.append((_score(records, spelling), spelling, records))
    return max(found, key=itemgetter(0))


def _gap_in_header(head: bytes) -> bytes:
    """The one mark, or few marks together, between all the words of the first line; empty when there is none."""
    line = next((x for x in re.split(rb"\r\n|\n|\r", head) if x.strip()), b"").replace(b'"', b"")
    if line.count(b"\\t") >= 2 and b"\t" not in line:
        return b"\\t"
    gaps = set(
        re.findall(
            rb"(?<=[\w\x80-\xff]) *([^\w\s'`.()\x80-\xff]+(?: [^\w\s'`.()\x80-\xff]+)*) *(?=[A-Za-z\x80-\xff])", line
        )
    )
    gap = gaps.pop() if len(gaps) == 1 else b""
    return gap if 0 < len(gap) <= 8 and line.count(gap) >= 2 else b""


def _is_doubled(records: Sequence[Record], spelling: Spelling) -> bool:
    """Whether delimiters come in pairs only: every second field, of the names too, is empty. Between commas there are
    columns left empty to set others apart."""
    rows = [r for r in records if fields_of(r) and len(r.fields) > 1]
    if spelling.delimiter in (b",", b" ") or len(rows) < 2 or max(len(r.fields) for r in rows) < 3:
        return False
    return all(len(r.fields) % 2 and not any(r.fields[1::2]) for r in rows) and any(any(r.fields[2::2]) for r in rows)


def _spellings(head: bytes, delimiters: Sequence[bytes], delimiter: bytes) -> list[Spelling]:
    found = []
    for d in (delimiter,) if delimiter else tuple(d for d in delimiters if d in head or d == b","):
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
        record, after = found
        if record is not None and record.error and (line := parser.next_line(head, at)) is not None and line < after:
            # A quote that stands alone costs its own line: with more of them, rows would be lost to the names.
            raw = parser.without_end(head[at:line])
            record, after = Record(at, raw, raw.split(spelling.delimiter), None, record.error), line
        at = after
        if record is not None:
            records.append(record)
    return records


def _score(records: Sequence[Record], spelling: Spelling) -> float:
    """0 to 1: how much alike the records are in their fields, and how much the fields are like values."""
    rows = [r for r in records if r.raw.strip() and not r.raw.startswith(b"#")]
    if not rows:
        return 0.0
    counts = Counter(len(r.fields) for r in rows)
    usual, share = max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    # R names the rows in a first field that has no name itself.
    unnamed = spelling.delimiter == b" " and len(rows) > 2 and len(rows[0].fields) == usual - 1
    alike = (share + unnamed) / len(rows)
    cells = [f for r in rows if len(r.fields) == usual for f in r.fields]
    if not cells:
        return 0.0
    clean = sum(map(_cleanness, cells)) / len(cells)
    broken = sum(bool(r.error) for r in rows) / len(rows)
    width = 0.12 if usual == 1 else (usual - 1) / usual
    usable = 1.0 if usual > 1 else 0.9
    if spelling.delimiter == b" ":
        # Columns set out with blanks are no fields, nor are the words of a text; unless blanks are in quotes.
        quoted = sum(any(r.quoted or ()) for r in rows) >= 0.9 * len(rows)
        below = rows[1:] or rows  # R leaves out the name of the row names
        ragged = sum(len(r.fields) == usual for r in below) < 0.99 * len(below) or (
            not quoted and any(not f for r in rows for f in r.fields)
        )
        numbers = sum(bool(NUMBER.fullmatch(c)) for c in cells) / len(cells)
        usable = 0.2 if ragged or (numbers < 0.4 and not quoted) else 0.9
    unused = 1.0
    if spelling.quote == b"'":
        unused = 1.02 if sum(sum(r.quoted or ()) for r in rows) >= 2 else 0.9
    return alike**2 * clean * width * usable * unused * _UNUSUAL.get(spelling.delimiter, 1.0) * (1 - broken)


def _cleanness(cell: bytes) -> float:
    if NUMBER.fullmatch(cell) or MOMENT.fullmatch(cell) or EMPTY.fullmatch(cell):
        return 1.0
    if len(cell) <= 200 and _WORD.fullmatch(cell.strip()):
        return 0.9
    return 0.5


def _comment(records: Sequence[Record], spelling: Spelling) -> bytes:
    rows = [r for r in records if r.raw.strip()]
    if not rows:
        return b""
    for mark in _COMMENTS:
        marked = [r for r in rows if r.raw.startswith(mark)]
        others = [r for r in rows if not r.raw.startswith(mark)]
        if not marked or not others:
            continue
        # What a file says of itself before the table may be longer than the table.
        above = len(others) > 1 and marked[-1].offset < others[0].offset
        usual = Counter(len(r.fields) for r in (others if above else rows)).most_common(1)[0][0]
        if mark == b"--" and any(NUMBER.fullmatch(r.fields[0]) for r in marked):
            continue
        # Marked lines with as many fields as all others are a header (#id,name), or rows: those are not passed over.
        if usual > 1 and all(len(r.fields) == usual for r in marked):
            continue
        if (above or len(marked) <= 0.5 * len(rows)) and (usual > 1 or mark == b"#"):
            return mark
    return b""
