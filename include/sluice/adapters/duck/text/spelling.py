"""How one delimited file is written, resolved: what the contract declares, and for the rest what its bytes show."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from sluice.contract.dialect import check_dialect
from sluice.contract.model import Dialect
from sluice.errors import BadInputError

_DELIMITERS = (b",", b";", b"\t", b"|")
_UNUSUAL = (b"^", b"~", b"\x01", b"\x1f", b"\x1e", b"\x02", b":", b"#", b"!", b" ")
"""Delimiters of last resort, for files whose header does not give theirs away."""
_LOOK = 100
_LINE = re.compile(rb"\r\n|\n|\r")
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
    if wrong := check_dialect(dialect):
        raise BadInputError("DIALECT", wrong, where=where, mend="Change one of the two.")
    quote = _quote(dialect, sample)
    escape = b"" if dialect.escape_char is None else dialect.escape_char.encode()
    doubled = dialect.double_quote
    if escape == quote:
        escape, doubled = b"", True
    if dialect.escape_char is None and doubled is None and quote and escapes_with_backslash(sample, quote):
        escape = b"\\"
    delimiter = dialect.delimiter.encode() if dialect.delimiter is not None else _FORMAT_DELIMITER.get(server_format)
    if delimiter is None:
        delimiter = _delimiter(sample, quote, names, header=dialect.header is not False)
    elif delimiter == quote:
        raise BadInputError("DIALECT", f"{delimiter!r} is both delimiter and quote", where=where)
    skip_space = dialect.skip_initial_space
    return Spelling(
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        doubled=not escape if doubled is None else doubled,
        skip_initial_space=_spaced(sample, delimiter, quote) if skip_space is None else skip_space,
        comment=b"" if dialect.comment_char is None else dialect.comment_char.encode(),
        terminator=terminator_of(dialect),
    )


def report(spelling: Spelling, dialect: Dialect, sample: bytes) -> dict[str, Any]:
    """What was used, in Frictionless terms, and under `detected` which of it was not declared."""
    ends = Counter(_LINE.findall(sample[: 1 << 16]))
    common = ends.most_common(1)[0][0] if ends else b"\n"
    used: dict[str, Any] = {
        "delimiter": spelling.delimiter.decode(),
        "quoteChar": spelling.quote.decode() or None,
        "escapeChar": spelling.escape.decode() or None,
        "doubleQuote": spelling.doubled,
        "lineTerminator": (spelling.terminator or common).decode(),
        "skipInitialSpace": spelling.skip_initial_space,
        "commentChar": spelling.comment.decode() or None,
        "nullSequence": list(dialect.null_sequence),
    }
    declared = {
        "delimiter": dialect.delimiter, "quoteChar": dialect.quote_char, "escapeChar": dialect.escape_char,
        "doubleQuote": dialect.double_quote, "lineTerminator": dialect.line_terminator,
        "skipInitialSpace": dialect.skip_initial_space or spelling.skip_initial_space is False or None,
    }  # fmt: skip
    return {**used, "detected": sorted(term for term, value in declared.items() if value is None)}


def terminator_of(dialect: Dialect) -> bytes | None:
    """None: CRLF, LF and CR are all read as they come: files mix them, and CRLF is what Frictionless declares by default."""
    if dialect.line_terminator in (None, "", "\n", "\r", "\r\n"):
        return None
    return str(dialect.line_terminator).encode()


def _quote(dialect: Dialect, sample: bytes) -> bytes:
    """The mark that more often opens and closes fields; the usual one in doubt."""
    if dialect.quote_char is not None:
        return dialect.quote_char.encode()
    edges = rb",;\t|" + (re.escape(dialect.delimiter.encode()) if dialect.delimiter else b"")

    def pairs(quote: bytes) -> int:
        opened = len(re.findall(rb"(?:^|[" + edges + rb"\r\n]) ?" + quote, sample))
        closed = len(re.findall(quote + rb"(?=[" + edges + rb"\r\n]|$)", sample))
        return min(opened, closed)

    if b"'" not in sample:
        return b'"'
    sample = sample.replace(b"''", b"")
    single = pairs(b"'")
    unmatched = sample.count(b"'") != 2 * single and b'"' not in sample
    return b"'" if single >= 2 and single > 2 * pairs(b'"') and not unmatched else b'"'


def escapes_with_backslash(sample: bytes, quote: bytes) -> bool:
    """A backslash before a quote which does not end its field, or before the one before the last, can only be that;
    unless more quotes within fields are doubled: then it is a slip of a row or two."""
    if b"\\" not in sample:
        return False
    q = re.escape(quote)
    inside, last = rb"[^,;\t|\r\n" + q + rb"]", q + rb"(?:[,;\t|\r\n]|$)"
    escaped = len(re.findall(rb"[^\\]\\" + q + rb"(?=" + inside + rb"|" + last + rb")", sample))
    doubled = len(re.findall(rb"[^,;\t|\r\n\\" + q + rb"]" + q + q, sample))
    return escaped > doubled


def _delimiter(sample: bytes, quote: bytes, names: list[str], *, header: bool) -> bytes:
    """The delimiter whose fields are the contract's columns: by their names in a header, or else by their number."""
    mark = re.escape(quote)
    unquoted = re.sub(mark + rb"[^" + mark + rb"]*" + mark, b"", sample) if quote else sample
    lines = [line for line in _LINE.split(unquoted)[:_LOOK] if line]
    firsts = [line for line in _LINE.split(sample)[:_LOOK] if line] if header else []
    expected = {n.encode() for n in names}

    @cache
    def fit(delimiter: bytes) -> tuple[int, int, int]:
        known = max((len(expected & {f.strip().strip(quote or None) for f in line.split(delimiter)}) for line in firsts),
                    default=0)  # fmt: skip
        right = sum(line.count(delimiter) + 1 == len(names) for line in lines)
        return known, right, sum(line.count(delimiter) for line in lines)

    best = max(_DELIMITERS, key=fit)
    usual = max(_DELIMITERS, key=lambda d: fit(d)[1])
    of_rows = 2 * fit(usual)[1] > len(lines) > 2

    def is_of_header_alone(delimiter: bytes) -> bool:
        return of_rows and fit(delimiter)[1] == 1

    if is_of_header_alone(best):
        return usual
    for line in firsts:
        gap = gap_between(line, quote, names)
        if gap and not is_of_header_alone(gap) and (fit(best)[0] < len(expected) or fit(gap) >= fit(best)):
            return gap
    return best if fit(best)[0] or fit(best)[1] else max((best, *_UNUSUAL), key=fit)


def gap_between(line: bytes, quote: bytes, names: list[str]) -> bytes:
    """The one text that stands between all the names in a line; empty when there is no such text."""
    bare = line.replace(quote, b"") if quote else line
    places = []
    for name in sorted((n.encode() for n in names), key=len, reverse=True):
        at = bare.find(name)
        if at < 0 or not name:
            return b""
        places.append((at, at + len(name)))
        bare = bare.replace(name, b"\0" * len(name), 1)
    places.sort()
    gaps = {bare[end:begin] for (_, end), (begin, _) in pairwise(places)}
    gap = gaps.pop() if len(gaps) == 1 else b""
    if gap == rb"\t":  # written out, as some programs do
        return gap
    if not gap or len(gap) > 8 or re.search(rb"[\w\r\n\0]", gap):
        return b""
    # Spaces around the mark are no part of it: `skipInitialSpace` takes care of those after it.
    return gap.strip(b" ") or gap


def _spaced(sample: bytes, delimiter: bytes, quote: bytes) -> bool:
    """Whether every delimiter in sight is followed by a space, or every opening quote follows such a space."""
    if delimiter.endswith(b" ") or not quote:
        return False
    mark, opening = re.escape(delimiter), re.escape(quote)
    plain = re.sub(opening + rb"[^" + opening + rb"]*" + opening, b"", sample)
    marks = len(re.findall(mark, plain))
    if len(re.findall(mark + b" ", plain)) == marks > 0 and len(_LINE.findall(sample)) > 0:
        return True
    return bool(re.search(mark + b" " + opening, sample)) and not re.search(mark + opening, sample)
