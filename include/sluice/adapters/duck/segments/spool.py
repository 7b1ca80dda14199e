"""The part of a byte stream that lies on scratch as UTF-8 while records are looked for in it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from sluice.adapters.duck.text.charset import BLOCK, detect_in
from sluice.adapters.duck.text.encoding import Locator, TextFile, Transcoder, canonical


class Spool:
    """A stream of bytes, taken from its beginning piece by piece: `fill`, look, `cut`.

    Its encoding is settled once, as `charset.detect` would for the whole file: as long as all is ASCII, it is open.
    """

    def __init__(
        self,
        display: str,
        blocks: Iterable[bytes],
        folder: Path,
        *,
        names: Sequence[str] = (),
        require: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`require` is asked before so many more bytes are written to `folder`. `names`: see `charset.detect`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.display, self.folder, self.names, self.require = display, folder, names, require
        self.ended = False
        self.encoding, self.confidence = "utf-8", "certain"
        self._blocks = _regrouped(blocks)
        self._first: bytes | None = None
        self._transcoder: Transcoder | None = None
        self._number = self._start = self._bom = self._offset = 0
        self._line = 1
        self.size = 0
        self.path = self._fresh("utf8")
        self._original = self.path

    @property
    def name(self) -> str:
        return self.display

    @property
    def text(self) -> TextFile:
        """What lies here now."""
        return TextFile(
            self.display, self._original, self.path, self.encoding, self._start, self._bom, self.confidence,
            self._offset, self._line,
        )  # fmt: skip

    def fill(self, size: int | None = None) -> None:
        """Take from the stream until `size` bytes lie here (None: to its end), or it has ended."""
        while not self.ended and (size is None or self.size < size):
            block = next(self._blocks, b"")
            self.ended = not block
            if self._first is not None and not block.isascii():
                self._settle_late(block)
            self.require(2 * len(block) if self._transcoder else len(block))
            data = block
            if self._transcoder is not None:
                _append(self._original, block)
                data = self._transcoder.feed(block) if block else self._transcoder.end()
            _append(self.path, data)
            self.size += len(data)

    def settle(self, text: TextFile, *, declared: bool) -> None:
        """Go on in the encoding that was found for the raw bytes that lie here: `text` is what was made of them."""
        self.encoding, self.confidence, self._bom = text.encoding, text.confidence, text.bom
        if not text.transcoded:
            self._start = text.start
            head = self.read(0, self.size)
            if not (declared or text.bom) and head.isascii():
                self._first = head[:BLOCK]
            return
        self._transcoder = Transcoder(text.encoding)
        head = self.read(self._bom, self.size)
        self._original = self.path.rename(self.path.with_suffix(".original"))
        data = self._transcoder.feed(head) + (self._transcoder.end() if self.ended else b"")
        self.require(len(data))
        self.path.write_bytes(data)
        self.size = len(data)

    def read(self, at: int, size: int) -> bytes:
        """Up to `size` bytes from `at` on."""
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), size, at)

    def matches(self, pattern: re.Pattern[bytes], start: int, stop: int | None = None) -> Iterator[int]:
        """Where `pattern`, of one byte, is found from `start` on; without `stop` the spool is filled while nothing is."""
        at = start
        while stop is None or at < stop:
            if stop is None:
                self.fill(at + BLOCK)
            block = self.read(at, BLOCK if stop is None else min(BLOCK, stop - at))
            if not block:
                return
            for match in pattern.finditer(block):
                yield at + match.start()
            at += len(block)

    def open(self, _mode: str = "rb") -> Ahead:
        """A file that fills the spool where reading comes to its end before the stream does."""
        return Ahead(self)

    def cut(self, at: int | None) -> TextFile:
        """Everything up to byte `at`, which is nobody's here any more; None: everything there is."""
        piece = self.text
        self._number += 1
        utf8 = self._fresh("utf8")
        original = self._fresh("original") if piece.transcoded else utf8
        if at is not None:
            with closing(Locator(piece)) as locator:
                place = locator.place(at, at)
            _move(piece.utf8, at, utf8)
            if piece.transcoded:
                _move(piece.original, place.byte_offset - self._offset, original)
            self._offset, self._line = place.byte_offset, place.line
        self.path, self._original, self.size = utf8, original, utf8.stat().st_size
        self._start = self._bom = 0
        return piece

    def _settle_late(self, block: bytes) -> None:
        first, self._first = self._first, None
        encoding, confidence = detect_in(first or b"", block, self.names)
        encoding = canonical(encoding, self.display)
        # Bytes that were taken for ASCII were no characters of two or four bytes.
        if encoding.startswith(("utf-16", "utf-32")):
            return
        self.encoding, self.confidence = encoding, confidence
        if encoding == "utf-8":
            return
        self._transcoder = Transcoder(encoding)
        self.require(self.size)
        self._original = self.path.with_suffix(".original")
        shutil.copyfile(self.path, self._original)

    def _fresh(self, kind: str) -> Path:
        path = self.folder / f"piece-{self._number}.{kind}"
        path.write_bytes(b"")
        return path


class Ahead:
    """Reads a spool as if all of the stream lay in it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._file = spool.path.open("rb")
        self._at = 0

    def read(self, size: int) -> bytes:
        self._spool.fill(self._at + size)
        data = os.pread(self._file.fileno(), size, self._at)
        self._at += len(data)
        return data

    def seek(self, at: int) -> None:
        self._at = at

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _move(source: Path, at: int, target: Path) -> None:
    with source.open("r+b") as old, target.open("wb") as new:
        old.seek(at)
        shutil.copyfileobj(old, new, BLOCK)
        old.truncate(at)


def _regrouped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of BLOCK, as the encoding is detected by them."""
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)
