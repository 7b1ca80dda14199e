"""Makes plain files of a landed file: as it is, out of its compression, or the members of its archive.

What a file is, its content tells, not its name. Everything streams, and everything has a limit: an archive is
input from outside, and may be a bomb.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO

from sluice.adapters.duck.packed.archives import Member, Opener, archive_kind, members
from sluice.adapters.duck.packed.streams import BLOCK, BrokenStreamError, compression_of, plain_blocks
from sluice.errors import BadInputError, SourceError
from sluice.limits import DEFAULT_LIMITS, Limits
from sluice.patterns import matcher

_RATIO_GRACE = 10 << 20
"""Tiny files reach large ratios honestly; the ratio counts beyond this many bytes."""

_SUFFIXES = {
    ".gz": "gzip", ".gzip": "gzip", ".tgz": "gzip", ".bz2": "bzip2", ".tbz2": "bzip2", ".xz": "xz", ".txz": "xz",
    ".zst": "zstd", ".zstd": "zstd", ".tzst": "zstd", ".zip": "zip", ".tar": "tar",
}  # fmt: skip
_DECLARED = {
    "none": None, "no": None, "gz": "gzip", "gzip": "gzip", "tgz": "gzip", "tar.gz": "gzip", "bz2": "bzip2",
    "bzip2": "bzip2", "tar.bz2": "bzip2", "xz": "xz", "lzma": "xz", "tar.xz": "xz", "zst": "zstd", "zstd": "zstd",
    "zstandard": "zstd", "tar.zst": "zstd", "zip": "zip", "tar": "tar",
}  # fmt: skip


_UNREADABLE = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x1f\x9d": "compress (.Z)",
}


def unpack(
    source: Path,
    scratch: Path,
    *,
    name: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    allow_empty: bool = False,
    select: str = "",
    compression: str | None = None,
) -> list[tuple[str, Path]]:
    """(display name, plain local file) of everything in `source`, an archive's members in order of their names.

    A plain file is not copied; the others are new files in `scratch`. `name` is what people know the source by
    (default: its file name); members are displayed as `name!member`, a sole member as `name`. `select` is a glob
    pattern: only members that it matches are taken. `compression` is what the contract declares; it must be so.

    Raises SourceError: EMPTY_FILE, BAD_ARCHIVE (broken, truncated, followed by something else, encrypted),
    ARCHIVE_LIMIT (size, ratio, entries, nesting), ARCHIVE_PATH, NO_MEMBER (nothing matches `select`), COMPRESSION
    (not what was declared); BadInputError COMPRESSION (no such compression).
    """
    name = name or source.name
    scratch.mkdir(parents=True, exist_ok=True)
    if compression is not None and source.stat().st_size:
        check_declared(compression, kind_of(opener_of(source)), name)
    unpacking = Unpacking(scratch, limits, source.stat().st_size, name, allow_empty)
    try:
        return list(unpacking.expand(name, source, layers=0, select=select, promise=source.name))
    except BaseException:
        unpacking.clean()
        raise


def looks_packed(name: str) -> bool:
    """Whether the name says that the file is compressed or an archive."""
    return PurePosixPath(name).suffix.lower() in _SUFFIXES


def opener_of(path: Path) -> Opener:
    """Opens the file at `path`."""
    return lambda: path.open("rb")


def kind_of(opener: Opener) -> str | None:
    """The compression or the kind of archive; None for a plain file."""
    with opener() as file:
        head = file.read(16)
    return compression_of(head) or archive_kind(opener)


def check_declared(declared: str, kind: str | None, name: str) -> None:
    """Raises SourceError COMPRESSION when the file is of another kind, BadInputError where there is no such kind."""
    if declared.lower() not in _DECLARED:
        raise BadInputError(
            "COMPRESSION", f"the compression {declared!r} is not known", where=name,
            mend="Use one of none, gzip, bzip2, xz, zstd, zip, tar; or leave it out, and it is detected.",
        )  # fmt: skip
    if _DECLARED[declared.lower()] != kind:
        raise SourceError(
            "COMPRESSION", f"the contract declares {declared!r}, the file is {kind or 'not compressed'}", where=name,
            mend="Correct `compression` in the contract (leave it out to detect it), or the file.",
        )  # fmt: skip


def check_readable(opener: Opener, name: str) -> None:
    """Raises SourceError BAD_ARCHIVE for a file that is packed in a way that is not read."""
    with opener() as file:
        head = file.read(8)
    if found := next((kind for magic, kind in _UNREADABLE.items() if head.startswith(magic)), None):
        raise SourceError(
            "BAD_ARCHIVE", f"it is packed with {found}, which is not read", where=name,
            mend="Pack it as zip, tar, gzip, bzip2, xz or zstd, or deliver it plain.",
        )  # fmt: skip


def check_promise(promise: str, name: str) -> None:
    """A name that promises a packed file that is none: most likely a broken delivery."""
    suffix = PurePosixPath(promise).suffix.lower()
    if suffix in _SUFFIXES:
        raise SourceError(
            "BAD_ARCHIVE", f"the name ends in {suffix}, the content is not {_SUFFIXES[suffix]}", where=name,
            mend="Deliver the file again, or name it for what it is.",
        )  # fmt: skip


class Unpacking:
    """One source on its way; what it unfolds to is counted over all layers."""

    def __init__(self, scratch: Path, limits: Limits, packed: int, where: str, allow_empty: bool) -> None:
        self.scratch = scratch
        self.limits = limits
        self.packed = max(packed, 1)
        self.where = where
        self.allow_empty = allow_empty
        self.used = 0
        self.made: set[Path] = set()
        self.numbers = count()

    def clean(self) -> None:
        """Remove every file that was made."""
        for path in self.made:
            path.unlink(missing_ok=True)

    def expand(
        self, name: str, path: Path, *, layers: int, select: str = "", promise: str = ""
    ) -> Iterator[tuple[str, Path]]:
        """Everything in `path`, which may be known by a file name that promises a kind."""
        if not path.stat().st_size:
            self.check_empty(name)
            yield name, path
            return
        opener = opener_of(path)
        kind = kind_of(opener)
        self.check_kind(opener, kind, name, layers, select, promise)
        if kind is None:
            yield name, path
            return
        if kind in ("zip", "tar"):
            yield from self._members(name, path, kind, layers + 1, select)
        else:
            try:
                with path.open("rb") as packed:
                    plain = self.pour(plain_blocks(packed, kind))
            except BrokenStreamError as e:
                raise SourceError("BAD_ARCHIVE", str(e), where=name, mend="Deliver it again.") from e
            yield from self.expand(name, plain, layers=layers + 1, select=select)
        if path in self.made:
            path.unlink()

    def check_empty(self, name: str) -> None:
        """Raises SourceError EMPTY_FILE where an empty file is none."""
        if not self.allow_empty:
            raise SourceError("EMPTY_FILE", "there are no bytes in it", where=name, mend="Deliver the file again.")

    def check_kind(self, opener: Opener, kind: str | None, name: str, layers: int, select: str, promise: str) -> None:
        """Raises SourceError when a file of this kind should not be there, under so many layers."""
        if kind is None:
            check_readable(opener, name)
            check_promise(promise, name)
            if select:
                raise self._no_member(name, select, "it is no archive")
        elif layers >= self.limits.archive_nesting:
            raise SourceError(
                "ARCHIVE_LIMIT", f"has more than {self.limits.archive_nesting} layers of packing", where=name,
                mend="Unpack it before delivery, or raise SLUICE_MAX_ARCHIVE_NESTING.",
            )  # fmt: skip

    def _members(self, name: str, path: Path, kind: str, layers: int, select: str) -> Iterator[tuple[str, Path]]:
        with members(opener_of(path), kind, name, self.limits) as found:
            for shown, member in self.chosen(name, found, select):
                with member.open() as packed:
                    plain = self.pour(blocks_of(packed))
                yield from self.expand(shown, plain, layers=layers, promise=member.name)

    def chosen(self, name: str, found: Sequence[Member], select: str) -> Iterator[tuple[str, Member]]:
        """The members that are wanted, each with the name it is shown by. Raises SourceError NO_MEMBER, EMPTY_FILE."""
        matches = matcher(select) if select else None
        chosen = [m for m in found if matches is None or matches(m.name)]
        if found and not chosen:
            raise self._no_member(name, select, f"it has {', '.join(repr(m.name) for m in found[:10])}")
        if not chosen:
            raise SourceError("EMPTY_FILE", "the archive has no members", where=name, mend="Deliver it again.")
        for member in chosen:
            alone = len(found) == 1 and not select and "=" not in member.name
            yield name if alone else f"{name}!{member.name}", member

    def _no_member(self, name: str, select: str, why: str) -> SourceError:
        return SourceError(
            "NO_MEMBER", f"nothing in it matches {select!r}: {why}", where=name,
            mend="Correct what stands behind the `!` in the table's location.",
        )  # fmt: skip

    def pour(self, blocks: Iterable[bytes]) -> Path:
        """Write the blocks to a new file in scratch, and count them."""
        target = self.scratch / f"unpacked-{next(self.numbers)}"
        self.made.add(target)
        with target.open("wb") as plain:
            for block in blocks:
                self.spend(len(block))
                plain.write(block)
        return target

    def spend(self, size: int) -> None:
        """Count what was unfolded. Raises SourceError ARCHIVE_LIMIT."""
        self.used += size
        if self.used > self.limits.unpacked_bytes:
            raise SourceError(
                "ARCHIVE_LIMIT", f"unfolds to more than {self.limits.unpacked_bytes} bytes", where=self.where,
                mend="Split the delivery, or raise SLUICE_MAX_UNPACKED_BYTES.",
            )  # fmt: skip
        if self.used > _RATIO_GRACE and self.used > self.limits.unpack_ratio * self.packed:
            raise SourceError(
                "ARCHIVE_LIMIT", f"unfolds to more than {self.limits.unpack_ratio:g} times its size", where=self.where,
                mend="Deliver it uncompressed, or raise SLUICE_MAX_UNPACK_RATIO, if it is not a bomb.",
            )  # fmt: skip


def blocks_of(file: IO[bytes]) -> Iterator[bytes]:
    """What is left of a file, block by block."""
    while block := file.read(BLOCK):
        yield block
