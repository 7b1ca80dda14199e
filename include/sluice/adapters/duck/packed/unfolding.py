"""The plain bytes of a landed file as they stream by: `unpack` without its files.

Only an archive inside something packed (a .tar.gz) is poured to scratch first: an archive is not read from front to
back.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sluice.adapters.duck.packed.archives import Opener, members, reading
from sluice.adapters.duck.packed.streams import BrokenStreamError, plain_blocks
from sluice.adapters.duck.packed.unpack import Unpacking, blocks_of, check_declared, kind_of, opener_of
from sluice.errors import SourceError
from sluice.limits import DEFAULT_LIMITS, Limits


def unfold(
    opener: Opener,
    size: int,
    scratch: Path,
    *,
    name: str,
    promise: str = "",
    limits: Limits = DEFAULT_LIMITS,
    allow_empty: bool = False,
    select: str = "",
    compression: str | None = None,
    require: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """(display name, plain blocks) of everything in a file of `size` bytes, each to be read before the next.

    `promise` is its file name; `require` is asked before so many bytes are written to `scratch`; the rest as in
    `unpack`, which also tells what is raised, while the blocks are read too.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if compression is not None and size:
        check_declared(compression, kind_of(opener), name)
    yield from _Unfolding(scratch, limits, size, name, allow_empty, require).stream(
        name, opener, layers=0, select=select, promise=promise
    )


class _Unfolding(Unpacking):
    def __init__(
        self, scratch: Path, limits: Limits, packed: int, where: str, allow_empty: bool, require: Callable[[int], None]
    ) -> None:
        super().__init__(scratch, limits, packed, where, allow_empty)
        self.require = require

    def stream(
        self, name: str, opener: Opener, *, layers: int, select: str = "", promise: str = "", lies: bool = True
    ) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Everything in a file; `lies` tells whether it can be read from anywhere."""
        with opener() as file:
            empty = not file.read(1)
        if empty:
            self.check_empty(name)
            yield name, ()
            return
        kind = kind_of(opener)
        self.check_kind(opener, kind, name, layers, select, promise)
        if kind is None:
            yield name, _all(opener)
        elif kind not in ("zip", "tar"):
            inner = partial(_Blocks, self._plain, opener, kind, name, _Furthest())
            yield from self.stream(name, inner, layers=layers + 1, select=select, lies=False)
        elif lies:
            yield from self._stream_members(name, opener, kind, layers + 1, select)
        else:
            path = self.pour(self._required(_all(opener)))
            yield from self._stream_members(name, opener_of(path), kind, layers + 1, select)
            path.unlink()

    def _stream_members(
        self, name: str, opener: Opener, kind: str, layers: int, select: str
    ) -> Iterator[tuple[str, Iterable[bytes]]]:
        with members(opener, kind, name, self.limits) as found:
            for shown, member in self.chosen(name, found, select):
                inner = partial(_Blocks, self._member, member.open, kind, name, _Furthest())
                yield from self.stream(shown, inner, layers=layers, promise=member.name, lies=False)

    def _plain(self, opener: Opener, kind: str, name: str, furthest: _Furthest) -> Iterator[bytes]:
        try:
            with opener() as packed:
                yield from self._counted(plain_blocks(packed, kind), furthest)
        except BrokenStreamError as e:
            raise SourceError("BAD_ARCHIVE", str(e), where=name, mend="Deliver it again.") from e

    def _member(self, opener: Opener, kind: str, name: str, furthest: _Furthest) -> Iterator[bytes]:
        with reading(kind, name), opener() as packed:
            yield from self._counted(blocks_of(packed), furthest)

    def _counted(self, blocks: Iterable[bytes], furthest: _Furthest) -> Iterator[bytes]:
        at = 0
        for block in blocks:
            at += len(block)
            self.spend(max(0, at - furthest.byte))
            furthest.byte = max(furthest.byte, at)
            yield block

    def _required(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self.require(len(block))
            yield block


def _all(opener: Opener) -> Iterator[bytes]:
    with opener() as file:
        yield from blocks_of(file)


@dataclass
class _Furthest:
    """How far a stream was read that is opened more than once: its bytes count once."""

    byte: int = 0


class _Blocks(io.BytesIO):
    """A file made of the blocks that `make` gives for `arguments`; it can only be read on."""

    def __init__(self, make: Callable[..., Iterator[bytes]], *arguments: object) -> None:
        super().__init__()
        self._blocks = make(*arguments)
        self._rest = b""

    def read(self, size: int | None = -1, /) -> bytes:
        """`size` bytes, or what is left."""
        while (size is None or size < 0 or len(self._rest) < size) and (block := next(self._blocks, b"")):
            self._rest += block
        end = len(self._rest) if size is None or size < 0 else size
        data, self._rest = self._rest[:end], self._rest[end:]
        return data
