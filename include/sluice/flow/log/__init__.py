"""The event log out (CSV, XES, OCEL 2.0) and in: our own exports exactly, other systems' histories as tickets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from sluice.errors import BadInputError
from sluice.flow.log import csv_file, ocel, xes
from sluice.flow.log.model import FORMATS, MAX_BYTES, Case, History, Ticket, TicketEvent, case_of, without_people
from sluice.flow.log.ocel_forms import is_ocel_xml
from sluice.flow.log.tickets import Columns, read_mapping, read_tickets, untold
from sluice.flow.log.unpacking import inner_name, plain

_WRITERS = {"csv": csv_file.write_csv, "xes": xes.write_xes, "ocel": ocel.write_ocel}
_ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xes": "xes",
    ".xml": "xes",
    ".json": "ocel",
    ".jsonocel": "ocel",
    ".xmlocel": "ocel",
    ".sqlite": "ocel",
    ".sqlite3": "ocel",
    ".db": "ocel",
}


def write_log(histories: Iterable[History], form: str, out: TextIO) -> int:
    """Write the histories as csv, xes or ocel, as a stream; gives the number of events."""
    return _WRITERS[form](histories, out)


def format_of(path: Path, form: str | None) -> str:
    """The given format, or the one the file's name says; `.xml` is XES or OCEL by what is in it, `.gz` is looked into.

    Raises BadInputError (FLOW_FORMAT)."""
    ending = Path(inner_name(path)).suffix.lower()
    found = form or _ENDINGS.get(ending)
    if form is None and ending == ".xml" and path.suffix.lower() == ending and is_ocel_xml(path):
        found = "ocel"
    if found not in FORMATS:
        raise BadInputError(
            "FLOW_FORMAT",
            f"the name does not say what {path.name!r} is",
            where=str(path),
            mend=f"Give --format {'/'.join(FORMATS)}.",
        )
    return found


def read_log(
    path: Path, form: str, mapping: Columns | None = None, *, encoding: str = "utf-8-sig"
) -> list[History] | list[Ticket]:
    """What the file holds: our own export's histories, or another system's tickets (never both).

    Raises BadInputError: FLOW_FILE, FLOW_TOO_LARGE, FLOW_EMPTY, FLOW_ENCODING and what the formats say.
    """
    given = mapping or Columns()
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise BadInputError(
                "FLOW_FILE", "is no file", where=str(path), mend="Save what it gives into a file first."
            )
        if size > MAX_BYTES:
            raise BadInputError("FLOW_TOO_LARGE", f"is {size:,} bytes; at most {MAX_BYTES:,} are read", where=str(path),
                                mend="Export fewer columns or a shorter period: a ticket needs a few dozen bytes.")  # fmt: skip
        with plain(path) as inside:
            found = _read(inside, form, given, encoding)
    except OSError as error:
        raise BadInputError("FLOW_FILE", f"cannot be read: {error.strerror}", where=str(path)) from error
    except LookupError as error:
        if "encoding" not in str(error):
            raise
        raise BadInputError(
            "FLOW_ENCODING", f"{encoding!r} is no known encoding", mend="Such as utf-8 or cp1252."
        ) from error
    if not found:
        raise BadInputError("FLOW_EMPTY", "holds no history", where=str(path), mend="Export it with its rows.")
    return found


def _read(path: Path, form: str, mapping: Columns, encoding: str) -> list[History] | list[Ticket]:
    if form == "xes":
        return xes.read_xes(path, mapping)
    if form == "ocel":
        return ocel.read_ocel(path, mapping)
    with csv_file.rows_of(path, encoding=encoding) as (header, rows):
        return (
            csv_file.read_own(rows, str(path))
            if csv_file.is_own(header)
            else read_tickets(header, rows, mapping, str(path))
        )


__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "Case",
    "Columns",
    "History",
    "Ticket",
    "TicketEvent",
    "case_of",
    "format_of",
    "read_log",
    "read_mapping",
    "untold",
    "without_people",
    "write_log",
]
