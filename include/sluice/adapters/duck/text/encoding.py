"""Brings a text file to UTF-8 without ever replacing a byte silently, and finds the way back to its own bytes."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sluice.adapters.duck.text.charset import byte_order_mark, detect
from sluice.errors import BadInputError

_BLOCK = 1 << 20
_NEAR = 1 << 16
_FEW = 1 << 12
"""Fewer bytes than this are counted faster one by one than by numpy."""
_LF, _CR = 10, 13
_STATEFUL = ("iso2022", "hz", "utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined")
"""Codecs in which a byte's meaning depends on what came long before: no record of theirs stands for itself."""


@dataclass(frozen=True)
class TextFile:
    """A text file and its UTF-8 form (the same file when it is UTF-8 already).

    `start` is where the text begins in `utf8`, `bom` how many bytes of mark the original begins with. A piece of a
    larger file knows what stands before it there: `offset` bytes, and the lines before `line`.
    """

    display: str
    original: Path
    utf8: Path
    encoding: str
    start: int
    bom: int
    confidence: str = "certain"
    """How sure the encoding is: declared, certain, likely or guess."""
    offset: int = 0
    line: int = 1

    @property
    def transcoded(self) -> bool:
        return self.utf8 != self.original


def open_text(display: str, path: Path, declared: str | None, utf8: Path, names: Sequence[str] = ()) -> TextFile:
    """The file as UTF-8; `utf8` is where to write it if it has to be transcoded. `names` should stand in its header.

    A byte that the encoding does not know becomes a byte that UTF-8 does not know either, so that
    its record is found out later as INVALID_ENCODING. Raises BadInputError UNKNOWN_ENCODING.
    """
    mark, marked = byte_order_mark(path)
    encoding, confidence = (declared, "declared") if declared else (marked, "certain")
    if not encoding:
        encoding, confidence = detect(path, names)
    encoding = canonical(encoding, display)
    if encoding == "utf-8" and not marked.startswith(("utf-16", "utf-32")):
        return TextFile(display, path, path, "utf-8", len(mark), len(mark), confidence)
    if encoding in ("utf-16", "utf-32"):
        found, _ = (marked, "") if marked else detect(path)
        encoding = found if found.startswith(encoding) else f"{encoding}-le"
    elif encoding == "utf-8":
        encoding = marked
    bom = len(mark) if marked == encoding else 0
    _transcode(path, encoding, bom, utf8)
    return TextFile(display, path, utf8, encoding, 0, bom, confidence)


def canonical(encoding: str, display: str) -> str:
    """Python's name of the codec. Raises BadInputError UNKNOWN_ENCODING where records cannot be read in it."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        name = ""
    if not name or not codecs.lookup(name)._is_text_encoding:
        raise BadInputError(
            "UNKNOWN_ENCODING", f"encoding {encoding!r} is not known", where=display,
            mend="Use a name such as utf-8, latin-1, cp1252 or utf-16.",
        )  # fmt: skip
    if name.startswith(_STATEFUL):
        raise BadInputError(
            "UNKNOWN_ENCODING", f"encoding {encoding!r} cannot be read record by record", where=display,
            mend="Deliver the file in UTF-8.",
        )  # fmt: skip
    return {"utf-8-sig": "utf-8", "ascii": "utf-8"}.get(name, name)


def _errors(encoding: str) -> str:
    return _LONE if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"


def _lone(error: UnicodeError) -> tuple[str | bytes, int]:
    """Half a surrogate pair as it is, and a number of four bytes that is no character as one."""
    if isinstance(error, UnicodeDecodeError) and error.encoding.startswith("utf-32"):
        if len(error.object) - error.start < _WIDTH:
            raise error
        return "\udcff", error.start + _WIDTH
    return codecs.lookup_error("surrogatepass")(error)


_LONE, _WIDTH = "sluice.lone", 4
codecs.register_error(_LONE, _lone)

_KEPT = "surrogatepass"
"""How a byte that the encoding does not know stands in the UTF-8 form: as half of a surrogate pair, which is never valid
there. As itself it could be: 0xC3 0xA5, both unknown to ISO 8859-3, are an \u00e5 in UTF-8."""


class Transcoder:
    """Brings the bytes of one encoding to UTF-8, block by block."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)(_errors(encoding))

    def feed(self, block: bytes) -> bytes:
        """What can be told after `block`."""
        return self._decoder.decode(block).encode("utf-8", _KEPT)

    def end(self) -> bytes:
        """The rest; of a character that was cut off a byte that UTF-8 does not know."""
        try:
            return self._decoder.decode(b"", final=True).encode("utf-8", _KEPT)
        except UnicodeDecodeError:
            return b"\xff"


def _transcode(path: Path, encoding: str, bom: int, utf8: Path) -> None:
    transcoder = Transcoder(encoding)
    with path.open("rb") as source, utf8.open("wb") as target:
        source.seek(bom)
        while block := source.read(_BLOCK):
            target.write(transcoder.feed(block))
        target.write(transcoder.end())


@dataclass(frozen=True)
class Place:
    """Where a record stands in the file as it was delivered; `utf8` is the record as Sluice read it."""

    line: int
    byte_offset: int
    raw: bytes
    utf8: bytes


def line_ends(block: bytes | bytearray, begin: int, end: int) -> int:
    """How many lines end in bytes `begin` to `end` of a block: in LF, CR or CRLF."""
    if end - begin < _FEW:
        ends = block.count(b"\n", begin, end)
    else:
        ends = int(np.count_nonzero(np.frombuffer(block, np.uint8, end - begin, begin) == _LF))
    if block.find(b"\r", begin, end) >= 0:
        ends += block.count(b"\r", begin, end) - block.count(b"\r\n", begin, end)
    return ends


class Locator:
    """Finds lines and original bytes of records, which must be asked for in ascending order."""

    def __init__(self, text: TextFile) -> None:
        self.text = text
        self.transcoded = text.transcoded
        self.at = text.start
        self.line = text.line
        self.origin = text.bom
        self.after_cr = False
        self.file = text.utf8.open("rb", buffering=0)
        self.original = text.original.open("rb")
        self.window, self.begin, self.end = b"", 0, 0
        if self.transcoded:
            self.errors = _errors(text.encoding)
            self.decoder = codecs.getincrementaldecoder("utf-8")(_KEPT)

    def close(self) -> None:
        self.file.close()
        self.original.close()

    def place(self, begin: int, end: int, line: int = 0) -> Place:
        """The place of the record at bytes `begin` to `end` of the UTF-8 form; its `line`, where that is known."""
        if not line or self.transcoded:
            while self.at < begin:
                self._pass(begin)
            line = self.line
        record = self._read(begin, end)
        if not self.transcoded:
            return Place(line, self.text.offset + begin, record, record)
        self.original.seek(self.origin)
        return Place(line, self.text.offset + self.origin, self.original.read(self._original_length(record)), record)

    def _read(self, begin: int, end: int) -> bytes:
        """Bytes of the UTF-8 form; more is read at once where records are close to each other."""
        if not self.begin <= begin <= end <= self.end:
            near = 0 <= begin - self.end < _NEAR
            self._look(begin, max(end - begin, _NEAR if near else 0))
        return self.window[begin - self.begin : end - self.begin]

    def _look(self, begin: int, length: int) -> None:
        self.file.seek(begin)
        self.window = self.file.read(length)
        while len(self.window) < length and (more := self.file.read(length - len(self.window))):
            self.window += more
        self.begin, self.end = begin, begin + len(self.window)

    def _pass(self, stop: int) -> None:
        """Count the lines from here up to `stop`, or as far as one block reaches."""
        if not self.begin <= self.at < self.end:
            self._look(self.at, _BLOCK)
            if not self.window:
                raise ValueError(f"{self.text.display} ends at byte {self.at}")  # it was cut while it was read
        a, b = self.at - self.begin, min(stop, self.end) - self.begin
        self.line += line_ends(self.window, a, b)
        if self.after_cr and self.window[a] == _LF:
            self.line -= 1
        self.after_cr = self.window[b - 1] == _CR
        self.at = self.begin + b
        if self.transcoded:
            self.origin += len(self.decoder.decode(self.window[a:b]).encode(self.text.encoding, self.errors))

    def _original_length(self, record: bytes) -> int:
        try:
            return len(record.decode("utf-8", _KEPT).encode(self.text.encoding, self.errors))
        except UnicodeDecodeError:
            # Only the mark of a cut-off last character cannot be decoded: the rest of the file is this record.
            return -1
