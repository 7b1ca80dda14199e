"""Tells a table's rows from what stands around them: lines before it, records that name its columns, lines after it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sluice.adapters.duck.looks.cells import YEAR, filled, kind
from sluice.adapters.duck.looks.series import is_series
from sluice.adapters.duck.text.records import Record, RecordParser
from sluice.adapters.duck.text.spelling import Spelling

_MOST_FOOTER = 20
_NAME = re.compile(rb"[A-Za-z_\x80-\xff][\w .\x80-\xff()/%#-]{0,60}")
_PHRASE = re.compile(rb"\s*[A-Za-z_\x80-\xff][\w .,:;&'?\x80-\xff()/%#-]{0,160}")
_MARK = re.compile(rb"[/\\@:+=*]")
"""What stands within values more often than within names."""
_PLAIN = re.compile(rb"\s*[\w\x80-\xff][^:;*]*")
"""No remark, by its look: those begin with a mark, or say what they are before a colon."""
_FIRST_ROWS = 20
"""So many rows may stand above the names, where somebody sorted a sheet together with its header."""
_LONGEST_NAME = 255
"""Characters that Glue and most catalogs take for a column's name."""
_SUM = re.compile(rb"\s*(?:grand |sub)?(?:total|sum|summe|gesamt|source|quelle|note|notes|\(c\)|\xc2\xa9|end of|generated|exported|records?|rows?)\b", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """`skipped` lines stand before the header, `header_rows` records hold names (0: none), `footer` records stand at
    the end; `names` are the columns', made up or mended where `by_position` is true: then the file's own names cannot
    be used, and the contract's columns stand for its fields from left to right. `trailing`: every record ends in a
    delimiter that means nothing. `comment_rows` are the numbers, from 1, of records after the skipped lines that are
    no rows: names that stand below the first rows. `named` is how many fields the header has.
    """

    names: tuple[str, ...]
    skipped: int
    header_rows: int
    footer: int
    by_position: bool
    trailing: bool
    comment_rows: tuple[int, ...]
    named: int


def fields_of(record: Record) -> list[bytes]:
    return record.fields if record.raw.strip() else []


def layout(records: Sequence[Record], spelling: Spelling, head: bytes, tail: bytes) -> Layout | None:
    """The layout of the text that begins with `head`, of which these are the records, and ends with `tail`.

    None when no record has anything in it.
    """
    rows = [r for r in records if fields_of(r)]
    if not rows:
        return None
    width = _width(rows)
    start = _table_start(rows, width)
    body = rows[start:]
    header = header_rows(body, width, titled=start > 0)
    footer = _footer(tail, spelling, width)
    moved = _moved_header(body, width) if not header else 0
    names_of = [body[i].fields for i in range(header)]
    data = [r.fields for r in body[header:] if len(r.fields) == width] or [r.fields for r in body[header:]]
    trailing = _has_trailing(names_of, data, width)
    names, by_position = joined_names(names_of, width, trailing=trailing)
    skipped = 0
    if moved:
        names, by_position = joined_names([body[moved].fields], width, trailing=False)[0], True
    if start or by_position:
        passed = header if by_position else 0
        first = body[passed].offset if passed < len(body) else len(head)
        skipped = len(re.findall(rb"\r\n|\n|\r", head[:first]))
    rows_before = sum(body[0].offset <= r.offset < body[moved].offset for r in records)
    return Layout(
        names, skipped, 0 if by_position else header, footer, by_position and header + moved > 0, trailing,
        (rows_before + 1,) if moved else (), max(map(len, names_of), default=0),
    )  # fmt: skip


def _width(rows: Sequence[Record]) -> int:
    counts = Counter(len(r.fields) for r in rows)
    return max(counts, key=lambda n: (counts[n] * (2 if n > 1 else 1), n))


def _table_start(rows: Sequence[Record], width: int) -> int:
    """The first record of the table: before it stand titles and remarks, of fewer fields or with all but one empty."""
    if width == 1:
        return 0
    usual = _usual_kind([r.fields for r in rows if len(r.fields) == width], 0)
    for i, row in enumerate(rows[:60]):
        if usual in ("number", "moment") and kind(row.fields[0]) == usual and filled(row.fields) > 1:
            return i  # what is left of a row
        near = rows[i : i + 4]
        alike = sum(abs(len(r.fields) - width) <= (1 if r is row else 0) for r in near)
        enough = filled(row.fields) >= (2 if width < 5 else max(2, width // 4))
        if alike >= max(1, (len(near) + 1) // 2) and enough and len(row.fields) >= width - 1:
            return i
    return 0


def _usual_kind(rows: Sequence[Sequence[bytes]], column: int) -> str:
    kinds = Counter(kind(r[column]) for r in rows)
    return kinds.most_common(1)[0][0] if kinds else ""


def header_rows(body: Sequence[Record], width: int, *, titled: bool) -> int:
    """How many records hold names: each is words where the column below holds numbers or dates."""
    if len(body) == 1:
        return 1 if all(kind(f) in ("word", "") for f in body[0].fields) else 0
    rows = 0
    for i in range(min(3, len(body) - 1)):
        below = [r.fields for r in body[i + 1 :] if len(r.fields) == width][:200]
        if not below or (i and len(body[i].fields) != width):
            break
        named = _is_header(body[i].fields, below, first=i == 0, titled=titled)
        if not (named or (i == 0 and _is_group_row(body, width)) or (i > 1 and _says_more(body[i].fields, below))):
            break
        rows = i + 1
    return rows


def _moved_header(body: Sequence[Record], width: int) -> int:
    """Which record, after the first, holds the names: those above it are rows like those below. 0: none."""
    for i in range(1, min(_FIRST_ROWS, len(body) - 2)):
        names = body[i].fields
        named = {n.strip().lower() for n in names}
        if len(named) < max(width, 2) or any(kind(n) not in ("word", "") for n in names) or not all(names[:-1]):
            continue
        others = [r.fields for r in (*body[:i], *body[i + 1 :]) if len(r.fields) == width][:200]
        # Where one column alone has numbers, a word in it is a value that is missing.
        typed = sum(_usual_kind(others, c) in ("number", "moment") for c in range(width))
        if len(others) >= 5 and typed > 1 and _is_header(names, others, first=False):
            return i
    return 0


def _is_group_row(body: Sequence[Record], width: int) -> bool:
    """Whether the first record names groups of columns: cells are left out, and names of columns follow."""
    below = [r.fields for r in body[2:] if len(r.fields) == width][:200]
    names = body[1].fields
    if any(kind(f) in ("number", "moment") and not YEAR.fullmatch(f) for f in body[0].fields):
        return False  # a row, and the names stand below it
    gaps = any(not f.strip() for f in body[0].fields[1:])
    return bool(below) and gaps and len(names) == width and _is_header(names, below, first=False)


def _says_more(cells: Sequence[bytes], below: Sequence[Sequence[bytes]]) -> bool:
    """Whether a record below two of names belongs to them: it is blank in all the columns of numbers and days, which
    have a value in every row, and what it holds is a value in none."""
    typed = [i for i in range(len(cells)) if _usual_kind(below, i) in ("number", "moment")]
    full = all(r[i].strip() for r in below for i in typed)
    others = [i for i, cell in enumerate(cells) if cell.strip()]
    new = all(kind(cells[i]) == "word" and all(r[i].strip() != cells[i].strip() for r in below) for i in others)
    return bool(typed and others) and full and new and not set(typed) & set(others)


def _is_header(names: Sequence[bytes], below: Sequence[Sequence[bytes]], *, first: bool, titled: bool = False) -> bool:
    offset = len(below[0]) - len(names)  # names may leave out the row number's
    if offset and kind(names[0]) in ("number", "moment") and kind(names[0]) == _usual_kind(below, 0):
        return False  # a row that lost values
    votes = typed = 0
    for i, name in enumerate(names):
        column = [r[i + offset] for r in below if 0 <= i + offset < len(r) and r[i + offset].strip()]
        kinds = Counter(kind(c) for c in column)
        kinds.pop("null", None)
        if not kinds:
            continue
        usual, count = kinds.most_common(1)[0]
        if usual in ("number", "moment") and count >= 0.8 * kinds.total():
            typed += bool(name.strip()) or first
            votes += 1 if kind(name) == "word" else -1 if kind(name) == usual else 0
    if first and is_series(
        names, [[r[i + offset] for r in below if 0 <= i + offset < len(r)] for i in range(len(names))]
    ):
        return True
    if typed and (votes or not first):
        # A further row of names must be words all along: 2013, 5, "m" is data with a missing number.
        return votes > 0 if first else votes >= 0.9 * typed
    return first and _words_only(names, below, titled=titled)


def _words_only(names: Sequence[bytes], below: Sequence[Sequence[bytes]], *, titled: bool) -> bool:
    """Whether the first of several rows of words holds names: short, different, and not among the values.

    Below titles, names may be phrases.
    """
    cleaned = [n.strip().lower() for n in names]
    if not all(kind(n) in ("word", "") for n in names) or len({n for n in cleaned if n}) < len(
        [n for n in cleaned if n]
    ):
        return False
    values = {(i, v.strip().lower()) for row in below for i, v in enumerate(row)}
    if any((i, n) in values for i, n in enumerate(cleaned) if n):
        return False
    if any(_has_marks_of(name, [r[i] for r in below if i < len(r) and r[i].strip()]) for i, name in enumerate(names)):
        return False
    form = _PHRASE if titled else _NAME
    identifiers = sum(bool(form.fullmatch(n)) for n in names)
    return identifiers >= 0.8 * max(1, filled(names))


def _has_marks_of(name: bytes, values: Sequence[bytes]) -> bool:
    """Whether a name is made as the values are, with the same marks: the first of many paths, addresses or codes."""
    marks = set(_MARK.findall(name))
    return (
        bool(marks)
        and len(values) > 1
        and sum(marks <= set(v) for v in map(_MARK.findall, values)) >= 0.8 * len(values)
    )


def _has_trailing(header: Sequence[Sequence[bytes]], data: Sequence[Sequence[bytes]], width: int) -> bool:
    """Whether every record, the names included, ends in a delimiter that means nothing."""
    if width < 3 or not header or any(names[-1].strip() for names in header if len(names) == width):
        return False
    return all(not r[-1].strip() for r in data if len(r) == width) and len(header[-1]) == width


def joined_names(header: Sequence[Sequence[bytes]], width: int, *, trailing: bool) -> tuple[tuple[str, ...], bool]:
    """The columns' names, and whether they differ from those in the file."""
    if not header:
        return tuple(f"column_{i + 1}" for i in range(width)), True
    wanted = width - trailing
    rows = [[f.decode("utf-8", "replace") for f in fields] for fields in header]
    short = max(map(len, rows)) == width - 1
    if short:
        rows = [["", *fields] for fields in rows]
    rows = [[cell.strip() for cell in fields] for fields in rows]
    # Merged cells of groups are written once, and hold for the cells to their right; below names of all columns
    # there are no groups, only what is said more of some of them.
    spread = [*map(_spread, rows[:-1]), rows[-1]]
    for way in (rows, spread) if all(rows[0][:wanted]) and len(set(rows[0][:wanted])) == wanted else (spread, rows):
        joined = [" ".join(t for fields in way if i < len(fields) and (t := fields[i])) for i in range(wanted)]
        usable = all(joined) and len(set(joined)) == len(joined) and max(map(len, rows)) == width
        if usable and all(n.isprintable() and len(n) <= _LONGEST_NAME for n in joined):
            return tuple(joined), False
    # Read by position a last, always empty field is a column like the others.
    joined = [" ".join(t for fields in rows if i < len(fields) and (t := fields[i])) for i in range(width)]
    found: dict[str, None] = {}
    for i, name in enumerate(joined):
        plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())[: _LONGEST_NAME - 10].strip()
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
    count = remarks = trailing_blank = 0
    firsts = [r.fields[0] for r in records[1:] if len(r.fields) == width and filled(r.fields) > 1]
    for record in reversed(records[1:]):  # the first may be cut
        if not record.raw.strip():
            trailing_blank += 1
            continue
        # Spreadsheets export rows that somebody once touched: delimiters with nothing between them.
        empty = len(record.fields) == width and not filled(record.fields)
        odd = len(record.fields) != width and (len(record.fields) == 1 or filled(record.fields) <= 2)
        alone = len(record.fields) == width > 2 and filled(record.fields) == 1 and bool(record.fields[0].strip())
        remark = (alone and not _is_like(record.fields[0], firsts)) or (
            len(record.fields) == width and bool(_SUM.match(record.fields[0]) and filled(record.fields) < width)
        )
        if (
            not (empty or odd or remark)
            or remarks >= _MOST_FOOTER
            or (odd and _is_cut_row(record, records, tail, width))
        ):
            break
        count, remarks = count + 1 + trailing_blank, remarks + (not empty)
        trailing_blank = 0
    before = [r for r in records[: len(records) - count] if r.raw.strip()][-20:]
    regular = sum(len(r.fields) == width and filled(r.fields) > 1 for r in before)
    return count if before and regular >= 0.9 * len(before) else 0


def _is_like(first: bytes, others: Sequence[bytes]) -> bool:
    """Whether the only value of a record, its first, is like the others' first ones: then it is a row without values."""
    usual = Counter(map(kind, others)).most_common(1)
    if not usual or kind(first) != usual[0][0]:
        return False
    most = max(len(cell.split()) for cell in others)
    return kind(first) != "word" or (bool(_PLAIN.fullmatch(first)) and len(first.split()) <= most)


def _is_cut_row(record: Record, records: Sequence[Record], tail: bytes, width: int) -> bool:
    """Whether a record of too few fields is what is left of a row: with a quote that does not close, with a first
    value as rows have it, or at the end of a file that ends within a line.
    """
    if record.error:
        return True
    usual = _usual_kind([r.fields for r in records if len(r.fields) == width], 0)
    if usual in ("number", "moment") and kind(record.fields[0]) == usual:
        return True
    ends_within = record is records[-1] and not tail.endswith((b"\n", b"\r"))
    return ends_within and len(record.fields) > 1 and not _SUM.match(record.fields[0])
