"""How one delimited file is written, resolved: what the contract declares, and for the rest what its bytes show."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sluice.contract.model import Dialect
from sluice.errors import BadInputError

_DELIMITERS = (b",", b";", b"\t", b"|")
_FORMAT_DELIMITER = {"tsv": b"\t", "psv": b"|"}


@dataclass(frozen=True)
class Spelling:
    """The characters that give a delimited file its structure. Empty `quote` or `escape`: there is none.

    `terminator` None means any of CRLF, LF, CR, mixed as they come.
    """

    delimiter: bytes = b","
    quote: bytes = b'"'
    escape: bytes = b""
    doubled: bool = True
    skip_initial_space: bool = False
    comment: bytes = b""
    terminator: bytes | None = None

    @property
    def ordinary(self) -> bool:
        """Whether DuckDB reads it as it is meant (RFC 4180 up to the choice of characters)."""
        return (
            len(self.delimiter) == 1
            and len(self.quote) <= 1
            and (not self.quote or self.doubled)
            and not (self.escape or self.skip_initial_space or self.comment)
            and self.terminator is None
        )


def resolve(dialect: Dialect, server_format: str, sample: bytes, names: list[str], where: str) -> Spelling:
    """What is declared wins; the delimiter is the one that yields the contract's columns.

    `sample` is the beginning of the file in UTF-8, `names` the contract's column names.
    """
    for term in ("delimiter", "quote_char", "escape_char", "comment_char"):
        text = getattr(dialect, term)
        if text is not None and term != "delimiter" and len(text) > 1:
            raise BadInputError("DIALECT", f"{term} {text!r} must be one character", where=where)
        if text is not None and ("\n" in text or "\r" in text or "\0" in text):
            raise BadInputError("DIALECT", f"{term} {text!r} cannot be a line end or NUL", where=where)
    if dialect.delimiter == "":
        raise BadInputError("DIALECT", "the delimiter is empty", where=where, mend="Declare it, or leave it out.")
    quote = _quote(dialect, sample)
    escape = b"" if dialect.escape_char is None else dialect.escape_char.encode()
    doubled = dialect.double_quote
    if escape == quote:
        escape, doubled = b"", True
    if dialect.escape_char is None and doubled is None and quote and _escapes_with_backslash(sample, quote):
        escape = b"\\"
    delimiter = dialect.delimiter.encode() if dialect.delimiter is not None else _FORMAT_DELIMITER.get(server_format)
    if delimiter is not None and delimiter == quote:
        raise BadInputError("DIALECT", f"{delimiter!r} is both delimiter and quote", where=where)
    return Spelling(
        delimiter=delimiter or _delimiter(sample, quote, names, header=dialect.header is not False),
        quote=quote,
        escape=escape,
        doubled=not escape if doubled is None else doubled,
        skip_initial_space=bool(dialect.skip_initial_space),
        comment=b"" if dialect.comment_char is None else dialect.comment_char.encode(),
        terminator=_terminator(dialect),
    )


def report(spelling: Spelling, dialect: Dialect, sample: bytes, encoding: str) -> dict[str, Any]:
    """What was used, in Frictionless terms, and which of it was detected rather than declared."""
    ends = Counter(re.findall(rb"\r\n|\n|\r", sample[: 1 << 16]))
    common = ends.most_common(1)[0][0] if ends else b"\n"
    used: dict[str, Any] = {
        "delimiter": spelling.delimiter.decode(),
        "quoteChar": spelling.quote.decode() or None,
        "escapeChar": spelling.escape.decode() or None,
        "doubleQuote": spelling.doubled,
        "lineTerminator": (spelling.terminator or common).decode(),
        "skipInitialSpace": spelling.skip_initial_space,
        "header": dialect.header is not False,
        "headerRows": header_rows(dialect),
        "commentChar": spelling.comment.decode() or None,
        "nullSequence": list(dialect.null_sequence),
        "encoding": encoding,
    }
    declared = {
        "delimiter": dialect.delimiter, "quoteChar": dialect.quote_char, "escapeChar": dialect.escape_char,
        "doubleQuote": dialect.double_quote, "lineTerminator": dialect.line_terminator, "encoding": dialect.encoding,
    }  # fmt: skip
    return {**used, "detected": sorted(term for term, value in declared.items() if value is None)}


def header_rows(dialect: Dialect) -> int:
    """How many records before the data are header; the last of them names the columns."""
    if dialect.header is False:
        return 0
    return 1 if dialect.header_rows is None else len(dialect.header_rows)


def _terminator(dialect: Dialect) -> bytes | None:
    """CRLF, LF and CR are all read as they come: files mix them, and CRLF is what Frictionless declares by default."""
    if dialect.line_terminator in (None, "", "\n", "\r", "\r\n"):
        return None
    return str(dialect.line_terminator).encode()


def _quote(dialect: Dialect, sample: bytes) -> bytes:
    if dialect.quote_char is not None:
        return dialect.quote_char.encode()
    if b'"' in sample:
        return b'"'
    opened = len(re.findall(rb"(?:^|[,;\t|\n])'", sample))
    closed = len(re.findall(rb"'(?:[,;\t|\r\n]|$)", sample))
    return b"'" if opened >= 2 and opened == closed and sample.count(b"'") == 2 * opened else b'"'


def _escapes_with_backslash(sample: bytes, quote: bytes) -> bool:
    """A backslash before a quote which does not end its field can only be an escape."""
    q = re.escape(quote)
    return re.search(rb"[^\\]\\" + q + rb"[^,;\t|\r\n" + q + rb"]", sample) is not None


def _delimiter(sample: bytes, quote: bytes, names: list[str], *, header: bool) -> bytes:
    unquoted = re.sub(re.escape(quote) + rb"[^" + quote + rb"]*" + re.escape(quote), b"", sample) if quote else sample
    lines = [line for line in re.split(rb"\r\n|\n|\r", unquoted)[:100] if line]
    first = re.split(rb"\r\n|\n|\r", sample.lstrip(b"\r\n"), maxsplit=1)[0]
    expected = {n.encode() for n in names}

    def fit(delimiter: bytes) -> tuple[int, int, int]:
        fields = {f.strip().strip(quote or None) for f in first.split(delimiter)}
        known = len(expected & fields) if header else 0
        right = sum(line.count(delimiter) + 1 == len(names) for line in lines)
        return known, right, sum(line.count(delimiter) for line in lines)

    return max(_DELIMITERS, key=fit)
