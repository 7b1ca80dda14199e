"""Reads compressed files to their very end: every stream in them, whole, and nothing else behind.

Python's own file objects stop without a word where a bzip2 or xz stream is followed by something else, and
zstandard's where a frame is cut off; here that is an error.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol

import zstandard

BLOCK = 1 << 20
_READ = 1 << 16
_ZSTD_READ = 2 << 10
"""zstandard gives out all at once, at most 128 KiB for three bytes: small bites keep that small."""
_ZSTD_WINDOW = 1 << 27

_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", re.DOTALL),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),  # or a frame to be skipped, as pzstd has it
}


class BrokenStreamError(Exception):
    """The compressed bytes are not what they should be; never leaves this package."""


class _Decoder(Protocol):
    """Decodes one stream; `rest` is what followed its end."""

    ended: bool
    rest: bytes

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Everything that can be told after `data`, in blocks."""


def compression_of(head: bytes) -> str | None:
    """gzip, bzip2, xz or zstd when a file that begins with `head` is one of them."""
    return next((kind for kind, magic in _MAGIC.items() if magic.match(head)), None)


def plain_blocks(file: IO[bytes], kind: str) -> Iterator[bytes]:
    """The plain bytes of every stream in `file`. Raises BrokenStreamError when it is broken, cut off or followed by more."""
    decoder = _DECODERS[kind]()
    first = True
    try:
        while data := file.read(_ZSTD_READ if kind == "zstd" else _READ):
            while data:
                if decoder.ended:
                    if not data.strip(b"\0"):
                        break  # padding, as tapes have it
                    decoder, first = _DECODERS[kind](), False
                yield from decoder.decode(data)
                data = decoder.rest if decoder.ended else b""
    except (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, OSError) as e:
        if isinstance(e, OSError) and e.errno is not None:
            raise
        what = "is broken" if first else "is broken, or something else follows it"
        raise BrokenStreamError(f"the {kind} data {what}: {e}") from e
    if not decoder.ended:
        raise BrokenStreamError(f"the {kind} data is cut off")


class _Zlib:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self.ended, self.rest = False, b""

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            out = self._inner.decompress(data, BLOCK)
            if out:
                yield out
            self.ended, self.rest = self._inner.eof, self._inner.unused_data
            data = self._inner.unconsumed_tail
            if self.ended or (not data and len(out) < BLOCK):
                return


class _Blockwise:
    """bzip2 and xz, whose decoders are alike."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner
        self.ended, self.rest = False, b""

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            if out := self._inner.decompress(data, BLOCK):
                yield out
            data = b""
            if self._inner.eof:
                self.ended, self.rest = True, self._inner.unused_data
                return
            if self._inner.needs_input:
                return


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self.ended, self.rest = False, b""

    def decode(self, data: bytes) -> Iterator[bytes]:
        if out := self._inner.decompress(data):
            yield out
        self.ended, self.rest = self._inner.eof, self._inner.unused_data


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Zlib,
    "bzip2": lambda: _Blockwise(bz2.BZ2Decompressor()),
    "xz": lambda: _Blockwise(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20)),
    "zstd": _Zstd,
}
