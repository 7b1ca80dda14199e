"""CSV: one row per event, its case beside it. Safe to open in a spreadsheet: no cell can become a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

from sluice.errors import BadInputError
from sluice.flow.log.fields import CASE_FIELDS, EVENT_FIELDS, case_fields, case_from, event_fields, event_from
from sluice.flow.log.model import Case, History
from sluice.stages import StageEvent

T = TypeVar("T")
COLUMNS = ("case_id", *CASE_FIELDS, *EVENT_FIELDS)
_ACTIVE = re.compile(r"^'*[=+\-@\t\r\n＝＋－＠]")
"""A cell that a spreadsheet may run (OWASP, CSV injection), or one that was made safe already."""
DELIMITERS = ",;\t|"

Row = tuple[int, dict[str, str]]
"""Line number and values by column."""


def safe(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would run; `unsafe` takes it away again."""
    return f"'{cell}" if _ACTIVE.match(cell) else cell


def unsafe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _ACTIVE.match(cell) else cell


def write_csv(histories: Iterable[History], out: TextIO) -> int:
    """Write the histories; gives the number of events."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for history in histories:
        own = case_fields(history.case)
        for event in history.events:
            values = {"case_id": history.case.id, **own, **event_fields(event)}
            writer.writerow([safe(values[name]) for name in COLUMNS])
            count += 1
    return count


def is_own(header: Sequence[str]) -> bool:
    """Whether a header is that of our own export."""
    return set(COLUMNS) <= set(header)


def read_own(rows: Iterable[Row], file: str) -> list[History]:
    """The histories that `write_csv` wrote. Raises BadInputError (FLOW_VALUE, FLOW_DUPLICATE)."""
    cases: dict[str, Case] = {}
    events: dict[str, list[StageEvent]] = {}
    seen: dict[int, int] = {}
    for line, row in rows:
        where = f"{file}:{line}"
        values = {name: unsafe(row[name]) for name in COLUMNS}
        identity = values["case_id"]
        event = event_from(identity, values, where)
        if event.seq in seen:
            raise BadInputError("FLOW_DUPLICATE", f"event {event.seq} stands twice, first in line {seen[event.seq]}", where=where,
                                mend="Remove one of them.")  # fmt: skip
        seen[event.seq] = line
        cases.setdefault(identity, case_from(identity, values, where))
        events.setdefault(identity, []).append(event)
    return [History(case, tuple(sorted(events[i], key=lambda e: e.seq))) for i, case in cases.items()]


@contextmanager
def rows_of(path: Path, *, encoding: str = "utf-8-sig") -> Iterator[tuple[list[str], Iterator[Row]]]:
    """The header, and the rows with their line numbers, one at a time.

    Raises BadInputError (FLOW_CSV) for a file that is not rows of the header's length, with the line.
    """
    with path.open("r", encoding=encoding, newline="") as stream:
        reader = _reader(stream, path, encoding)
        try:
            header = _told_apart([h.strip() for h in next(reader)])
        except csv.Error as error:
            raise _bad_header(path, f"the header cannot be read: {error}", "Export it as CSV.") from error
        yield header, _rows(reader, header, path, encoding)


def _reader(stream: TextIO, path: Path, encoding: str) -> Iterator[list[str]]:
    first = _decoded(stream.readline, path, encoding)
    stream.seek(0)
    if "\x00" in first or not first.strip():
        raise _bad_header(path, "is not a CSV file with a header", "Export it as CSV.")
    return csv.reader(stream, delimiter=max(DELIMITERS, key=first.count), strict=True)


def _told_apart(header: list[str]) -> list[str]:
    """Jira writes a column such as Labels once per value; the later ones get a number."""
    return [
        name if name not in header[:i] else f"{name} ({header[:i].count(name) + 1})" for i, name in enumerate(header)
    ]


def _bad_header(path: Path, said: str, mend: str) -> BadInputError:
    return BadInputError("FLOW_CSV", said, where=f"{path}:1", mend=mend)


def _rows(reader: Iterator[list[str]], header: list[str], path: Path, encoding: str) -> Iterator[Row]:
    while True:
        line = getattr(reader, "line_num", 0) + 1
        try:
            row = _decoded(lambda: next(reader, None), path, encoding)
        except csv.Error as error:
            raise BadInputError("FLOW_CSV", f"cannot be read as CSV: {error}", where=f"{path}:{line}",
                                mend="A quote is open or out of place on that line.") from error  # fmt: skip
        if row is None:
            return
        if row and len(row) != len(header):
            raise BadInputError("FLOW_CSV", f"has {len(row)} fields where the header has {len(header)}", where=f"{path}:{line}",
                                mend="A field that holds the delimiter or a line break needs quotes.")  # fmt: skip
        if row:
            yield line, dict(zip(header, row, strict=True))


def _decoded(read: Callable[[], T], path: Path, encoding: str) -> T:
    try:
        return read()
    except UnicodeError as error:  # UTF-16 without its mark is no UnicodeDecodeError
        said = getattr(error, "reason", str(error))
        raise BadInputError("FLOW_ENCODING", f"is not {encoding.removesuffix('-sig')} text: {said}", where=str(path),
                            mend="Save it as UTF-8, or say how it is written: --encoding cp1252.") from error  # fmt: skip
