"""A first look at a file without a contract: is it a table, in which format, and how is it written?"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from sluice.adapters.duck.looks.json_looks import json_look
from sluice.adapters.duck.looks.sniffing import SAMPLE, Sniffed, sniff
from sluice.adapters.duck.looks.typed_looks import no_table, typed_look
from sluice.adapters.duck.text.encoding import TextFile, open_text
from sluice.contract.dialect import spelt_out
from sluice.draft.look import Look
from sluice.errors import SourceError

_TAIL = 1 << 16
_LINE_END = re.compile(rb"\r\n|\n|\r")
_FEWEST_LINES = 8
_LONGEST_LOOK = 1 << 24
"""Where lines are long, so many bytes are looked at to see a few of them."""
_DELIMITED = {"csv": b"", "tsv": b"\t", "tab": b"\t", "psv": b"|", "txt": b"", "dat": b"", "data": b"", "": b""}
_LEAST_CERTAIN = 0.2
_MOST = 0.5
_NO_TABLE = {
    b"<": "it is XML or HTML", b"%PDF": "it is a PDF document", b"\x89PNG": "it is an image", b"\xff\xd8\xff": "it is an image",
    b"GIF8": "it is an image", b"\x7fELF": "it is a program", b"{\\rtf": "it is a text document", b"SQLite": "it is an SQLite database",
    b"\x93NUMPY": "it is a NumPy array", b"\x80\x04": "it is a Python pickle", b"\x80\x03": "it is a Python pickle",
    b"\x80\x02": "it is a Python pickle", b"\x89HDF": "it is an HDF5 file", b"RData": "it is an R workspace",
}  # fmt: skip
_PROSE = {"md", "rst", "py", "r", "sql", "yaml", "yml", "toml", "ini", "cfg", "html", "htm", "xml", "log", "tex", "sh", "js", "css", "ipynb"}  # fmt: skip


def look(display: str, path: Path, scratch: Path) -> Look:
    """What the plain file at `path` holds, known to people as `display`.

    Raises SourceError NOT_A_TABLE saying why, EMPTY_FILE, CORRUPT_PARQUET and its like.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head.strip():
        raise SourceError("EMPTY_FILE", "there is nothing in the file", where=display, mend="Deliver it again.")
    if (typed := typed_look(display, path, head)) is not None:
        return typed
    for magic, why in _NO_TABLE.items():
        if head.lstrip(b"\xef\xbb\xbf \r\n").startswith(magic):
            raise no_table(display, why)
    suffix = PurePosixPath(display.rsplit("!", 1)[-1]).suffix.lower().lstrip(".")
    if suffix in _PROSE:
        raise no_table(display, f"by its name (.{suffix}) it is no table")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"[") and suffix not in ("csv", "tsv", "psv"):
        return json_look(display, path, scratch, array=text.startswith(b"["))
    if suffix in ("json", "jsonl", "ndjson"):
        raise no_table(display, "it is called JSON, but begins with neither { nor [")
    return _delimited(display, path, scratch, suffix)


def _delimited(display: str, path: Path, scratch: Path, suffix: str) -> Look:
    utf8 = scratch / "look-utf8"
    text = open_text(display, path, None, utf8)
    with text.utf8.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(text.start)
        head = file.read(SAMPLE)
        while (
            len(head) < _LONGEST_LOOK and len(_LINE_END.findall(head)) < _FEWEST_LINES and (more := file.read(SAMPLE))
        ):
            head += more
        file.seek(max(text.start, size - _TAIL))
        tail = file.read()
    utf8.unlink(missing_ok=True)
    # Two more of the control characters, 30 and 31, are there to delimit, and people use these for it as well.
    control = sum(head.count(bytes([c])) for c in (0, *range(3, 9), *range(14, 28)))
    if b"\0" in head[: 1 << 12] or control > 0.02 * len(head) + 8:
        raise no_table(display, "it is binary data of an unknown kind")
    found = _sniffed(head, tail, _DELIMITED.get(suffix, b""), whole=size - text.start <= len(head))
    if found is None:
        raise no_table(display, "it has no lines with anything in them")
    _check(display, found, head, suffix)
    return Look(
        _format(found, suffix), found.names, _terms(found, text.encoding), remarks=(*_remarks(found), *_doubt(text))
    )


def _sniffed(head: bytes, tail: bytes, usual: bytes, *, whole: bool) -> Sniffed | None:
    """How the text is written; where the delimiter that its name promises is not in it, it may be another one, if that
    cuts the names into as many as the values."""
    if usual and usual not in head:
        other = sniff(head, tail, whole=whole)
        if other is not None and other.named == len(other.names) > 1:
            return other
    return sniff(head, tail, delimiter=usual, whole=whole)


def _check(display: str, found: Sniffed, head: bytes, suffix: str) -> None:
    lines = [line for line in _LINE_END.split(head, 200)[:200] if line.strip()]
    apart = sum(bool(re.search(rb"\S {2,}\S", line)) for line in lines)
    if apart >= 0.8 * len(lines) and (found.spelling.delimiter in b" :" or len(found.names) == 1):
        raise no_table(
            display, "its columns are set out with blanks (fixed width), not delimited", "Deliver it as CSV."
        )
    if found.certainty < _LEAST_CERTAIN and len(found.names) > 1:
        raise no_table(
            display, "its lines do not have fields in common",
            "Leave it out, or write its contract by hand with delimiter and quoteChar declared.",
        )  # fmt: skip
    if found.named >= 2 * len(found.names) > 2:
        raise no_table(
            display, f"its first row has {found.named} names, and the rows have {len(found.names)} fields",
            "Deliver it with one delimiter between all names and all values, or declare the delimiter.",
        )  # fmt: skip
    if len(found.names) == 1 and suffix not in ("csv", "tsv", "psv"):
        words = sum(line.strip().count(b" ") >= 3 for line in lines)
        if words > 0.3 * len(lines):
            raise no_table(display, "it is running text")


def _format(found: Sniffed, suffix: str) -> str:
    return suffix if suffix in ("tsv", "psv") and _DELIMITED[suffix] == found.spelling.delimiter else "csv"


def _terms(found: Sniffed, encoding: str) -> dict[str, Any]:
    spelling = found.spelling
    delimiter = spelling.delimiter.decode()
    terms: dict[str, Any] = {"delimiter": delimiter if delimiter == "\t" else spelt_out(delimiter)}
    terms["quoteChar"] = spelling.quote.decode()
    if spelling.escape:
        terms |= {"escapeChar": spelling.escape.decode(), "doubleQuote": spelling.doubled}
    if spelling.skip_initial_space:
        terms["skipInitialSpace"] = True
    if spelling.comment:
        terms["commentChar"] = spelling.comment.decode()
    if found.skipped:
        terms["skipRows"] = found.skipped
    if found.comment_rows:
        terms["commentRows"] = list(found.comment_rows)
    terms["header"] = found.header_rows > 0
    if found.header_rows > 1:
        terms["headerRows"] = list(range(1, found.header_rows + 1))
    if found.footer:
        terms["footerRows"] = found.footer
    terms["encoding"] = encoding
    return terms


def _doubt(text: TextFile) -> tuple[str, ...]:
    if text.confidence != "guess":
        return ()
    return (f"TODO: the encoding {text.encoding} is a guess: look at names with accents, or ask the source.",)


def _remarks(found: Sniffed) -> tuple[str, ...]:
    remarks = []
    if found.skipped and not (found.by_position and found.skipped == 1):
        remarks.append(f"Passed over as no part of the table (skipRows): {_lines(found.skipped, 'first')}.")
    if found.footer:
        remarks.append(f"Passed over as no part of the table (footerRows): {_lines(found.footer, 'last')}.")
    if found.spelling.comment:
        remarks.append(
            f"Passed over as remarks (commentChar): lines that begin with {found.spelling.comment.decode()}."
        )
    if found.trailing:
        remarks.append("Every line ends in a delimiter: there is no column after it.")
    if found.comment_rows:
        remarks.append(
            f"TODO: the names stand in row {found.comment_rows[0]}, below the first rows. It is passed over"
            " (commentRows), and these names stand for the fields from left to right."
        )
    elif found.by_position and found.header_rows == 0:
        remarks.append(
            "TODO: the file's own names cannot be used as they are (blank, repeated or too few): its header is skipped,"
            " and these names stand for its fields from left to right."
        )
    elif not found.header_rows:
        remarks.append("TODO: the file has no header. Name its columns, from left to right.")
    return tuple(remarks)


def _lines(count: int, which: str) -> str:
    return f"the {which} line" if count == 1 else f"the {which} {count} lines"
